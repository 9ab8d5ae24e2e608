"""What tests of publishing share: a local set with its people, its mirror in the LMS, and both side by side."""

from typing import Any
from uuid import UUID

from lti_tool.domain.sync import Report
from lti_tool.services import groups, publication, push, runs
from lti_tool.services.mirror import find_publication


def fill(classroom: Any, name: str = "Lab teams", count: int = 3) -> UUID:
    """Make a local set with groups, all students placed, one group left empty."""
    classroom.pull("roster")
    set_id = classroom.new_set(name)
    ids: list[UUID] = []
    while len(ids) < count:
        ids += classroom.new_groups(set_id, "Crew", min(200, count - len(ids)))
    students = [student.id for student in classroom.students()]
    groups.assign(classroom.viewer, set_id, {s: ids[n % (count - 1)] for n, s in enumerate(students)})
    return set_id


def publish(classroom: Any, set_id: UUID) -> Report:
    report = Report()
    run = runs.claim(publication.queue_publication(classroom.tool, set_id))
    assert run is not None
    push.run_push(classroom.tool, run, report)
    return report


def in_lms(classroom: Any, name: str) -> dict[str, set[str]] | None:
    """What the LMS holds of a set: group name → user ids; None when there is no such set."""
    found = [s for s in classroom.state()["group_sets"] if s["name"] == name]
    assert len(found) <= 1, "the set is doubled"
    return {g["name"]: {str(m) for m in g["members"]} for g in found[0]["groups"]} if found else None


def in_store(classroom: Any, set_id: UUID) -> dict[str, set[str]]:
    page = classroom.read_set(set_id)
    return {card.row.name: {m.lms_user_id or "" for m in card.members} for card in page.cards}


def state_of(set_id: UUID) -> str:
    row = find_publication(set_id)
    assert row is not None
    return row.state
