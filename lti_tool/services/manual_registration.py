"""What an administrator types into the LMS's own form when the tool is registered by hand."""

from dataclasses import dataclass

from lti_tool.lti.addresses import ToolAddresses, tool_addresses
from lti_tool.lti.tool_config import CUSTOM, MEMBERSHIPS_SCOPE, TITLE
from lti_tool.models import Registration
from lti_tool.settings import Settings


@dataclass(frozen=True)
class ManualField:
    """One field of the LMS's form: its label there, and what belongs into it; `copied`: it is worth a button."""

    label: str
    value: str
    copied: bool = False


def manual_fields(settings: Settings, registration: Registration) -> list[ManualField]:
    """Return the fields of the form of the registration's family, in the form's own order and words.

    Moodle 4.5: Manage tools → configure a tool manually (moodle.md 1.3); Canvas: Developer Keys → LTI Key (canvas.md
    11.2); others have their own words for the same addresses.
    """
    fields = {"canvas": _canvas, "moodle": _moodle}.get(registration.family, _other)
    return fields(tool_addresses(settings, registration.id))


def _canvas(tool: ToolAddresses) -> list[ManualField]:
    return [
        ManualField("Key Name", TITLE),
        ManualField("Redirect URIs", tool.launch, copied=True),
        ManualField("Method", "Enter URL"),
        ManualField("JSON URL", tool.config, copied=True),
    ]


def _moodle(tool: ToolAddresses) -> list[ManualField]:
    return [
        ManualField("Tool name", TITLE, copied=True),
        ManualField("Tool URL", tool.launch, copied=True),
        ManualField("LTI version", "LTI 1.3"),
        ManualField("Public key type", "Keyset URL"),
        ManualField("Public keyset", tool.jwks, copied=True),
        ManualField("Initiate login URL", tool.login, copied=True),
        ManualField("Redirection URI(s)", tool.launch, copied=True),
        ManualField("Custom parameters", "\n".join(f"{name}={value}" for name, value in CUSTOM.items()), copied=True),
        ManualField("Tool configuration usage", "Show in activity chooser and as a preconfigured tool"),
        ManualField("Default launch container", "Embed, without blocks"),
        ManualField("Supports Deep Linking (Content-Item Message)", "ticked"),
        ManualField("Content Selection URL", tool.launch, copied=True),
        ManualField(
            "IMS LTI Names and Role Provisioning",
            "Use this service to retrieve members’ information as per privacy settings",
        ),
        ManualField("Share launcher’s name with tool", "Always"),
        ManualField("Share launcher’s email with tool", "Always"),
    ]


def _other(tool: ToolAddresses) -> list[ManualField]:
    return [
        ManualField("Tool name", TITLE, copied=True),
        ManualField("Target link or launch address", tool.launch, copied=True),
        ManualField("Initiate login address", tool.login, copied=True),
        ManualField("Redirect address", tool.launch, copied=True),
        ManualField("Public keyset (JWKS)", tool.jwks, copied=True),
        ManualField("Scope", MEMBERSHIPS_SCOPE, copied=True),
    ]
