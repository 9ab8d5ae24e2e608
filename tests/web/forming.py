"""An assignment whose groups students form, and each student in a browser of their own."""

from uuid import UUID, uuid4

from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, db
from tests.web.conftest import Browser, World


class Course:
    """An assignment that students form groups for, and each student's browser by first name."""

    def __init__(self, world: World, **rules: object) -> None:
        self.world = world
        self.names = ("Ana Berg", "Bo Chen", "Cleo Diaz", "Dan Eder", "Eve Fox")
        self.ids = {name.split()[0]: world.member(name) for name in self.names}
        self.browsers = {
            name.split()[0]: world.browser("student", name=name, member=self.ids[name.split()[0]])
            for name in self.names
        }
        self.teacher = world.browser()
        self.set_id = world.group_set("A1 groups")
        self.id = self.assignment("A1", **rules)

    def assignment(self, name: str, **rules: object) -> UUID:
        key = uuid4()
        values = {"formed_by": "students", "min_size": 1, "group_set_id": self.set_id, **rules}
        row = Assignment(id=key, course_id=self.world.course_id, name=name, created_at=now(), **values)
        self.world._add(row)
        return key

    def __getattr__(self, name: str) -> Browser:
        try:
            return self.browsers[name.capitalize()]
        except KeyError:
            raise AttributeError(name) from None

    def page(self, who: Browser, assignment_id: UUID | None = None):
        return who.get(f"assignments/{assignment_id or self.id}/grouping")

    def post(self, who: Browser, what: str, status: int = 303, assignment_id: UUID | None = None, **data: object):
        return who.post(f"assignments/{assignment_id or self.id}/{what}", status, **data)

    def start(self, who: Browser, *invited: str, assignment_id: UUID | None = None, **data: object) -> UUID:
        """Start a group and invite classmates by their first names; give the grouping's id."""
        self.post(who, "grouping/start", assignment_id=assignment_id, **data)
        grouping = self.own(who, assignment_id)
        if invited:
            ids = [self.ids[name] for name in invited]
            self.post(who, f"groupings/{grouping}/invite", assignment_id=assignment_id, member_ids=ids)
        return grouping

    def own(self, who: Browser, assignment_id: UUID | None = None) -> UUID:
        name = next(name for name, browser in self.browsers.items() if browser is who)
        wanted = {"member_id": self.ids[name], "assignment_id": assignment_id or self.id, "ended_at": None}
        (row,) = [r for r in self.world.stored(GroupingMembership, **wanted) if r.status in ("inviter", "accepted")]
        return row.grouping_id

    def clone(self, target: UUID) -> dict[str, UUID]:
        """Let the teacher clone the groups of the first assignment into another; give its groupings by name."""
        page = self.teacher.get(f"assignments/{target}/groupings/clone?source_id={self.id}")
        data = {"source_id": self.id, "seen": page.select_one("input[name=seen]")["value"]}
        self.teacher.post(f"assignments/{target}/groupings/clone", **data)
        rows = self.world.stored(Grouping, assignment_id=target, ended_at=None)
        return {row.group_name: row.id for row in rows}

    def statuses(self, grouping: UUID) -> dict[str, str]:
        """Each person's status in a grouping; those who are out of it are left out."""
        names = {member_id: name for name, member_id in self.ids.items()}
        rows = self.world.stored(GroupingMembership, grouping_id=grouping, ended_at=None)
        return {names[row.member_id]: row.status for row in rows}

    def people(self) -> dict[str, set[str]]:
        """Who is in each group of the set, by name."""
        names = {member_id: name for name, member_id in self.ids.items()}
        with self.world.app.app_context():
            rows = db.session.scalars(select(Group).where(Group.course_id == self.world.course_id))
            return {row.name: {names[m.member_id] for m in row.memberships} for row in rows if row.origin == "local"}


def words(page) -> str:
    """Return a page's words, blanks made one."""
    return " ".join(page.get_text(" ").split())
