"""Forms of a group's own space: a message, and a file for its documents."""

from uuid import uuid4

from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired

from lti_tool.domain.documents import MEDIA_TYPES
from lti_tool.services.messages import MESSAGE_LENGTH
from lti_tool.web.forms import Form, UploadedFile, as_uuid


class FormKey(HiddenField):  # type: ignore[misc] # wtforms has no types
    """What tells one form from the next, so that what is sent twice is stored once."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take what was sent as an id; for anything else a new one, with which nothing is sent twice."""
        try:
            self.data = as_uuid(valuelist[0])
        except (IndexError, ValueError):
            self.data = uuid4()


class MessageForm(Form):
    """A message."""

    body = TextAreaField(
        "Write a message",
        [DataRequired("message_required")],
        render_kw={"rows": 3, "maxlength": MESSAGE_LENGTH, "dir": "auto"},
    )
    key = FormKey(id="message-key")


class DocumentForm(Form):
    """A file for the group."""

    file = UploadedFile(
        "Add a file",
        [DataRequired("document_required")],
        render_kw={"accept": ",".join(f".{ending}" for ending in MEDIA_TYPES), "required": True},
    )
    key = FormKey(id="document-key")
