"""The platforms' key sets: how long they are kept, when they are fetched again, and what is no key."""

import json
import threading
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest

from lti_tool.domain.errors import LaunchError
from lti_tool.lti.jwks import max_age, usable_keys
from lti_tool.lti.platform import find_registration
from lti_tool.lti.platform_keys import PlatformKeys
from lti_tool.models import PlatformKeySet, db, transaction
from lti_tool.outbound import Outbound


class Clock:
    def __init__(self):
        self.time = datetime.now(UTC)

    def __call__(self):
        return self.time

    def pass_(self, **span):
        self.time += timedelta(**span)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return PlatformKeys(Outbound({"127.0.0.1"}), clock)


@pytest.fixture
def served(school, key_server, jwk, signing_key):
    """Serve a key set for the school, and count how often it was asked for."""

    class Served:
        path = f"/{school.registration_id}"

        def now(self, document, status=200, **headers):
            key_server.serve(self.path, document, status, **headers)

        def kids(self, *kids, **headers):
            self.now({"keys": [jwk(signing_key, kid) for kid in kids]}, **headers)

        @property
        def count(self):
            return key_server.asked.count(self.path)

    return Served()


@pytest.fixture
def keys(school, cache, context):
    def keys(kid="k1", cache=cache):
        return cache.keys(find_registration(school.registration_id), kid)

    return keys


def test_one_fetch_serves_an_hour(keys, served, clock):
    for _ in range(3):
        assert len(keys()) == 1
    clock.pass_(minutes=59)
    keys()
    assert served.count == 1
    clock.pass_(minutes=2)
    keys()
    assert served.count == 2


@pytest.mark.parametrize(
    ("header", "minutes"),
    [("max-age=60", 5), ("public, max-age=7200", 120), ("max-age=9999999", 1440), ("no-store", 60), ("s-maxage=1", 60)],
)
def test_the_platform_says_how_long_within_bounds(keys, served, clock, header, minutes):
    served.kids("k1", Cache_Control=header)
    keys()
    clock.pass_(minutes=minutes, seconds=-1)
    keys()
    assert served.count == 1
    clock.pass_(seconds=2)
    keys()
    assert served.count == 2
    assert max_age(header) == timedelta(minutes=minutes)


def test_a_restart_needs_no_fetch(keys, served, clock):
    keys()
    keys(cache=PlatformKeys(Outbound(), clock))
    assert served.count == 1


def test_an_unknown_kid_is_looked_up_once_and_then_not_for_half_a_minute(keys, served, clock):
    keys()
    clock.pass_(seconds=31)
    served.kids("k1", "k2")
    assert len(keys("k2")) == 1
    assert served.count == 2
    for kid in ("k3", "k4", "k5"):
        with pytest.raises(LaunchError, match="key_unknown"):
            keys(kid)
    assert served.count == 2
    clock.pass_(seconds=31)
    with pytest.raises(LaunchError, match="key_unknown"):
        keys("k3")
    assert served.count == 3


def test_a_withdrawn_key_ends_with_its_set(keys, served, clock):
    keys()
    served.kids("k2")
    clock.pass_(hours=2)
    with pytest.raises(LaunchError, match="key_unknown"):
        keys("k1")


@pytest.mark.parametrize(
    ("document", "status"), [(b"oops", 200), ({"error": "x"}, 200), ({"keys": []}, 200), ({}, 503), ([], 200), (5, 200)]
)
def test_a_failing_platform_is_served_stale_for_a_week(keys, served, clock, document, status):
    keys()
    served.now(document, status)
    clock.pass_(hours=2)
    assert len(keys()) == 1
    assert len(keys()) == 1
    assert served.count == 2  # and is not asked again at once
    clock.pass_(seconds=31)
    keys()
    assert served.count == 3
    clock.pass_(days=7)
    with pytest.raises(LaunchError, match="platform_keys_unavailable"):
        keys()
    served.kids("k1")
    clock.pass_(seconds=31)
    assert len(keys()) == 1


def test_no_key_set_at_all_is_an_error_until_there_is_one(keys, served, clock, jwk, signing_key):
    served.now({"keys": [jwk(signing_key)]}, 500)  # no answer of success
    for _ in range(3):
        with pytest.raises(LaunchError, match="platform_keys_unavailable"):
            keys()
    assert served.count == 1  # whoever floods it with launches does not wait for it each time
    served.kids("k1")
    clock.pass_(seconds=31)
    assert len(keys()) == 1


def test_a_body_without_end_is_not_read(keys, served, jwk, signing_key, clock):
    good = json.dumps({"keys": [jwk(signing_key)]}).encode()
    served.now(good + b" " * 300_000)
    with pytest.raises(LaunchError, match="platform_keys_unavailable"):
        keys()
    served.now(good + b" " * 200_000)
    clock.pass_(seconds=31)
    assert len(keys()) == 1


def test_a_new_address_makes_the_old_keys_worthless(keys, served, school, key_server):
    keys()
    with transaction():
        find_registration(school.registration_id).key_set_url = key_server.serve(f"{served.path}-new", {"keys": []})
    with pytest.raises(LaunchError, match="platform_keys_unavailable"):
        keys()


def test_many_waiting_launches_fetch_once(app, school, served, cache, key_server):
    key_server.delay = 0.1
    found = []

    def ask():
        with app.app_context():
            found.append(cache.keys(find_registration(school.registration_id), "k1"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key_server.delay = 0.0
    assert len(found) == 8
    assert served.count == 1


def test_many_waiting_launches_fail_together(app, school, served, key_server):
    cache = PlatformKeys(Outbound({"127.0.0.1"}))
    key_server.delay = 0.2
    served.now({}, 500)
    failed = []

    def ask():
        with app.app_context(), pytest.raises(LaunchError, match="platform_keys_unavailable"):
            cache.keys(find_registration(school.registration_id), "k1")
        failed.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
        sleep(0.01)
    for thread in threads:
        thread.join()
    key_server.delay = 0.0
    assert len(failed) == 4
    assert served.count == 1


def test_only_rsa_keys_that_may_sign_are_keys(jwk, signing_key, make_key):
    good = jwk(signing_key, "good")
    document = {
        "keys": [
            good,
            {name: value for name, value in good.items() if name not in ("use", "alg")} | {"kid": "plain"},
            jwk(signing_key, "enc", use="enc"),
            jwk(signing_key, "other", alg="RS512"),
            jwk(signing_key, "ec", kty="EC"),
            jwk(signing_key, "oct", kty="oct", k="x"),
            jwk(make_key(1024), "short"),
            jwk(signing_key, "broken", n="!"),
            jwk(signing_key, "number", n=5),
            jwk(signing_key, "zero", e="AA"),
            jwk(signing_key, kid=7),
            {"kid": "empty"},
            "text",
            None,
        ]
    }
    assert usable_keys(document).keys() == {"good", "plain"}
    assert usable_keys({"keys": [good, good]})["good"].__len__() == 2


def test_the_store_keeps_the_document_for_one_registration(keys, school):
    keys()
    row = db.session.get(PlatformKeySet, school.registration_id)
    assert '"k1"' in row.document
    assert row.expires_at - row.fetched_at == timedelta(hours=1)


def test_a_key_set_on_a_private_address_is_not_fetched(make_school, context):
    school = make_school()
    with pytest.raises(LaunchError, match="platform_keys_unavailable"):
        PlatformKeys(Outbound()).keys(find_registration(school.registration_id), "k1")
