"""A registration link is used once, on both databases, however many ask at the same time."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from flask import Flask
from sqlalchemy import func, select

from lti_tool.models import Registration, db
from lti_tool.outbound import Answer, Outbound
from lti_tool.services import registration_links
from lti_tool.services.dynamic_registration import register_platform
from lti_tool.services.tool import Tool
from tests.services.test_together import at_once

ISSUER = "https://moodle.example.edu"
DESCRIBED = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
    "registration_endpoint": f"{ISSUER}/register",
}


class ShortDoor(Outbound):
    """Answers as a platform would, without a socket."""

    def request(self, method: str, url: str, **how: Any) -> Answer:
        document = DESCRIBED if method == "GET" else {"client_id": str(uuid4())}
        return Answer(url, 200, {}, json.dumps(document).encode())


def test_of_eight_at_once_one_registers(app_on_both: Flask) -> None:
    tool: Tool = replace(app_on_both.extensions["lti_tool"], outbound=ShortDoor())
    for issuer in (None, ISSUER + "/"):
        made = registration_links.create_registration_link(tool.settings, issuer=issuer)
        token = parse_qs(urlsplit(made.url).query)["token"][0]
        work = lambda token=token: register_platform(tool, token, f"{ISSUER}/config", "")  # noqa: E731
        assert at_once(app_on_both, *[work] * 8) == ["done", *["registration_link_used"] * 7]
    assert db.session.scalar(select(func.count()).select_from(Registration)) == 2
    confirmed = db.session.scalars(select(Registration.confirmed).order_by(Registration.created_at)).all()
    assert confirmed == [False, True]
