"""What the admin pages show and do is there as commands too, for the time in which no launch succeeds."""

from typing import Any
from uuid import UUID, uuid4

from lti_tool.cli.context import opened
from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.models import Course, CourseAccess, SyncRun, transaction
from lti_tool.services.refusals import note_refusal

CANVAS = ("registration", "add", "--issuer", "https://canvas.example.edu", "--family", "canvas", "--json")


def test_refusals_are_listed_and_found_by_reference(tool: Any) -> None:
    key, other = (tool.ok(*CANVAS).json["id"] for _ in range(2))
    assert tool.ok("registration", "refusals", key).lines == ["no refused launch is kept"]
    with opened():
        note_refusal(UUID(key), LaunchError("deployment_unknown", deployment="17:ab", name="Ada"), "0a1b2c3d")
        note_refusal(UUID(key), LaunchError("token_expired"), "4e5f6a7b")
    assert [one["code"] for one in tool.ok("registration", "refusals", key, "--json").json] == [
        "token_expired",
        "deployment_unknown",
    ]
    (found,) = tool.ok("registration", "refusals", "--reference", " 0A1B2C3D", "--json").json
    assert (found["registration_id"], found["deployment"]) == (key, "17:ab")
    assert "nobody has accepted" in found["reason"]
    said = tool.ok("registration", "refusals", key, "--reference", "0a1b2c3d").out
    assert "0a1b2c3d" in said
    assert "nobody has accepted" in said
    assert "Ada" not in said
    assert tool.ok("registration", "refusals", other, "--reference", "0a1b2c3d", "--json").json == []
    assert "--reference" in tool.run("registration", "refusals").err


def test_launches_and_runs_of_a_platform_are_listed_without_who(tool: Any) -> None:
    key = tool.ok(*CANVAS).json["id"]
    assert tool.ok("registration", "launches", key, "--json").json == []
    assert tool.ok("registration", "runs", key).lines == ["nothing has run yet"]
    with opened(), transaction() as session:
        common = {"title": "Biology", "label": "B", "created_at": now()}
        course = Course(id=uuid4(), registration_id=UUID(key), lti_context_id="c", **common)
        session.add(course)
        session.flush()
        person = {"lti_user_id": "secret-sub", "name": "Ada", "enrollment_type": "teacher", "is_administrator": True}
        session.add(CourseAccess(course_id=course.id, launched_at=now(), **person))
        run = {"kind": "roster", "state": "failed", "step": "", "error_code": "lms_timeout"}
        session.add(SyncRun(course_id=course.id, created_at=now(), heartbeat_at=now(), **run))
    (launch,) = tool.ok("registration", "launches", key, "--json").json
    assert (launch["as"], launch["administrator"], launch["course"]) == ("teacher", True, "Biology")
    said = tool.ok("registration", "launches", key).out
    assert "teacher, administrator" in said
    assert "Ada" not in said
    (run,) = tool.ok("registration", "runs", key, "--json").json
    assert (run["kind"], run["state"], run["error"]) == ("roster", "failed", "lms_timeout")
    assert "Biology  (lms_timeout)" in tool.ok("registration", "runs", key).out


def test_links_are_listed_and_withdrawn(tool: Any) -> None:
    made = tool.ok("registration", "link", "--issuer", "https://moodle.example", "--json").json
    (listed,) = tool.ok("registration", "link", "--list", "--json").json
    assert (listed["id"], listed["status"], listed["issuer"]) == (made["id"], "open", "https://moodle.example")
    assert "withdrawn" in tool.ok("registration", "link", "--withdraw", made["id"]).out
    assert [one["status"] for one in tool.ok("registration", "link", "--list", "--json").json] == ["withdrawn"]
    assert "registration_link_not_found" in tool.run("registration", "link", "--withdraw", uuid4()).err
    assert tool.run("registration", "link", "--list", "--issuer", "https://moodle.example").status == 2


def test_what_was_allowed_or_stored_can_be_taken_back(tool: Any) -> None:
    key = tool.ok(*CANVAS, "--deployment-id", "1").json["id"]
    tool.ok("registration", "deployment", "refuse", key, "1")
    assert tool.ok("registration", "deployment", "list", key).out.split() == ["1", "refused"]
    assert "deployment_not_found" in tool.run("registration", "deployment", "refuse", key, "2").err
    tool.ok("token", "set", key, stdin="a token\n")
    tool.ok("token", "remove", key)
    assert "token_not_found" in tool.run("token", "remove", key).err
    tool.ok("oauth-client", "set", key, "--client-id", "17", stdin="a secret\n")
    tool.ok("oauth-client", "remove", key, "--yes")
    assert tool.ok("registration", "show", key, "--json").json["oauth_client_id"] is None
    assert "oauth_client_not_found" in tool.run("oauth-client", "remove", key, "--yes").err
