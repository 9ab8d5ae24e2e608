"""Forms of an assignment's groupings: what students send who form their groups, and what staff do about them."""

from typing import ClassVar

from wtforms import HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.web.forms import DESCRIPTION_LENGTH, Form, UploadedFile, as_uuid


class StartForm(Form):
    """A new group; its name only where students choose it."""

    name = StringField(
        "Name of your group (optional)",
        [Length(max=NAME_LENGTH, message="name_too_long")],
        description="Left empty, the group is named after its people.",
    )


class InviteForm(Form):
    """Classmates to invite: ticked, or typed."""

    member_ids = SelectMultipleField("Classmates", coerce=as_uuid, validate_choice=False)
    typed = TextAreaField(
        "Or by name, e-mail or student number",
        [Length(max=DESCRIPTION_LENGTH, message="text_too_long")],
        description="Several with commas, or one on each line.",
        render_kw={"rows": 2},
    )
    unreadable: ClassVar = {"member_ids": "invite_unknown"}


class NewGroupingForm(Form):
    """Students for a new grouping, and its group's name; the same ticks serve to add them to a grouping."""

    name = StringField(
        "Name of the new group (optional)",
        [Length(max=NAME_LENGTH, message="name_too_long")],
        description="A group of this name is used again; left empty, the group is named after its people.",
    )
    member_ids = SelectMultipleField("Students", coerce=as_uuid, validate_choice=False)
    unreadable: ClassVar = {"member_ids": "member_not_found"}


class AddForm(NewGroupingForm):
    """Students for a grouping that there is."""

    member_ids = SelectMultipleField("Students", [DataRequired("tick_first")], coerce=as_uuid, validate_choice=False)


class MoveForm(Form):
    """The grouping that somebody is moved to."""

    target_id = SelectField("Move to", [DataRequired("group_required")], coerce=as_uuid, validate_choice=False)
    unreadable: ClassVar = {"target_id": "group_required"}


class CloneForm(Form):
    """The assignment whose groupings are cloned, and the mark of the preview that was seen."""

    source_id = SelectField(
        "Take the groups of", [DataRequired("source_required")], coerce=as_uuid, validate_choice=False
    )
    seen = HiddenField()
    unreadable: ClassVar = {"source_id": "source_required"}


class FileForm(Form):
    """A file of groupings."""

    file = UploadedFile(
        "CSV file",
        [DataRequired("file_required")],
        description="One line for each group: its name, then its people by e-mail, name or student number.",
        render_kw={"accept": ".csv,.txt,text/csv"},
    )
