"""Forms of the admin pages."""

from collections.abc import Collection
from typing import Any

from wtforms import IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from lti_tool.domain.registration_links import DEFAULT_HOURS
from lti_tool.web.forms import Form

LONGEST_NAME = 255
LONGEST_ADDRESS = 1024
FAMILY_WORDS = {"canvas": "Canvas", "moodle": "Moodle", "other": "Another LTI 1.3 platform"}


def _text(label: str, description: str = "", longest: int = LONGEST_ADDRESS, required: str = "") -> Any:
    rules = [Length(max=longest, message="text_too_long")]
    return StringField(label, [DataRequired(required), *rules] if required else rules, description=description)


class RegistrationForm(Form):
    """A platform: who it is, and where it is reached. Fields that its administrators may not change are taken out."""

    name = _text("Name", "What people call it.", LONGEST_NAME, "name_required")
    issuer = _text(
        "Issuer", "As it stands in the platform’s tokens, letter by letter.", LONGEST_NAME, "issuer_required"
    )
    client_id = _text("Client id", "The platform hands it out when the tool is registered there.", LONGEST_NAME)
    auth_login_url = _text("Authorization address", "Where a launch is asked for (OIDC).")
    auth_token_url = _text("Access token address", "Where the tool gets tokens for the platform’s LTI services.")
    key_set_url = _text("Key set address", "The platform’s public keys (JWKS).")
    token_audience = _text("Audience of token requests (optional)", "Only where it is not the access token address.")
    lms_url = _text("Address of the LMS’s own API (optional)", "As https://canvas.example.edu. Tokens go only there.")
    other_hosts = _text(
        "Other hosts of this platform (optional)",
        "Only where the doctor names one: launches name a service at a host that none of the addresses above has, as "
        "canvas.school.edu. Several with blanks between them.",
    )

    def __init__(self, allowed: Collection[str], **values: Any) -> None:
        super().__init__(**values)
        for name in [field.name for field in self if field.name not in allowed]:
            del self[name]

    def values(self) -> dict[str, str]:
        """Return what was sent."""
        return {field.name: field.data or "" for field in self}


class NewRegistrationForm(Form):
    """A platform that is registered by hand; the usual addresses of its family are filled in."""

    family = SelectField("Kind of LMS", choices=list(FAMILY_WORDS))
    issuer = _text(
        "Issuer",
        "Canvas in the cloud: https://canvas.instructure.com. Moodle: its own address.",
        LONGEST_NAME,
        "issuer_required",
    )
    name = _text("Name (optional)", "", LONGEST_NAME)
    lms_url = _text("Address of the LMS (optional)", "As https://school.instructure.com, where it is not the issuer.")
    client_id = _text(
        "Client id (optional)", "Canvas hands it out later: the registration is pending until then.", LONGEST_NAME
    )


class LinkForm(Form):
    """A one-time link by which a platform registers itself."""

    hours = IntegerField("Works for (hours)", [InputRequired("registration_link_hours")], default=DEFAULT_HOURS)
    issuer = _text(
        "Issuer (optional)",
        "Only this platform may use the link, and what it registers needs no confirmation.",
        LONGEST_NAME,
    )


class TokenForm(Form):
    """The service token; a field that shows nothing."""

    token = PasswordField("Access token", [DataRequired("token_required"), Length(max=4096, message="text_too_long")])


class ClientForm(Form):
    """The API developer key: its id, and its secret in a field that shows nothing."""

    client_id = _text("Client id", "The number in the key’s Details column.", LONGEST_NAME, "oauth_client_required")
    secret = PasswordField(
        "Key",
        [DataRequired("oauth_secret_required"), Length(max=4096, message="text_too_long")],
        description="Show Key in the same column.",
    )


class DeploymentForm(Form):
    """A placement that is added before it launches."""

    deployment_id = _text("Deployment id", "", LONGEST_NAME, "deployment_required")


class RemoveForm(Form):
    """The name of the registration, typed as a confirmation."""

    name = _text("Name of the registration", "Type it exactly.", LONGEST_NAME, "name_not_typed")
