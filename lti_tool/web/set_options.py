"""Forms of group sets: the name, where a new one is made, and the options that Canvas has for its own."""

from typing import Any

from wtforms import BooleanField, SelectField, StringField

from lti_tool.domain.errors import RuleViolation, ToolError
from lti_tool.domain.remote import OPTIONS, SetOptions
from lti_tool.web.forms import GroupSetForm

SIGNUPS = ("", "off", "enabled", "restricted")
LEADERS = ("", "off", "first", "random")


class SetOptionsForm(GroupSetForm):
    """The name and the options of a set of the LMS; what is left empty stays as it is."""

    self_signup = SelectField("Students sign up by themselves", choices=SIGNUPS, default="", validate_choice=False)
    auto_leader = SelectField("A leader for each group", choices=LEADERS, default="", validate_choice=False)
    group_limit = StringField("Most people in a group")
    no_limit = BooleanField("No limit from now on")

    def options(self) -> SetOptions:
        """Return what was chosen; raise RuleViolation("set_options_invalid") for a limit that is no number."""
        chosen = {name: (self[name].data or "").strip() for name in OPTIONS}
        off = [name for name, value in chosen.items() if value == "off"]
        values: dict[str, Any] = {name: value for name, value in chosen.items() if value and name not in off}
        limit = values.pop("group_limit", None)
        if self.no_limit.data:
            if limit:
                raise RuleViolation("set_options_invalid", fields=["group_limit"])
            off.append("group_limit")
        if limit and not (limit.isascii() and limit.isdecimal()):
            raise RuleViolation("set_options_invalid", fields=["group_limit"])
        return SetOptions(**values, group_limit=int(limit[:9]) if limit else None, off=tuple(off))

    def refuse(self, field: Any, error: ToolError) -> None:
        """Put a wrong option beside its own field, and any other rule where it was said to belong."""
        wrong = error.facts.get("fields") if error.code == "set_options_invalid" else None
        if isinstance(wrong, list) and wrong and wrong[0] in self:
            field = self[wrong[0]]
        super().refuse(field, error)


class NewSetForm(SetOptionsForm):
    """A new set: its name, where it is made, and its options there."""

    where = StringField("Where it is made", default="here")
