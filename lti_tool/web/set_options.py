"""Reads what a form says about the options of a set of the LMS."""

from flask import request

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.gateway import OPTIONS, SetOptions


def posted_options() -> SetOptions:
    """Return the options of the posted form: what is missing stays as it is, what is sent as "off" is switched off.

    Raise RuleViolation("set_options_invalid") for a limit that is no number.
    """
    sent = {name: request.form.get(name, "").strip() for name in OPTIONS}
    off = tuple(name for name, value in sent.items() if value == "off")
    values = {name: value for name, value in sent.items() if value and name not in off}
    limit = values.pop("group_limit", None)
    if limit is not None and not limit.isascii():
        raise RuleViolation("set_options_invalid", fields=["group_limit"])
    try:
        return SetOptions(**values, group_limit=None if limit is None else int(limit), off=off)
    except ValueError:
        raise RuleViolation("set_options_invalid", fields=["group_limit"]) from None
