"""Deep linking: the certification's cases by name, what is placed and how it opens, and the attacks on both."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import jwt
import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, update

from lti_tool.lti.keys import list_keys, new_key
from lti_tool.models import Assignment, Course, GroupSet, PlacingRequest

C = "https://purl.imsglobal.org/spec/lti/claim/"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
SETTINGS = f"{DL}deep_linking_settings"
R = "http://purl.imsglobal.org/vocab/lis/v2/"
STUDENT = f"{R}membership#Learner"
BASE = "https://tool.example"
RETURN = "https://lms.school.example/courses/1/deep_linking_response?a=1&b=2"
GIVEN = {
    "deep_link_return_url": RETURN,
    "accept_types": ["ltiResourceLink"],
    "accept_presentation_document_targets": ["iframe", "window"],
    "data": "opaque & <unchanged>",
}


@pytest.fixture(autouse=True, scope="module")
def _signing(settings):
    if not settings.keys_dir.is_dir() or not list_keys(settings.keys_dir):
        new_key(settings.keys_dir)


def asking(**changes):
    """Make a launch a request for links; a setting that is None is left out."""
    given = {name: value for name, value in (GIVEN | changes).items() if value is not None}

    def change(claims):
        del claims[f"{C}resource_link"]
        claims |= {f"{C}message_type": "LtiDeepLinkingRequest", SETTINGS: given}
        claims["name"] = claims["given_name"] = "Ada"

    return change


@dataclass
class Picker:
    """The page that a request for links led to, in the browser of who made it."""

    client: object
    address: str

    def get(self, status=200):
        answer = self.client.get(self.address, base_url=BASE)
        assert answer.status_code == status, answer.text
        return BeautifulSoup(answer.text, "html.parser")

    def post(self, *chosen, tail="", **more):
        token = self.get().select_one("input[name=csrf_token]")["value"]
        data = {"csrf_token": token, "chosen": list(chosen), **more}
        return self.client.post(f"{self.address}{tail}", data=data, base_url=BASE)


def open_picker(school, change=None, client=None, **how):
    client = client or school.client()
    answer = school.launch(change or asking(), client=client, **how)
    assert answer.status_code == 303, answer.text
    landed = client.get(answer.headers["Location"], base_url=BASE)
    assert landed.status_code == 303
    assert re.fullmatch(r"/courses/[0-9a-f-]{36}/placing/[0-9a-f-]{36}", landed.headers["Location"])
    return Picker(client, landed.headers["Location"])


def answered(answer):
    """Return the form that goes to the LMS, and the token's header and claims by the tool's published keys."""
    assert answer.status_code == 200, answer.text
    form = BeautifulSoup(answer.text, "html.parser").select_one("form#placing-answer")
    return form, form.select_one("input[name=JWT]")["value"]


def claims_of(school, answer):
    _, token = answered(answer)
    keys = school.client().get(f"{school.path}/jwks.json", base_url=BASE).get_json()["keys"]
    header = jwt.get_unverified_header(token)
    key = next(key for key in keys if key["kid"] == header["kid"])
    assert header["alg"] == "RS256"
    return jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"], audience="https://platform.example")


def course_of(school):
    with school.store() as session:
        return session.scalar(select(Course.id).where(Course.registration_id == school.registration_id))


def stock(school, name="Essay", formed_by="students", **values):
    """Give the school's course a set and an assignment; return their ids."""
    course_id, set_id, assignment_id = course_of(school), uuid4(), uuid4()
    at = datetime.now(UTC)
    with school.store() as session:
        session.add(GroupSet(id=set_id, course_id=course_id, name=f"Set of {name}", position=1, created_at=at))
        session.flush()
        row = {"id": assignment_id, "course_id": course_id, "name": name, "group_set_id": set_id, "created_at": at}
        session.add(Assignment(**row, formed_by=formed_by, **values))
        session.commit()
    return set_id, assignment_id


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_d1_the_request_is_accepted_and_opens_the_picker(school, method):
    page = open_picker(school, method=method).get()
    assert page.h1.text == "Place a link in Canvas"
    assert [box["value"] for box in page.select("[name=chosen]")] == ["course"]


def test_d1_an_optional_target_may_be_missing(school):
    open_picker(school, lambda claims: (asking()(claims), claims.pop(f"{C}target_link_uri"))[2:])


def test_d2_d3_the_answer_arrives_in_the_same_window_as_a_form_with_the_token(school):
    answer = open_picker(school).post("course")
    form, token = answered(answer)
    assert form["action"] == RETURN
    assert form["method"] == "post"
    assert not form.has_attr("target")
    assert form.select_one("button[type=submit]").text.startswith("Continue")
    assert [field["name"] for field in form.select("input")] == ["JWT"]
    assert token.count(".") == 2
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["form-action"] == "'self' https://lms.school.example"
    assert policy["script-src"] == "'self'"
    assert "https://lms.school.example" in policy["frame-ancestors"].split()


def test_d3_d4_d5_d6_the_answer_has_every_required_claim(school):
    found = claims_of(school, open_picker(school).post("course"))
    assert found[f"{C}message_type"] == "LtiDeepLinkingResponse"
    assert found[f"{C}version"] == "1.3.0"
    assert abs(found["iat"] - time.time()) < 10
    assert 60 <= found["exp"] - found["iat"] <= 3600
    assert found["iss"] == "client-1"
    assert found["aud"] == "https://platform.example"
    assert len(found["nonce"]) >= 20
    assert found[f"{C}deployment_id"] == "dep-1"
    assert found[f"{DL}data"] == GIVEN["data"]
    (item,) = found[f"{DL}content_items"]
    assert item["type"] == "ltiResourceLink"
    assert item["url"] == f"{BASE}{school.path}/launch"


@pytest.mark.parametrize("data", [None, "", "x" * 4000, "\0", "ключ"])
def test_d6_data_is_echoed_exactly_if_it_was_sent(school, data):
    found = claims_of(school, open_picker(school, asking(data=data)).post("course"))
    assert (f"{DL}data" in found) is (data is not None)
    assert found.get(f"{DL}data") == data


def test_d6_each_answer_has_a_nonce_of_its_own(school):
    picker = open_picker(school)
    assert len({claims_of(school, picker.post("course"))["nonce"] for _ in range(2)}) == 2


REFUSED = {
    "settings missing": lambda claims: claims.pop(SETTINGS),
    "settings not an object": lambda claims: claims.update({SETTINGS: ["x"]}),
    "version wrong": lambda claims: claims.update({f"{C}version": "1.2"}),
    "target not ours": lambda claims: claims.update({f"{C}target_link_uri": "https://evil.example/"}),
    **{
        f"return {address!r}": lambda claims, address=address: claims[SETTINGS].update(deep_link_return_url=address)
        for address in (
            None,
            "",
            7,
            "javascript:alert(1)",
            "http://lms.school.example/r",
            "https://",
            "https://lms.school.example@evil.example/r",
            "https://lms.school.example\\@evil.example/r",
            "https://x;script-src.example/r",
            "//lms.school.example/r",
            "https://lms.school.example/\nr",
        )
    },
}


@pytest.mark.parametrize("spoil", REFUSED.values(), ids=REFUSED.keys())
def test_d8_a_request_that_cannot_be_answered_safely_is_refused(school, spoil):
    answer = school.launch(lambda claims: [asking()(claims), spoil(claims)].clear())
    assert answer.status_code in (400, 401, 403)
    assert re.search(r"Reference: <code>[0-9a-f]{8}</code>", answer.text)
    assert school.sessions() == 0


def test_d8_plain_http_is_for_hosts_that_the_operator_named(school):
    open_picker(school, asking(deep_link_return_url="http://127.0.0.1:8001/r"))


UNWANTED = {
    "no links": {"accept_types": ["file", "html"]},
    "no types": {"accept_types": None},
    "types of another type": {"accept_types": "ltiResourceLink"},
    "odd types": {"accept_types": [{}, 1]},
    "no presentation targets": {"accept_presentation_document_targets": None},
    "embedded only": {"accept_presentation_document_targets": ["embed"]},
}


@pytest.mark.parametrize("changes", UNWANTED.values(), ids=UNWANTED.keys())
def test_d8_a_request_for_what_is_not_here_is_declined_politely(school, changes):
    picker = open_picker(school, asking(**changes))
    page = picker.get()
    assert "has links only" in page.main.text
    assert not page.select("[name=chosen]")
    assert picker.post("course").status_code == 422
    assert claims_of(school, picker.post(tail="/cancel"))[f"{DL}content_items"] == []


def test_d9_an_empty_choice_is_a_valid_answer_without_links(school):
    picker = open_picker(school)
    assert picker.post().status_code == 422
    found = claims_of(school, picker.post(tail="/cancel"))
    assert found[f"{DL}content_items"] == []
    assert found[f"{DL}data"] == GIVEN["data"]


def test_several_links_go_where_several_are_taken_and_one_elsewhere(school):
    one = open_picker(school)
    set_id, assignment_id = stock(school, formed_by="staff")
    chosen = (str(set_id), str(assignment_id))
    assert one.get().select_one("[name=chosen]")["type"] == "radio"
    assert one.post(*chosen).status_code == 422
    many = open_picker(school, asking(accept_multiple=True))
    assert many.get().select_one("[name=chosen]")["type"] == "checkbox"
    items = claims_of(school, many.post(*chosen))[f"{DL}content_items"]
    assert [(item["title"], item["url"]) for item in items] == [
        ("Set of Essay", f"{BASE}/open/{set_id}"),
        ("Essay", f"{BASE}/open/{assignment_id}"),
    ]
    assert all(set(map(type, item["custom"].values())) == {str} for item in items)


@pytest.mark.parametrize("way", ["address", "custom"])
@pytest.mark.parametrize(
    ("role", "tail"), [(f"{R}membership#Instructor", ""), (STUDENT, "/grouping")], ids=["teacher", "student"]
)
def test_a_placed_link_opens_exactly_its_page(school, role, tail, way):
    picker = open_picker(school)
    _, assignment_id = stock(school)
    (item,) = claims_of(school, picker.post(str(assignment_id)))[f"{DL}content_items"]
    given = {f"{C}target_link_uri": item["url"]} if way == "address" else {f"{C}custom": item["custom"]}
    client = school.client()
    answer = school.launch(lambda claims: claims.update(given, sub="somebody"), roles=(role,), client=client)
    address = answer.headers["Location"]
    for _ in range(2):
        address = client.get(address, base_url=BASE).headers["Location"]
    assert address == f"/courses/{course_of(school)}/assignments/{assignment_id}{tail}"
    assert client.get(address, base_url=BASE).status_code == 200


@pytest.mark.parametrize("told", ["", "x", "../../admin", "//evil.example", f"{UUID(int=7)}/x", 7, None])
def test_a_forged_parameter_opens_nothing_but_the_course(school, told):
    client = school.client()
    answer = school.launch(lambda claims: claims.update({f"{C}custom": {"open": told}}), client=client)
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["to"] == [f"/courses/{course_of(school)}/"]


def test_forged_ids_are_not_placed(make_school):
    school, other = make_school(), make_school()
    picker = open_picker(school)
    other.launch()
    _, foreign = stock(other)
    for forged in (str(foreign), str(uuid4()), "../admin", "javascript:alert(1)"):
        answer = picker.post(forged)
        assert answer.status_code == 422
        assert "not in this course" in answer.text
        assert "placing-answer" not in answer.text


def test_a_student_places_nothing(school):
    client = school.client()
    answer = school.launch(asking(), roles=(STUDENT,), client=client)
    address = client.get(answer.headers["Location"], base_url=BASE).headers["Location"]
    refused = client.get(address, base_url=BASE)
    assert refused.status_code == 403
    assert "placing-answer" not in refused.text


def test_a_request_sent_again_places_nothing_for_another_browser_and_leads_its_own_back(school):
    client = school.client()
    hop = school.login(client)
    cookie = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)
    claims = school.claims(hop)
    asking()(claims)
    token = school.sign(claims)
    first = school.post(client, hop, token)
    again = school.post(client, hop, token)
    assert [parse_qs(urlsplit(answer.headers["Location"]).query)["to"] for answer in (first, again)] == [
        [address] for address in [parse_qs(urlsplit(first.headers["Location"]).query)["to"][0]] * 2
    ]
    thief = school.client()
    thief.set_cookie(*cookie, domain="tool.example")
    assert "(launch_used)" in school.post(thief, hop, token).text


def test_a_request_is_of_one_person_in_one_course(school):
    picker = open_picker(school)
    colleague = school.client()
    assert school.launch(lambda claims: claims.update(sub="u2"), client=colleague).status_code == 303
    Picker(colleague, picker.address).get(404)
    # The same person, by the address of another course of theirs.
    school.launch(lambda claims: claims.update({f"{C}context": {"id": "course-2"}}), client=picker.client)
    with school.store() as session:
        query = select(Course.id).where(
            Course.registration_id == school.registration_id, Course.lti_context_id == "course-2"
        )
        other = session.scalar(query)
    course, placing = re.findall(r"[0-9a-f-]{36}", picker.address)
    Picker(picker.client, picker.address.replace(course, str(other))).get(404)
    Picker(picker.client, picker.address.replace(placing, str(uuid4()))).get(404)


def test_a_request_runs_out(school):
    picker = open_picker(school)
    placing = UUID(picker.address.rpartition("/")[2])
    with school.store() as session:
        over = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(PlacingRequest).where(PlacingRequest.id == placing).values(expires_at=over))
        session.commit()
    assert "run out" in picker.get(404).main.text


def test_the_answer_goes_where_the_signed_request_said_and_needs_the_pages_own_form(school):
    picker = open_picker(school)
    form, _ = answered(picker.post("course", return_url="https://evil.example/", deep_link_return_url="https://evil/"))
    assert form["action"] == RETURN
    sent = picker.client.post(picker.address, data={"chosen": "course"}, base_url=BASE)
    assert sent.status_code == 403
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    token = picker.get().select_one("input[name=csrf_token]")["value"]
    data = {"chosen": "course", "csrf_token": token}
    assert picker.client.post(picker.address, data=data, headers=foreign, base_url=BASE).status_code == 403


def test_names_and_addresses_are_escaped(school):
    nasty = '"><script>alert(1)</script>'
    picker = open_picker(
        school, asking(data=nasty, title=nasty, text=nasty, deep_link_return_url=f'{RETURN}&"><script>')
    )
    _, assignment_id = stock(school, name=nasty, description=nasty)
    assert "<script>alert" not in str(picker.get())
    answer = picker.post(str(assignment_id))
    assert "<script>alert" not in answer.text
    assert "><script>" not in answer.text
    found = claims_of(school, answer)
    assert found[f"{DL}content_items"][0]["title"] == found[f"{DL}data"] == nasty


def test_nothing_of_the_request_stands_in_an_address(school):
    client = school.client()
    answer = school.launch(asking(), client=client)
    landed = client.get(answer.headers["Location"], base_url=BASE)
    for address in (answer.headers["Location"], landed.headers["Location"]):
        assert "opaque" not in address
        assert "deep_linking_response" not in address
