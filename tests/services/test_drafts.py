"""Files between preview and confirmation: one person's own, in one course, for a day."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound
from lti_tool.models import CourseAccess, ImportDraft, db, transaction
from lti_tool.services import drafts
from tests.services.conftest import Classroom


def colleague(classroom: Classroom):
    access_id = uuid4()
    with transaction() as session:
        session.add(
            CourseAccess(
                id=access_id,
                course_id=classroom.course_id,
                lti_user_id="colleague",
                name="Colleague",
                enrollment_type="teacher",
                is_administrator=False,
                launched_at=now(),
            )
        )
    return replace(classroom.viewer, access_id=access_id)


def test_a_draft_is_found_by_the_person_who_sent_it_and_gone_after_use(classroom):
    key = drafts.keep_draft(classroom.viewer, "groups", "C:\\files\\Teams Ä.csv", "group_name\nA")
    found = drafts.get_draft(classroom.viewer, key, "groups")
    assert (found.filename, found.content) == ("Teams Ä.csv", "group_name\nA")
    with transaction():
        drafts.drop_draft(classroom.viewer, key)
    with pytest.raises(NotFound, match="draft_not_found"):
        drafts.get_draft(classroom.viewer, key, "groups")


def test_a_draft_is_nobody_elses(classroom):
    key = drafts.keep_draft(classroom.viewer, "groups", "../a.csv", "x")
    other = colleague(classroom)
    elsewhere = replace(classroom.viewer, course=replace(classroom.viewer.course, id=uuid4()))
    for viewer, kind in ((other, "groups"), (elsewhere, "groups"), (classroom.viewer, "roster")):
        with pytest.raises(NotFound, match="draft_not_found"):
            drafts.get_draft(viewer, key, kind)
    with transaction():
        drafts.drop_draft(other, key)
    assert drafts.get_draft(classroom.viewer, key, "groups").filename == "a.csv"


def test_drafts_are_swept_after_a_day(app_on_both, classroom):
    old, young = (drafts.keep_draft(classroom.viewer, "groups", "a.csv", "x") for _ in range(2))
    with transaction() as session:
        session.execute(
            update(ImportDraft).where(ImportDraft.id == old).values(created_at=now() - timedelta(days=1, minutes=1))
        )
    with pytest.raises(NotFound, match="draft_not_found"):
        drafts.get_draft(classroom.viewer, old, "groups")
    app_on_both.extensions["lti_tool_doorbell"]._purge()
    db.session.rollback()
    assert db.session.get(ImportDraft, old) is None
    assert db.session.get(ImportDraft, young) is not None
