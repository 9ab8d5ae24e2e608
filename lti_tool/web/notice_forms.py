"""Forms of a person's notices: what was read, and whether they come by e-mail too."""

from uuid import UUID

from wtforms import BooleanField, HiddenField

from lti_tool.web.forms import Form, as_uuid


class NoticeField(HiddenField):  # type: ignore[misc] # wtforms has no types
    """The id of a notice; what is none names none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take what was sent as an id."""
        self.data: UUID | None = None
        try:
            self.data = as_uuid(valuelist[0])
        except (IndexError, ValueError):
            return


class ReadForm(Form):
    """The newest notice that the page showed."""

    newest = NoticeField()


class MailForm(Form):
    """Whether somebody wants their notices by e-mail."""

    wants_mail = BooleanField("Send me my notices by e-mail too")
