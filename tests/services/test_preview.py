"""The preview of a sync: the same words as the sync's report, and nothing stored."""

from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.domain.sync import Report
from lti_tool.models import Course, Group, GroupSet, RosterMember, db
from lti_tool.services import pull, runs

pytestmark = pytest.mark.usefixtures("no_waiting")


def previewed(classroom: Any) -> dict[str, Any]:
    run_id = runs.queue(classroom.course_id, "preview")
    run = runs.claim(run_id)
    assert run is not None
    pull.run_preview(classroom.tool, run, Report())
    db.session.rollback()
    report = runs.see_run(classroom.course_id, run_id).report
    assert report is not None
    return report


def stored(classroom: Any) -> list[Any]:
    """Every row of the course that a sync writes."""
    db.session.rollback()
    tables = [RosterMember.__table__, Group.__table__, GroupSet.__table__, Course.__table__]
    return [sorted(map(repr, db.session.execute(select(table)))) for table in tables]


def told(report: dict[str, Any]) -> dict[str, Any]:
    """What a report says without how it went."""
    return {key: value for key, value in report.items() if key not in ("calls", "seconds", "complete")}


def change_everything(classroom: Any) -> None:
    """Rename, remove, add, move, enrol and unenrol behind the tool's back."""
    sets = [s for s in classroom.state()["group_sets"] if s["role"] is None]
    target = max(sets, key=lambda s: len([g for g in s["groups"] if g["members"]]))
    first, second, third = [g for g in target["groups"] if g["members"]][:3]
    active = {m.lms_user_id for m in classroom.students()}
    movers = [m for m in first["members"] if str(m) in active]
    classroom.outsider("move_member", user_id=movers[0], group_id=second["id"], from_group_id=first["id"])
    classroom.outsider("rename_group", group_id=second["id"], name="A new name")
    classroom.outsider("delete_group", group_id=third["id"])
    classroom.outsider("create_group", set_id=target["id"], name="One more")
    classroom.outsider("create_set", name="Another set")
    late = classroom.outsider("enrol", given="Late", family="Comer")
    classroom.outsider("add_member", group_id=first["id"], user_id=late["user_id"])
    classroom.outsider("unenrol", user_id=movers[1])


@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_a_preview_says_what_the_sync_then_does_and_stores_nothing(classroom: Any, known: bool) -> None:
    if known:
        classroom.pull()
        change_everything(classroom)
    before = stored(classroom)
    seen = previewed(classroom)
    assert stored(classroom) == before
    classroom.pull()
    done = runs.list_runs(classroom.course_id, 1)[0].report
    assert done is not None
    assert told(seen) == told(done)
    assert seen["calls"] == done["calls"]
    if known:
        assert seen["memberships"]["moved"] == 1
        assert seen["memberships"]["added"] >= 2
        assert [new for _, new in seen["named"]["groups_renamed"]] == ["A new name"]
        assert "One more" in seen["named"]["groups_created"]
        assert seen["named"]["sets_created"] == ["Another set"]
        assert seen["named"]["people_added"] == ["Late Comer"]
        assert len(seen["named"]["people_dropped"]) == seen["named"]["people_left"] == 1
        assert seen["groups"]["removed"] == len(seen["named"]["groups_removed"]) == 1


def test_a_preview_that_fails_says_why(classroom: Any) -> None:
    classroom.lms.faults({"revoke_token": True})
    before = stored(classroom)
    run_id = runs.queue(classroom.course_id, "preview")
    run = runs.claim(run_id)
    assert run is not None
    with pytest.raises(Exception, match="token_rejected"):
        pull.run_preview(classroom.tool, run, Report())
    assert stored(classroom) == before
    assert runs.see_run(classroom.course_id, run_id).error_code == "token_rejected"
