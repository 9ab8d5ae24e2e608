"""Every line of the id_token validation list, and what pylti1p3 by itself accepts or answers with 500."""

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

C = "https://purl.imsglobal.org/spec/lti/claim/"
TARGET = f"{C}target_link_uri"
NOW = int(time.time())


def put(**values):
    return lambda claims: claims.update(values)


def drop(*names):
    return lambda claims: [claims.pop(name, None) for name in names].clear()


def ago(**seconds):
    return lambda claims: claims.update({name: int(time.time()) - value for name, value in seconds.items()})


REFUSED = {
    "no exp": (drop("exp"), "token_times"),
    "no iat": (drop("iat"), "token_times"),
    "iat a day old": (ago(iat=86400), "token_expired"),
    "iat eleven minutes old": (ago(iat=660), "token_expired"),
    "iat two minutes ahead": (ago(iat=-120), "token_not_yet_valid"),
    "exp two minutes past": (ago(exp=120), "token_expired"),
    "nbf two minutes ahead": (ago(nbf=-120), "token_not_yet_valid"),
    "exp a string": (put(exp="9999999999"), "token_times"),
    "exp true": (put(exp=True), "token_times"),
    "exp beyond the calendar": (put(exp=10**30), "token_times"),
    "exp beyond all numbers": (put(exp=10**400), "token_times"),
    "iat a list": (put(iat=[]), "token_times"),
    "other issuer": (put(iss="https://evil.example"), "issuer_mismatch"),
    "issuer with a slash": (put(iss="https://platform.example/"), "issuer_mismatch"),
    "issuer a list": (put(iss=["https://platform.example"]), "issuer_mismatch"),
    "no issuer": (drop("iss"), "issuer_mismatch"),
    "other audience": (put(aud="client-2"), "audience_mismatch"),
    "no audience": (drop("aud"), "audience_mismatch"),
    "empty audience": (put(aud=[]), "audience_mismatch"),
    "one audience more": (put(aud=["client-1", "client-2"]), "audience_mismatch"),
    "one audience more and no authorized party": (
        lambda claims: claims.update(aud=["client-1", "client-2"], azp=None),
        "audience_mismatch",
    ),
    "one audience more, which is authorized": (put(aud=["client-1", "client-2"], azp="client-2"), "audience_mismatch"),
    "other audience first": (put(aud=["client-2", "client-1"]), "audience_mismatch"),
    "audience an object": (put(aud={"client-1": 1}), "audience_mismatch"),
    "other authorized party": (put(azp="client-2"), "audience_mismatch"),
    "authorized party a list": (put(azp=["client-1"]), "audience_mismatch"),
    "no nonce": (drop("nonce"), "nonce_mismatch"),
    "other nonce": (put(nonce="n"), "nonce_mismatch"),
    "nonce a list": (put(nonce=[]), "nonce_mismatch"),
    "unknown message": (put(**{f"{C}message_type": "LtiOther"}), "message_unsupported"),
    "message type a list": (put(**{f"{C}message_type": ["LtiResourceLinkRequest"]}), "message_unsupported"),
    "message type an object": (put(**{f"{C}message_type": {}}), "message_unsupported"),
    "version a number": (put(**{f"{C}version": 1.3}), "message_invalid"),
    "deployment a number": (put(**{f"{C}deployment_id": 1}), "message_invalid"),
    "deployment too long": (put(**{f"{C}deployment_id": "d" * 256}), "message_invalid"),
    "deployment with NUL": (put(**{f"{C}deployment_id": "d\0"}), "message_invalid"),
    "unknown deployment": (put(**{f"{C}deployment_id": "dep-2"}), "deployment_unknown"),
    "sub empty": (put(sub=""), "user_missing"),
    "sub a number": (put(sub=5), "message_invalid"),
    "sub a list": (put(sub=["u1"]), "message_invalid"),
    "sub not ASCII": (put(sub="ü"), "message_invalid"),
    "sub too long": (put(sub="u" * 256), "message_invalid"),
    "roles a string": (put(**{f"{C}roles": "Instructor"}), "message_invalid"),
    "roles numbers": (put(**{f"{C}roles": [1]}), "message_invalid"),
    "roles an object": (put(**{f"{C}roles": {}}), "message_invalid"),
    "resource link null": (put(**{f"{C}resource_link": None}), "message_invalid"),
    "resource link a list": (put(**{f"{C}resource_link": ["id"]}), "message_invalid"),
    "resource link id a number": (put(**{f"{C}resource_link": {"id": 1}}), "message_invalid"),
    "context a string": (put(**{f"{C}context": "course-1"}), "message_invalid"),
    "context without id": (put(**{f"{C}context": {"title": "Intro"}}), "message_invalid"),
    "context id with a lone surrogate": (put(**{f"{C}context": {"id": "\ud800"}}), "message_invalid"),
    "no target": (drop(TARGET), "target_foreign"),
    "target elsewhere": (put(**{TARGET: "https://evil.example/"}), "target_foreign"),
    "target by plain http": (put(**{TARGET: "http://tool.example/"}), "target_foreign"),
    "target at another port": (put(**{TARGET: "https://tool.example:444/"}), "target_foreign"),
    "target at no port": (put(**{TARGET: "https://tool.example:x/"}), "target_foreign"),
    "target with a name of a person": (put(**{TARGET: "https://tool.example@evil.example/"}), "target_foreign"),
    "target with our name behind another's": (put(**{TARGET: "https://evil.example@tool.example/"}), "target_foreign"),
    "target with our name behind a backslash": (
        put(**{TARGET: "https://evil.example\\@tool.example/"}),
        "target_foreign",
    ),
    "target with backslashes": (put(**{TARGET: "https://tool.example\\@evil.example/"}), "target_foreign"),
    "target with two slashes": (put(**{TARGET: "https://tool.example//evil.example/"}), "target_foreign"),
    "target going up": (put(**{TARGET: "https://tool.example/a/../../b"}), "target_foreign"),
    "target a script": (put(**{TARGET: "javascript:alert(1)"}), "target_foreign"),
    "target a list": (put(**{TARGET: []}), "target_foreign"),
    "payload a list": (lambda claims: [claims], "token_malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_its_reason(school, change, code):
    answer = school.launch(change)
    assert f"({code})" in answer.text
    assert answer.status_code in (400, 401, 403)
    assert school.sessions() == 0


ACCEPTED = {
    "a clock half a minute ahead": ago(iat=-30, exp=-90),
    "a clock half a minute behind": ago(iat=90, exp=30),
    "audience a list of one": put(aud=["client-1"]),
    "no authorized party": drop("azp"),
    "token typ of any kind": put(),
    "unknown optional claims": put(**{"https://x.example/y": {"z": [1]}}),
    "optional objects of wrong types": put(
        **{f"{C}launch_presentation": 1, f"{C}custom": [], f"{C}lis": "x", f"{C}tool_platform": None, "name": {}},
        email=5,
    ),
    "numbers as custom values": put(**{f"{C}custom": {"canvas_user_id": 7, "a": None, "b": {}, "c": True}}),
    "times with fractions": lambda claims: claims.update(iat=time.time(), exp=time.time() + 60.5),
    "an end in the far future": put(exp=253402300799),
}  # fmt: skip


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(school, change):
    answer = school.launch(change)
    assert answer.status_code == 303, answer.text


def _token(header, payload, signature="c2ln"):
    def part(value):
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}.{signature}"


GOOD_HEADER = {"alg": "RS256", "kid": "k1"}
SHAPES = {
    "empty": "",
    "garbage": "garbage",
    "two parts": "a.b",
    "four parts": "a.b.c.d",
    "empty parts": "..",
    "not base64": "!.!.!",
    "base64 of one letter": "a.a.a",
    "spaces": "YQ .YQ .YQ ",
    "not JSON": _token(b"x", b"y"),
    "not UTF-8": _token(b"\xff", b"\xff"),
    "header a list": _token([], {}),
    "payload a string": _token(GOOD_HEADER, "x"),
    "payload null": _token(GOOD_HEADER, None),
    "NaN": _token(GOOD_HEADER, b'{"exp": NaN}'),
    "deep": _token(GOOD_HEADER, b"[" * 20000),
    "a number without end": _token(GOOD_HEADER, b'{"exp": ' + b"9" * 5000 + b"}"),
    "too long": _token(GOOD_HEADER, {"x": "a" * 60000}),
    "non-ASCII": "ä.ö.ü",
    "crit": _token(GOOD_HEADER | {"crit": ["x"]}, {}),
    "kid a number": _token({"alg": "RS256", "kid": 1}, {}),
    "kid empty": _token({"alg": "RS256", "kid": ""}, {}),
    "kid too long": _token({"alg": "RS256", "kid": "k" * 300}, {}),
}


@pytest.mark.parametrize("token", SHAPES.values(), ids=SHAPES.keys())
def test_malformed_tokens_are_refused(school, token):
    client = school.client()
    answer = school.post(client, school.login(client), token)
    assert answer.status_code == 400
    assert school.sessions() == 0


def test_other_algorithms_are_refused(school, signing_key):
    client = school.client()
    for algorithm, key in {
        "none": None,
        "HS256": "secret" * 10,
        "RS512": signing_key,
        "PS256": signing_key,
    }.items():
        hop = school.login(client)
        token = jwt.encode(school.claims(hop), key, algorithm, {"kid": "k1"})
        answer = school.post(client, hop, token)
        assert "(token_algorithm)" in answer.text or algorithm == "none"
        assert answer.status_code == 400


def test_a_public_key_is_no_shared_secret(school, signing_key):
    """HS256 with the public key as the secret: the signature is right, for who believes the header."""
    client = school.client()
    hop = school.login(client)
    public = signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = _token({"alg": "HS256", "kid": "k1"}, school.claims(hop)).rpartition(".")[0]
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    assert "(token_algorithm)" in school.post(client, hop, f"{signed}.{signature}").text


def test_keys_that_the_token_brings_are_never_used(school, other_key, jwk):
    answer = school.launch(key=other_key, jwk=jwk(other_key), jku="http://127.0.0.1:1/x", x5u="http://127.0.0.1:1/y")
    assert "(signature_invalid)" in answer.text


def test_a_changed_payload_breaks_the_signature(school):
    client = school.client()
    hop = school.login(client)
    head, _, signature = school.sign(school.claims(hop)).split(".")
    claims = school.claims(hop) | {"sub": "u2"}
    assert (
        "(signature_invalid)" in school.post(client, hop, f"{head}.{_token({}, claims).split('.')[1]}.{signature}").text
    )


def test_an_inactive_deployment_waits_and_an_unknown_one_is_noted(school):
    school.launch(put(**{f"{C}deployment_id": "dep-new"}))
    answer = school.launch(put(**{f"{C}deployment_id": "dep-new"}))
    assert answer.status_code == 403
    assert "(deployment_waiting)" in answer.text
    assert "dep-new" in answer.text


def test_a_deployment_of_another_registration_is_unknown(make_school):
    one, other = make_school(), make_school(deployment_ids=())
    other.login(other.client())  # it is remembered from now on
    assert one.launch().status_code == 303
    assert "(deployment_unknown)" in other.launch().text


def test_a_pending_registration_refuses_both_hops(make_school):
    school = make_school(client_id=None)
    client = school.client()
    for answer in (
        client.get(f"{school.path}/login?iss=https://platform.example&login_hint=x"),
        client.post(f"{school.path}/launch", data={"state": "x", "id_token": "y"}),
    ):
        assert answer.status_code == 403
        assert "(registration_pending)" in answer.text


def test_an_unknown_registration_is_not_found(school):
    client = school.client()
    unknown = "/lti/00000000-0000-4000-8000-000000000000"
    assert client.get(f"{unknown}/login").status_code == 404
    assert client.post(f"{unknown}/launch").status_code == 404
    assert client.get(f"{unknown}/jwks.json").status_code == 404


def test_the_platform_may_answer_with_an_error(school):
    client = school.client()
    hop = school.login(client)
    form = {"state": hop.state, "error": "login_required", "error_description": "<b>no</b>"}
    answer = client.post(f"{school.path}/launch", data=form)
    assert answer.status_code == 400
    assert "(platform_error)" in answer.text
    assert "<b>no" not in answer.text
