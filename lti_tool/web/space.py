"""The page of a group's own space: its messages on the left, its documents on the right."""

from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import FileWrapper

from lti_tool.domain.clock import now
from lti_tool.domain.documents import ADDRESS_LIFETIME, DocumentAddress
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.group_rights import GroupPermission
from lti_tool.domain.permissions import Permission
from lti_tool.services import documents
from lti_tool.services.messages import (
    MessageBlock,
    has_unread,
    mark_read,
    read_messages,
    read_new_messages,
)
from lti_tool.services.messages import (
    post_message as store_message,
)
from lti_tool.services.space import note_visit
from lti_tool.web.access import requires, takes_documents, tool, viewer
from lti_tool.web.downloads import download
from lti_tool.web.forms import Form, as_uuid
from lti_tool.web.group_access import group_access, requires_in_group
from lti_tool.web.limits import DOCUMENT, MESSAGE, limited
from lti_tool.web.notices import show_badge
from lti_tool.web.pages import page, see_other, wants_fragment
from lti_tool.web.space_forms import DocumentForm, MessageForm

blueprint = Blueprint("space", __name__, url_prefix="/courses/<uuid:course_id>/groups/<uuid:group_id>/space")

BLOCK = 64 * 1024
ALONE = "default-src 'none'; sandbox; frame-ancestors 'none'"  # the policy of a document, should a browser show it


@blueprint.get("")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def space(course_id: UUID, group_id: UUID) -> Response:
    """Show a group's messages, newest last, and its documents; with `before` the messages before one of them.

    Looking changes nothing for the person: the page sends a POST that takes the messages as read. That staff look is
    written down, as a log is (RFC 9110, 9.2.1).
    """
    note_visit(viewer(), group_access())
    return _show(group_id)


@blueprint.get("/messages")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def more_messages(course_id: UUID, group_id: UUID) -> Response:
    """Give the messages before one, or those that came since one (204: none did); the page asks every few seconds."""
    if not wants_fragment():
        return see_other("space.space", group_id=group_id, before=request.args.get("before"))
    if "before" in request.args:
        block = read_messages(group_id, before=_cursor("before"))
        return page("space/more.html", block=block, group=group_access().row, later=False, unread=False)
    block = read_new_messages(group_id, _cursor("after"))
    if not block.messages:
        return make_response("", 204)
    unread = has_unread(viewer(), group_id)
    return page("space/more.html", block=block, group=group_access().row, later=True, unread=unread)


@blueprint.post("/read")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def mark_messages_read(course_id: UUID, group_id: UUID) -> Response:
    """Take the group's messages as read, which the page asks for by itself; give the new count of notices."""
    left = viewer().unread - mark_read(viewer(), group_id)
    if wants_fragment():
        return show_badge(max(0, left))
    return see_other("space.space", group_id=group_id)


@blueprint.post("/messages")
@requires(Permission.VIEW_COURSE)
@limited(MESSAGE)
@requires_in_group(GroupPermission.SPACE)
def post_message(course_id: UUID, group_id: UUID) -> Response:
    """Send a message to the group."""
    form = MessageForm()
    if form.validate():
        try:
            store_message(viewer(), group_id, form.key.data, form.body.data)
            return see_other("space.space", group_id=group_id, _anchor="body")
        except RuleViolation as error:
            form.refuse(form.body, error)
    return _show(group_id, 422, message_form=form)


@blueprint.post("/documents")
@requires(Permission.VIEW_COURSE)
@takes_documents
@limited(DOCUMENT)
@requires_in_group(GroupPermission.SPACE)
def upload_document(course_id: UUID, group_id: UUID) -> Response:
    """Take a file for the group."""
    form = DocumentForm()
    if form.validate():
        file: FileStorage = form.file.data
        upload = documents.Upload(form.key.data, file.filename or "", file.stream)
        try:
            documents.add_document(tool(), viewer(), group_id, upload)
            return see_other("space.space", group_id=group_id, notice="document_added")
        except RuleViolation as error:
            form.refuse(form.file, error)
    return _show(group_id, 422, document_form=form)


@blueprint.get("/documents/<uuid:document_id>")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def download_document(course_id: UUID, group_id: UUID, document_id: UUID) -> Response:
    """Lead on to the document's short address: for this person, for five minutes."""
    documents.get_document(group_id, document_id)
    address = _address(document_id, int((now() + ADDRESS_LIFETIME).timestamp()))
    signature = address.signature(tool().settings.secret_key)
    where = url_for(
        "space.serve_document",
        group_id=group_id,
        document_id=document_id,
        expires=address.expires,
        signature=signature,
    )
    return make_response(redirect(where, 303))


@blueprint.get("/documents/<uuid:document_id>/file")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def serve_document(course_id: UUID, group_id: UUID, document_id: UUID) -> Response:
    """Hand a document out to who holds a signed address and is still in the group; always to save, never to show."""
    expires = request.args.get("expires", "")
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 12):
        raise Forbidden("document_address")
    address = _address(document_id, int(expires))
    address.require(tool().settings.secret_key, request.args.get("signature", ""), now())
    found = documents.open_document(tool().documents, group_id, document_id)
    response = download(found.row.name, found.row.media_type, FileWrapper(found.content, BLOCK))
    response.direct_passthrough = True
    response.content_length = found.row.size
    response.headers["Content-Security-Policy"] = ALONE
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@blueprint.route("/documents/<uuid:document_id>/delete", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.SPACE)
def delete_document(course_id: UUID, group_id: UUID, document_id: UUID) -> Response:
    """Ask, then delete a document."""
    if request.method == "POST":
        documents.delete_document(tool().documents, viewer(), group_id, document_id)
        return see_other("space.space", group_id=group_id, notice="document_deleted")
    row = documents.get_document(group_id, document_id)
    if not documents.may_delete(viewer(), group_access(), row):
        group_access().require(GroupPermission.REMOVE_DOCUMENT)
    return page("space/delete.html", group=group_access().row, document=row)


def _address(document_id: UUID, expires: int) -> DocumentAddress:
    return DocumentAddress(str(viewer().access_id), str(document_id), expires)


def _cursor(name: str) -> UUID | None:
    """Return the message that the address names; one that is none has no neighbours."""
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        return as_uuid(text)
    except ValueError:
        return uuid4()


def _show(group_id: UUID, status: int = 200, **forms: Form) -> Response:
    before = _cursor("before") if status == 200 else None
    block: MessageBlock = read_messages(group_id, before=before)
    shown = documents.list_documents(group_id)
    access = group_access()
    values: dict[str, Any] = {"message_form": MessageForm(), "document_form": DocumentForm(), **forms}
    for name in ("message_form", "document_form"):
        values[name].key.data = uuid4()
    return page(
        "space/show.html",
        status,
        group=access.row,
        block=block,
        is_newest=before is None,
        unread=before is None and has_unread(viewer(), group_id),
        documents=shown,
        deletable={row.id for row in shown if documents.may_delete(viewer(), access, row)},
        limits=documents.limits_of(tool().settings),
        used=sum(row.size for row in shown),
        **values,
    )
