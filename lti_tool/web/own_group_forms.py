"""Forms of a group's own pages: what it is called and for, how it lets people in, its roles and its links."""

from typing import Any, ClassVar, cast
from uuid import UUID

from flask import request
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError

from lti_tool.domain.group_rights import GIVEN_ROLES, GroupRole
from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.signup import Privacy, Signup, SignupRules
from lti_tool.services.own_groups import Doors
from lti_tool.web.assignment_forms import MOMENTS, MOST_PEOPLE, in_utc
from lti_tool.web.forms import DESCRIPTION_LENGTH, Form, GroupSetForm, as_uuid

PRIVACIES = [
    (Privacy.LISTED, "Listed: classmates who may join see it"),
    (Privacy.UNLISTED, "Unlisted: only by its code or an invite link"),
    (Privacy.CLOSED, "Closed: nobody comes in"),
]
SIGNUPS = [
    (Signup.CLOSED, "Nothing: staff fill the groups"),
    (Signup.JOIN, "Join and leave groups"),
    (Signup.CREATE, "Join and leave groups, and make their own"),
]


def _description() -> Any:
    return TextAreaField("Description (optional)", [Length(max=DESCRIPTION_LENGTH, message="text_too_long")])


class NewGroupForm(Form):
    """A new group of one's own."""

    name = StringField(
        "Name (optional)",
        [Length(max=NAME_LENGTH, message="name_too_long")],
        description="Left empty, the group is named after its people, and the name follows them.",
    )
    description = _description()
    privacy = SelectField("Who finds it", coerce=Privacy, default=Privacy.UNLISTED, validate_choice=False)
    PRIVACIES = PRIVACIES[:2]
    unreadable: ClassVar = {"privacy": "choice_wrong"}


class EditGroupForm(Form):
    """A group's name and description."""

    name = StringField("Name", [DataRequired("name_required"), Length(max=NAME_LENGTH, message="name_too_long")])
    description = _description()


class GroupDoorsForm(EditGroupForm):
    """A group's name and description, and how it lets people in."""

    is_invite_active = BooleanField("The group’s code works")
    privacy = SelectField("Who finds it", coerce=Privacy, validate_choice=False)
    needs_approval = BooleanField("Whoever wants to join asks first")
    max_members = IntegerField("Most members (optional)", [Optional(), NumberRange(1, MOST_PEOPLE, "size_required")])
    PRIVACIES = PRIVACIES
    unreadable: ClassVar = {"privacy": "choice_wrong", "max_members": "size_required"}

    @property
    def doors(self) -> Doors:
        """Return how the fields let people in; they are valid."""
        return Doors(
            is_invite_active=self.is_invite_active.data,
            privacy=self.privacy.data,
            needs_approval=self.needs_approval.data,
            max_members=self.max_members.data,
        )


class MembersForm(Form):
    """Ticked members of a group."""

    member_ids = SelectMultipleField(
        "Members", [DataRequired("people_required")], coerce=as_uuid, validate_choice=False
    )
    unreadable: ClassVar = {"member_ids": "member_not_found"}


class TransferForm(Form):
    """The member to whom a group is handed on."""

    member_id = SelectField("New creator", [DataRequired("people_required")], coerce=as_uuid, validate_choice=False)
    unreadable: ClassVar = {"member_id": "people_required"}


class RolesForm(Form):
    """Roles of a group's members: a field for each, which `roles_form` makes."""

    PREFIX = "role-"

    @property
    def roles(self) -> dict[UUID, GroupRole]:
        """Return the role of each member; they are valid."""
        return {as_uuid(field.name.removeprefix(self.PREFIX)): field.data for field in self if field.data}


def _is_given(_form: Form, field: Any) -> None:
    try:
        as_uuid(field.name.removeprefix(RolesForm.PREFIX))
    except ValueError:
        raise ValidationError("member_not_found") from None
    if field.data not in GIVEN_ROLES:
        raise ValidationError("role_not_given")


def roles_form() -> RolesForm:
    """Return the form of the members' roles that were sent, a field for each; the service knows who is a member."""
    names = [name for name in request.form if name.startswith(RolesForm.PREFIX)]
    fields: dict[str, Any] = {
        name: SelectField(coerce=GroupRole, validators=[_is_given], validate_choice=False) for name in names
    }
    fields["unreadable"] = dict.fromkeys(names, "role_not_given")
    return cast("RolesForm", type("RolesForm", (RolesForm,), fields)())


class CodeForm(Form):
    """A group's code, or a whole invite link."""

    code = StringField(
        "Code or invite link",
        [Length(max=500, message="code_length")],
        description="A code has 12 capital letters and digits. You can paste a whole invite link too.",
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "data-code": ""},
    )


class InviteForm(Form):
    """A new invite link: until when it works, and how often."""

    expires_at = DateTimeLocalField("Works until, UTC (optional)", [Optional()], format=MOMENTS)
    max_uses = IntegerField("Most uses (optional)", [Optional(), NumberRange(1, MOST_PEOPLE, "uses_wrong")])
    unreadable: ClassVar = {"expires_at": "date_wrong", "max_uses": "uses_wrong"}

    @property
    def expiry(self) -> Any:
        """Return the last moment as aware UTC, None for none."""
        return in_utc(self.expires_at.data)


class SetSignupForm(GroupSetForm):
    """A local set's name, and what students may do in it by themselves."""

    signup = SelectField("Students may", coerce=Signup, default=Signup.CLOSED, validate_choice=False)
    SIGNUPS = SIGNUPS
    signup_until = DateTimeLocalField("Until, UTC (optional)", [Optional()], format=MOMENTS)
    group_limit = IntegerField(
        "Most members of a group (optional)", [Optional(), NumberRange(1, MOST_PEOPLE, "size_required")]
    )
    same_section = BooleanField("Only within one section")
    unreadable: ClassVar = {"signup": "choice_wrong", "signup_until": "date_wrong", "group_limit": "size_required"}

    @property
    def rules(self) -> SignupRules:
        """Return what the fields let students do; they are valid."""
        until = in_utc(self.signup_until.data)
        return SignupRules(self.signup.data, until, self.group_limit.data, self.same_section.data)
