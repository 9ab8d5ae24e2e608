"""A group with its own space, its people's browsers, and everybody who has no business there."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from bs4 import BeautifulSoup
from werkzeug.test import TestResponse

from lti_tool.domain.clock import now
from lti_tool.models import GroupDocument, GroupMembership, GroupMessage, HistoryEntry, db
from tests.web.conftest import Browser, World

# Who is kept out, and with which answer.
NOBODY = {"member of another group": 403, "ta without the right": 403, "observer": 403, "dropped": 404, "stranger": 404}


class Space:
    """The group Owls of Ana, its creator, and Bo; Cleo is in Foxes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids = {name: world.member(f"{name} Berg") for name in ("Ana", "Bo", "Cleo")}
        people = [self.ids["Ana"], self.ids["Bo"]]
        self.set_id = world.group_set("Projects", {"Owls": people, "Foxes": [self.ids["Cleo"]]}, signup="create")
        self.group_id = world.names["Owls"]
        self.at = f"groups/{self.group_id}/space"
        self.ana, self.bo, self.cleo = (self.student(name) for name in self.ids)
        self.teacher = world.browser()
        self.role("Ana", "creator")

    def student(self, name: str) -> Browser:
        return self.world.browser("student", name=f"{name} Berg", member=self.ids[name])

    def role(self, name: str, role: str) -> None:
        with self.world.app.app_context():
            db.session.get_one(GroupMembership, (self.group_id, self.ids[name])).role = role
            db.session.commit()

    def other(self, who: str) -> Browser:
        """Somebody of NOBODY."""
        if who == "member of another group":
            return self.cleo
        if who == "dropped":
            gone = self.world.member("Dora Berg", status="dropped")
            self.world._add(GroupMembership(group_id=self.group_id, member_id=gone, position=9, role="admin"))
            return self.world.browser("student", name="Dora Berg", member=gone)
        if who == "stranger":
            return World(self.world.app).open_course("Chemistry").browser()
        return self.world.browser("observer" if who == "observer" else "ta", manages=False)

    def routes(self, document_id: UUID) -> list[tuple[str, str]]:
        """Method and path of everything in the space, as the application has them."""
        values = {"group_id": self.group_id, "course_id": self.world.course_id, "document_id": document_id}
        found = []
        for rule in self.world.app.url_map.iter_rules():
            if rule.endpoint.startswith("space."):
                path = self.world.app.url_map.bind("").build(rule.endpoint, {n: values[n] for n in rule.arguments})
                found += [(method, path) for method in ("GET", "POST") if method in (rule.methods or ())]
        assert len(set(found)) == 9
        return sorted(set(found))

    def say(self, who: Browser, text: str) -> None:
        who.post(f"{self.at}/messages", body=text, key=str(uuid4()))

    def fill(self, count: int, first: int = 0) -> None:
        """Store many messages of Ana's."""
        start = now() - timedelta(days=1)
        self.world._add(
            *(
                GroupMessage(
                    group_id=self.group_id,
                    author_name="Ana Berg",
                    body=f"message {n}",
                    created_at=start + timedelta(seconds=n),
                )
                for n in range(first, first + count)
            )
        )

    def upload(self, who: Browser, name: str = "plan.pdf", content: bytes = b"a plan", key: str = "") -> UUID:
        """Upload a file and give its id."""
        before = {row.id for row in self.documents()}
        self.send(who, name, content, 303, key=key or str(uuid4()))
        after = [row.id for row in self.documents() if row.id not in before]
        return after[0] if after else next(iter(before))

    def send(self, who: Browser, name: str, content: bytes, status: int, **more: str) -> Any:
        """Send a file as browsers write it into a request; give the next page's address for a 303, else the page."""
        kind, body = multipart(name, content, {"csrf_token": who.token, **more})
        answer = who.client.post(who.address(f"{self.at}/documents"), data=body, content_type=kind)
        if answer.status_code == status == 303:
            return answer.headers["Location"]
        return who._checked(answer, status, name)

    def documents(self) -> list[GroupDocument]:
        return self.world.stored(GroupDocument)

    def address(self, who: Browser, document_id: UUID) -> str:
        """Click on a document: the address that this leads to."""
        answer = who.client.get(who.address(f"{self.at}/documents/{document_id}"))
        assert answer.status_code == 303
        return str(answer.headers["Location"])

    def download(self, who: Browser, document_id: UUID) -> TestResponse:
        return who.client.get(self.address(who, document_id))

    def stored_bytes(self) -> dict[str, bytes]:
        """What lies in the store, by key."""
        folder = self.world.app.extensions["lti_tool"].settings.data_dir / "documents"
        return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else {}

    def everything(self) -> list[Any]:
        """What a request could change, to be compared."""
        rows = [*self.world.stored(GroupMessage), *self.documents(), *self.world.stored(HistoryEntry)]
        return [sorted(str(row.id) for row in rows), sorted(self.stored_bytes())]

    def delete_group(self, way: str) -> None:
        if way == "its creator":
            self.ana.post(f"groups/{self.group_id}/delete")
        else:
            self.teacher.post(f"group-sets/{self.set_id}/groups/{self.group_id}/delete")


def multipart(name: str, content: bytes, fields: dict[str, str], media_type: str = "text/html") -> tuple[str, bytes]:
    """The media type and the body of a form with a file: the test client's own would leave a file open."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{text}'.encode() for key, text in fields.items()]
    quoted = name.replace('"', "%22")
    head = f'Content-Disposition: form-data; name="file"; filename="{quoted}"\r\nContent-Type: {media_type}\r\n\r\n'
    lines = b"".join(b"--edge\r\n" + part + b"\r\n" for part in [*parts, head.encode() + content])
    return "multipart/form-data; boundary=edge", lines + b"--edge--\r\n"


def bodies(page: BeautifulSoup) -> list[str]:
    """The messages that a page or a part of one shows, in their order."""
    return [p.get_text() for p in page.select(".message > .verbatim")]
