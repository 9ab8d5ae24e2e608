"""An administrator registers the tool by a link with both demo LMSs, as the README says, and a teacher opens it."""

import re
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from lti_tool.cli import cli
from tests.e2e.conftest import COURSE

pytestmark = pytest.mark.browser
BACK = {"moodle": "moodle/mod/lti/toolconfigure.php/1/activate", "canvas": "canvas/accounts/1/apps/1/on"}


@pytest.fixture
def command(demo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Run `lti-tool` on the demo's own data; afterwards its sites open the tool that came with it."""
    monkeypatch.setenv("LTI_TOOL_CONFIG", str(demo.folder / "tool.toml"))

    def run(*arguments: str) -> str:
        ran = CliRunner().invoke(cli, ["registration", *arguments], catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        return ran.stdout.strip()

    yield run
    for path in BACK.values():
        urllib.request.urlopen(urllib.request.Request(demo.lms + path, method="POST"), timeout=10).close()


def test_an_administrator_registers_the_tool_by_a_link(visitor, demo, command, broken_rules: Callable) -> None:
    page = visitor.page

    # Moodle: the link names no platform, so the page stays until it was read that somebody has to confirm.
    page.goto(demo.lms)
    page.get_by_role("link", name="Site administration: manage tools").click()
    page.get_by_label("Tool URL", exact=True).fill(command("link"))
    page.get_by_role("button", name="Add LTI Advantage").click()
    frame = page.frame_locator("iframe.tool")
    agree = frame.get_by_role("button", name=re.compile("^Register with localhost"))
    agree.wait_for()
    assert broken_rules(visitor.tool_frame()) == []
    agree.click()
    confirm = frame.get_by_text("lti-tool registration confirm").inner_text()
    assert broken_rules(visitor.tool_frame()) == []
    frame.get_by_role("button", name="Close this window").click()
    page.get_by_text("Pending", exact=True).wait_for()
    page.get_by_role("button", name="Activate").first.click()
    command(*confirm.split()[-2:])
    visitor.open_tool("moodle").heading(COURSE["moodle"]).wait_for()

    # Canvas: the link names it; the window closes at once, and the first launch tells the placement.
    page.goto(demo.lms)
    page.get_by_role("link", name="Admin: apps and developer keys").click()
    page.get_by_label("Dynamic Registration URL").fill(command("link", "--issuer", f"{demo.lms}canvas"))
    page.get_by_role("button", name="Next").click()
    frame.get_by_role("button", name=re.compile("^Register with localhost")).click()
    page.get_by_role("button", name="Install App").first.click()
    tool = visitor.open_tool("canvas")
    tool.see("Waiting for an administrator")
    deployment = tool.main.locator("code").first.inner_text()
    registration = re.findall(r"(\S+)  active +canvas", command("list"))[-1]
    command("deployment", "add", registration, deployment)
    visitor.open_tool("canvas").heading(COURSE["canvas"]).wait_for()
