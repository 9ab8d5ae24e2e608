"""Patience with bounds, and lists that are read to their true end."""

import pytest

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.lms.http import LmsHttp, Repeat
from lti_tool.lms.paging import linked_pages, numbered_pages, reader

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def naps():
    return []


@pytest.fixture
def http(outbound, naps):
    return LmsHttp(
        outbound, access="secret", headers={"Authorization": "Bearer secret"}, sleep=naps.append, random=lambda: 1.0
    )


def accept(answer):
    assert answer.ok


@pytest.fixture
def read(http):
    return reader(http, accept)


def link(**relations):
    return {**JSON, "Link": ",".join(f'<{url}>; rel="{name}"' for name, url in relations.items())}


def test_pauses_double_and_then_it_is_enough(scripted, http, naps):
    scripted.answers["/x"] = (500, {}, b"")
    with pytest.raises(LmsUnavailable, match="lms_failed") as caught:
        http.send("GET", scripted.url + "/x", repeat=Repeat.SAFE)
    assert naps == [1.0, 2.0, 4.0, 8.0]
    assert http.calls == 5
    assert caught.value.facts == {"host": scripted.url.removeprefix("http://"), "status": 500}


def test_what_is_not_safe_is_not_repeated_after_a_failure(scripted, http):
    scripted.answers["/x"] = (503, {}, b"")
    with pytest.raises(LmsUnavailable, match="lms_failed"):
        http.send("POST", scripted.url + "/x", repeat=Repeat.UNSAFE)
    assert http.calls == 1


def test_the_lms_may_ask_for_a_longer_pause(scripted, http, naps):
    scripted.answers["/x"] = [(429, {"Retry-After": "17"}, b""), (200, {}, b"{}")]
    assert http.send("POST", scripted.url + "/x", repeat=Repeat.UNSAFE).ok
    assert naps == [17.0]


def test_nobody_waits_longer_than_the_bound(scripted, http, naps):
    scripted.answers["/x"] = (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(LmsUnavailable, match="lms_throttled"):
        http.send("GET", scripted.url + "/x", repeat=Repeat.SAFE)
    assert naps == []


def test_a_403_with_nothing_left_is_throttling_and_any_other_is_an_answer(scripted, http):
    scripted.answers["/x"] = [(403, {"X-Rate-Limit-Remaining": "-1.5"}, b""), (403, {}, b"no")]
    assert http.send("GET", scripted.url + "/x", repeat=Repeat.SAFE).status == 403
    assert http.calls == 2


def test_a_page_of_a_proxy_is_no_answer(scripted, http):
    scripted.answers["/x"] = (200, {}, b"\n <!DOCTYPE html><p>Please log in")
    with pytest.raises(LmsUnavailable, match="lms_not_json"):
        http.send("GET", scripted.url + "/x", repeat=Repeat.SAFE)


def test_numbered_pages_are_read_together_and_kept_in_order(scripted, http, read):
    url = scripted.url + "/list"
    scripted.answers["/list?per_page=2"] = (200, link(next=url + "?page=2", last=url + "?page=9"), b"1")
    for page in range(2, 10):
        more = {"next": f"{url}?page={page + 1}"} if page < 9 else {}
        scripted.answers[f"/list?page={page}"] = (200, link(**more), str(page).encode())
    told = []
    pages = numbered_pages(read, url, [("per_page", 2)], lambda *counts: told.append(counts))
    assert [page.json() for page in pages] == list(range(1, 10))
    assert told == [(n, 9) for n in range(1, 10)]


def test_a_list_that_grows_meanwhile_is_read_on(scripted, read):
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=2", last=url + "?page=2"), b"1")
    scripted.answers["/list?page=2"] = (200, link(next=url + "?page=3"), b"2")
    scripted.answers["/list?page=3"] = (200, JSON, b"3")
    assert [p.json() for p in numbered_pages(read, url, [], lambda *_: None)] == [1, 2, 3]


def test_a_list_without_a_last_page_is_followed(scripted, read):
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=bookmark:AbC"), b"1")
    scripted.answers["/list?page=bookmark:AbC"] = (200, JSON, b"2")
    assert [p.json() for p in numbered_pages(read, url, [], lambda *_: None)] == [1, 2]


def test_a_page_in_the_middle_that_ends_the_list_is_an_error(scripted, read):
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=2", last=url + "?page=3"), b"1")
    scripted.answers["/list?page=2"] = (200, JSON, b"2")
    scripted.answers["/list?page=3"] = (200, JSON, b"3")
    with pytest.raises(LmsUnavailable, match="list_incomplete"):
        numbered_pages(read, url, [], lambda *_: None)


def test_a_page_that_is_lost_is_an_error(scripted, read):
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=2", last=url + "?page=3"), b"1")
    scripted.answers["/list?page=2"] = (200, link(next=url + "?page=3"), b"2")
    scripted.answers["/list?page=3"] = (500, JSON, b"")
    with pytest.raises(LmsUnavailable, match="lms_failed"):
        numbered_pages(read, url, [], lambda *_: None)


def test_a_link_to_another_server_is_not_followed_with_our_token(scripted, read):
    scripted.answers["/list"] = (200, link(next="http://localhost:1/list?page=2"), b"1")
    with pytest.raises(LmsRefused, match="link_elsewhere"):
        list(linked_pages(read, scripted.url + "/list"))
    scripted.answers["/list"] = (
        200,
        link(next="http://localhost:1/list?page=2", last="http://localhost:1/list?page=2"),
        b"1",
    )
    with pytest.raises(LmsRefused, match="link_elsewhere"):
        numbered_pages(read, scripted.url + "/list", [], lambda *_: None)


def test_a_list_that_goes_round_in_circles_ends(scripted, read):
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=b"), b"1")
    scripted.answers["/list?page=b"] = (200, link(next=url + "?page=b"), b"2")
    with pytest.raises(LmsUnavailable, match="list_loops"):
        list(linked_pages(read, url))


def test_a_list_without_end_ends(scripted, read, monkeypatch):
    monkeypatch.setattr("lti_tool.lms.paging.MAX_PAGES", 3)
    url = scripted.url + "/list"
    scripted.answers["/list"] = (200, link(next=url + "?page=a1"), b"1")
    for n in range(1, 5):
        scripted.answers[f"/list?page=a{n}"] = (200, link(next=f"{url}?page=a{n + 1}"), b"2")
    with pytest.raises(LmsUnavailable, match="list_too_long"):
        list(linked_pages(read, url))
