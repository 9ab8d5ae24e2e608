"""A group with everybody that seed 002 knows, and each of them in a browser of their own."""

from typing import Any
from uuid import UUID

from sqlalchemy import update

from lti_tool.models import Group, GroupInvite, GroupMembership, db
from tests.web.conftest import Browser, World

ROLES = {"Cara": "creator", "Adam": "admin", "Edi": "editor", "Mia": "member"}
OTHERS = ("Otto", "Fritz", "Olga")


class Team:
    """A group of four roles in a set that is open to students; `Otto` is outside, `Fritz` was in, `Olga` has another.

    Anybody's browser is an attribute: `team.cara`, `team.teacher`, `team.ta`, `team.observer`.
    """

    def __init__(self, world: World, **rules: Any) -> None:
        self.world = world
        self.ids = {name: world.member(f"{name} Doe") for name in (*ROLES, *OTHERS)}
        self.browsers: dict[str, Browser] = {}
        self.set_id = world.group_set(
            "Teams",
            {"team": [self.ids[name] for name in ROLES], "rivals": [self.ids["Olga"]]},
            **{"signup": "create", **rules},
        )
        self.id, self.rivals = world.names["team"], world.names["rivals"]
        for name, role in ROLES.items():
            self.give(name, role)
        self.give("Olga", "admin", self.rivals)

    def give(self, name: str, role: str, group_id: UUID | None = None) -> None:
        """Write a role down."""
        of_person = (
            GroupMembership.group_id == (group_id or self.id),
            GroupMembership.member_id == self.ids[name],
        )
        with self.world.app.app_context():
            db.session.execute(update(GroupMembership).where(*of_person).values(role=role))
            db.session.commit()

    def change(self, group_id: UUID | None = None, **values: Any) -> None:
        """Write values of the group down."""
        with self.world.app.app_context():
            db.session.execute(update(Group).where(Group.id == (group_id or self.id)).values(**values))
            db.session.commit()

    def __getattr__(self, name: str) -> Browser:
        if name.startswith("_") or name in ("browsers", "ids", "world"):
            raise AttributeError(name)
        if name not in self.browsers:
            person = name.capitalize()
            if person in self.ids:
                made = self.world.browser("student", name=f"{person} Doe", member=self.ids[person])
            else:
                made = self.world.browser(name, name=name.capitalize(), manages=False if name == "ta" else None)
            self.browsers[name] = made
        return self.browsers[name]

    def newcomer(self, name: str) -> Browser:
        """Let another student come to the course."""
        self.ids[name] = self.world.member(f"{name} Doe")
        return getattr(self, name.lower())

    @property
    def row(self) -> Group:
        """The group as it is stored."""
        (row,) = self.world.stored(Group, id=self.id)
        return row

    @property
    def roles(self) -> dict[str, str]:
        """Who is in the group in which role, by first name."""
        names = {member_id: name for name, member_id in self.ids.items()}
        return {names[row.member_id]: row.role for row in self.world.stored(GroupMembership, group_id=self.id)}

    def path(self, what: str = "", group_id: UUID | None = None) -> str:
        """Return the address of a page of the group."""
        return f"groups/{group_id or self.id}" + (f"/{what}" if what else "")

    def invite(self, who: Browser | None = None, **data: Any) -> GroupInvite:
        """Make an invite link and return it."""
        before = {row.id for row in self.world.stored(GroupInvite)}
        (who or self.cara).post(self.path("invites/create"), **data)
        (made,) = [row for row in self.world.stored(GroupInvite) if row.id not in before]
        return made
