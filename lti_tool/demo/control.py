"""Control of the simulator, for tests and for a look: calls, faults, the outsider, state, the big course."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import outsider
from lti_tool.demo.big import make_big_course
from lti_tool.demo.config import FLAVOURS
from lti_tool.demo.faults import Faults
from lti_tool.demo.hub import Hub, hub
from lti_tool.demo.site import Site
from lti_tool.demo.state_view import course_state

bp = Blueprint("control", __name__, url_prefix="/control")


def counts(lms: Hub) -> dict[str, Any]:
    """Return how many API calls each site has got."""
    return {
        name: {"total": c.total(), "by_path": dict(c), "most_at_once": lms.most_at_once[name]}
        for name, c in lms.calls.items()
    }


def _site(flavour: str) -> Site:
    for known in FLAVOURS:
        if flavour == known:
            return hub().sites[known]
    raise KeyError(flavour)


def _given() -> dict[str, Any]:
    body = request.get_json(silent=True) if request.is_json else None
    return body if isinstance(body, dict) else {k: v for k, v in request.form.items() if v != ""}


def _wrong(error: Exception) -> ResponseReturnValue:
    text = f"unknown: {error}" if isinstance(error, KeyError) else str(error)
    return jsonify(error=text), 400


@bp.get("/")
def index() -> ResponseReturnValue:
    return render_template("demo/control.html", faults=asdict(hub().faults), counts=counts(hub()), title="Control")


@bp.get("/calls")
def calls() -> ResponseReturnValue:
    return jsonify(counts(hub()))


@bp.post("/calls/reset")
def reset_calls() -> ResponseReturnValue:
    for counter in hub().calls.values():
        counter.clear()
    hub().counted = 0
    hub().most_at_once = dict.fromkeys(FLAVOURS, 0)
    return jsonify(counts(hub())) if request.is_json or not request.form else redirect("/control/")


@bp.route("/faults", methods=["GET", "POST"])
def faults() -> ResponseReturnValue:
    if request.method == "POST":
        try:
            values = request.get_json() if request.is_json else _form_faults()
            hub().faults.update(values)
        except (ValueError, TypeError) as error:
            return _wrong(error)
        if not request.is_json:
            return redirect("/control/")
    return jsonify(asdict(hub().faults))


def _form_faults() -> dict[str, Any]:
    ticks = {name: name in request.form for name in ("strip_includes", "revoke_token")}
    return dict(request.form.items()) | ticks


@bp.post("/faults/reset")
def reset_faults() -> ResponseReturnValue:
    hub().faults = Faults()
    return redirect("/control/") if request.form else jsonify(asdict(hub().faults))


@bp.route("/outsider", methods=["GET", "POST"])
def outside() -> ResponseReturnValue:
    if request.method == "GET":
        return _outsider_page("")
    given = _given()
    try:
        answer = outsider.act(_site(str(given.get("flavour"))), str(given.get("action")), given)
    except (KeyError, ValueError, TypeError) as error:
        return _wrong(error) if request.is_json else _outsider_page(f"Not done: {error}")
    return jsonify(answer) if request.is_json else _outsider_page(f"Done: {given['action']}.")


def _outsider_page(message: str) -> str:
    flavour = request.values.get("flavour", "canvas")
    site = _site(flavour if flavour in FLAVOURS else "canvas")
    wanted = request.values.get("course_id", type=int)
    course = site.courses.get(wanted or 0) or next(iter(site.courses.values()))
    state = course_state(site, course.id)
    return render_template(
        "demo/outsider.html",
        title="Outsider",
        site=site,
        sites=list(hub().sites.values()),
        course=course,
        state=state,
        message=message,
    )


@bp.get("/state/<flavour>/<int:course_id>")
def state(flavour: str, course_id: int) -> ResponseReturnValue:
    try:
        return jsonify(course_state(_site(flavour), course_id))
    except KeyError as error:
        return jsonify(error=f"unknown: {error}"), 404


@bp.post("/big-course/<flavour>")
def big_course(flavour: str) -> ResponseReturnValue:
    given = _given()
    try:
        students = int(given.get("students", hub().config.big_course_students))
        course_id = make_big_course(_site(flavour), students, int(given.get("groups", 400)))
    except (KeyError, ValueError, TypeError) as error:
        return _wrong(error)
    return jsonify(course_id=str(course_id)) if request.is_json else redirect("/")


@bp.post("/reset")
def reset() -> ResponseReturnValue:
    lms = hub()
    lms.reset()
    return redirect("/") if request.form else jsonify(ok=True)
