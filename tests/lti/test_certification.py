"""The 1EdTech certification cases for a tool, by their names, each over both hops of a launch."""

import re

import pytest

C = "https://purl.imsglobal.org/spec/lti/claim/"
R = "http://purl.imsglobal.org/vocab/lis/v2/"
TEACHER, STUDENT = f"{R}membership#Instructor", f"{R}membership#Learner"
NAMES = ("name", "given_name", "family_name", "middle_name")


def without(*names):
    return lambda claims: [claims.pop(name, None) for name in names].clear()


def having(**values):
    return lambda claims: claims.update(values)


def only(*names):
    return lambda claims: {name: claims[name] for name in names}


BAD = {
    "B03 wrong LTI version": having(**{f"{C}version": "11.3"}),
    "B04 no LTI version": without(f"{C}version"),
    "B05 invalid LTI message": lambda claims: {"name": "badltilaunch"},
    "B06 missing LTI claims": only("nonce", "iat", "exp"),
    "B06 missing LTI claims but the registered ones": only("iss", "aud", "sub", "nonce", "iat", "exp"),
    "B07 timestamps incorrect": having(iat=11111, exp=22222),
    "B08 message type missing": without(f"{C}message_type"),
    "B09 roles missing": without(f"{C}roles"),
    "B10 deployment id missing": without(f"{C}deployment_id"),
    "B11 resource link missing": without(f"{C}resource_link"),
    "B11b resource link without id": having(**{f"{C}resource_link": {}}),
    "B11c resource link with empty id": having(**{f"{C}resource_link": {"id": ""}}),
    "B12 user missing": without("sub"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", [TEACHER, STUDENT], ids=["teacher", "student"])
@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_bad_payload_is_refused(school, change, role, method):
    answer = school.launch(change, roles=(role,), method=method)
    _assert_refused(school, answer)


@pytest.mark.parametrize("role", [TEACHER, STUDENT], ids=["teacher", "student"])
def test_b01_no_kid_in_the_header(school, role):
    _assert_refused(school, school.launch(roles=(role,), kid=None))


@pytest.mark.parametrize("role", [TEACHER, STUDENT], ids=["teacher", "student"])
def test_b02_incorrect_kid(school, other_key, role):
    _assert_refused(school, school.launch(roles=(role,), kid="imstester_66067", key=other_key))


def _assert_refused(school, answer):
    assert answer.status_code in (400, 401, 403)
    assert school.sessions() == 0
    assert "__Host-lti-session" not in str(answer.headers)
    assert re.search(r"Reference: <code>[0-9a-f]{8}</code>", answer.text)


GOOD = {
    "V01 valid instructor launch": ([TEACHER], None, "teacher"),
    "V02 instructor with roles": (
        [TEACHER, f"{R}institution/person#Staff", f"{R}institution/person#Other"],
        None,
        "teacher",
    ),
    "V03 instructor short role": (["Instructor"], None, "teacher"),
    "V04 instructor unknown role": ([TEACHER, f"{R}unknown/unknown#Helper"], None, "teacher"),
    "V05 instructor no role": ([""], None, None),
    "V05b instructor empty roles": (None, having(**{f"{C}roles": []}), None),
    "V06 instructor email only": ([TEACHER], without(*NAMES), "teacher"),
    "V07 instructor names only": ([TEACHER], without("email"), "teacher"),
    "V08 instructor no PII": ([TEACHER], without("email", *NAMES), "teacher"),
    "S01 valid student launch": ([STUDENT], None, "student"),
    "S02 student with roles": (
        [STUDENT, f"{R}institution/person#Student", f"{R}institution/person#Mentor"],
        None,
        "student",
    ),
    "S03 student short role": (["Learner"], None, "student"),
    "S04 student unknown role": ([STUDENT, f"{R}uknownrole/unknown#Unknown"], None, "student"),
    "S05 student no role": ([""], None, None),
    "S06 student email only": ([STUDENT], without(*NAMES), "student"),
    "S07 student names only": ([STUDENT], without("email"), "student"),
    "S08 student no PII": ([STUDENT], without("email", *NAMES), "student"),
    "G1 student with the grade service": (
        [STUDENT],
        having(**{"https://purl.imsglobal.org/spec/lti-ags/claim/endpoint": {"scope": [], "lineitems": "https://x/l"}}),
        "student",
    ),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("roles", "change", "expected"), GOOD.values(), ids=GOOD.keys())
def test_good_payload_is_accepted(school, roles, change, expected, method):
    client = school.client()
    answer = school.launch(change or (lambda claims: None), roles=roles or (), method=method, client=client)
    assert answer.status_code == 303, answer.text
    landed = client.get(answer.headers["Location"], base_url="https://tool.example")
    assert landed.status_code == 303
    assert re.fullmatch(r"/courses/[0-9a-f-]{36}/", landed.headers["Location"])
    assert school.seen_as() == [expected]
    assert school.sessions() == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", [TEACHER, STUDENT], ids=["V09 instructor", "S09 student"])
def test_email_without_context_is_accepted_and_explained(school, role, method):
    answer = school.launch(without(f"{C}context", *NAMES), roles=(role,), method=method)
    assert answer.status_code == 200
    assert "from a course" in answer.text
    assert school.sessions() == 1


@pytest.mark.parametrize("change", [without("email", *NAMES), without(*NAMES)], ids=["no PII", "email only"])
def test_a_person_without_a_name_is_shown_by_a_short_id(school, change):
    answer = school.launch(lambda claims: [change(claims), claims.pop(f"{C}context")].clear())
    assert re.search(r"Hello User [0-9a-f]{6}\.", answer.text)
    assert "ada@example.org" not in answer.text
