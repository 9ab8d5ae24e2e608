"""Finds the classmates whom a student means: chosen from a list, or typed as e-mails, names and student numbers."""

from collections.abc import Collection, Mapping, Sequence
from unicodedata import normalize
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.typed_people import typed_invitees
from lti_tool.models import RosterMember, db
from lti_tool.services.group_sets import students_query
from lti_tool.services.groupings import committed_of, sections_of


def find(course_id: UUID, member_ids: Collection[UUID], typed: str) -> tuple[list[RosterMember], list[tuple[str, str]]]:
    """Return whom the ids and the typed words mean, each once, and what was not found with its reason.

    E-mails, names and student numbers are compared without case; a name that several classmates bear means nobody
    ("invite_ambiguous"). Only students of the course are found, and only by their whole word.
    """
    chosen = _students(course_id, RosterMember.id.in_(member_ids)) if member_ids else []
    found = {member.id: member for member in chosen}
    refused = [("", "invite_unknown")] * (len(set(member_ids)) - len(found))
    known = by_word(course_id) if typed.strip() else {}
    for word in typed_invitees(typed, lambda word: folded(word) in known):
        try:
            member = meant_by(known, word)
            found[member.id] = member
        except RuleViolation as error:
            refused.append((word, error.code))
    return list(found.values()), refused


def meant_by(known: Mapping[str, Sequence[RosterMember]], word: str) -> RosterMember:
    """Return whom a word means; raise RuleViolation with the `word` for nobody ("invite_unknown") and for several."""
    people = known.get(folded(word), ())
    if len(people) == 1:
        return people[0]
    if people:
        raise RuleViolation("invite_ambiguous", word=word)
    raise RuleViolation("invite_unknown_email" if "@" in word else "invite_unknown", word=word)


def list_free_classmates(course_id: UUID, assignment_id: UUID, me: UUID, *, same_section: bool) -> list[RosterMember]:
    """Return the active classmates whom a student could invite: in no grouping of the assignment for good, by name."""
    people = [member for member in db.session.scalars(students_query(course_id)) if member.id != me]
    ids = [member.id for member in people]
    taken = committed_of(assignment_id, ids)
    free = [member for member in people if member.id not in taken]
    if not same_section:
        return free
    sections = sections_of([me, *ids])
    return [member for member in free if sections[me] & sections[member.id]]


def folded(word: str) -> str:
    """Return a word as it is compared: without case, each letter in one form, blanks single."""
    return " ".join(normalize("NFC", word).casefold().split())


def by_word(course_id: UUID) -> dict[str, list[RosterMember]]:
    """Return the students of a course by everything that may mean them, as `folded` makes it; in one query."""
    found: dict[str, list[RosterMember]] = {}
    for member in _students(course_id):
        for word in {folded(text) for text in (member.email, member.name, member.student_number) if text}:
            found.setdefault(word, []).append(member)
    return {word: _prefer_active(members) for word, members in found.items()}


def _prefer_active(members: list[RosterMember]) -> list[RosterMember]:
    """Return the active ones of several namesakes, or all when none is."""
    return [member for member in members if member.status == MemberStatus.ACTIVE] or members


def _students(course_id: UUID, *which: object) -> list[RosterMember]:
    query = select(RosterMember).where(
        RosterMember.course_id == course_id,
        RosterMember.enrollment_type == EnrollmentType.STUDENT,
        *which,  # type: ignore[arg-type] # conditions
    )
    return list(db.session.scalars(query.order_by(RosterMember.name, RosterMember.id)))
