"""Forms: what people may send, checked at the edge; an error is a code whose sentence a template chooses."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from flask import request
from werkzeug.datastructures import CombinedMultiDict, FileStorage
from wtforms import FileField, HiddenField, IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms import Form as WTForm
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from lti_tool.domain.allocation import SizeRule
from lti_tool.domain.errors import ToolError
from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.services.groups import MOST_AT_ONCE

DESCRIPTION_LENGTH = 5000
MOST_TOGETHER = 500  # people in one group that is made by lot


class Form(WTForm):  # type: ignore[misc] # wtforms has no types
    """A form of this request: filled from what was sent, else from the values given.

    `unreadable`: by field, the code of the sentence for what was sent but is nothing of the field's kind.
    """

    unreadable: ClassVar[Mapping[str, str]] = {}

    def __init__(self, sent: Any = None, **values: Any) -> None:
        if sent is None and request.method == "POST":
            sent = CombinedMultiDict[str, Any]([request.files, request.form])
        super().__init__(sent, data=values)
        self.facts: dict[str, object] = {}
        for name, code in self.unreadable.items():
            if self[name].process_errors:
                self[name].process_errors = [code]

    def refuse(self, field: Any, error: ToolError) -> None:
        """Put a rule that a service found broken beside the field that broke it."""
        field.errors = (*field.errors, error.code)
        self.facts.update(error.facts)


def _name(label: str, description: str = "") -> Any:
    rules = [DataRequired("name_required"), Length(max=NAME_LENGTH, message="name_too_long")]
    return StringField(label, rules, description=description)


def as_uuid(text: object) -> UUID:
    """Return a sent id; raise ValueError for what is none."""
    return UUID(str(text))


def _as_ticked(text: object) -> tuple[UUID, frozenset[UUID] | None]:
    """Read "person@group,group": a person, and the groups that the page showed them in when it says so."""
    person, said, groups = str(text).partition("@")
    return as_uuid(person), frozenset(as_uuid(one) for one in groups.split(",") if one) if said else None


def as_person(text: object) -> UUID:
    """Return the id of a person who was ticked on a page; raise ValueError for what is none."""
    return _as_ticked(text)[0]


def places_shown(people: Any) -> dict[UUID, frozenset[UUID]]:
    """Return, by person of a field, the groups that the page showed them in; programs need not say it."""
    ticked = (_as_ticked(text) for text in people.raw_data or ())
    return {person: groups for person, groups in ticked if groups is not None}


def _revision(text: object) -> int | None:
    return int(text) if isinstance(text, int | str) and str(text).isdecimal() else None


class Revision(HiddenField):  # type: ignore[misc] # wtforms has no types
    """The revision of the set that the form was shown for; None: it was not said, and nothing is compared."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take what was sent as a number."""
        self.data = _revision(valuelist[0]) if valuelist else None


class UploadedFile(FileField):  # type: ignore[misc] # wtforms has no types
    """A file that was sent as one; a text under its name is none."""

    def process_formdata(self, valuelist: list[object]) -> None:
        """Take what was sent when it is a file."""
        sent = valuelist[0] if valuelist else None
        self.data: Any = sent if isinstance(sent, FileStorage) else None


class GroupSetForm(Form):
    """The name of a group set."""

    name = _name("Name", "For example “Project teams”. The group sets of a course need different names.")
    revision = Revision()


class AddGroupsForm(Form):
    """One group, or several numbered ones."""

    name = _name("Name of the groups", "Several are numbered: team-1, team-2 …")
    count = IntegerField(
        "How many", [InputRequired("too_many_groups"), NumberRange(1, MOST_AT_ONCE, "too_many_groups")], default=1
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.facts["limit"] = MOST_AT_ONCE
        if self.count.process_errors:
            self.count.process_errors = ["too_many_groups"]


class EditGroupForm(Form):
    """A group's name and what it is for."""

    name = _name("Name")
    description = TextAreaField("Description (optional)", [Length(max=DESCRIPTION_LENGTH, message="text_too_long")])
    revision = Revision()


class GroupOfPeopleForm(Form):
    """One group with certain people in it; without a name it is named after them."""

    name = StringField(
        "Name (optional)",
        [Length(max=NAME_LENGTH, message="name_too_long")],
        description="Left empty, the group is named after its people; in this tool’s own sets the name follows them.",
    )
    member_ids = SelectMultipleField("People", coerce=as_person, validate_choice=False)


class NameForm(Form):
    """A name while it is typed: of new groups, of a group for people, or of a group that is edited."""

    name = StringField("Name", [Length(max=NAME_LENGTH, message="name_too_long")])
    count = IntegerField("How many", default=1)
    member_ids = SelectMultipleField("People", coerce=as_person, validate_choice=False)


class ReferencesForm(Form):
    """Existing groups for a set."""

    group_ids = SelectMultipleField("Groups", [DataRequired("groups_required")], coerce=as_uuid, validate_choice=False)


class PlaceForm(Form):
    """People, and the group that they shall be in."""

    member_ids = SelectMultipleField(
        "People", [DataRequired("people_required")], coerce=as_person, validate_choice=False
    )
    group_id = SelectField("Group", [DataRequired("group_required")], coerce=as_uuid, validate_choice=False)


class AddStudentForm(Form):
    """One student for one group."""

    member_id = SelectField("Student", [DataRequired("people_required")], coerce=as_person, validate_choice=False)


class DrawForm(Form):
    """A draw that was shown: its seed, and the set's revision and the mark of the people that it was made for."""

    seed = IntegerField("Seed", [InputRequired("draw_required")])
    revision = IntegerField("Revision", [InputRequired("draw_required")])
    people_mark = StringField("People")


class GroupsDrawForm(Form):
    """Groups to be made by lot: asked for by an address, so that a draw can be reloaded, or sent to be made."""

    name = _name("Name of the groups", "They are numbered: team-1, team-2 …")
    size = IntegerField("People in a group", [InputRequired("group_size"), NumberRange(2, MOST_TOGETHER, "group_size")])
    rule = SelectField(
        "When it does not come out even",
        choices=list(SizeRule),
        coerce=SizeRule,
    )
    seed = IntegerField("Seed", [InputRequired("draw_required")])
    revision = IntegerField("Revision", default=-1)
    people_mark = StringField("People")

    def __init__(self, **values: Any) -> None:
        super().__init__(request.values if "size" in request.values else None, **values)
        self.facts["limit"] = MOST_TOGETHER
        for field in self:
            if field.process_errors:
                field.process_errors = ["draw_required" if field in (self.seed, self.revision) else "group_size"]


class UploadForm(Form):
    """A table in a file, as spreadsheets save them."""

    file = UploadedFile(
        "CSV file", [DataRequired("file_required")], render_kw={"accept": ".csv,.txt,.tsv,text/csv", "required": True}
    )


class ImportForm(Form):
    """A yes to the groups of a file as they were `seen`, and the name of the new set."""

    name = _name("Name of the group set")
    seen = HiddenField()


class UndoForm(Form):
    """A yes to taking a change back, and the revision of the set that the change had led to."""

    revision = IntegerField("Revision", [InputRequired("draw_required")])


class ReimportForm(Form):
    """A yes to the groups of a file in place of a set's, as set and file were `seen` when they were shown."""

    revision = IntegerField("Revision", [InputRequired("draw_required")])
    seen = HiddenField()
