"""Good manners towards an LMS: few calls at once, patience when it asks for some, and no secret where others read."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, unquote_plus

import pytest
import requests
import structlog

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.group_push import GroupSetPush, NewGroup
from lti_tool.lms.canvas_client import CanvasClient
from lti_tool.lms.http import LmsHttp, Repeat
from lti_tool.lms.lanes import PLACES, lane_of
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.lms.moodle_client import GROUPS_PER_CALL, IDS_PER_CALL, MEMBERS_PER_CALL, MoodleClient
from lti_tool.outbound import CONNECT_SECONDS, Outbound

NULL = (200, {"Content-Type": "application/json"}, b"null")


def in_threads(works):
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def most_at_once(site):
    return site.demo.calls()[site.flavour]["most_at_once"]


def test_several_courses_at_once_stay_within_the_places_of_their_token(make_site, demo):
    big = make_site("canvas", demo.make_big_course("canvas", 1200, 20))
    demo.faults({"latency_ms": 30})
    courses = [big, make_site("canvas"), big]
    found = in_threads([lambda site=site: site.gateway().pull(roster=True, groups=True) for site in courses])
    assert all(remote.roster.people for remote in found)
    assert 1 < most_at_once(big) <= PLACES == 4


def test_another_token_has_places_of_its_own():
    one = lane_of("lms.example", "token one")
    assert lane_of("lms.example", "token one") is one
    assert lane_of("lms.example", "token two") is not one
    assert lane_of("other.example", "token one") is not one


def test_a_low_rate_makes_every_course_of_the_token_wait(canvas):
    busy, other = canvas.gateway(), canvas.gateway()
    stranger = canvas.gateway(token=f"demo-user-{canvas.students(1)[0]}")
    canvas.faults(rate_remaining=100)
    busy.capabilities()
    canvas.faults(rate_remaining=599)
    stranger.capabilities()
    assert canvas.naps == []
    other.capabilities()
    assert canvas.naps == [5.0]
    busy.capabilities()
    assert canvas.naps == [5.0]


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b"429 Too Many Requests (Rate Limit Exceeded)"), (403, b"403 Forbidden (Rate Limit Exceeded)")],
)
def test_pauses_after_throttling_grow_and_differ_from_one_reader_to_the_next(scripted, outbound, status, body):
    scripted.answers["/x"] = (status, {}, body)
    all_naps = []
    for random in (0.0, 0.5, 1.0):
        naps = []
        http = LmsHttp(outbound, access="a", sleep=naps.append, random=lambda random=random: random)
        with pytest.raises(LmsUnavailable, match="lms_throttled"):
            http.send("POST", scripted.url + "/x", repeat=Repeat.UNSAFE)
        all_naps.append(naps)
    assert all_naps == [[0.5, 1, 2, 4], [0.75, 1.5, 3, 6], [1, 2, 4, 8]]


@pytest.fixture
def moodle_script(scripted, outbound):
    """A Moodle that answers null to everything, and the forms that it got."""
    scripted.answers["/webservice/rest/server.php"] = NULL
    client = MoodleClient(LmsHttp(outbound, access="s3cret"), scripted.url, "s3cret")
    return client, scripted, lambda: [parse_qsl(body.decode(), keep_blank_values=True) for body in scripted.bodies]


def test_moodle_s_token_stands_first_in_the_body_and_never_in_an_address(moodle_script):
    client, scripted, forms = moodle_script
    client.delete_groups([str(n) for n in range(450)])
    client.update_groups([{"id": str(n), "name": "x"} for n in range(450)])
    client.assign_grouping("1", [str(n) for n in range(450)])
    client.add_group_members([("1", str(n)) for n in range(MEMBERS_PER_CALL)])
    assert len(forms()) == 3 + 3 + 3 + 1
    assert all(form[0] == ("wstoken", "s3cret") for form in forms())
    assert not any("s3cret" in path or "?" in path for path in scripted.asked)


def test_moodle_s_batches_are_of_a_few_hundred_entries(moodle, monkeypatch):
    biggest = {}
    call = MoodleClient.call

    def watched(self, function, fields=()):
        fields = list(fields)
        entries = {name.split("[")[1] for name, _ in fields if "[" in name}
        biggest[function] = max(biggest.get(function, 0), len(entries))
        return call(self, function, fields)

    monkeypatch.setattr(MoodleClient, "call", watched)
    moodle.course_id = moodle.demo.make_big_course("moodle", 1100, 2)
    gateway, students = moodle.gateway(), moodle.students(1100)
    new = [NewGroup(f"G {n}", "", (student,)) for n, student in enumerate(students[:450])]
    push = GroupSetPush(create=(*new, NewGroup("Everybody", "", tuple(students))))
    made = gateway.push(gateway.create_group_set("Ours"), push)
    assert sum(len(group.member_ids) for group in made.groups) == 450 + 1100
    assert {"core_group_create_groups", "core_group_add_group_members"} <= set(biggest)
    assert max(biggest.values()) <= 500
    assert max(MEMBERS_PER_CALL, GROUPS_PER_CALL, IDS_PER_CALL) <= 500


def test_every_call_has_a_time_limit_and_says_who_calls(monkeypatch):
    seen = []

    class Session:
        def request(self, *args, **values):
            seen.append(values)
            raise requests.Timeout

    door = Outbound({"127.0.0.1"})
    monkeypatch.setattr(door, "_session", Session)
    with pytest.raises(LmsUnavailable, match="lms_timeout"):
        LmsHttp(door, access="a").send("POST", "http://127.0.0.1/x", repeat=Repeat.UNSAFE)
    assert len(seen) == 1
    connect, read = seen[0]["timeout"]
    assert (connect, 0 < read <= 60) == (CONNECT_SECONDS, True)
    assert seen[0]["headers"]["User-Agent"].startswith("LTI-Groups/")
    assert seen[0]["allow_redirects"] is False


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
@pytest.mark.parametrize("fault", [{"error_next": 99}, {"forbid_next": 1}, {"throttle": "429"}, {"revoke_token": True}])
def test_neither_errors_nor_logs_nor_progress_hold_a_secret_a_query_or_a_name(make_site, caplog, flavour, fault):
    site = make_site(flavour)
    people = [word for person in site.state()["people"] for word in (person["name"], person["email"]) if word]
    told = []
    site.faults(**fault)
    with caplog.at_level("DEBUG"), structlog.testing.capture_logs() as logs, pytest.raises(Exception) as caught:
        site.gateway().pull(roster=True, groups=True, progress=lambda *step: told.append(step))
    said = unquote_plus(f"{caught.value!r} {getattr(caught.value, 'facts', '')} {logs} {told}")
    said += " ".join(r.getMessage() for r in caplog.records if r.name.startswith("lti_tool"))
    assert not [word for word in ("demo-", "Bearer", "wstoken", "per_page", "?", *people) if word in said]


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_progress_of_a_good_pull_names_sets_and_no_people(make_site, flavour):
    site, told = make_site(flavour), []
    site.gateway().pull(roster=True, groups=True, progress=lambda *step: told.append(step))
    sets = {s["name"] for s in site.state()["group_sets"]}
    assert {about for *_, about in (step if len(step) == 4 else (*step, "") for step in told) if about} <= sets


@pytest.mark.shows("PUSH-26")
def test_two_integrations_never_share_a_token(scripted):
    seen = []
    scripted.answers["/api/v1/groups/1?include%5B%5D=users"] = (200, {}, b"{}")

    class Seen(Outbound):
        def request(self, *args, headers=None, **values):
            seen.append(headers["Authorization"])
            return super().request(*args, headers=headers, **values)

    door = Seen({"127.0.0.1"})
    clients = [
        CanvasClient(LmsHttp(door, access=token, headers={"Authorization": f"Bearer {token}"}), scripted.url)
        for token in ("one", "two")
    ]
    for client in (*clients, *reversed(clients)):
        client.get_group("1")
    assert seen == ["Bearer one", "Bearer two", "Bearer two", "Bearer one"]


@pytest.mark.shows("PUSH-26")
def test_two_moodles_get_their_own_tokens_only(scripted, outbound):
    path = "/webservice/rest/server.php"
    scripted.answers[path] = scripted.answers["/b" + path] = (200, {}, b"[]")
    one = MoodleGateway(outbound, base_url=scripted.url, token="one", lms_course_id="1")
    two = MoodleGateway(outbound, base_url=scripted.url + "/b", token="two", lms_course_id="1")
    for gateway in (one, two, one):
        gateway.client.get_course_groups("1")
    tokens = [dict(parse_qsl(body.decode()))["wstoken"] for body in scripted.bodies]
    assert list(zip(scripted.asked, tokens, strict=True)) == [(path, "one"), ("/b" + path, "two"), (path, "one")]
