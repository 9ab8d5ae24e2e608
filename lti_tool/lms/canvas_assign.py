"""Lets Canvas itself spread the students who are in no group of a set (canvas.md 2.7)."""

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.gateway import Progress, Step
from lti_tool.domain.remote import RemoteGroups
from lti_tool.lms import canvas_sets
from lti_tool.lms.canvas_client import CanvasClient, Json
from lti_tool.lms.canvas_import import wait_for

# So many students are spread within one call; more are a job of Canvas, which tells how far it is.
MOST_AT_ONCE = 50


def assign_unassigned(client: CanvasClient, course_id: str, set_id: str, progress: Progress) -> RemoteGroups:
    """Spread the students and return the set as a re-read shows it.

    Raise LmsRefused("set_of_students" or "signup_restricted") before the call for what Canvas answers with an empty
    400, LmsChanged("set_gone"), LmsUnavailable("import_failed" or "import_not_finished").
    """
    try:
        category = client.get_group_category(set_id, ["unassigned_users_count"])
        _require_assignable(category)
        progress(Step.PUSHING_MEMBERS, 0, 0)
        _assign(client, set_id, category.get("unassigned_users_count"), progress)
    except LmsChanged:
        raise LmsChanged("set_gone", lms_group_set_id=set_id) from None
    progress(Step.VERIFYING, 0, 0)
    return canvas_sets.read_set(client, course_id, set_id)


def _require_assignable(category: Json) -> None:
    if not canvas_sets.is_group_set(category):
        raise LmsRefused("set_of_students")
    if category.get("self_signup") == "restricted":
        raise LmsRefused("signup_restricted")


def _assign(client: CanvasClient, set_id: str, waiting: int | None, progress: Progress) -> None:
    # A key that strips what is included leaves the number unknown: a job is right for any.
    if waiting is not None and waiting <= MOST_AT_ONCE:
        try:
            client.assign_unassigned(set_id)
            return
        except LmsRefused as error:
            if error.code != "value_refused":
                raise
    wait_for(client, client.assign_unassigned(set_id, sync=False), progress)
