"""The form about one person of the roster."""

from typing import Any

from wtforms import HiddenField, SelectField, StringField

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.git_usernames import GitUsernameStatus
from lti_tool.domain.members import MemberValues, tidy_email, tidy_name, tidy_number, tidy_username
from lti_tool.domain.roster import MemberStatus
from lti_tool.web.forms import Form

# Which field a rule that a service found broken is about.
FIELD_OF = {"email_taken": "email", "number_taken": "student_number"}


class MemberForm(Form):
    """A student of the course's own: everything but the status, which is active at first."""

    name = StringField("Name")
    email = StringField(
        "E-mail (optional)", description="By it the person is recognised when the LMS lists them later."
    )
    student_number = StringField("Student number (optional)")
    git_username = StringField("Git user name (optional)")

    def values(self, before: MemberValues) -> MemberValues | None:
        """Return what was typed on top of what was there, None when a field is wrong; the errors stand beside it."""
        typed = {
            "name": self._read("name", tidy_name),
            "email": self._read("email", tidy_email),
            "student_number": self._read("student_number", tidy_number),
            "git_username": self._read("git_username", tidy_username),
            "git_username_status": self._read("git_username_status", GitUsernameStatus),
            "status": self._read("status", MemberStatus),
        }
        if self.errors:
            return None
        return MemberValues(**{key: typed[key] if key in self else getattr(before, key) for key in typed})

    def refuse_by(self, error: RuleViolation) -> None:
        """Put an error of the service beside the field that it is about; raise it on when it is about none."""
        if error.code not in FIELD_OF:
            raise error
        self.refuse(self[FIELD_OF[error.code]], error)

    def _read(self, name: str, tidy: Any) -> Any:
        if name not in self:
            return None
        try:
            return tidy(self[name].data or "")
        except RuleViolation as error:
            self.refuse(self[name], error)
        except ValueError:  # a choice that is none
            self.refuse(self[name], RuleViolation("status_required"))
        return None


def _git_status() -> Any:
    return SelectField("Git user name is", choices=list(GitUsernameStatus), validate_choice=False)


class EditMemberForm(MemberForm):
    """A person whom the course's staff added: as `seen` in the form, `confirmed` once a warning was read."""

    seen = HiddenField()
    git_username_status = _git_status()
    status = SelectField("Status", choices=list(MemberStatus), validate_choice=False)
    confirmed = HiddenField()


class GitUsernameForm(MemberForm):
    """What is ours to say of a person whom the LMS lists."""

    seen = HiddenField()
    name = email = student_number = None
    git_username_status = _git_status()
