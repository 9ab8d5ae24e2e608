"""The wheel: everything that runs is in it, and it runs outside the checkout."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import flask_migrate
import lti_tool
from lti_tool import create_app, settings
from lti_tool.cli.errors import sentence
from lti_tool.domain.errors import NotFound
assert lti_tool.__file__.startswith(sys.argv[1]), lti_tool.__file__
app = create_app(settings.load())
with app.app_context():
    flask_migrate.upgrade()
client = app.test_client()
for path, status in (("/healthz", 200), ("/readyz", 200), ("/static/app.css", 200), ("/nothing", 404)):
    assert client.get(path).status_code == status, path
assert "<h1" in client.get("/nothing").text
assert "course_not_found" in sentence(NotFound("course_not_found"))
print("it runs")
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A wheel of the checkout, built with what is installed."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(build, cwd=root, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("lti_groups-*.whl"))


def test_everything_that_runs_is_in_the_wheel(wheel: Path, root: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"lti_tool/{path.relative_to(root).as_posix()}" for path in (root / "templates").rglob("*.html")}
    for folder in ("static", "migrations", "demo/templates", "demo/static"):
        for path in (root / "lti_tool" / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wanted.add(path.relative_to(root).as_posix())
    wanted |= {path.relative_to(root).as_posix() for path in (root / "lti_tool").rglob("*.py")}
    wanted.add("lti_tool/default.toml")
    assert not wanted - inside
    assert any(name.endswith("/licenses/LICENSE") for name in inside)
    strange = {name for name in inside if not name.startswith("lti_tool/") and ".dist-info/" not in name}
    assert strange == set()


def test_it_runs_outside_the_checkout(wheel: Path, tmp_path: Path, keys_dir: Path) -> None:
    target = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(target)  # a wheel of pure Python is installed by unpacking it
    entry = next(target.glob("*.dist-info/entry_points.txt")).read_text()
    assert re.search(r"^lti-tool = lti_tool\.cli:main$", entry, re.MULTILINE)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(target)],
        cwd=tmp_path,
        env={
            "LTI_TOOL_BASE_URL": "https://groups.example.edu",
            "LTI_TOOL_SECRET_KEY": "x" * 48,
            "LTI_TOOL_DATA_DIR": str(tmp_path / "data"),
            "LTI_TOOL_KEYS_DIR": str(keys_dir),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip().endswith("it runs"), ran.stderr
