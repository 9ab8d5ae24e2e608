"""Jobs as people see them: progress that asks again by itself, a report in words, errors that say what to do."""

import json
from typing import Any

import pytest

from lti_tool.domain.sync import Report


def report(**changes: Any) -> str:
    made = Report(complete=True, calls=25, seconds=3.14).as_dict()
    return json.dumps({**made, **changes})


def test_a_sync_is_queued_and_its_page_follows_it(world: Any) -> None:
    teacher = world.browser()
    page = teacher.follow("sync")
    block = page.select_one("#run-progress")
    assert block["hx-trigger"] == "every 1s"
    assert "This starts in a moment" in block.text
    assert page.select_one("a[data-without-script]")["href"].split("?")[0] == block["hx-get"]


@pytest.mark.parametrize(
    ("family", "step", "about", "words"),
    [
        ("canvas", "fetching_roster", "", "Fetching people from Canvas…"),
        ("canvas", "fetching_groups", "", "Fetching group categories from Canvas..."),
        ("canvas", "fetching_groups", "Labs <&>", "Fetching groups in category: Labs <&>"),
        ("canvas", "fetching_groups", "Unnamed Category", "Fetching groups in category: Unnamed Category"),
        ("canvas", "syncing_groups", "", "Syncing Canvas groups and team memberships..."),
        ("canvas", "saving_groups", "6", "Saving 6 groups to database..."),
        ("canvas", "saving_groups", "1", "Saving 1 group to database..."),
        ("canvas", "syncing_members", "Team 7", "Syncing team 50 of 200: Team 7"),
        ("canvas", "pushing_members", "", "Sending members to Canvas…"),
        ("moodle", "fetching_groups", "", "Fetching groupings from Moodle..."),
        ("moodle", "fetching_groups", "Labs", "Fetching groups in grouping: Labs"),
        ("moodle", "syncing_groups", "", "Syncing Moodle groups and team memberships..."),
    ],
)
@pytest.mark.shows("PULL-11", "PULL-12", "PULL-13", "PULL-23", "PULL-37")
def test_a_step_is_told_in_words(app: Any, world: Any, family: str, step: str, about: str, words: str) -> None:
    course = type(world)(app).open_course(family=family)
    run_id = course.run("pull", "running", step=step, about=about, done=50, total=200)
    part, _ = course.browser().fragment(f"runs/{run_id}")
    assert words in part.text
    assert "50 of 200" in part.text
    assert part.progress["value"] == "25"


def test_the_fragment_of_an_ended_run_asks_no_more(world: Any) -> None:
    run_id = world.run("pull", report=report())
    part, response = world.browser().fragment(f"runs/{run_id}")
    assert not part.select("[hx-get], [hx-trigger]")
    assert "HX-Refresh" not in response.headers


def test_the_home_page_reloads_when_its_run_has_ended(world: Any) -> None:
    run_id = world.run("pull", report=report())
    _, response = world.browser().fragment(f"runs/{run_id}?from=home")
    assert response.headers["HX-Refresh"] == "true"


def test_what_asks_from_the_home_page_says_so_each_time(world: Any) -> None:
    run_id = world.run("roster", "running", step="fetching_roster")
    teacher = world.browser()
    first = teacher.get("").select_one("#run-progress")["hx-get"]
    part, _ = teacher.fragment(f"runs/{run_id}?from=home")
    assert part.select_one("#run-progress")["hx-get"] == first
    assert first.endswith("?from=home")


def test_activity_names_the_set_that_was_pushed(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    world.run("push", group_set_id=set_id)
    world.run("pull")
    rows = [row.th.get_text(" ", strip=True) for row in world.browser().get("activity").select("tbody tr")]
    assert sorted(rows) == ["Push Projects", "Sync"]


@pytest.mark.shows("MODEL-26")
def test_the_report_counts_and_says_what_was_left_out(world: Any) -> None:
    run_id = world.run(
        "pull",
        report=report(
            roster={"added": 7, "updated": 1, "dropped": 2, "conflicts": 1},
            not_in_roster=3,
            not_in_roster_by_group={"Team <1>": 3},
            not_active=1,
            not_active_by_group={"Team 2": 1},
        ),
    )
    page = world.browser().get(f"runs/{run_id}")
    people = next(row for row in page.select("tbody tr") if row.th.text == "People")
    assert [cell.text for cell in people.select("td")] == ["7", "1", "2"]
    assert "3 members are not on the roster" in page.text
    assert "Team <1>: 3 members not in roster" in page.text
    assert "Team 2: 1 member not active" in page.text
    assert "not among the people that it lists" in " ".join(page.text.split())
    assert not page.select('form[action$="/roster/refresh"]')  # the roster was synced just now
    assert "1 member is not active" in page.text
    assert "1 person fits more than one member" in page.text
    assert "25 calls to Canvas, 3.1 seconds" in page.text


def test_people_not_placed_are_named(world: Any) -> None:
    run_id = world.run("push", report=report(not_placed=[{"group": "Team 1", "person": "Ana López"}]))
    assert "Ana López, Team 1" in world.browser().get(f"runs/{run_id}").text


@pytest.mark.parametrize("code", ["lms_timeout", "token_rejected", "something_new", "unexpected"])
def test_a_failed_run_says_what_to_do(world: Any, code: str) -> None:
    run_id = world.run("pull", "failed", error_code=code, error_facts='{"host": "lms.example"}')
    page = world.browser().get(f"runs/{run_id}")
    assert "Everything here is as it was before." in page.text
    assert code not in page.text
    assert page.select_one(".notice-bad h2").text.strip()


def test_a_run_without_a_report_still_has_a_page(world: Any) -> None:
    run_id = world.run("publish", "failed", error_code="run_interrupted")
    assert "interrupted" in world.browser().get(f"runs/{run_id}").text


def test_the_activity_lists_runs(world: Any) -> None:
    world.run("pull")
    world.run("publish", "failed", error_code="set_name_taken")
    page = world.browser().get("activity")
    assert len(page.select("tbody tr")) == 2
    assert "Canvas has a group set of this name" in page.text


@pytest.mark.shows("PULL-24")
def test_a_step_that_counts_names_says_both(world: Any) -> None:
    run_id = world.run("pull", "running", step="syncing_members", about="Team <B>", done=6, total=11)
    part, _ = world.browser().fragment(f"runs/{run_id}")
    assert "Syncing team 6 of 11: Team <B>" in part.text


@pytest.mark.shows("PULL-23")
def test_before_the_first_name_it_says_how_many_there_are(world: Any) -> None:
    run_id = world.run("pull", "running", step="syncing_members", about="11")
    part, _ = world.browser().fragment(f"runs/{run_id}")
    assert "Syncing memberships for 11 teams..." in part.text


def named(**changes: Any) -> dict[str, Any]:
    return {**Report().as_dict()["named"], **changes}


def test_a_preview_says_by_name_what_would_change_and_offers_the_sync(world: Any) -> None:
    traffic = {"group": "Team <1>", "added": 3, "removed": 1, "moved_in": 1, "moved_out": 0}
    run_id = world.run(
        "preview",
        report=report(
            groups={"created": 60, "renamed": 1, "removed": 0},
            memberships={"added": 3, "removed": 1, "moved": 1},
            named=named(
                groups_created=[f"Group {n}" for n in range(50)],
                groups_renamed=[["Old", "New"]],
                traffic=[traffic],
                traffic_groups=1,
                people_dropped=["Gone Person"],
                people_left=1,
                people_refused=[{"person": "Twice Listed", "lms_user_id": "9", "reason": "listed_twice"}],
            ),
        ),
    )
    page = world.browser().get(f"runs/{run_id}")
    text = " ".join(page.text.split())
    assert "Nothing has been changed yet." in text
    assert "… and 10 more." in text
    assert "Old → New" in text
    assert "Team <1>: 1 person from another group, 2 people new, 1 person gone" in text
    assert "Gone Person" in text
    assert "Twice Listed is listed twice." in text
    memberships = next(row for row in page.select("tbody tr") if row.th.text == "Memberships")
    assert [cell.text for cell in memberships.select("td")] == ["2", "1", "0"]
    assert [form.button.text for form in page.select('form[action$="/sync"]')] == ["Sync now"]
    assert not world.browser("ta").get(f"runs/{run_id}").select('form[action$="/sync"]')


@pytest.mark.parametrize("kind", ["groups", "refresh"])
def test_people_who_are_not_on_the_roster_lead_to_it(world: Any, kind: str) -> None:
    run_id = world.run(kind, report=report(not_in_roster=1, not_in_roster_by_group={"Team 1": 1}))
    page = world.browser().get(f"runs/{run_id}")
    assert "Sync roster first?" in page.text
    assert page.select_one('form[action$="/roster/refresh"]').button.text == "Sync roster first"


def test_a_preview_is_queued_and_followed(world: Any) -> None:
    page = world.browser().follow("preview")
    assert page.h1.text == "Preview of a sync"
    assert "This starts in a moment" in page.text


def test_a_refresh_of_people_that_brought_groups_says_so(world: Any) -> None:
    run_id = world.run("roster", report=report(memberships={"added": 1, "removed": 0, "moved": 0}))
    lines = [row.get_text(" ", strip=True) for row in world.browser().get(f"runs/{run_id}").select(".figures-table tr")]
    assert "Memberships 1 0 0" in lines
    alone = world.run("roster", report=report(roster={"added": 1, "updated": 0, "dropped": 0, "conflicts": 0}))
    assert "Memberships" not in world.browser().get(f"runs/{alone}").text


@pytest.mark.shows("PUSH-40")
def test_who_is_active_again_without_their_groups_is_told_with_the_reason(world: Any) -> None:
    run_id = world.run("roster", report=report(errors=[{"code": "token_missing"}]))
    page = world.browser().get(f"runs/{run_id}")
    assert "The groups of people who are active again are missing here" in page.text
    assert "Sync with Canvas afterwards." in page.text
