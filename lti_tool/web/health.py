"""Tells a load balancer whether the process lives and whether it can work."""

from flask import Blueprint

from lti_tool.services.doctor import database_answers
from lti_tool.web.access import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> tuple[str, int]:
    """Answer that the process runs."""
    return "ok\n", 200


@blueprint.get("/readyz")
@public
def readyz() -> tuple[str, int]:
    """Answer whether the database can be reached (503 if not)."""
    return ("ok\n", 200) if database_answers() else ("the database does not answer\n", 503)
