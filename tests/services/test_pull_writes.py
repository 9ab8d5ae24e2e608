"""What a pull writes: nothing when nothing changed, and only the sets that changed when something did."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from lti_tool.domain.sync import Report
from lti_tool.models import Course, GroupSet, db
from lti_tool.services import groups, publication, push, refresh, runs

pytestmark = pytest.mark.usefixtures("no_waiting")

WRITE = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', re.IGNORECASE)
OWN = {"sync_run", "course", "asked_right"}  # how the run goes, when the course was read and what the access may


@contextmanager
def written() -> Iterator[Counter[str]]:
    """Count the rows that the database says it wrote, by table."""
    rows: Counter[str] = Counter()

    def note(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        found = WRITE.match(statement.strip())
        if found and cursor.rowcount > 0:
            rows[found[1]] += cursor.rowcount

    event.listen(db.engine, "after_cursor_execute", note)
    try:
        yield rows
    finally:
        event.remove(db.engine, "after_cursor_execute", note)


def published(classroom: Any) -> None:
    set_id = classroom.new_set("Published")
    (group,) = classroom.new_groups(set_id, "Team")
    groups.assign(classroom.viewer, set_id, {classroom.students()[0].id: group})
    run_id = publication.queue_publication(classroom.tool, set_id)
    run = runs.claim(run_id)
    assert run is not None
    push.run_push(classroom.tool, run, Report())


def connected(classroom: Any) -> dict[str, tuple[Any, int, Any]]:
    """The sets of the LMS by their id there: ours, revision, and when they last changed."""
    db.session.rollback()
    query = select(GroupSet).where(GroupSet.course_id == classroom.course_id, GroupSet.lms_group_set_id.is_not(None))
    return {str(s.lms_group_set_id): (s.id, s.revision, s.last_updated) for s in db.session.scalars(query)}


@pytest.mark.shows("PULL-33")
def test_a_pull_with_nothing_changed_makes_the_same_calls_and_writes_no_row(classroom: Any) -> None:
    calls = classroom.pull().calls
    published(classroom)
    classroom.pull()
    with written() as rows:
        again = classroom.pull()
    assert again.calls == classroom.pull().calls
    assert again.calls - calls in (0, 1)  # one list may be a page longer with what was published
    assert set(rows) <= OWN
    assert rows["course"] > 0


@pytest.mark.shows("PULL-33")
def test_the_count_of_written_rows_sees_a_change(classroom: Any) -> None:
    with written() as rows:
        classroom.pull()
    assert {"roster_member", "group", "group_membership", "group_set", "group_set_entry"} <= set(rows)


def test_only_the_sets_that_changed_get_a_new_revision(classroom: Any) -> None:
    classroom.pull()
    before = connected(classroom)
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and len(s["groups"]) > 2)
    group = target["groups"][0]
    classroom.outsider("rename_group", group_id=group["id"], name="Renamed")
    classroom.pull()
    after = connected(classroom)
    holders = {str(s["id"]) for s in classroom.state()["group_sets"] for g in s["groups"] if g["id"] == group["id"]}
    assert {key for key in before if before[key][1] != after[key][1]} == holders
    classroom.outsider("delete_group", group_id=target["groups"][1]["id"])
    classroom.pull()
    last = connected(classroom)
    assert str(target["id"]) in {key for key in last if last[key][1] != after[key][1]}
    assert len({key for key in last if last[key][1] == after[key][1]}) > 0


def test_a_refresh_writes_its_set_s_time_and_nothing_else(classroom: Any) -> None:
    classroom.pull()
    before = connected(classroom)
    target = next(str(s["id"]) for s in classroom.state()["group_sets"] if s["role"] is None and s["groups"])
    with written() as rows:
        refresh.refresh_set(classroom.tool, classroom.viewer, before[target][0])
    assert set(rows) <= {"sync_run", "group_set"}
    assert rows["group_set"] == 1
    after = connected(classroom)
    assert {key for key in before if before[key][2] != after[key][2]} == {target}
    assert {key: row[1] for key, row in before.items()} == {key: row[1] for key, row in after.items()}
    synced = db.session.get_one(Course, classroom.course_id).groups_synced_at
    assert synced is not None
    assert after[target][2] > synced
