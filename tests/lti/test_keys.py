"""The tool's signing keys: files, ring, rotation."""

import stat

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lti_tool.domain.errors import RuleViolation
from lti_tool.lti.keys import KeyRing, list_keys, new_key, retire_key


def test_a_new_key_is_a_file_that_only_its_owner_reads(tmp_path):
    kid = new_key(tmp_path / "keys")
    (found,) = list_keys(tmp_path / "keys")
    assert found.kid == kid
    assert found.path.name.endswith(f"-{kid}.pem")
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    key = serialization.load_pem_private_key(found.path.read_bytes(), None)
    assert key.key_size >= 2048
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [found.path.name]


def test_the_newest_signs_and_all_are_published_while_keys_rotate(tmp_path):
    ring = KeyRing(tmp_path)
    assert ring.public_key_set() == {"keys": []}
    with pytest.raises(RuleViolation, match="no_signing_key"):
        ring.sign({})
    old = new_key(tmp_path)
    assert jwt.get_unverified_header(ring.sign({"a": 1}))["kid"] == old
    new = new_key(tmp_path)
    token = ring.sign({"a": 1})
    published = jwt.PyJWKSet.from_dict(ring.public_key_set())
    assert [key.key_id for key in published.keys] == [new, old]
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": new, "typ": "JWT"}
    assert jwt.decode(token, published[new].key, ["RS256"]) == {"a": 1}
    retire_key(tmp_path, old)
    assert [key["kid"] for key in ring.public_key_set()["keys"]] == [new]


def test_what_is_published_is_public(tmp_path):
    new_key(tmp_path)
    (key,) = KeyRing(tmp_path).public_key_set()["keys"]
    assert key.keys() == {"kty", "alg", "use", "kid", "n", "e"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")


def test_the_signing_key_is_not_retired(tmp_path):
    kid = new_key(tmp_path)
    with pytest.raises(RuleViolation, match="key_newest"):
        retire_key(tmp_path, kid)
    with pytest.raises(RuleViolation, match="key_unknown"):
        retire_key(tmp_path, "0" * 32)


def test_an_unreadable_key_is_named(tmp_path):
    kid = new_key(tmp_path)
    (file,) = list_keys(tmp_path)
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"nonsense", curve):
        file.path.write_bytes(content)
        with pytest.raises(RuleViolation, match=kid):
            KeyRing(tmp_path).public_key_set()


def test_a_key_is_loaded_once(tmp_path, monkeypatch):
    new_key(tmp_path)
    ring = KeyRing(tmp_path)
    ring.sign({})
    monkeypatch.setattr("lti_tool.lti.keys._load", None)
    ring.sign({})
    assert ring.public_key_set()["keys"]


def test_the_key_set_is_served(school, settings):
    kid = new_key(settings.keys_dir)
    answer = school.client().get(f"{school.path}/jwks.json")
    assert answer.status_code == 200
    assert kid in [key["kid"] for key in answer.json["keys"]]
