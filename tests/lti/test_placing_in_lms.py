"""Both demo LMSs ask for a link, take the tool's answer, open what was placed, and copy a course with it."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool.demo import LmsConfig, ToolLink, create_lms
from lti_tool.lti.keys import list_keys, new_key
from lti_tool.models import Assignment, Course, Deployment, GroupSet, Registration, transaction

BASE = "https://tool.example"
ROADS = {
    "canvas": ("/canvas/courses/{0}/external_tools/1/launch?as={1}", "/canvas/api/lti/authorize_redirect"),
    "moodle": ("/moodle/mod/lti/launch.php?id={2}&as={1}", "/moodle/mod/lti/auth.php"),
}
KEYS = {"canvas": "/canvas/api/lti/security/jwks", "moodle": "/moodle/mod/lti/certs.php"}


class _Silent(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


def read_form(answer: Any) -> tuple[str, dict[str, str]]:
    page = BeautifulSoup(answer.text, "html.parser")
    form = page.select_one("form#placing-answer") or page.select_one("form")
    return form["action"], {field["name"]: field["value"] for field in form.select("input[name]")}


@dataclass
class Lms:
    """A demo LMS with this tool installed, and the way of a browser between the two."""

    flavour: str
    demo: Any
    app: Any
    registration_id: UUID
    sent: tuple[str, dict[str, str]] = ("", {})

    @property
    def site(self) -> Any:
        return self.demo.hub.sites[self.flavour]

    def person(self, course: int, *kinds: str) -> int:
        return next(e.user for e in self.site.course_enrolments(course) if e.kind in kinds and e.state == "active")

    def teacher(self, course: int) -> int:
        return self.person(course, "TeacherEnrollment", "editingteacher")

    def launch(self, course: int, user: int, asked: str = "") -> tuple[Any, str]:
        """Go the whole way of a launch; the tool's browser and the page that it ended on."""
        lms, tool = self.demo.app.test_client(), self.app.test_client()
        start, auth = ROADS[self.flavour]
        _, login = read_form(lms.get(start.format(course, user, course + 1) + asked))
        sent = tool.post(f"/lti/{self.registration_id}/login", data=login, base_url=BASE)
        _, fields = read_form(lms.get(auth, query_string=sent.headers["Location"].partition("?")[2]))
        answer = tool.post(f"/lti/{self.registration_id}/launch", data=fields, base_url=BASE)
        while answer.status_code == 303:
            address = answer.headers["Location"]
            answer = tool.get(address, base_url=BASE)
        assert answer.status_code == 200, answer.text
        return tool, address

    def answer(self, tool: Any, address: str, **chosen: str) -> Any:
        """Choose in the picker and give the answer to the LMS."""
        page = BeautifulSoup(tool.get(address, base_url=BASE).text, "html.parser")
        token = page.select_one("input[name=csrf_token]")["value"]
        given = tool.post(address, data={"csrf_token": token, **chosen}, base_url=BASE)
        action, fields = read_form(given)
        assert list(fields) == ["JWT"]
        self.sent = (action.removeprefix(self.demo.config.base_url), fields)
        return self.demo.app.test_client().post(self.sent[0], data=fields)


@pytest.fixture(params=["canvas", "moodle"])
def lms(request, app, settings, key_server):
    if not settings.keys_dir.is_dir() or not list_keys(settings.keys_dir):
        new_key(settings.keys_dir)
    server = make_server("127.0.0.1", 0, None, threaded=True, request_handler=_Silent)
    url, flavour, registration_id = f"http://127.0.0.1:{server.port}", request.param, uuid4()
    demo = create_lms(LmsConfig(base_url=url))
    server.app = demo.app
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    here = f"{BASE}/lti/{registration_id}"
    keys = key_server.serve(f"/own/{registration_id}", app.extensions["lti_tool"].key_ring.public_key_set())
    demo.install_tool(flavour, ToolLink("cid", "1", f"{here}/login", f"{here}/launch", keys))
    at = datetime.now(UTC)
    with app.app_context(), transaction() as session:
        session.add(
            Registration(
                id=registration_id,
                name="Demo",
                family=flavour,
                issuer=f"{url}/{flavour}",
                client_id="cid",
                auth_login_url=f"{url}{ROADS[flavour][1]}",
                auth_token_url=f"{url}/token",
                key_set_url=f"{url}{KEYS[flavour]}",
                created_at=at,
                deployments=[Deployment(lms_deployment_id="1", active=True, created_at=at)],
            )
        )
    yield Lms(flavour, demo, app, registration_id)
    server.shutdown()
    thread.join()
    server.server_close()


def stock(lms, name):
    """Give the one course that was launched an assignment; return both ids."""
    set_id, assignment_id, at = uuid4(), uuid4(), datetime.now(UTC)
    with lms.app.app_context(), transaction() as session:
        query = select(Course.id).where(Course.registration_id == lms.registration_id)
        course_id = session.scalars(query.order_by(Course.created_at.desc())).first()
        session.add(GroupSet(id=set_id, course_id=course_id, name=f"Set of {name}", position=1, created_at=at))
        session.flush()
        row = {"id": assignment_id, "course_id": course_id, "name": name, "group_set_id": set_id}
        session.add(Assignment(**row, formed_by="students", created_at=at))
    return course_id, assignment_id


def test_a_link_is_placed_opens_its_page_and_is_connected_again_in_a_copy(lms):
    first = next(iter(lms.site.courses))
    teacher = lms.teacher(first)
    student = lms.person(first, "StudentEnrollment", "student")
    tool, address = lms.launch(first, teacher, "&placing=1")
    course_id, assignment_id = stock(lms, "Essay")
    taken = lms.answer(tool, address, chosen=str(assignment_id))
    assert taken.status_code == 200, taken.text
    (link,) = lms.site.links.values()
    assert (link.title, link.url) == ("Essay", f"{BASE}/open/{assignment_id}")
    page = f"/courses/{course_id}/assignments/{assignment_id}"
    assert lms.launch(first, teacher, f"&link={link.id}")[1] == page
    assert lms.launch(first, student, f"&link={link.id}")[1] == f"{page}/grouping"

    copied = lms.demo.app.test_client().post(f"/{lms.flavour}/courses/{first}/copy", data={"as": teacher})
    assert copied.status_code == 302
    twin, link = max(lms.site.courses), max(lms.site.links.values(), key=lambda row: row.id)
    assert link.course == twin
    other = next(
        e.user
        for e in lms.site.course_enrolments(twin)
        if e.kind in ("TeacherEnrollment", "manager", "editingteacher") and e.user != teacher
    )
    # Somebody who never opened the old course: the LMS's word on the copy tells its names.
    tool, address = lms.launch(twin, other, f"&link={link.id}")
    assert address.endswith(f"/open/{assignment_id}/connect")
    text = " ".join(BeautifulSoup(tool.get(address, base_url=BASE).text, "html.parser").main.text.split())
    assert f"came from {lms.site.courses[first].title}, where it opens the assignment Essay" in text


def test_the_lms_refuses_answers_that_it_did_not_ask_for(lms, other_key):
    first = next(iter(lms.site.courses))
    tool, address = lms.launch(first, lms.teacher(first), "&placing=1")
    assert lms.answer(tool, address, chosen="course").status_code == 200
    path, fields = lms.sent
    browser = lms.demo.app.test_client()
    assert "answered already" in browser.post(path, data=fields).text
    header = jwt.get_unverified_header(fields["JWT"])
    claims = jwt.decode(fields["JWT"], options={"verify_signature": False})
    forged = jwt.encode(claims, other_key, "RS256", headers={"kid": header["kid"]})
    assert browser.post(path, data={"JWT": forged}).status_code == 400
    assert browser.post(path, data={"JWT": "x"}).status_code == 400
    assert len(lms.site.links) == 1
