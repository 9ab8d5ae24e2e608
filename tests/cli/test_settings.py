"""Missing or unsafe settings stop the start with one line that names them."""

from pathlib import Path
from typing import Any

import pytest

from lti_tool import settings

GOOD = {"LTI_TOOL_BASE_URL": "https://groups.example.edu", "LTI_TOOL_SECRET_KEY": "x" * 48}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", None),
        ("base_url", ""),
        ("base_url", "http://groups.example.edu"),
        ("base_url", "ftp://127.0.0.1"),
        ("base_url", "groups.example.edu"),
        ("base_url", "https://["),
        ("base_url", "https://groups.example.edu:port"),
        ("base_url", "https://me:secret@groups.example.edu"),
        ("base_url", "https://groups.example.edu/?a=b"),
        ("secret_key", None),
        ("secret_key", "too short"),
        ("log_level", "LOUD"),
        ("trusted_proxies", "-1"),
        ("trusted_proxies", "²"),
        ("database_url", "mysql://db/groups"),
        ("database_url", "nonsense"),
        ("queue_url", "amqp://queue"),
        ("queue_url", "redis://queue"),  # the extra is not installed where the tests run
        ("smtp_url", "mail.example.edu"),
        ("smtp_url", "http://mail.example.edu"),
        ("smtp_url", "smtp://mail.example.edu?starttls=no"),
        ("smtp_url", "smtp://mail.example.edu/inbox"),
        ("smtp_url", "smtp://me:secret@mail.example.edu"),  # the password in the clear
        ("mail_from", "nobody"),
        ("mail_from", "Groups <groups@example.edu>\nBcc: x@y.example"),
        ("storage_url", "nonsense://here"),
        ("upload_megabytes", "0"),
        ("upload_megabytes", "many"),
        ("group_megabytes", "2001"),
        ("data_dir", ""),
        ("secret_kee", "a spelling mistake"),
        ("config", "missing.toml"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(bare: Any, name: str, value: str | None) -> None:
    bare.set(base_url="https://groups.example.edu")
    bare.set(**{name: value})
    ran = bare.run("course", "list")
    assert ran.status == 2
    assert ran.out == ""
    assert len(ran.lines) == 1
    assert f"LTI_TOOL_{name.upper()}" in ran.err


def test_a_tool_for_this_machine_alone_makes_its_own_secret_and_keeps_it(tmp_path: Path) -> None:
    environment = {"LTI_TOOL_BASE_URL": "http://127.0.0.1:8000", "LTI_TOOL_DATA_DIR": str(tmp_path / "data")}
    first, second = settings.load(environment), settings.load(environment)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 32
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o077 == 0


def test_a_database_file_is_found_from_the_folder_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = settings.load({**GOOD, "LTI_TOOL_DATABASE_URL": "sqlite:///here.db"})
    assert loaded.database_url == f"sqlite:///{tmp_path}/here.db"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"base_url = ", "LTI_TOOL_CONFIG"),
        (b"\xff\xfe", "LTI_TOOL_CONFIG"),
        (b'secret_kee = "x"', "LTI_TOOL_SECRET_KEE"),
        (b'log_level = "LOUD"', "LTI_TOOL_LOG_LEVEL"),
    ],
)
def test_a_bad_file_is_one_line_too(bare: Any, tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    bare.set(config=str(tmp_path / "mine.toml"))
    ran = bare.run("course", "list")
    assert (ran.status, len(ran.lines)) == (2, 1)
    assert named in ran.err


@pytest.mark.parametrize("name", ["data_dir", "keys_dir"])
def test_a_folder_that_is_a_file_is_named(bare: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    bare.set(**{name: str(tmp_path / "file")})
    ran = bare.run("course", "list")
    assert (ran.status, len(ran.lines)) == (2, 1)
    assert f"LTI_TOOL_{name.upper()}" in ran.err


def test_a_password_in_a_wrong_address_is_not_repeated(bare: Any) -> None:
    bare.set(database_url="mysql://me:hidden-word@db/groups")
    assert "hidden-word" not in bare.run("course", "list").err


def test_a_database_that_is_not_there_is_one_line(bare: Any, free_port: Any) -> None:
    bare.set(database_url=f"postgresql://me:hidden-word@127.0.0.1:{free_port()}/groups")
    ran = bare.run("course", "list")
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "LTI_TOOL_DATABASE_URL" in ran.err
    assert "hidden-word" not in ran.err


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('log_level = "error"\ntrusted_proxies = 2\nallowed_private_hosts = ["LMS.campus", "b"]\n')
    read = settings.load({**GOOD, "LTI_TOOL_CONFIG": str(file), "LTI_TOOL_TRUSTED_PROXIES": "1"})
    assert (read.log_level, read.trusted_proxies) == ("ERROR", 1)
    assert read.allowed_private_hosts == {"lms.campus", "b"}
    assert settings.load(GOOD).log_level == "INFO"


def test_what_is_not_given_follows_from_the_data_folder(tmp_path: Path) -> None:
    read = settings.load({**GOOD, "LTI_TOOL_DATA_DIR": str(tmp_path), "LTI_TOOL_BASE_URL": "https://g.example/"})
    assert read.database_url == f"sqlite:///{tmp_path / 'lti-tool.db'}"
    assert (read.base_url, read.origin, read.is_local) == ("https://g.example", "https://g.example", False)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_by_psycopg_3(scheme: str) -> None:
    read = settings.load({**GOOD, "LTI_TOOL_DATABASE_URL": f"{scheme}://db/groups"})
    assert read.database_url == "postgresql+psycopg://db/groups"


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_plain_http_is_for_this_machine_only(address: str) -> None:
    assert settings.load({**GOOD, "LTI_TOOL_BASE_URL": address}).is_local


def test_a_mail_server_needs_a_sender_and_keeps_its_password_to_itself(bare: Any) -> None:
    url = "smtp://me:geheim@mail.example.edu:587?starttls=1"
    with pytest.raises(settings.SettingsError, match="LTI_TOOL_MAIL_FROM"):
        settings.load({**GOOD, "LTI_TOOL_SMTP_URL": url})
    with pytest.raises(settings.SettingsError) as wrong:
        settings.load({**GOOD, "LTI_TOOL_SMTP_URL": url.removesuffix("?starttls=1")})
    assert "geheim" not in str(wrong.value)
    loaded = settings.load({**GOOD, "LTI_TOOL_SMTP_URL": url, "LTI_TOOL_MAIL_FROM": "LTI Groups <g@example.edu>"})
    assert loaded.smtp_url == url
    assert "geheim" not in repr(loaded)
    assert not any(text in repr(loaded) for text in (loaded.secret_key, loaded.database_url))
    assert settings.load(GOOD).smtp_url == ""
