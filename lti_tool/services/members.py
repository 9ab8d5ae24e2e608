"""Adds, changes and deletes single people of a roster, by the hand of the course's staff."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.git_usernames import GitUsernameStatus, checked_status
from lti_tool.domain.groups import Origin
from lti_tool.domain.members import KnownKeys, MemberValues, is_deletable, require_free_keys
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberSource, MemberStatus
from lti_tool.models import Course, Group, GroupMembership, RosterMember, db, transaction
from lti_tool.services import history, publication, runs
from lti_tool.services.access import Viewer
from lti_tool.services.departures import depart
from lti_tool.services.people import lock_roster
from lti_tool.services.sections import read_section_names
from lti_tool.services.system_sets import ensure_system_group_sets


@dataclass(frozen=True)
class MemberPage:
    """One person as the pages about them show it; `own_groups` are the names of the local groups they are in."""

    row: RosterMember
    sections: Sequence[str]
    own_groups: Sequence[str]

    @property
    def is_local(self) -> bool:
        """Say whether staff added the person, so that all values are theirs to change."""
        return self.row.source == MemberSource.LOCAL

    @property
    def deletable(self) -> bool:
        """Say whether the person may be deleted for good."""
        return is_deletable(MemberSource(self.row.source), MemberStatus(self.row.status))

    @property
    def seen(self) -> str:
        """Return what stands for the values that the form about the person shows."""
        return _seen(self.row)


def read_member(course_id: UUID, member_id: UUID) -> MemberPage:
    """Return a person of this course; raise NotFound."""
    row = _get_member(course_id, member_id)
    groups = db.session.scalars(
        select(Group.name)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupMembership.member_id == member_id, Group.origin == Origin.LOCAL)
        .order_by(Group.name)
    ).all()
    return MemberPage(row, read_section_names(course_id, [member_id]).get(member_id, ()), groups)


def values_of(row: RosterMember) -> MemberValues:
    """Return what staff may say of a person, as it is stored."""
    return MemberValues(
        name=row.name,
        email=row.email,
        student_number=row.student_number,
        git_username=row.git_username,
        git_username_status=GitUsernameStatus(row.git_username_status),
        status=MemberStatus(row.status),
    )


def add_member(viewer: Viewer, values: MemberValues) -> Changes:
    """Add a student by hand, active at first.

    Raise RuleViolation("email_taken" or "number_taken"), Conflict("run_open").
    """
    course_id = viewer.course.id
    with transaction() as session:
        begin_change(course_id)
        require_free_keys(values, _known_keys(course_id))
        row = new_local_row(course_id, values)
        session.add(row)
        session.flush()
        history.note(course_id, viewer.access_id, "member_added", values.name, row.id, member_id=row.id)
        return bring_in_step(course_id)


def edit_member(viewer: Viewer, member_id: UUID, values: MemberValues, seen: str | None = None) -> Changes:
    """Change a person: everything of a local one, of the LMS's only the git user name with its status.

    Raise NotFound, RuleViolation("email_taken" or "number_taken"), Conflict("run_open"), Conflict("member_changed")
    when `seen` is given and somebody changed since what may be changed here.
    """
    course_id = viewer.course.id
    with transaction():
        begin_change(course_id)
        row = _get_member(course_id, member_id)
        if seen and seen != _seen(row):
            raise Conflict("member_changed")
        if row.source == MemberSource.LOCAL:
            require_free_keys(values, [keys for keys in _known_keys(course_id) if keys.id != member_id])
            row.name, row.email, row.student_number = values.name, values.email, values.student_number
            row.status = values.status
        set_git_username(row, values.git_username, values.git_username_status)
        history.note(course_id, viewer.access_id, "member_changed", row.name, member_id, member_id=member_id)
        return bring_in_step(course_id)


def delete_member(viewer: Viewer, member_id: UUID) -> Changes:
    """Delete a person for good, out of every group of every origin; the groups stay (MODEL-64, MODEL-78).

    What students formed and nobody is left in ends, as when somebody leaves the course (`departures.depart`).

    Raise NotFound, RuleViolation("member_not_deletable") for whom the LMS still lists, Conflict("run_open").
    """
    course_id = viewer.course.id
    with transaction() as session:
        begin_change(course_id)
        row = _get_member(course_id, member_id)
        if not is_deletable(MemberSource(row.source), MemberStatus(row.status)):
            raise RuleViolation("member_not_deletable", member=row.name)
        history.note(course_id, viewer.access_id, "member_deleted", row.name, member_id, member_id=member_id)
        departed = depart(course_id, GroupMembership.member_id == member_id)
        session.execute(
            delete(RosterMember).where(RosterMember.id == member_id)
        )  # the seats of the past go with the row
        after = bring_in_step(course_id)
    gone = after.deleted_groups | departed.gone
    return replace(after, groups=(after.groups | departed.left) - gone, deleted_groups=gone)


def new_local_row(course_id: UUID, values: MemberValues) -> RosterMember:
    """Return the row of a student whom staff add: no label of an LMS, no id of one."""
    row = RosterMember(
        id=uuid4(),
        course_id=course_id,
        name=values.name,
        email=values.email,
        student_number=values.student_number,
        status=values.status,
        enrollment_display=None,
        enrollment_type=EnrollmentType.STUDENT,
        source=MemberSource.LOCAL,
        git_username_status=GitUsernameStatus.UNKNOWN,
        created_at=now(),
    )
    set_git_username(row, values.git_username, values.git_username_status)
    return row


def set_git_username(row: RosterMember, username: str | None, chosen: GitUsernameStatus) -> None:
    """Give a person a git user name, with the status that fits it."""
    before = (row.git_username, GitUsernameStatus(row.git_username_status))
    row.git_username_status = checked_status(username, chosen, before)
    row.git_username = username


def begin_change(course_id: UUID) -> Course:
    """Lock the roster for the rest of the transaction; raise Conflict("run_open") while a run is at work on it."""
    course = lock_roster(course_id)
    runs.require_no_open_run(course_id)
    return course


def bring_in_step(course_id: UUID) -> Changes:
    """Bring the groups, and the LMS's mirrors of them, in step with a changed roster, inside the transaction."""
    db.session.flush()
    changes = ensure_system_group_sets(course_id)
    publication.mark_changed(course_id)
    return changes


def _seen(row: RosterMember) -> str:
    """Return what stands for those values of a person that may be changed here."""
    values = values_of(row)
    ours = values if row.source == MemberSource.LOCAL else (values.git_username, values.git_username_status)
    return hashlib.sha256(repr(ours).encode()).hexdigest()


def _get_member(course_id: UUID, member_id: UUID) -> RosterMember:
    query = select(RosterMember).where(RosterMember.id == member_id, RosterMember.course_id == course_id)
    row = db.session.scalar(query)
    if row is None:
        raise NotFound("member_not_found")
    return row


def _known_keys(course_id: UUID) -> list[KnownKeys]:
    rows = db.session.execute(
        select(RosterMember.id, RosterMember.name, RosterMember.email, RosterMember.student_number).where(
            RosterMember.course_id == course_id
        )
    )
    return [KnownKeys(*row) for row in rows]
