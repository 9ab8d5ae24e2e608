"""The rotation of the key that stored secrets are encrypted with: all of them or none, and twice is once."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool import settings
from lti_tool.cli.context import opened
from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused
from lti_tool.models import LmsGrant, ServiceToken, db, transaction
from lti_tool.services import oauth_clients, rotation, tokens
from lti_tool.services.sealing import seal
from tests.cli.conftest import SECRET

NEW = "another secret of the command line's tests, as long"
CANVAS = ("registration", "add", "--issuer", "https://canvas.example.edu", "--family", "canvas", "--client-id", "c")


@pytest.fixture
def stored(tool: Any) -> UUID:
    """A registration with one secret of each kind, sealed with the first key."""
    key = UUID(tool.ok(*CANVAS, "--json").json["id"])
    tool.ok("token", "set", key, stdin="service-token\n")
    tool.ok("oauth-client", "set", key, "--client-id", "17", stdin="key-secret\n")
    with opened() as opened_tool, transaction() as session:
        values = {name: seal(opened_tool.settings, name) for name in ("access_ciphertext", "refresh_ciphertext")}
        times = {"expires_at": now(), "granted_at": now()}
        session.add(LmsGrant(registration_id=key, lti_user_id="u", name="N", **values, **times))
    return key


def read(key: UUID) -> tuple[str | None, str]:
    """Return the token and the secret as the present settings read them."""
    with opened() as tool:
        token = tokens.read_service_token(tool.settings, key)
        row = db.session.get_one(oauth_clients.OauthClient, key)
        return token, oauth_clients.unseal(tool.settings, row.secret_ciphertext)


def test_everything_is_encrypted_anew_and_the_old_key_is_not_needed_any_more(tool: Any, stored: UUID) -> None:
    assert "LTI_TOOL_OLD_SECRET_KEY" in tool.run("secrets", "rotate").err
    tool.set(secret_key=NEW)
    with pytest.raises(LmsRefused, match="token_unreadable"):
        read(stored)
    tool.set(old_secret_key=SECRET)
    assert read(stored) == ("service-token", "key-secret")  # both keys read, before the rotation too
    said = tool.ok("secrets", "rotate").out
    assert [line.split()[0] for line in said.splitlines()] == ["1", "1", "2", "0"]
    again = tool.ok("secrets", "rotate").out
    assert [line.split()[0] for line in again.splitlines()] == ["0", "0", "0", "4"]
    tool.set(old_secret_key=None)
    assert read(stored) == ("service-token", "key-secret")


def test_a_rotation_that_fails_in_the_middle_leaves_everything_as_it_was(tool: Any, stored: UUID) -> None:
    tool.set(secret_key=NEW, old_secret_key=SECRET)
    sealed: list[bytes] = []

    def killed(given: settings.Settings, text: str) -> bytes:
        if len(sealed) == 3:
            raise KeyboardInterrupt
        sealed.append(seal(given, text))
        return sealed[-1]

    with opened() as opened_tool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "seal", killed)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate_secrets(opened_tool.settings)
    tool.set(secret_key=SECRET, old_secret_key=None)
    assert read(stored) == ("service-token", "key-secret")


def test_what_no_key_reads_is_counted_and_left(tool: Any, stored: UUID) -> None:
    with opened(), transaction() as session:
        session.get_one(ServiceToken, stored).ciphertext = b"of a third key"
    tool.set(secret_key=NEW, old_secret_key=SECRET)
    ran = tool.run("secrets", "rotate")
    assert ran.status == 1
    assert "1 can be read with neither key" in ran.err
    with opened():
        assert db.session.get_one(ServiceToken, stored).ciphertext == b"of a third key"


def test_the_rules_of_a_registration_are_given_by_command(tool: Any) -> None:
    key = tool.ok(*CANVAS, "--json").json["id"]
    changed = tool.ok("registration", "update", key, "--manages-all", "yes", "--accept-deployments", "yes", "--json")
    assert (changed.json["manages_all"], changed.json["accepts_deployments"]) == (True, True)
    changed = tool.ok("registration", "update", key, "--manages-all", "no", "--json")
    assert (changed.json["manages_all"], changed.json["accepts_deployments"]) == (False, True)
    assert "no" in tool.ok("registration", "show", key).out
