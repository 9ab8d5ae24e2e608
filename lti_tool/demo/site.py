"""One site's data with its lookups and the primitive changes; rules of an API belong to that API's modules."""

import copy
import itertools
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from lti_tool.demo.config import Flavour
from lti_tool.demo.model import Course, Enrolment, Group, GroupSet, Membership, Person, PlacedLink, Section, Token

SHARD = 10**13  # what a Canvas id of shard 2 begins with is 2 and these noughts
# Kinds of rows start at different numbers, so that an id of one kind used as another is noticed.
STARTS = {
    "canvas": {"people": 1001, "courses": 101, "sections": 301, "enrolments": 5001}
    | {"sets": 21, "groups": 401, "memberships": 9001, "links": 71},
    "moodle": {"people": 2, "courses": 2, "sections": 1, "enrolments": 1}
    | {"sets": 31, "groups": 61, "memberships": 1, "links": 11},
}


def now_text() -> str:
    """Return the time as both LMSs write it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Site:
    """The rows of one site; callers hold the program's lock."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour: Flavour = flavour
        self.dirty = threading.Event()
        self.next_ids: dict[str, int] = dict(STARTS[flavour])
        self.people: dict[int, Person] = {}
        self.courses: dict[int, Course] = {}
        self.sections: dict[int, Section] = {}
        self.enrolments: dict[int, Enrolment] = {}
        self.sets: dict[int, GroupSet] = {}
        self.groups: dict[int, Group] = {}
        self.memberships: dict[int, dict[int, Membership]] = {}
        self.tokens: dict[str, Token] = {}
        self.links: dict[int, PlacedLink] = {}
        self._by_course: dict[int, list[Enrolment]] = {}
        self._by_user: dict[tuple[int, int], list[Enrolment]] = {}

    # -- rows ---------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Remember that the data must be saved."""
        self.dirty.set()

    def new_id(self, kind: str) -> int:
        number = self.next_ids[kind]
        self.next_ids[kind] = number + 1
        self.touch()
        return number

    def _lti_id(self, kind: str, number: int) -> str:
        if self.flavour == "moodle":
            return str(number)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo-canvas:{kind}:{number}"))

    def add_person(self, given: str, family: str, email: str, login: str, *, shard: int = 0, **more: Any) -> Person:
        """Add an account; one of another shard (a school of the same Canvas) bears the long id that JSON gives it."""
        number = self.new_id("people") + shard * SHARD
        person = Person(number, given, family, email, login, self._lti_id("user", number), **more)
        self.people[number] = person
        return person

    def add_course(self, code: str, title: str) -> Course:
        number = self.new_id("courses")
        course = Course(number, code, title, self._lti_id("course", number), f"2026W-{code}")
        self.courses[number] = course
        return course

    def add_section(self, course: Course, name: str) -> Section:
        section = Section(self.new_id("sections"), course.id, name)
        self.sections[section.id] = section
        return section

    def add_link(self, course_id: int, title: str, url: str, text: str, custom: dict[str, str]) -> PlacedLink:
        row = PlacedLink(self.new_id("links"), course_id, title, url, text, custom)
        self.links[row.id] = row
        return row

    def enrol(self, course: Course, person: Person, kind: str, **more: Any) -> Enrolment:
        row = Enrolment(self.new_id("enrolments"), course.id, person.id, kind, **more)
        self.enrolments[row.id] = row
        self._index(row)
        return row

    def _index(self, row: Enrolment) -> None:
        self._by_course.setdefault(row.course, []).append(row)
        self._by_user.setdefault((row.course, row.user), []).append(row)

    def add_set(self, course_id: int, name: str, **more: Any) -> GroupSet:
        row = GroupSet(self.new_id("sets"), course_id, name, now_text(), **more)
        self.sets[row.id] = row
        return row

    def add_group(self, course_id: int, name: str, sets: Iterable[int] = (), **more: Any) -> Group:
        row = Group(self.new_id("groups"), course_id, name, now_text(), list(sets), **more)
        self.groups[row.id] = row
        self.memberships[row.id] = {}
        return row

    def add_member(self, group_id: int, user_id: int, component: str = "") -> Membership:
        """Put a person into a group; an existing membership is returned as it is."""
        found = self.memberships[group_id].get(user_id)
        if found is None:
            number = self.new_id("memberships")
            found = Membership(number, group_id, user_id, now_text(), component=component)
            self.memberships[group_id][user_id] = found
        return found

    def remove_member(self, group_id: int, user_id: int) -> bool:
        self.touch()
        gone = self.memberships.get(group_id, {}).pop(user_id, None)
        group = self.groups.get(group_id)
        if gone and group and group.leader == user_id:
            group.leader = None
        return gone is not None

    # -- lookups ------------------------------------------------------------------------------------------

    def course_enrolments(self, course_id: int) -> list[Enrolment]:
        return [e for e in self._by_course.get(course_id, []) if e.state != "deleted"]

    def enrolments_of(self, course_id: int, user_id: int) -> list[Enrolment]:
        return [e for e in self._by_user.get((course_id, user_id), []) if e.state != "deleted"]

    def course_sets(self, course_id: int) -> list[GroupSet]:
        return [s for s in self.sets.values() if s.course == course_id and not s.deleted]

    def course_groups(self, course_id: int) -> list[Group]:
        return [g for g in self.groups.values() if g.course == course_id and not g.deleted]

    def set_groups(self, set_id: int) -> list[Group]:
        return [g for g in self.groups.values() if set_id in g.sets and not g.deleted]

    def members(self, group_id: int) -> dict[int, Membership]:
        return self.memberships.get(group_id, {})

    def sections_of(self, course_id: int) -> list[Section]:
        return [s for s in self.sections.values() if s.course == course_id]

    def groups_by_user(self, course_id: int, *, deleted: bool = False) -> dict[int, list[Group]]:
        """Return every member's groups of a course, optionally with those that were deleted."""
        found: dict[int, list[Group]] = {}
        for group in self.groups.values():
            if group.course == course_id and (deleted or not group.deleted):
                for user_id in self.members(group.id):
                    found.setdefault(user_id, []).append(group)
        return found

    def current_users(self, course_id: int) -> list[Person]:
        """Return everybody with an enrolment of any state, in the order of their ids."""
        ids = sorted({e.user for e in self.course_enrolments(course_id)})
        return [self.people[number] for number in ids]

    # -- whole state --------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take back every change to group sets, groups and memberships when the block fails."""
        sets = {key: copy.copy(row) for key, row in self.sets.items()}
        groups = {key: _copy_group(row) for key, row in self.groups.items()}
        members = {key: dict(rows) for key, rows in self.memberships.items()}
        try:
            yield
        except BaseException:
            self.sets, self.groups, self.memberships = sets, groups, members
            raise

    def rows(self) -> dict[str, Any]:
        """Return a copy of the data made of plain dictionaries."""
        tables: dict[str, Iterable[Any]] = {
            "people": self.people.values(),
            "courses": self.courses.values(),
            "sections": self.sections.values(),
            "enrolments": self.enrolments.values(),
            "sets": self.sets.values(),
            "groups": self.groups.values(),
            "memberships": itertools.chain.from_iterable(m.values() for m in self.memberships.values()),
            "tokens": self.tokens.values(),
            "links": self.links.values(),
        }
        return {"next_ids": dict(self.next_ids)} | {
            name: [dict(vars(row)) for row in rows] for name, rows in tables.items()
        }

    def load(self, rows: dict[str, Any]) -> None:
        """Take over data made by ``rows``."""
        self.next_ids = STARTS[self.flavour] | rows["next_ids"]
        self.people = {row["id"]: Person(**row) for row in rows["people"]}
        self.courses = {row["id"]: Course(**row) for row in rows["courses"]}
        self.sections = {row["id"]: Section(**row) for row in rows["sections"]}
        self.enrolments = {row["id"]: Enrolment(**row) for row in rows["enrolments"]}
        self.sets = {row["id"]: GroupSet(**row) for row in rows["sets"]}
        self.groups = {row["id"]: Group(**row) for row in rows["groups"]}
        self.tokens = {row["value"]: Token(**row) for row in rows["tokens"]}
        self.links = {row["id"]: PlacedLink(**row) for row in rows.get("links", [])}
        self.memberships = {number: {} for number in self.groups}
        for row in rows["memberships"]:
            self.memberships[row["group"]][row["user"]] = Membership(**row)
        self._by_course, self._by_user = {}, {}
        for enrolment in self.enrolments.values():
            self._index(enrolment)


def _copy_group(group: Group) -> Group:
    twin = copy.copy(group)
    twin.sets = list(group.sets)
    return twin
