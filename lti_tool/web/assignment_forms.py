"""The form of an assignment: its name, its group set, and which groups of the set it uses."""

from typing import Any
from uuid import UUID

from wtforms import HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from lti_tool.domain.globs import validate
from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.selection import Selection
from lti_tool.services.assignments import Draft
from lti_tool.web.forms import DESCRIPTION_LENGTH, Form, as_uuid

DIGITS = 18  # of a revision; Python refuses to read numbers of thousands of them
PATTERN_HINT = (
    "* is any text, ? one character, [a-z] one of these, [!a-z] none of these; \\ takes the next sign as it is."
)


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
    revision = HiddenField()

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
        return Draft(self.name.data or "", self.description.data or "", self.group_set_id.data, self.selection)

    @property
    def seen_revision(self) -> int:
        """Return which state of the assignment the form was filled from; -1, which never was, for nonsense."""
        text = self.revision.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else -1
