"""The roster between its sources: what the LMS tells, what staff added, and whom a launch proves, on both databases."""

from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.domain.members import MemberValues
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus, RemotePerson, RemoteRoster, RemoteSection
from lti_tool.domain.sync import Report
from lti_tool.models import Course, Group, GroupMembership, RosterMember, Section, SectionMembership, db, transaction
from lti_tool.services import group_sets, members, roster
from lti_tool.services.members import edit_member
from lti_tool.services.roster_page import Sought, list_students
from lti_tool.services.sections import list_sections, read_section_names

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def rows(classroom: Any, **values: Any) -> list[RosterMember]:
    db.session.rollback()
    return list(db.session.scalars(select(RosterMember).filter_by(course_id=classroom.course_id, **values)))


def merge(classroom: Any, *people: RemotePerson, **values: Any) -> Report:
    report = Report()
    with transaction():
        roster.merge_roster(classroom.course_id, RemoteRoster(people, **values), report)
    return report


def person(name: str, lms_id: str, **values: Any) -> RemotePerson:
    return RemotePerson(name, EnrollmentType.STUDENT, lms_user_id=lms_id, **values)


@pytest.mark.shows("MODEL-53", "MODEL-76")
def test_a_sync_says_where_the_roster_is_from_and_keeps_what_is_ours(classroom: Any) -> None:
    classroom.pull("roster")
    ana = rows(classroom, enrollment_type="student", status="active")[0]
    edit_member(classroom.viewer, ana.id, MemberValues("ignored", git_username="octocat"))
    members.add_member(classroom.viewer, MemberValues("Nora New", email="nora@x.example"))
    classroom.pull()
    course = db.session.get_one(Course, classroom.course_id)
    assert (course.roster_connection, course.roster_filename) == (classroom.flavour, None)
    assert course.roster_updated_at == course.roster_refreshed_at
    assert [row.git_username for row in rows(classroom, id=ana.id)] == ["octocat"]
    (nora,) = rows(classroom, name="Nora New")
    assert (nora.source, nora.status, nora.enrollment_display) == ("local", "active", None)


@flavours
@pytest.mark.shows("MODEL-57", "MODEL-62")
@pytest.mark.parametrize("key", [{"email": "NORA@x.example"}, {"student_number": "77"}])
def test_a_student_of_ours_whom_the_lms_lists_later_is_one_with_theirs(classroom: Any, key: dict[str, str]) -> None:
    values = MemberValues("Nora", email="nora@x.example", student_number="77", git_username="octocat")
    members.add_member(classroom.viewer, values)
    (nora_id,) = (row.id for row in rows(classroom))
    report = merge(classroom, person("Nora New", "9", enrollment_display="Active", **key))
    (nora,) = rows(classroom)
    assert (nora.id, nora.name, nora.source, nora.lms_user_id) == (nora_id, "Nora New", "lms", "9")
    assert (nora.git_username, nora.enrollment_display) == ("octocat", "Active")
    assert (report.roster.added, report.roster.updated) == (0, 1)


@flavours
@pytest.mark.shows("MODEL-61")
def test_a_conflict_is_reported_by_names(classroom: Any) -> None:
    for number in "12":
        members.add_member(classroom.viewer, MemberValues(f"Twin {number}"))
    with transaction() as session:
        for row in session.scalars(select(RosterMember)):
            row.email = "t@x.example"  # as an LMS may have it; by hand it would be refused
    report = merge(classroom, person("Third", "3", email="t@x.example"))
    assert report.roster.conflicts == 1
    assert report.roster_conflicts == [{"person": "Third", "matched_by": "email", "members": ["Twin 1", "Twin 2"]}]


def test_sections_are_those_of_the_lms(classroom: Any) -> None:
    classroom.pull()
    names = [section.name for section in list_sections(classroom.course_id)]
    canvas = classroom.flavour == "canvas"
    assert sorted(names) == (["CS101 Afternoon", "CS101 Morning", "CS101 Évening"] if canvas else [])
    of_people = read_section_names(classroom.course_id)
    assert len(of_people) == (len(rows(classroom)) if canvas else 0)
    before = {row.id for row in db.session.scalars(select(Section))}
    classroom.pull()
    assert {row.id for row in db.session.scalars(select(Section))} == before


@flavours
def test_sections_come_change_and_go_and_a_source_that_does_not_tell_leaves_them(classroom: Any) -> None:
    ana, ben = person("Ana", "1"), person("Ben", "2")
    one = RemoteSection("s1", "Morning", frozenset({"1", "2", "stranger"}))
    merge(classroom, ana, ben, sections=(one, RemoteSection("s2", "Évening")))
    assert {s.name for s in list_sections(classroom.course_id)} == {"Morning", "Évening"}
    merge(classroom, ana, ben)
    ids = {row.name: row.id for row in rows(classroom)}
    assert read_section_names(classroom.course_id) == {ids["Ana"]: ["Morning"], ids["Ben"]: ["Morning"]}
    merge(classroom, ana, ben, sections=(RemoteSection("s1", "Early", frozenset({"2"})),))
    assert read_section_names(classroom.course_id) == {ids["Ben"]: ["Early"]}
    section_id = list_sections(classroom.course_id)[0].id
    assert [m.name for m in list_students(classroom.course_id, Sought(section_id=section_id), 1).rows] == ["Ben"]
    merge(classroom, ana, ben, sections=())
    assert not db.session.scalars(select(SectionMembership)).all()


@flavours
def test_students_are_found_in_any_letters_and_case(classroom: Any) -> None:
    merge(
        classroom, person("Éva Ørsted", "1"), person("100% Ana_B", "2"), person("Zoë", "3", status=MemberStatus.DROPPED)
    )

    def found(words: str) -> list[str]:
        return [row.name for row in list_students(classroom.course_id, Sought(words=words), 1).rows]

    assert found("éVA ørsted") == ["Éva Ørsted"]
    assert found("%") == found("a_b") == ["100% Ana_B"]
    assert found("") == ["100% Ana_B", "Éva Ørsted", "Zoë"]
    assert list_students(classroom.course_id, Sought(status=MemberStatus.DROPPED), 7).found == 1


@flavours
@pytest.mark.shows("MODEL-73", "MODEL-75")
def test_a_group_counts_whom_it_holds_and_staff_stay_in_it(classroom: Any) -> None:
    classroom.pull()
    staff = {row.id for row in rows(classroom) if row.enrollment_type != "student"}
    summaries = [s for s in group_sets.list_sets(classroom.course_id) if not s.follows_roster]
    kept = set()
    for summary in summaries:
        page = classroom.read_set(summary.row.id)
        stored = {
            group_id: set(
                db.session.scalars(select(GroupMembership.member_id).where(GroupMembership.group_id == group_id))
            )
            for group_id in (card.row.id for card in page.cards)
        }
        assert {card.row.id: {m.id for m in card.members} for card in page.cards} == stored
        assert summary.people == len(set().union(*stored.values()))
        kept |= set().union(*stored.values()) & staff
    assert kept  # a teacher is in one of the LMS's groups
    dropped = next(m for m in classroom.students())
    assert dropped.lms_user_id
    merge(classroom, person(dropped.name, dropped.lms_user_id, status=MemberStatus.DROPPED), lists_inactive=False)
    assert not db.session.scalars(select(GroupMembership.group_id).where(GroupMembership.member_id == dropped.id)).all()
    assert db.session.scalars(select(Group.id)).all()


def test_one_person_with_impossible_texts_does_not_stop_the_roster(app_on_both: Any, classroom: Any) -> None:
    long = "ä\0" * 400
    liar = RemotePerson(
        name=long,
        enrollment_type=EnrollmentType.STUDENT,
        enrollment_display=long,
        lms_user_id="8001",
        email=f"{long}@x.example",
        student_number=long,
        department=long,
        institution=long,
    )
    honest = RemotePerson(name="Ada", enrollment_type=EnrollmentType.STUDENT, lms_user_id="8002")
    assert merge(classroom, liar, honest).roster.added == 2
    assert merge(classroom, liar, honest).roster.updated == 0
    rows = db.session.scalars(select(RosterMember).where(RosterMember.lms_user_id.in_(["8001", "8002"])))
    assert {row.name for row in rows} == {"ä" * 255, "Ada"}
