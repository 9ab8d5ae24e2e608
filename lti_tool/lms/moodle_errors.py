"""Reads what an answer of Moodle's web services means: errors come with status 200, and some as XML (moodle.md 2.1)."""

import re
from typing import Any

from lti_tool.domain.errors import LmsChanged, LmsError, LmsRefused, LmsUnavailable
from lti_tool.lms.http import is_page
from lti_tool.outbound import Answer, host_of

XML_CODE = re.compile(r"<ERRORCODE>\s*(\w+)\s*</ERRORCODE>")
REFUSALS = {
    "invalidtoken": "token_rejected",
    "accessexception": "right_missing",
    "nopermissions": "right_missing",
    "wsaccessusersuspended": "service_user_suspended",
    "errorcoursecontextnotvalid": "course_not_open",
    "invalidparameter": "value_refused",
    "invaliduser": "value_refused",
    "idnumbertaken": "value_refused",
    "dmlwriteexception": "value_refused",
    "errorremovenotpermitted": "membership_protected",
}


def result(answer: Answer, function: str) -> Any:
    """Return what a function answered; raise what an error means.

    LmsRefused: token_rejected, right_missing, service_user_suspended, course_not_open, value_refused,
    membership_protected, web_services_off, lms_redirects, lms_refused; LmsChanged("gone") for an id that is
    unknown; LmsUnavailable("lms_not_json"). The facts are `host`, `function` and Moodle's own `errorcode`.
    """
    host = host_of(answer.url)
    if not answer.ok:
        raise _by_status(answer, host, function)
    code = XML_CODE.search(answer.text) if answer.body.lstrip().startswith(b"<") else None
    if code:
        raise refusal(code[1], host, function)
    found = answer.json()
    if isinstance(found, dict) and "exception" in found:
        raise refusal(str(found.get("errorcode")), host, function)
    return found


def refusal(errorcode: str, host: str, function: str) -> LmsError:
    """Return the error that one of Moodle's error codes stands for."""
    if errorcode == "invalidrecord":
        return LmsChanged("gone", host=host, function=function)
    # The code of a plugin may be any text; only a plain word is safe to keep.
    plain = errorcode if re.fullmatch(r"[a-z_]{1,60}", errorcode) else "unknown"
    if plain in ("dmlreadexception", "ex_unabletolock"):
        return LmsUnavailable("lms_failed", host=host, function=function, errorcode=plain)
    return LmsRefused(REFUSALS.get(plain, "lms_refused"), host=host, function=function, errorcode=plain)


def _by_status(answer: Answer, host: str, function: str) -> LmsError:
    if 300 <= answer.status < 400:
        return LmsRefused("lms_redirects", host=host, status=answer.status)
    if answer.status == 403 and not answer.body.strip():
        return LmsRefused("web_services_off", host=host)
    if is_page(answer) and answer.status != 404:
        return LmsUnavailable("lms_not_json", host=host, status=answer.status)
    return LmsRefused("lms_refused", host=host, status=answer.status, function=function)
