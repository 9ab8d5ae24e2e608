"""The doctor: one line a check, what to do about it, and an exit status."""

from typing import Any
from uuid import UUID

import pytest
from flask import has_app_context
from sqlalchemy import delete

from lti_tool.cli.context import opened
from lti_tool.demo import ToolLink
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict
from lti_tool.models import Course, CourseAccess, LaunchRefusal, db, transaction
from lti_tool.outbound import Outbound
from lti_tool.services import doctor
from tests.smtp import mail_server


def verdicts(ran: Any) -> dict[str, str]:
    return {row["check"].rpartition(": ")[2]: row["verdict"] for row in ran.json}


def test_all_is_well_after_a_launch(serving: Any, taught: Any) -> None:
    base = f"{serving.environment['LTI_TOOL_BASE_URL']}/lti/{taught.registration_id}"
    taught.lms.install_tool(taught.family, ToolLink("c", "1", f"{base}/login", f"{base}/launch", f"{base}/jwks.json"))
    ran = taught.tool.ok("doctor", "--registration", taught.registration_id, "--json")
    found = verdicts(ran)
    assert found["database"] == found["signing key"] == found["platform's keys"] == "ok"
    assert found["LTI services"] == "ok"
    assert found["queue"] == "warning"  # no worker has given a sign of life yet
    assert found["issuer"] == "warning"  # the course was stored without a launch
    single = {"canvas": "manage_groups_add", "moodle": "core_group_create_groups"}
    assert found[single[taught.family]] == "ok"
    assert found["read roster"] == found["read groups"] == found["write groups"] == "ok"
    assert found["base url"] == "warning"  # loopback: a demo
    lines = taught.tool.ok("doctor").out.splitlines()
    assert len(lines) == len(ran.json)
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    assert all("→" in line for line in lines if line.startswith("warning"))


def test_nobody_is_called_inside_a_transaction(canvas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas.tool.ok(
        *("oauth-client", "set", canvas.registration_id, "--client-id", "demo-canvas-api"), stdin="demo-canvas-secret\n"
    )
    called: list[bool] = []
    request = Outbound.request

    def watched(self: Outbound, *given: Any, **more: Any) -> Any:
        called.append(has_app_context() and db.session().in_transaction())
        return request(self, *given, **more)

    monkeypatch.setattr(Outbound, "request", watched)
    canvas.tool.run("doctor", "--registration", canvas.registration_id)
    assert len(called) > 5
    assert not any(called)


def test_a_database_that_is_behind_and_a_missing_key_are_said(bare: Any, tmp_path: Any) -> None:
    bare.set(keys_dir=str(tmp_path / "none"))
    ran = bare.run("doctor")
    assert ran.status == 1
    failed = {line.split()[1].rstrip(":"): line for line in ran.out.splitlines() if line.startswith("failed")}
    assert "lti-tool db upgrade" in failed["database"]
    assert "lti-tool keys new" in failed["signing"]


def test_the_mail_server_is_tried(tool: Any, free_port: Any) -> None:
    assert "e-mail: not set up" in tool.ok("doctor").out
    with mail_server() as server:
        tool.set(smtp_url=server.secured("groups", "geheim"), mail_from="groups@example.edu")
        assert "e-mail: from groups@example.edu" in tool.ok("doctor").out
        assert server.letters == []
        tool.set(smtp_url=f"smtp://groups:falsch@127.0.0.1:{server.port}")
        ran = tool.run("doctor")
        (line,) = [line for line in ran.out.splitlines() if "e-mail" in line]
        assert line.startswith("failed")
        assert "535" in line
        assert "LTI_TOOL_SMTP_URL" in line
        assert "falsch" not in ran.out + ran.err
    tool.set(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    assert "ConnectionRefusedError" in tool.run("doctor").out


def test_nothing_registered_is_a_warning(tool: Any) -> None:
    assert "lti-tool registration add" in tool.ok("doctor").out


def test_a_pending_platform_and_one_without_placements_are_said(tool: Any) -> None:
    add = ("registration", "add", "--issuer", "https://canvas.example.edu", "--family", "canvas", "--json")
    key = tool.ok(*add).json["id"]
    ran = tool.run("doctor", "--registration", key)
    assert ran.status == 1
    assert f"registration update {key} --client-id" in ran.out


def test_a_platform_of_another_make_is_said_to_take_no_groups(tool: Any, free_port: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    add = ("registration", "add", "--issuer", url, "--family", "other", "--client-id", "c", "--json")
    addresses = ("--auth-login-url", url, "--auth-token-url", url, "--key-set-url", url)
    key = tool.ok(*add, *addresses).json["id"]
    ran = tool.run("doctor", "--registration", key)
    (line,) = [line for line in ran.out.splitlines() if "write groups" in line]
    assert line.startswith("warning")
    assert "no set can be published there" in line


def test_services_at_hosts_of_others_are_named_with_what_to_do(tool: Any, free_port: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    addresses = ("--auth-login-url", url, "--auth-token-url", url, "--key-set-url", url, "--other-hosts", "a.example")
    key = tool.ok("registration", "add", "--issuer", url, "--client-id", "c", *addresses, "--json").json["id"]
    odd = 'https://x";reboot;"/members'  # the advice is a command, and the platform wrote the address
    with opened(), transaction() as session:
        for number, host in enumerate((url, "https://canvas.school.edu/members", odd)):
            more = {"lti_context_id": str(number), "title": "C", "label": "", "created_at": now()}
            session.add(Course(registration_id=UUID(key), memberships_url=host, **more))

    def line() -> str:
        ran = tool.run("doctor", "--registration", key)
        return next(line for line in ran.out.splitlines() if "service addresses" in line)

    assert line().startswith("failed")
    assert f'registration update {key} --other-hosts "a.example canvas.school.edu"' in line()
    assert "reboot" not in line()
    with opened(), transaction() as session:
        session.execute(delete(Course).where(Course.memberships_url == odd))
    tool.ok("registration", "update", key, "--other-hosts", "canvas.school.edu")
    assert line().startswith("ok")


@pytest.mark.parametrize("family", ["canvas", "moodle"])
def test_a_refused_token_and_a_wrong_address_say_what_to_do(teach: Any, family: str, free_port: Any) -> None:
    taught = teach(family)
    taught.tool.ok("token", "set", taught.registration_id, stdin="a wrong token\n")
    taught.tool.ok(
        *("registration", "update", taught.registration_id),
        *("--key-set-url", f"http://127.0.0.1:{free_port()}/jwks"),
    )
    ran = taught.tool.run("doctor", "--registration", taught.registration_id)
    assert ran.status == 1
    failed = [line for line in ran.out.splitlines() if line.startswith("failed")]
    assert any("token set" in line and "(token_rejected)" in line for line in failed)
    assert any("check the key set address" in line and "(lms_unreachable)" in line for line in failed)
    assert all("→" in line for line in failed)


def test_the_developer_key_is_asked_for(canvas: Any) -> None:
    def line(status: int) -> str:
        ran = canvas.tool.run("doctor", "--registration", canvas.registration_id)
        assert ran.status in (0, status)  # other lines may have failed
        (found,) = [line for line in ran.out.splitlines() if ": OAuth client: " in line]
        return found

    set_key = ("oauth-client", "set", canvas.registration_id, "--client-id", "demo-canvas-api")
    missing = line(1)
    assert missing.startswith("warning")
    assert "lti-tool oauth-client set" in missing
    canvas.tool.ok(*set_key, stdin="a wrong secret\n")
    wrong = line(1)
    assert wrong.startswith("failed")
    assert "(oauth_client_refused)" in wrong
    canvas.tool.ok(*set_key, stdin="demo-canvas-secret\n")
    known = line(1)
    assert known.startswith("ok")
    assert "/lms/oauth/callback" in known


def test_each_scope_that_the_developer_key_lacks_is_named(canvas: Any) -> None:
    scope = "url:PUT|/api/v1/groups/:group_id"
    canvas.lms.faults({"key_lacks": scope})
    set_key = ("oauth-client", "set", canvas.registration_id, "--client-id", "demo-canvas-api")
    canvas.tool.ok(*set_key, stdin="demo-canvas-secret\n")
    lines = canvas.tool.run("doctor", "--registration", canvas.registration_id).out.splitlines()
    scopes = [line for line in lines if "url:" in line.partition("→")[0]]
    assert len(scopes) > 20
    assert [line for line in scopes if line.startswith("failed")] == [line for line in scopes if f"{scope}:" in line]


def test_refused_launches_tell_what_is_wrong_until_one_succeeds(canvas: Any) -> None:
    with opened(), transaction():
        refused = {"code": "login_issuer", "facts": "{}", "reference": "abcdef01", "created_at": now()}
        db.session.add(LaunchRefusal(registration_id=UUID(canvas.registration_id), **refused))

    def issuer() -> str:
        lines = canvas.tool.run("doctor", "--registration", canvas.registration_id).out.splitlines()
        (found,) = [line for line in lines if ": issuer: " in line]
        return found

    assert issuer().startswith("failed")
    with opened(), transaction() as session:
        access = {"lti_user_id": "u", "name": "N", "enrollment_type": "teacher", "is_administrator": False}
        session.add(CourseAccess(course_id=canvas.course_id, launched_at=now(), **access))
    assert issuer().startswith("ok")
    with opened(), transaction():
        later = {**refused, "reference": "abcdef02", "created_at": now()}
        db.session.add(LaunchRefusal(registration_id=UUID(canvas.registration_id), **later))
    assert issuer().startswith("warning"), "nobody signed it: a stranger may have sent it"


def test_before_the_first_launch_each_thing_that_only_a_launch_shows_has_its_line(canvas: Any) -> None:
    with opened(), transaction():
        refused = {"code": "deployment_unknown", "facts": "{}", "reference": "abcdef03", "created_at": now()}
        db.session.add(LaunchRefusal(registration_id=UUID(canvas.registration_id), **refused))
    lines = canvas.tool.run("doctor", "--registration", canvas.registration_id).out.splitlines()
    for check in ("issuer", "client id", "clocks at launches", "signatures"):
        (line,) = [line for line in lines if f": {check}: " in line]
        assert line.startswith("warning")
        assert "nobody has launched yet" in line


def test_a_doctor_at_work_on_a_platform_is_not_called_a_second_time(canvas: Any) -> None:
    with opened() as tool:
        registration = UUID(canvas.registration_id)
        with doctor._alone(registration), pytest.raises(Conflict, match="doctor_at_work"):
            doctor.examine_for(tool, registration, whole=False)
        assert doctor.examine_for(tool, registration, whole=False)


def test_an_unknown_registration_is_one_line(tool: Any) -> None:
    ran = tool.run("doctor", "--registration", "00000000-0000-0000-0000-000000000001")
    assert ran.status == 1
    assert "(registration_not_found)" in ran.lines[-1]
