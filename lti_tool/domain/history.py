"""What the history tells whom: everything to staff, and to students their group's acts without others' invitations."""

# Who was invited and did not come is known to whoever invited them, and to them (FORM-22, FORM-23).
INVITATIONS = frozenset(
    {
        "invited",
        "refused",
        "invitation_cancelled",
        "refusal_cleared",
        "invitation_ended",
        "invitation_ended_by_staff",
        "invitation_lapsed",
        "invitation_overtaken",
    }
)
# Who asked to come in is known to those who answer, and to them.
REQUESTS = frozenset({"join_requested", "join_refused"})
ANSWERING_ROLES = frozenset({"creator", "admin"})
# Somebody opened the tool: nobody's act on a group, and most of all lines.
OPENINGS = frozenset({"launched", "member_launched"})
# An inviter's own view of things, which its subject is not told.
UNTOLD = frozenset({"refusal_cleared"})
