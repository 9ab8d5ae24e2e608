"""The attacks of the security chapter, each with the answer that it gets."""

import threading
from urllib.parse import urlsplit

import pytest

from lti_tool.lti.state import SEPARATOR, digest

C = "https://purl.imsglobal.org/spec/lti/claim/"
R = "http://purl.imsglobal.org/vocab/lis/v2/"
BASE = "https://tool.example"


def test_login_csrf_a_launch_of_another_browser_is_not_opened(school):
    """The attacker logs in, and gives the victim the last post."""
    attacker, victim = school.client(), school.client()
    hop = school.login(attacker)
    token = school.sign(school.claims(hop))
    answer = school.post(victim, hop, token)
    assert answer.status_code == 401
    assert 'id="launch-finish"' in answer.text  # the browser's own storage is asked, and has nothing
    assert school.sessions() == 0


def test_login_csrf_a_login_of_ones_own_does_not_lend_its_secret(school):
    attacker, victim = school.client(), school.client()
    mine, theirs = school.login(victim), school.login(attacker)
    token = school.sign(school.claims(theirs))
    assert school.post(victim, theirs, token).status_code == 401
    cookie = mine.answer.headers["Set-Cookie"].split(";")[0].split("=")[1]
    answer = school.post(victim, theirs, token, bind=cookie)
    assert "(browser_mismatch)" in answer.text
    assert school.sessions() == 0


@pytest.mark.parametrize(
    "sent", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_login_csrf_the_attackers_own_secret_counts_from_our_own_page_only(school, sent):
    """Who began a login knows its secret, and posts it with their launch from a page that the victim opens."""
    attacker, victim = school.client(), school.client()
    hop = school.login(attacker)
    secret = hop.answer.headers["Set-Cookie"].split(";")[0].split("=")[1]
    form = {"state": hop.state, "id_token": school.sign(school.claims(hop)), "bind": secret}
    answer = victim.post(f"{school.path}/launch", data=form, base_url=BASE, headers=sent)
    assert answer.status_code == 403
    assert school.sessions() == 0
    here = {"Sec-Fetch-Site": "same-origin", "Origin": BASE}
    assert victim.post(f"{school.path}/launch", data=form, base_url=BASE, headers=here).status_code == 303


def test_planted_cookie_with_the_right_name_is_refused(school):
    attacker, victim = school.client(), school.client()
    hop = school.login(attacker)
    name = hop.answer.headers["Set-Cookie"].split("=")[0]
    victim.set_cookie(name, "planted", domain="tool.example")
    assert "(browser_mismatch)" in school.post(victim, hop, school.sign(school.claims(hop))).text


@pytest.mark.parametrize("state", ["", "x", "x" * 5000, "é", "W10.x", "{}"])
def test_a_state_that_this_tool_did_not_sign_is_refused(school, state):
    client = school.client()
    hop = school.login(client)
    token = school.sign(school.claims(hop))
    answer = client.post(f"{school.path}/launch", data={"state": state, "id_token": token}, base_url=BASE)
    assert answer.status_code in (400, 401)
    assert "(state_" in answer.text


def test_a_state_that_names_the_attackers_own_secret_is_refused(school):
    """All is as in a state of this tool, but who wrote it."""
    client, secret = school.client(), "the attacker's"
    hop = school.login(client)
    fields, _, signature = hop.state.rpartition(".")
    registration, nonce, _, expires = fields.split(SEPARATOR)
    forged = SEPARATOR.join((registration, nonce, digest(secret), expires))
    form = {"state": f"{forged}.{signature}", "id_token": school.sign(school.claims(hop)), "bind": secret}
    answer = client.post(f"{school.path}/launch", data=form, base_url=BASE)
    assert "(state_invalid)" in answer.text
    assert school.sessions() == 0


def test_a_state_of_another_registration_is_refused(make_school):
    one, other = make_school(), make_school()
    client = one.client()
    hop = other.login(client)
    assert "(state_invalid)" in one.post(client, hop, one.sign(one.claims(hop))).text


def test_exact_replay_without_the_session_is_refused(school):
    client = school.client()
    hop = school.login(client)
    cookie = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)
    token = school.sign(school.claims(hop))
    assert school.post(client, hop, token).status_code == 303
    thief = school.client()
    thief.set_cookie(*cookie, domain="tool.example")
    answer = school.post(thief, hop, token)
    assert answer.status_code == 400
    assert "(launch_used)" in answer.text
    assert school.sessions() == 1


def test_reload_in_the_same_session_leads_back_to_the_course(school):
    client = school.client()
    hop = school.login(client)
    token = school.sign(school.claims(hop))
    first = school.post(client, hop, token)
    again = school.post(client, hop, token)
    assert again.status_code == 303
    assert urlsplit(again.headers["Location"]).query == urlsplit(first.headers["Location"]).query
    assert school.sessions() == 1


def test_reload_in_the_session_of_somebody_else_leads_nowhere(school):
    client = school.client()
    hop = school.login(client)
    token = school.sign(school.claims(hop))
    assert school.post(client, hop, token).status_code == 303
    assert school.launch(lambda claims: claims.update(sub="u2"), client=client).status_code == 303
    again = school.post(client, hop, token)
    assert again.status_code == 400
    assert "(launch_used)" in again.text


def test_a_token_under_a_new_state_is_refused(school):
    client = school.client()
    hop = school.login(client)
    token = school.sign(school.claims(hop))
    assert school.post(client, hop, token).status_code == 303
    assert "(nonce_mismatch)" in school.post(client, school.login(client), token).text


def test_parallel_double_post_opens_one_session(school):
    client = school.client()
    hop = school.login(client)
    cookie = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)
    token = school.sign(school.claims(hop))
    answers, gate = [], threading.Barrier(6)

    def post():
        browser = school.client()
        browser.set_cookie(*cookie, domain="tool.example")
        gate.wait()
        answers.append(school.post(browser, hop, token).status_code)

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 400, 400, 400, 400, 400]
    assert school.sessions() == 1


def test_kid_confusion_another_platforms_key_of_the_same_kid_signs_nothing_here(make_school, other_key):
    make_school()
    other = make_school(key=other_key)
    assert other.launch().status_code == 303
    one = make_school()
    assert "(signature_invalid)" in one.launch(key=other_key).text


def test_issuer_mix_up_two_platforms_may_share_issuer_and_client_id(make_school, other_key):
    one, other = make_school(), make_school(key=other_key)
    assert (one.launch().status_code, other.launch().status_code) == (303, 303)
    assert one.seen_as() == other.seen_as() == ["teacher"]


def test_roles_of_the_institution_give_nothing_in_the_course(school):
    school.launch(roles=(f"{R}membership#Learner", f"{R}institution/person#Instructor"))
    assert school.seen_as() == ["student"]


ROLES = {
    f"{R}membership/Learner#Instructor": "student",
    f"{R}membership/Instructor#TeachingAssistant": "ta",
    f"{R}membership/instructor#TeachingAssistant": "ta",
    f"{R}membership#ContentDeveloper": "designer",
    f"{R}membership#Mentor": "observer",
    f"{R}membership#Administrator": "teacher",
    "urn:lti:role:ims/lis/Instructor": "teacher",
    "Learner": "student",
    f"{R}person#Administrator": None,
    f"{R}institution/person#Instructor": None,
    f"{R}system/person#User": None,
    "x/membership#Instructor": None,
    f"{R}unknown#Instructor": None,
}


@pytest.mark.parametrize(("role", "expected"), ROLES.items())
def test_roles_are_read_exactly(school, role, expected):
    school.launch(roles=(role,))
    assert school.seen_as() == [expected]


def test_a_later_launch_replaces_the_role(school):
    school.launch(roles=(f"{R}membership#Instructor",))
    school.launch(roles=(f"{R}membership#Learner",))
    assert school.seen_as() == ["student"]


def test_names_are_escaped_and_clean(school):
    name = "<script>\u202e\0A\u0308\ud800da</script>"
    answer = school.launch(lambda claims: claims.update({"name": name, f"{C}context": None}))
    assert answer.status_code == 200
    assert "&lt;script&gt;Äda&lt;/script&gt;" in answer.text
    assert "<script>Ä" not in answer.text


@pytest.mark.parametrize(
    "address", ["https://x.example;script-src *", "https://x.example;script-src", "https://*", "https://*.x.example/r"]
)
def test_a_return_address_widens_no_policy(school, address):
    presentation = {"return_url": address}
    answer = school.launch(lambda claims: claims.update({f"{C}launch_presentation": presentation, f"{C}context": None}))
    policy = answer.headers["Content-Security-Policy"]
    assert policy.partition("frame-ancestors ")[2].split() == [
        "'self'",
        "https://auth.platform.example",
        "https://platform.example",
    ]
    assert "x.example" not in policy


def test_who_may_frame_is_what_the_registration_and_the_launch_say(school):
    answer = school.launch(
        lambda claims: claims.update(
            {
                f"{C}launch_presentation": {"return_url": "https://school.example/courses/1"},
                f"{C}custom": {"canvas_api_base": "https://evil.example"},  # a teacher can give a link this
                f"{C}context": None,
            }
        )
    )
    policy = answer.headers["Content-Security-Policy"].partition("frame-ancestors ")[2].split()
    assert set(policy) == {
        "'self'",
        "https://platform.example",
        "https://auth.platform.example",
        "https://school.example",
    }


def test_nothing_secret_stands_in_an_address_or_is_kept(school):
    client = school.client()
    hop = school.login(client)
    answer = school.post(client, hop, school.sign(school.claims(hop)))
    secret = answer.headers.getlist("Set-Cookie")[0].split("=")[1].split(";")[0]
    assert secret not in answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert hop.answer.headers["Cache-Control"] == "no-store"


def test_a_body_without_end_is_refused(school):
    client = school.client()
    hop = school.login(client)
    assert school.post(client, hop, "a" * 7_000_000).status_code == 413
