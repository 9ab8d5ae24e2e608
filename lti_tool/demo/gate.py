"""What happens to every API call before and after its view: counting, faults, rate-limit headers."""

import contextlib
import re
import socket
import time
from typing import Any, cast

from flask import Blueprint, Response, g, request

from lti_tool.demo.config import Flavour
from lti_tool.demo.hub import Hub, hub

_ID = re.compile(r"/(?:\d+|(?:lti_\w+|sis_\w+|uuid):[^/]+)(?=/|$)")
_READS = re.compile(r"_(get|search)_|_get$")


def call_name() -> str:
    """Return the name under which this call is counted: method and path, or the Moodle function."""
    function = request.values.get("wsfunction")
    if function:
        return function
    path = request.path.split("/", 2)[2]
    return f"{request.method} {_ID.sub('/:id', '/' + path)}"


def is_change() -> bool:
    """Tell whether this call changes data; asking for a token does not count."""
    function = request.values.get("wsfunction")
    if function:
        return not _READS.search(function)
    return request.method != "GET" and "token" not in request.path


def guard(blueprint: Blueprint, flavour: Flavour) -> None:
    """Put the gate before and behind every view of a blueprint of API calls."""

    def enter() -> Response | None:
        return _enter(hub(), flavour)

    blueprint.before_request(enter)
    blueprint.after_request(_leave)
    blueprint.teardown_request(_step_out)


def _step_in(lms: Hub, flavour: Flavour) -> None:
    g.at_work = (flavour, request.headers.get("Authorization") or request.values.get("wstoken", ""))
    lms.at_once[g.at_work] += 1
    lms.most_at_once[flavour] = max(lms.most_at_once[flavour], lms.at_once[g.at_work])


def _step_out(_error: BaseException | None) -> None:
    if "at_work" in g:
        lms = hub()
        with lms.lock:
            lms.at_once[g.pop("at_work")] -= 1


def _enter(lms: Hub, flavour: Flavour) -> Response | None:
    # Latency and refusals come before the view; nothing here holds the lock while it sleeps.
    g.flavour = flavour
    name = call_name()
    with lms.lock:
        lms.calls[flavour][name] += 1
        lms.counted += 1
        number = lms.counted
        _step_in(lms, flavour)
    g.hit = lms.faults.only_path in request.path or lms.faults.only_path in name
    if not g.hit:
        return None
    if lms.faults.latency_ms:
        time.sleep(lms.faults.latency_ms / 1000)
    with lms.lock:
        return _refusal(lms, flavour, number)


def _refusal(lms: Hub, flavour: Flavour, number: int) -> Response | None:
    faults = lms.faults
    status = faults.take_throttle()
    if status:
        reason = "Forbidden" if status == 403 else "Too Many Requests"
        text = f"{status} {reason} (Rate Limit Exceeded)\n"
        return Response(text, status, {"X-Rate-Limit-Remaining": "0.0"}, mimetype="text/plain")
    if faults.take("html_error_next"):
        page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        return Response(page, 502, mimetype="text/html")
    every = faults.error_every and number % faults.error_every == 0
    if every or faults.take("error_next"):
        return server_error(flavour)
    return None


def server_error(flavour: Flavour) -> Response:
    """Return the answer of a site that has stumbled."""
    if flavour == "moodle":
        return Response("<html><body><h1>Error writing to database</h1></body></html>", 500)
    text = '{"errors":[{"message":"An error occurred.","error_code":"internal_server_error"}],"error_report_id":17}'
    return Response(text, 500, mimetype="application/json")


def _leave(response: Response) -> Response:
    lms = hub()
    throttled = response.headers.get("X-Rate-Limit-Remaining") == "0.0"
    if g.get("flavour") == "canvas" and not throttled and response.status_code != 502:
        remaining = 599.5 if lms.faults.rate_remaining is None else lms.faults.rate_remaining
        response.headers.setdefault("X-Rate-Limit-Remaining", str(remaining))
        response.headers["X-Request-Cost"] = "0.0571"
    if not g.get("hit"):
        return response
    if lms.faults.hang_ms:
        time.sleep(lms.faults.hang_ms / 1000)
    with lms.lock:
        cut = is_change() and response.status_code < 400 and lms.faults.take("cut_after_apply_next")
    return _cut(request.environ, response) if cut else response


def _cut(environ: dict[str, Any], response: Response) -> Response:
    # The change is applied; the caller never learns of it.
    connection = environ.get("werkzeug.socket") or environ.get("gunicorn.socket")
    if connection is None:  # Flask's test client has no connection that could break
        return Response("", 502, {"X-Demo-Cut": "1"})
    with contextlib.suppress(OSError):
        cast("socket.socket", connection).shutdown(socket.SHUT_RDWR)
    return response
