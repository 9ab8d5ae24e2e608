"""What the browser loads: vendored files unchanged, and no code that the content policy would refuse."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "lti_tool" / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def test_vendored_files_are_as_published() -> None:
    lines = (STATIC / "vendor" / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").iterdir()
        if path.name != "SHA256SUMS"
    }
    assert found == sums


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_hold_no_code_and_ask_for_no_roles(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern, why in (
        (r"<script(?![^>]*\bsrc=)", "inline script"),
        (r"<style|\sstyle=", "inline style"),
        (r"\son[a-z]+=", "inline handler"),
        (r"hx-on|js:|javascript:", "code in an attribute"),
        (r"actor\.(is_staff|enrollment_type|manages_groups)", "ask can(permission), not for roles"),
        (r"\|\s*safe\b", "unescaped text"),
        (r"https?://(?!www\.w3\.org)|[\"'(=]\s*//", "a file from elsewhere"),
    ):
        assert not re.search(pattern, text), f"{path.name}: {why}"


def test_every_style_sheet_and_script_is_served(app: object) -> None:
    client = app.test_client()  # type: ignore[attr-defined]
    for name in ("app.css", "app.js", "icon.svg", "vendor/htmx.min.js"):
        response = client.get(f"/static/{name}")
        assert response.status_code == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        response.close()
