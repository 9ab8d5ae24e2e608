"""Answers to a change: the page that it leads to, or for programs the sets and groups that it concerned."""

from typing import Any

from flask import Response, jsonify, request

from lti_tool.domain.changes import Changes
from lti_tool.services.documents import clear_documents
from lti_tool.services.publication import push_changes
from lti_tool.web.access import tool, viewer
from lti_tool.web.pages import see_other


def prefers_json() -> bool:
    """Say whether the request wants plain data rather than a page."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def changed_and_pushed(changes: Changes, endpoint: str, **values: Any) -> Response:
    """Bring a stored change to the LMS where its sets are published, and answer as `changed` with a word on both."""
    return changed(changes, endpoint, pushed=push_changes(tool(), viewer(), changes.group_sets), **values)


def changed(changes: Changes, endpoint: str, **values: Any) -> Response:
    """Answer a stored change: 303 to the page that shows it, or 200 with the ids when JSON is preferred.

    The documents of deleted groups go at once; what their store keeps back for now is the worker's.
    """
    if changes.deleted_groups:
        clear_documents(tool().documents)
    if not prefers_json():
        return see_other(endpoint, **values)
    done = {"group_sets": sorted(changes.group_sets), "groups": sorted(changes.groups)}
    gone = {"group_sets": sorted(changes.deleted_group_sets), "groups": sorted(changes.deleted_groups)}
    if changes.assignments:
        done["assignments"] = sorted(changes.assignments)
    if changes.deleted_assignments:
        gone["assignments"] = sorted(changes.deleted_assignments)
    return jsonify(changed=done, deleted=gone)
