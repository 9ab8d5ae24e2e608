"""The Moodle-like web service: one address, functions by name, errors with status 200, answers in JSON or XML."""

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from flask import Blueprint, Response, g, json, request

from lti_tool.demo import gate
from lti_tool.demo.hub import hub, moodle

bp = Blueprint("moodle_ws", __name__, url_prefix="/moodle")
gate.guard(bp, "moodle")
MAX_INPUT_VARS = 5000
Call = dict[str, Any]
FUNCTIONS: dict[str, Callable[[Call], Any]] = {}
_PART = re.compile(r"\[([^\]]*)\]")
_MESSAGES = {
    "invalidparameter": "Invalid parameter value detected",
    "invalidtoken": "Invalid token - token not found",
    "accessexception": "Access control exception",
    "nopermissions": "Sorry, but you do not currently have permissions to do that (Manage groups).",
    "wsaccessusersuspended": "Refused web service access for suspended username: lti-groups-service",
    "invalidrecord": "Can't find data record in database.",
    "invalidresponse": "Invalid response value detected",
    "invaliduser": "Invalid user",
    "idnumbertaken": "ID number is already taken",
    "dmlwriteexception": "Error writing to database",
    "errorcoursecontextnotvalid": "You cannot execute functions in the course context.",
    "errorremovenotpermitted": "You do not have permission to remove this member from the group.",
    "invaliduserfield": "Invalid user field",
    "codingerror": "Coding error detected, it must be fixed by a programmer",
}


class MoodleError(Exception):
    """An error that the service answers, with status 200 as always."""

    def __init__(self, code: str, kind: str = "moodle_exception", detail: str = "") -> None:
        super().__init__(code)
        self.code, self.kind, self.detail = code, kind, detail


def bad_value() -> MoodleError:
    """Return the error that stands for almost every wrong input."""
    return MoodleError("invalidparameter", "invalid_parameter_exception")


def function(name: str) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Register a function of the web service."""

    def register(view: Callable[[Call], Any]) -> Callable[[Call], Any]:
        FUNCTIONS[name] = view
        return view

    return register


@bp.route("/webservice/rest/server.php", methods=["GET", "POST"])
def server() -> Response:
    if hub().faults.web_services == "off":
        return Response("", 403)
    if hub().faults.web_services == "maintenance":
        return Response("<html><body><h1>Undergoing maintenance</h1></body></html>", 503, mimetype="text/html")
    call = decode(_variables())
    # Whatever was lost beyond PHP's limit is lost here as well: also the wish for JSON.
    as_json = call.get("moodlewsrestformat") == "json"
    try:
        return _answer(_run(call), as_json)
    except MoodleError as error:
        return _error(error, as_json)


def _variables() -> list[tuple[str, str]]:
    # PHP drops what is beyond its limit without a word.
    given, posted = list(request.args.items(multi=True)), list(request.form.items(multi=True))
    return given[:MAX_INPUT_VARS] + posted[:MAX_INPUT_VARS]


def decode(pairs: list[tuple[str, str]]) -> Call:
    """Return PHP's reading of form fields: ``groups[0][name]=x`` becomes lists of dictionaries."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        name, _, rest = key.partition("[")
        path = [name, *_PART.findall("[" + rest)] if rest else [name]
        node = root
        for part in path[:-1]:
            nested = node.setdefault(part or str(len(node)), {})
            node = nested if isinstance(nested, dict) else {}
        node[path[-1] or str(len(node))] = value
    return {key: _as_list(value) for key, value in root.items()}


def _as_list(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _as_list(item) for key, item in value.items()}
    return list(inner.values()) if inner and all(key.isdecimal() for key in inner) else inner


def _run(call: Call) -> Any:
    if call.get("wstoken") != hub().config.moodle_token or hub().faults.revoke_token:
        raise MoodleError("invalidtoken")
    _check_account()
    view = FUNCTIONS.get(call.get("wsfunction", ""))
    if view is None:
        raise MoodleError("invalidrecord", "dml_missing_record_exception")
    if g.get("hit") and hub().faults.take("forbid_next"):
        raise MoodleError("nopermissions", "required_capability_exception")
    # Every one of these asks for it, whether it reads or writes.
    if call.get("wsfunction", "").startswith("core_group_") and hub().faults.missing("moodle/course:managegroups"):
        raise MoodleError("nopermissions", "required_capability_exception")
    with moodle().transaction():
        result = view(call)
    if gate.is_change():
        moodle().touch()
    return result


def _check_account() -> None:
    faults = hub().faults
    if faults.account == "expired":
        # The first call finds the token expired and deletes it; from then on it is an unknown one.
        faults.account, faults.revoke_token = "", True
        raise MoodleError("accessexception", "webservice_access_exception")
    if faults.account == "suspended":
        raise MoodleError("wsaccessusersuspended", "moodle_exception")
    if faults.account == "password":
        raise MoodleError("errorcoursecontextnotvalid", detail=" (forcepasswordchangenotice)")


def _error(error: MoodleError, as_json: bool) -> Response:
    message = _MESSAGES.get(error.code, error.code) + error.detail
    if as_json:
        return _answer({"exception": error.kind, "errorcode": error.code, "message": message}, True)
    text = (
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<EXCEPTION class="{error.kind}">\n'
        f"<ERRORCODE>{error.code}</ERRORCODE>\n<MESSAGE>{escape(message)}</MESSAGE>\n</EXCEPTION>\n"
    )
    return Response(text, mimetype="application/xml")


def _answer(value: Any, as_json: bool) -> Response:
    if as_json:
        return Response(json.dumps(value, ensure_ascii=False), mimetype="application/json")
    text = f'<?xml version="1.0" encoding="UTF-8" ?>\n<RESPONSE>\n{_xml(value)}</RESPONSE>\n'
    return Response(text, mimetype="application/xml")


def _xml(value: Any) -> str:
    if isinstance(value, list):
        return "<MULTIPLE>\n" + "".join(_xml(item) for item in value) + "</MULTIPLE>\n"
    if isinstance(value, dict):
        keys = "".join(f'<KEY name="{escape(k)}">{_xml(v)}</KEY>\n' for k, v in value.items())
        return f"<SINGLE>\n{keys}</SINGLE>\n"
    if value is None:
        return '<VALUE null="null"/>\n'
    return f"<VALUE>{escape(str(int(value) if isinstance(value, bool) else value))}</VALUE>\n"


# -- reading parameters -----------------------------------------------------------------------------------


def entries(call: Call, name: str) -> list[dict[str, Any]]:
    """Return a list of records, or fail as Moodle does when it is missing or misshapen."""
    value = call.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_value()
    return value


def ids(call: Call, name: str) -> list[int]:
    """Return a list of numbers; a list that was not sent is empty."""
    value = call.get(name, [])
    if not isinstance(value, list):
        raise bad_value()
    return [integer(item) for item in value]


def integer(value: Any) -> int:
    """Return a number, or fail."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+", value):
        raise bad_value()
    return int(value)


def known(entry: dict[str, Any], required: set[str], optional: set[str]) -> None:
    """Fail when a record lacks a field or has one that the function does not know."""
    if not required <= set(entry) <= required | optional:
        raise bad_value()


def course_id(value: Any) -> int:
    """Return the id of an existing course."""
    number = integer(value)
    if number not in moodle().courses:
        raise MoodleError("errorcoursecontextnotvalid")
    return number
