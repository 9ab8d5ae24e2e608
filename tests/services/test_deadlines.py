"""Dates that come near: told to who must act, once."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.formation import Status
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.models import Assignment, Course, Grouping, GroupSet, Notice, Registration, RosterMember, db, transaction
from lti_tool.services import deadlines
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.services.local_groups import store_group
from lti_tool.services.seats import Place, add_grouping, seat, seat_all

SOON, FAR = timedelta(hours=5), timedelta(days=3)


@pytest.fixture
def people(app_on_both: Flask) -> dict[str, UUID]:
    """A course with students, some of them not active."""
    registration_id, course_id = uuid4(), uuid4()
    ids = {name: uuid4() for name in ("ana", "bo", "cleo", "dan", "gone")}
    with transaction() as session:
        session.add(
            Registration(id=registration_id, name="D", family="canvas", issuer="https://l.example", created_at=now())
        )
        session.flush()
        session.add(
            Course(
                id=course_id,
                registration_id=registration_id,
                lti_context_id="c",
                title="B",
                label="B",
                created_at=now(),
            )
        )
        session.flush()
        for name, key in ids.items():
            session.add(
                RosterMember(
                    id=key,
                    course_id=course_id,
                    name=name,
                    status="dropped" if name == "gone" else "active",
                    enrollment_type="student",
                    source="lms",
                    created_at=now(),
                )
            )
    return {**ids, "course": course_id}


def assignment(people: dict[str, UUID], **values: Any) -> Assignment:
    """An assignment for groups of two: ana is in a valid one with bo; she invited cleo; dan is alone."""
    with transaction() as session:
        set_row = GroupSet(id=uuid4(), course_id=people["course"], name=uuid4().hex, position=0, created_at=now())
        session.add(set_row)
        session.flush()
        row = Assignment(
            id=uuid4(),
            course_id=people["course"],
            name=uuid4().hex,
            group_set_id=set_row.id,
            created_at=now(),
            **{"formed_by": "students", "min_size": 2, **values},
        )
        session.add(row)
        session.flush()
        course = CourseFacts(people["course"], "B", "B", "canvas")
        staff = Viewer(uuid4(), "Staff", course, Actor(EnrollmentType.TEACHER))
        one, two = (add_grouping(row, store_group(course.id, set_row.id, name)) for name in ("one", "two"))
        seats = {"ana": (one, Status.INVITER), "bo": (one, Status.ACCEPTED), "cleo": (one, Status.PENDING)}
        seats["dan"] = (two, Status.INVITER)
        seat_all(staff, row.id, [Place(made, people[name], status) for name, (made, status) in seats.items()])
    return row


def told(row: Assignment, people: dict[str, UUID]) -> dict[str, str]:
    names = {key: name for name, key in people.items()}
    rows = db.session.scalars(select(Notice).where(Notice.assignment_id == row.id))
    found = [(names[one.member_id], json.loads(one.facts)["task"]) for one in rows]
    assert len(dict(found)) == len(found), "somebody was told twice"
    db.session.rollback()
    return dict(found)


@pytest.mark.parametrize("date", ["last_invitation_at", "last_answer_at"])
def test_who_must_act_is_told_once(people: dict[str, UUID], date: str) -> None:
    row = assignment(people, **{date: now() + SOON})
    assert deadlines.tell_deadlines() == 2
    assert told(row, people) == {"cleo": "answer", "dan": "form"}
    assert deadlines.tell_deadlines() == 0
    assert told(row, people) == {"cleo": "answer", "dan": "form"}


@pytest.mark.parametrize(
    "values",
    [
        {"last_answer_at": FAR},
        {"last_answer_at": -SOON},
        {"last_invitation_at": -FAR, "last_answer_at": FAR},
        {"last_answer_at": SOON, "formed_by": "staff"},
        {},
    ],
)
def test_nobody_is_told_when_no_date_is_near(people: dict[str, UUID], values: dict[str, Any]) -> None:
    given = {key: now() + value if isinstance(value, timedelta) else value for key, value in values.items()}
    row = assignment(people, **given)
    assert deadlines.tell_deadlines() == 0
    assert told(row, people) == {}


def test_each_date_is_told_of_and_whoever_is_invited_meanwhile(
    people: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = now() + SOON, now() + SOON + SOON
    row = assignment(people, last_invitation_at=first, last_answer_at=last)
    with transaction() as session:
        session.get_one(RosterMember, people["gone"]).status = "active"
    assert deadlines.tell_deadlines() == 3
    with transaction() as session:
        grouping = session.scalars(select(Grouping).where(Grouping.group_name == "one")).one()
        course = CourseFacts(people["course"], "B", "B", "canvas")
        staff = Viewer(uuid4(), "Staff", course, Actor(EnrollmentType.TEACHER))
        seat(staff, grouping, people["gone"], Status.PENDING)
    monkeypatch.setattr(deadlines, "now", lambda: first + timedelta(hours=1))
    assert deadlines.tell_deadlines() == 3
    assert deadlines.tell_deadlines() == 0
    names = {key: name for name, key in people.items()}
    rows = db.session.scalars(select(Notice).where(Notice.assignment_id == row.id))
    found = sorted((names[one.member_id], *map(json.loads(one.facts).get, ("task", "due"))) for one in rows)
    assert found == [
        ("cleo", "answer", first.isoformat()),
        ("cleo", "answer", last.isoformat()),
        ("dan", "form", first.isoformat()),
        ("dan", "form", last.isoformat()),
        ("gone", "answer", last.isoformat()),
        ("gone", "form", first.isoformat()),
    ]


def test_the_nearer_date_is_named(people: dict[str, UUID]) -> None:
    first = now() + SOON
    row = assignment(people, last_invitation_at=first, last_answer_at=first + SOON)
    deadlines.tell_deadlines()
    (facts,) = {json.loads(one)["due"] for one in db.session.scalars(select(Notice.facts))}
    assert facts == first.isoformat()
    assert row.name
