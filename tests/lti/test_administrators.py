"""Launches of administrators, and placements that a registration's rule accepts: what the platform's word opens."""

from typing import Any

import pytest
from sqlalchemy import select, update

from lti_tool.lti import platform
from lti_tool.lti.platform import forget_registrations
from lti_tool.models import BrowserSession, Deployment, Registration
from tests.lti.conftest import C, R

ADMIN = f"{R}institution/person#Administrator"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"


def opened_as_administrator(school: Any) -> list[bool]:
    with school.store() as session:
        rows = select(BrowserSession.is_administrator).where(BrowserSession.registration_id == school.registration_id)
        return list(session.scalars(rows))


@pytest.mark.parametrize(
    ("roles", "context", "place"),
    [
        ((ADMIN,), None, "/admin/"),
        ((f"{R}system/person#Administrator",), {"id": "a", "type": ["Account"]}, "/admin/"),  # Canvas's accounts
        ((ADMIN,), {"id": "c"}, "/admin/"),  # no role in this course
        ((ADMIN, f"{R}membership#Instructor"), {"id": "c"}, "/courses/"),
    ],
)
def test_an_administrator_lands_on_the_admin_pages_unless_the_course_is_theirs(
    school: Any, roles: tuple[str, ...], context: Any, place: str
) -> None:
    answer = school.launch(lambda claims: claims.update({f"{C}context": context}), roles=roles)
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"].startswith(f"/lti/landing?to={place}")
    assert opened_as_administrator(school) == [True]


@pytest.mark.parametrize(
    "roles",
    [
        (f"{R}membership#Administrator",),
        (f"{R}institution/person#Instructor",),
        (f"{R}membership/Learner#Administrator",),
        ("Administrator",),
        (ADMIN, TEST_USER, f"{R}membership#Learner"),  # a student view
    ],
)
def test_only_an_administrator_of_the_site_opens_a_session_of_one(school: Any, roles: tuple[str, ...]) -> None:
    school.launch(roles=roles)
    assert opened_as_administrator(school) == [False]


def test_nobody_else_lands_there_without_a_course(school: Any) -> None:
    answer = school.launch(lambda claims: claims.update({f"{C}context": None}), roles=(f"{R}membership#Learner",))
    assert "from a course" in answer.text


def deployments(school: Any) -> dict[str, bool]:
    with school.store() as session:
        rows = select(Deployment).where(Deployment.registration_id == school.registration_id)
        return {row.lms_deployment_id: row.active for row in session.scalars(rows)}


def bring(school: Any, name: str, **how: Any) -> Any:
    return school.launch(lambda claims: claims.update({f"{C}deployment_id": name}), **how)


def test_an_unknown_placement_is_taken_at_once_where_the_rule_says_so(school: Any, other_key: Any) -> None:
    assert bring(school, "new").status_code == 403
    with school.store() as session:
        session.execute(
            update(Registration).where(Registration.id == school.registration_id).values(accepts_deployments=True)
        )
        session.commit()
    forget_registrations()
    assert bring(school, "forged", key=other_key).status_code == 401
    assert bring(school, "taken").status_code == 303
    assert bring(school, "new").status_code == 403  # it waited before there was the rule, so somebody decides
    assert deployments(school) == {"dep-1": True, "new": False, "taken": True}


def test_a_platform_cannot_bring_any_number_of_placements(school: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "MOST_DEPLOYMENTS", 2)
    assert [bring(school, name).status_code for name in ("one", "two", "three")] == [403] * 3
    assert len(deployments(school)) == 2
