"""The form of an assignment: its name, its group set, and which groups of the set it uses."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from wtforms import (
    BooleanField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from lti_tool.domain.formation import Rules
from lti_tool.domain.globs import validate
from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.selection import Selection
from lti_tool.services.assignments import Draft
from lti_tool.web.forms import DESCRIPTION_LENGTH, Form, as_uuid

MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]  # as browsers send them
MOST_PEOPLE = 10_000
DIGITS = 18  # of a revision; Python refuses to read numbers of thousands of them
PATTERN_HINT = (
    "* is any text, ? one character, [a-z] one of these, [!a-z] none of these; \\ takes the next sign as it is."
)


def in_utc(typed: datetime | None) -> datetime | None:
    """Return a typed time as aware UTC, which the field's label says it is."""
    return typed.replace(tzinfo=UTC) if typed else None


def _uuid_or_none(text: object) -> UUID | None:
    return as_uuid(text) if text else None


class AssignmentForm(Form):
    """An assignment; without a group set a new one is for each student alone."""

    name = StringField("Name", [DataRequired("name_required"), Length(max=NAME_LENGTH, message="name_too_long")])
    description = TextAreaField("Description (optional)", [Length(max=DESCRIPTION_LENGTH, message="text_too_long")])
    group_set_id = SelectField("Group set", coerce=_uuid_or_none, validate_choice=False)
    kind = SelectField("Groups", default="all", validate_choice=False)
    pattern = StringField("Pattern for their names", description=PATTERN_HINT)
    excluded = SelectMultipleField("Leave out", coerce=as_uuid, validate_choice=False)
    find = StringField("Find groups to leave out, by a part of their name")
    formed_by = SelectField("Who forms the groups", default="staff", validate_choice=False)
    min_size = IntegerField("Least people in a group", [Optional()], default=1)
    max_size = IntegerField("Most people (optional)", [Optional()])
    last_invitation_at = DateTimeLocalField("Last invitation, UTC (optional)", [Optional()], format=MOMENTS)
    last_answer_at = DateTimeLocalField(
        "Last answer, UTC (optional)",
        [Optional()],
        format=MOMENTS,
        description="Where there is no last invitation, nobody starts a group or invites after it either.",
    )
    same_section = BooleanField("Only within one section")
    names_chosen = BooleanField("Students choose the names; else groups are named after their people")
    revision = HiddenField()

    unreadable: ClassVar = {
        "min_size": "size_required",
        "max_size": "size_required",
        "last_invitation_at": "date_wrong",
        "last_answer_at": "date_wrong",
    }

    def validate_min_size(self, field: Any) -> None:
        """Refuse a minimum below one."""
        if field.data is not None and not 1 <= field.data <= MOST_PEOPLE:
            raise ValidationError("minimum_too_small")

    def validate_max_size(self, field: Any) -> None:
        """Refuse a maximum below the minimum."""
        if field.data is not None and not max(1, self.min_size.data or 1) <= field.data <= MOST_PEOPLE:
            raise ValidationError("maximum_below_minimum")

    def validate_last_answer_at(self, field: Any) -> None:
        """Refuse a last answer before the last invitation."""
        if field.data and self.last_invitation_at.data and field.data < self.last_invitation_at.data:
            raise ValidationError("dates_crossed")

    def validate_pattern(self, field: Any) -> None:
        """Refuse a pattern that is not understood, with its place."""
        error = validate(self.sought) if self.kind.data == "pattern" else None
        if error:
            self.facts.update(error.facts)
            raise ValidationError(error.code)

    @property
    def sought(self) -> str:
        """Return the pattern as it was typed."""
        return self.pattern.data or ""

    @property
    def selection(self) -> Selection:
        """Return the selection that the fields describe; its pattern may be wrong."""
        pattern = self.sought if self.kind.data == "pattern" else None
        return Selection(pattern, frozenset(self.excluded.data or ()))

    @property
    def draft(self) -> Draft:
        """Return the assignment that the fields describe."""
        name, description = self.name.data or "", self.description.data or ""
        return Draft(name, description, self.group_set_id.data, self.selection, self.formation)

    @property
    def formation(self) -> Rules:
        """Return how groups form by the fields; they are valid."""
        return Rules(
            by_students=self.formed_by.data == "students",
            minimum=self.min_size.data or 1,
            maximum=self.max_size.data,
            last_invitation_at=in_utc(self.last_invitation_at.data),
            last_answer_at=in_utc(self.last_answer_at.data),
            same_section=self.same_section.data,
            names_chosen=self.names_chosen.data,
        )

    @property
    def seen_revision(self) -> int:
        """Return which state of the assignment the form was filled from; -1, which never was, for nonsense."""
        text = self.revision.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else -1
