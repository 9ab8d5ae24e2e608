"""Who may do what: the whole table, person by permission."""

import pytest

from lti_tool.domain.errors import Forbidden
from lti_tool.domain.permissions import Actor, Permission, allowed, require
from lti_tool.domain.roles import EnrollmentType

STUDENT = {Permission.VIEW_COURSE, Permission.FORM_GROUPS, Permission.VIEW_NOTICES, Permission.VIEW_OWN_HISTORY}
WATCH = {Permission.VIEW_COURSE, Permission.VIEW_GROUP_SETS, Permission.VIEW_ASSIGNMENTS}
READ = {
    *WATCH,
    Permission.VIEW_ROSTER,
    Permission.VIEW_RUNS,
    Permission.VIEW_CHANGES,
    Permission.VIEW_CONNECTION,
    Permission.VIEW_NOTICES,
    Permission.VIEW_HISTORY,
}
EDIT = {Permission.EDIT_GROUPS, Permission.EDIT_ROSTER, Permission.EDIT_ASSIGNMENTS}
WRITE = {*EDIT, Permission.PLACE_LINKS, Permission.SYNC, Permission.LEND_ACCESS, Permission.PUBLISH}

TABLE = [
    (None, None, set()),
    (None, True, set()),
    ("student", None, STUDENT),
    ("student", True, STUDENT),
    ("observer", None, WATCH),
    ("observer", True, WATCH),
    ("other", True, {Permission.VIEW_COURSE}),
    ("teacher", None, READ | WRITE),
    ("teacher", True, READ | WRITE),
    ("teacher", False, READ),
    ("ta", None, READ),
    ("ta", True, READ | WRITE),
    ("ta", False, READ),
    ("designer", None, READ),
    ("designer", True, READ | WRITE),
]


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize(("kind", "manages", "may"), TABLE)
@pytest.mark.parametrize("permission", Permission)
def test_the_table(kind: str | None, manages: bool | None, may: set[Permission], permission: Permission) -> None:
    actor = Actor(EnrollmentType(kind) if kind else None, manages)
    assert allowed(actor, permission) is (permission in may)


def test_requiring_what_is_not_allowed_raises() -> None:
    with pytest.raises(Forbidden):
        require(Actor(EnrollmentType.STUDENT), Permission.SYNC)


@pytest.mark.parametrize(
    ("kind", "manages", "may"),
    [
        ("teacher", None, READ | {Permission.SYNC, Permission.LEND_ACCESS, Permission.PLACE_LINKS}),
        ("teacher", True, READ | WRITE),
        ("teacher", False, READ),
        ("ta", None, READ),
        ("student", None, STUDENT),
    ],
)
def test_until_the_lms_was_asked_a_teacher_looks_and_asks(
    kind: str, manages: bool | None, may: set[Permission]
) -> None:
    actor = Actor(EnrollmentType(kind), manages, right_unasked=True)
    assert {permission for permission in Permission if allowed(actor, permission)} == may
