"""Every code that the tool can meet has its sentence, and the words of steps, kinds and differences are complete."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from lti_tool.domain.gateway import Step
from lti_tool.domain.groups import LMS_CONNECTIONS

SOURCE = Path(__file__).parents[2] / "lti_tool"
RAISED = re.compile(
    r'(?:NotFound|Forbidden|Conflict|RuleViolation|LmsUnavailable|LmsRefused|LmsChanged|LmsError)\(\s*"([a-z_]+)"'
)
# Launches have a page and words of their own; the demo LMS is another program.
NOT_OURS = ("demo",)


def raised_codes() -> list[str]:
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] not in NOT_OURS:
            text = path.read_text(encoding="utf-8")
            found.update(RAISED.findall(text), re.findall(r'"(csv_[a-z_]+)"', text))
    return sorted(found)


@pytest.fixture
def words(app: Flask) -> Any:
    return app.jinja_env.get_template("messages.html").module


@pytest.mark.parametrize("code", [*raised_codes(), "no_session", "unexpected", "http_404", "http_405", "http_413"])
def test_every_code_has_a_sentence(words: Any, code: str) -> None:
    assert code in words.ERRORS, f"templates/words has no sentence for {code}"
    title, text = words.error_title(code, {}, "Canvas"), words.error_text(code, {}, "Canvas")
    assert title[0].isupper()
    assert not title.endswith(".")
    assert text.rstrip().endswith((".", "?"))
    assert "%" not in title + text


def test_every_sentence_stands_in_one_place_and_is_found_there(app: Flask, words: Any) -> None:
    parts = [name for name in app.jinja_env.list_templates() if name.startswith("words/errors_")]
    codes = [code for name in parts for code in app.jinja_env.get_template(name).module.ERRORS]  # type: ignore[attr-defined]
    assert sorted(codes) == sorted(words.ERRORS)


@pytest.mark.parametrize("connection", sorted(LMS_CONNECTIONS))
def test_every_lms_has_a_badge_and_a_name_as_the_source_of_teams(app: Flask, words: Any, connection: str) -> None:
    badge = app.jinja_env.get_template("group_sets/cards.html").module
    shown = badge.owner(SimpleNamespace(connection=connection), "the LMS")  # type: ignore[attr-defined]
    assert 'class="badge badge-lms"' in shown
    assert words.TEAM_SOURCES[connection] in shown


@pytest.mark.parametrize("code", ["groups_read_only", "groups_service_off", "roster_service_off"])
def test_refusals_of_lti_services_have_sentences_too(words: Any, code: str) -> None:
    assert words.error_title(code, {}, "the LMS") != words.error_title("unexpected", {}, "the LMS")


def test_refusals_read_from_answers_have_sentences_too(words: Any) -> None:
    from lti_tool.lms.moodle_errors import REFUSALS

    read_from_answers = {*REFUSALS.values(), "people_not_placed", "run_interrupted", "scope_missing"}
    assert not read_from_answers - set(words.ERRORS)


def test_facts_stand_in_the_sentence_and_are_escaped(words: Any) -> None:
    text = words.error_text("people_in_two_groups", {"people": ["Ana", "<b>Bo</b>"]}, "Moodle")
    assert "Ana, &lt;b&gt;Bo&lt;/b&gt;" in text
    assert text.startswith("Moodle")


def test_an_unknown_code_gets_the_general_words(words: Any) -> None:
    assert words.error_title("never_heard_of", {}, "Canvas") == words.error_title("unexpected", {}, "Canvas")


def test_every_step_has_words(words: Any) -> None:
    assert set(words.STEPS) == {str(step) for step in Step}


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ({"notice": "placed", "count": "1"}, "One person is placed."),
        ({"notice": "placed", "count": "3", "pushed": "sent"}, "3 people are placed. Canvas has it too."),
        ({"notice": "removed", "pushed": "refused"}, "Canvas did not take it."),
        ({"notice": "pushed", "pushed": "waiting"}, "Canvas has not taken it yet"),
        ({"notice": "<script>"}, ""),
        ({"notice": "placed", "count": "<b>"}, "One person is placed."),
    ],
)
def test_notices_say_what_happened(words: Any, notice: dict[str, str], said: str) -> None:
    from werkzeug.datastructures import MultiDict

    shown = words.notice(MultiDict(notice), "Canvas")
    assert said in shown
    assert bool(shown.strip()) == bool(said)
    assert "<b>" not in shown
    assert "<script" not in shown
