"""Group sets from files and as files, on both LMSs and both databases."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain.base58 import encode
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation
from lti_tool.domain.spreadsheet import BadSpreadsheet
from lti_tool.domain.tables import decode, read_table
from lti_tool.models import Group, GroupSet, ImportDraft, RosterMember, db, transaction
from lti_tool.services import copies, group_sets, groups, runs, set_export, set_import
from tests.services.conftest import Classroom


def shape(classroom: Classroom, set_id: UUID) -> list[tuple[str, list[str]]]:
    """The set's groups and their people, both in order."""
    cards = classroom.read_set(set_id).cards
    return [(card.row.name, [member.email or member.name for member in card.members]) for card in cards]


def bring(classroom: Classroom, text: str | bytes, name: str = "Teams") -> UUID:
    """Import a file as a new set."""
    data = text.encode() if isinstance(text, str) else text
    return confirm(classroom, set_import.keep_upload(classroom.viewer, "teams.csv", data), name)


def confirm(classroom: Classroom, draft: UUID, name: str) -> UUID:
    """Say yes to what the preview of a new set shows."""
    seen = set_import.preview_import(classroom.viewer, draft).seen
    return set_import.import_set(classroom.viewer, draft, name, seen).group_set


def bring_again(classroom: Classroom, set_id: UUID, text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    draft = set_import.keep_upload(classroom.viewer, "again.csv", data, set_id)
    shown = set_import.preview_import(classroom.viewer, draft, set_id)
    changes = set_import.reimport_set(classroom.viewer, draft, set_id, shown.row.revision, shown.seen)
    return shown, changes


def emails(classroom: Classroom) -> list[str]:
    return [student.email for student in classroom.students() if student.email]


@pytest.fixture
def pulled(classroom: Classroom) -> Classroom:
    """A course whose people and groups are fetched."""
    classroom.pull()
    return classroom


def lms_set(classroom: Classroom) -> GroupSet:
    """The set of the LMS with the most groups."""
    held = [held for held in group_sets.list_sets(classroom.course_id) if held.row.lms_group_set_id]
    return max(held, key=lambda held: held.groups).row


@pytest.mark.shows("CSV-8", "MODEL-37", "MODEL-51", "MODEL-82", "MODEL-111", "MODEL-142")
def test_what_is_exported_is_imported_as_it_was(pulled: Classroom) -> None:
    a, b, c, d = emails(pulled)[:4]
    staff = db.session.scalars(
        select(RosterMember).where(
            RosterMember.course_id == pulled.course_id,
            RosterMember.enrollment_type == "teacher",
            RosterMember.email.is_not(None),
        )
    ).first()
    assert staff is not None
    text = f"group_name,email\n=Team  Ä 1,{c}\n=Team  Ä 1,{staff.email}\nEmpty,\n=Team  Ä 1,{a}\nzz,{d}\nAA,{b}"
    first = bring(pulled, text)
    wanted = [("=Team  Ä 1", [c, staff.email, a]), ("Empty", []), ("zz", [d]), ("AA", [b])]
    assert shape(pulled, first) == wanted
    second = bring(pulled, set_export.export_set(pulled.course_id, first).body, "Again")
    assert shape(pulled, second) == wanted
    ids = {card.row.id for card in pulled.read_set(first).cards}
    assert not ids & {card.row.id for card in pulled.read_set(second).cards}


@pytest.mark.shows("MODEL-111", "MODEL-13", "MODEL-17")
def test_a_set_of_the_lms_becomes_one_of_our_own_by_a_file(pulled: Classroom) -> None:
    theirs = lms_set(pulled)
    before = shape(pulled, theirs.id)
    export = set_export.export_set(pulled.course_id, theirs.id)
    assert export.filename == f"{theirs.name}.csv"
    rows = read_table(decode(export.body)).rows
    assert {row.cells["group_set_id"] for row in rows} == {encode(theirs.id)}
    set_id = bring(pulled, export.body, "Ours")
    row = group_sets.get_set(pulled.course_id, set_id)
    assert (row.connection, row.source_filename, row.lms_group_set_id) == ("import", "teams.csv", None)
    assert row.last_updated is not None
    made = group_sets.read_groups(set_id)
    assert {(group.origin, group.lms_group_id) for group in made} == {("local", None)}
    assert not {group.id for group in made} & {group.id for group in group_sets.read_groups(theirs.id)}
    groups.edit_group(pulled.viewer, set_id, made[0].id, "Mine", "")
    assert shape(pulled, theirs.id) == before


@pytest.mark.shows("CSV-6")
def test_a_preview_stores_nothing_but_the_file(pulled: Classroom) -> None:
    a = emails(pulled)[0]
    sets = len(group_sets.list_sets(pulled.course_id))
    draft = set_import.keep_upload(pulled.viewer, "Lab teams.csv", f"group_name,email\nX,{a}\nX,nobody@x\nY,".encode())
    shown = set_import.preview_import(pulled.viewer, draft)
    assert (shown.set_name, shown.comparison) == ("Lab teams", None)
    assert [(group.name, len(group.members), group.missing) for group in shown.proposal.groups] == [
        ("X", 1, 1),
        ("Y", 0, 0),
    ]
    assert [(person.line, person.email) for person in shown.proposal.missing] == [(3, "nobody@x")]
    assert len(group_sets.list_sets(pulled.course_id)) == sets
    assert db.session.scalar(select(Group.id).where(Group.name == "X")) is None


@pytest.mark.shows("CSV-2")
def test_a_file_that_breaks_rules_leaves_nothing_behind(pulled: Classroom) -> None:
    with pytest.raises(BadSpreadsheet, match="csv_problems") as refused:
        set_import.keep_upload(pulled.viewer, "x.csv", b"group_name,email\n,a@x\nT,b@x\nT,b@x")
    assert [problem.code for problem in refused.value.problems] == ["csv_empty_name", "csv_twice"]
    assert db.session.scalars(select(ImportDraft)).all() == []


@pytest.mark.shows("CSV-8")
def test_the_name_of_the_set_is_free(pulled: Classroom) -> None:
    draft = set_import.keep_upload(pulled.viewer, "Teams.csv", b"group_name\nA")
    bring(pulled, "group_name\nA", "teams")
    assert set_import.preview_import(pulled.viewer, draft).set_name == "Teams (2)"
    for name, code in (("TEAMS", "name_taken"), (" ", "name_required")):
        with pytest.raises(RuleViolation, match=code):
            confirm(pulled, draft, name)
    confirm(pulled, draft, "Teams (2)")
    with pytest.raises(NotFound, match="draft_not_found"):
        set_import.import_set(pulled.viewer, draft, "Teams (3)", "")
    with pytest.raises(RuleViolation, match="name_taken"):
        group_sets.create_set(pulled.viewer, "Teams")


@pytest.mark.shows("CSV-5", "CSV-6", "CSV-7", "MODEL-17", "MODEL-18", "MODEL-41", "MODEL-42", "MODEL-82")
def test_a_second_file_overwrites_the_set(pulled: Classroom) -> None:
    a, b, c, d = emails(pulled)[:4]
    set_id = bring(pulled, f"group_name,email\nRed,{a}\nBlue,{b}\nOld,{c}\nGone,")
    ids = {group.name: group.id for group in group_sets.read_groups(set_id)}
    text = (
        f"group_set_id,group_id,group_name,email\n"
        f",,new,{d}\n{encode(set_id)},,Blue,{b}\n,{encode(ids['Red'])},Scarlet,{c}\n,,gone,"
    )
    shown, changes = bring_again(pulled, set_id, text)
    comparison = shown.comparison
    assert comparison is not None
    assert comparison.renamed == (("Red", "Scarlet"),)
    assert comparison.added == ("new", "gone")
    assert [group.name for group in comparison.removed] == ["Old", "Gone"]
    assert [(group.name, len(group.added), len(group.removed)) for group in comparison.updated] == [("Scarlet", 1, 1)]
    assert shape(pulled, set_id) == [("new", [d]), ("Blue", [b]), ("Scarlet", [c]), ("gone", [])]
    after = {group.name: group.id for group in group_sets.read_groups(set_id)}
    assert (after["Blue"], after["Scarlet"]) == (ids["Blue"], ids["Red"])
    assert changes.deleted_groups == {ids["Old"], ids["Gone"]}
    assert changes.groups == {after["new"], after["gone"], after["Scarlet"]}
    assert group_sets.get_set(pulled.course_id, set_id).source_filename == "again.csv"
    assert db.session.scalars(select(Group).where(Group.id.in_(changes.deleted_groups))).all() == []


@pytest.mark.shows("CSV-7", "MODEL-42")
def test_a_group_that_another_set_holds_leaves_only_this_one(pulled: Classroom) -> None:
    set_id = bring(pulled, "group_name\nKept\nShared")
    copy = copies.copy_set(pulled.viewer, set_id).group_set
    shown, changes = bring_again(pulled, set_id, "group_name\nKept")
    assert list(shown.shared_with) == [group_sets.get_set(pulled.course_id, copy).name]
    assert changes.deleted_groups == frozenset()
    assert [name for name, _ in shape(pulled, set_id)] == ["Kept"]
    assert [name for name, _ in shape(pulled, copy)] == ["Kept", "Shared"]


@pytest.mark.shows("MODEL-146")
def test_a_renamed_group_keeps_out_of_the_way_of_names_in_its_other_sets(pulled: Classroom) -> None:
    set_id = bring(pulled, "group_name\nRed\nBlue")
    copy = copies.copy_set(pulled.viewer, set_id).group_set
    (red, _) = group_sets.read_groups(set_id)
    pulled.new_groups(copy, "New")
    text = f"group_id,group_name\n{encode(red.id)},NEW\n,Blue".encode()
    draft = set_import.keep_upload(pulled.viewer, "x.csv", text, set_id)
    shown = set_import.preview_import(pulled.viewer, draft, set_id)
    assert list(shown.taken) == [("NEW", group_sets.get_set(pulled.course_id, copy).name)]
    with pytest.raises(RuleViolation, match="import_name_taken"):
        set_import.reimport_set(pulled.viewer, draft, set_id, shown.row.revision, shown.seen)
    bring_again(pulled, set_id, text.replace(b"NEW", b"Newer"))
    assert [name for name, _ in shape(pulled, copy)] == ["Newer", "Blue", "new"]


def test_importing_an_export_again_changes_nothing(pulled: Classroom) -> None:
    a, b = emails(pulled)[:2]
    set_id = bring(pulled, f"group_name,email\nRed,{b}\nRed,{a}\nBlue,")
    before = [(group.id, group.name) for group in group_sets.read_groups(set_id)]
    shown, changes = bring_again(pulled, set_id, set_export.export_set(pulled.course_id, set_id).body)
    assert shown.comparison is not None
    assert shown.comparison.is_empty
    assert changes.groups == frozenset()
    assert [(group.id, group.name) for group in group_sets.read_groups(set_id)] == before
    assert shape(pulled, set_id) == [("Red", [b, a]), ("Blue", [])]


@pytest.mark.shows("CSV-5")
def test_only_the_files_of_an_imported_set_overwrite_it(pulled: Classroom) -> None:
    one, two = bring(pulled, "group_name\nA", "One"), bring(pulled, "group_name\nA", "Two")
    export = set_export.export_set(pulled.course_id, one).body
    with pytest.raises(BadSpreadsheet) as refused:
        set_import.keep_upload(pulled.viewer, "x.csv", export, two)
    assert [problem.code for problem in refused.value.problems] == ["csv_other_set"]
    with pytest.raises(RuleViolation, match="set_not_imported"):
        set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nA", pulled.new_set("Local"))
    with pytest.raises(Forbidden, match="set_not_editable"):
        set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nA", lms_set(pulled).id)
    draft = set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nA", one)
    for wrong in (two, None):
        with pytest.raises(NotFound, match="draft_not_found"):
            set_import.preview_import(pulled.viewer, draft, wrong)


@pytest.mark.shows("CSV-6")
def test_what_changed_since_it_was_shown_is_shown_again(pulled: Classroom) -> None:
    set_id = bring(pulled, "group_name\nA")
    draft = set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nB", set_id)
    before = set_import.preview_import(pulled.viewer, draft, set_id)
    revision = before.row.revision
    pulled.new_groups(set_id, "C")
    with pytest.raises(Conflict, match="set_changed"):
        set_import.reimport_set(pulled.viewer, draft, set_id, revision, before.seen)
    assert [name for name, _ in shape(pulled, set_id)] == ["A", "c"]
    shown = set_import.preview_import(pulled.viewer, draft, set_id)
    assert [group.name for group in shown.comparison.removed] == ["A", "c"]
    set_import.reimport_set(pulled.viewer, draft, set_id, shown.row.revision, shown.seen)
    assert [name for name, _ in shape(pulled, set_id)] == ["B"]


@pytest.mark.shows("CSV-6")
def test_people_who_changed_since_they_were_shown_are_shown_again(pulled: Classroom) -> None:
    a, b = emails(pulled)[:2]
    text = f"group_name,email\nA,{a}\nA,late@x.example\n"
    new = set_import.keep_upload(pulled.viewer, "x.csv", text.encode())
    again_id = bring(pulled, f"group_name,email\nA,{b}", "Held")
    again = set_import.keep_upload(pulled.viewer, "x.csv", text.encode(), again_id)
    shown = set_import.preview_import(pulled.viewer, again, again_id)
    seen = set_import.preview_import(pulled.viewer, new).seen
    with transaction() as session:
        late = session.scalars(select(RosterMember).where(RosterMember.email == emails(pulled)[2])).one()
        late.email = "late@x.example"
    with pytest.raises(Conflict, match="import_changed"):
        set_import.import_set(pulled.viewer, new, "New", seen)
    with pytest.raises(Conflict, match="import_changed"):
        set_import.reimport_set(pulled.viewer, again, again_id, shown.row.revision, shown.seen)
    assert shape(pulled, again_id) == [("A", [b])]
    assert shape(pulled, confirm(pulled, new, "New")) == [("A", [a, "late@x.example"])]


def test_nothing_is_imported_while_a_sync_is_at_work(pulled: Classroom) -> None:
    set_id = bring(pulled, "group_name\nA")
    new = set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nB")
    again = set_import.keep_upload(pulled.viewer, "x.csv", b"group_name\nB", set_id)
    runs.queue(pulled.course_id, "pull")
    with pytest.raises(Conflict, match="run_open"):
        confirm(pulled, new, "New")
    shown = set_import.preview_import(pulled.viewer, again, set_id)
    with pytest.raises(Conflict, match="run_open"):
        set_import.reimport_set(pulled.viewer, again, set_id, shown.row.revision, shown.seen)
    assert [name for name, _ in shape(pulled, set_id)] == ["A"]


@pytest.mark.shows("MODEL-142")
def test_a_name_from_a_file_is_no_longer_made_by_the_tool(pulled: Classroom) -> None:
    set_id = bring(pulled, "group_name\nA")
    (group,) = group_sets.read_groups(set_id)
    with transaction() as session:
        session.get_one(Group, group.id).name_generated = True
    bring_again(pulled, set_id, "group_name\nA")
    db.session.rollback()
    assert db.session.get_one(Group, group.id).name_generated is False


def test_people_of_another_course_are_not_found(pulled: Classroom) -> None:
    a = emails(pulled)[0]
    elsewhere = replace(pulled.viewer, course=replace(pulled.viewer.course, id=UUID(int=1)))
    draft = set_import.keep_upload(pulled.viewer, "x.csv", f"group_name,email\nA,{a}".encode())
    with pytest.raises(NotFound, match="draft_not_found"):
        set_import.preview_import(elsewhere, draft)
