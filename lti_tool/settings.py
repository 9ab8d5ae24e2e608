"""All settings as one frozen value: environment first, then the TOML files; unsafe values stop the start."""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import parseaddr
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "LTI_TOOL_"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SECRET_LENGTH = 32
TOKEN_LENGTH = 16
MOST_MEGABYTES = 2000
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
QUEUES = ("redis", "rediss", "postgresql", "postgres", "sqlite")


class SettingsError(Exception):
    """A setting is missing or unsafe; the text is one line that names it."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two installations; config/example.toml says what each is for."""

    base_url: str
    data_dir: Path
    keys_dir: Path
    database_url: str = field(repr=False)  # this and others may hold a password
    queue_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    old_secret_key: str = field(default="", repr=False)
    log_level: str = "INFO"
    trusted_proxies: int = 0
    allowed_private_hosts: frozenset[str] = frozenset()
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    storage_url: str = field(default="", repr=False)
    upload_megabytes: int = 20
    group_megabytes: int = 200
    metrics_token: str = field(default="", repr=False)

    @property
    def is_local(self) -> bool:
        """Say whether the tool is reached on this machine only (a demo, a test)."""
        return urlsplit(self.base_url).hostname in LOOPBACK_NAMES

    @property
    def origin(self) -> str:
        """Return scheme, host and port of the public address."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings from the environment and the configuration files; raise SettingsError naming what is wrong."""
    env = os.environ if environment is None else environment
    values = _files(env.get(f"{PREFIX}CONFIG"))
    values.update({key.removeprefix(PREFIX).lower(): value for key, value in env.items() if key.startswith(PREFIX)})
    values.pop("config", None)
    known = {one.name for one in fields(Settings)}
    for name in sorted(values.keys() - known):
        raise SettingsError(f"{PREFIX}{name.upper()} is not a setting; config/example.toml lists them all")
    return _build(values)


def _files(extra: str | None) -> dict[str, Any]:
    values: dict[str, Any] = tomllib.loads(_default_text())
    if extra:
        try:
            values.update(tomllib.loads(Path(extra).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:  # not there, not TOML, not UTF-8
            reason = error.strerror if isinstance(error, OSError) else error
            raise SettingsError(f"{PREFIX}CONFIG: {extra} cannot be read: {reason}") from None
    return values


def _default_text() -> str:
    """Return config/default.toml of the checkout, or the copy that the wheel carries."""
    checkout = Path(__file__).parent.parent / "config" / "default.toml"
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    return resources.files("lti_tool").joinpath("default.toml").read_text(encoding="utf-8")


def _build(values: Mapping[str, Any]) -> Settings:
    base_url = _base_url(str(values.get("base_url", "")))
    data_dir = _folder("data_dir", values["data_dir"])
    smtp_url = _smtp_url(str(values["smtp_url"] or ""))
    return Settings(
        base_url=base_url,
        data_dir=data_dir,
        keys_dir=_folder("keys_dir", values["keys_dir"]),
        database_url=_database_url(str(values["database_url"] or f"sqlite:///{data_dir / 'lti-tool.db'}")),
        queue_url=_queue_url(str(values["queue_url"] or "")),
        secret_key=_secret_key(str(values.get("secret_key", "")), base_url, data_dir),
        old_secret_key=str(values["old_secret_key"] or ""),
        log_level=_log_level(str(values["log_level"])),
        trusted_proxies=_count("trusted_proxies", values["trusted_proxies"]),
        allowed_private_hosts=_hosts(values["allowed_private_hosts"]),
        smtp_url=smtp_url,
        mail_from=_mail_from(str(values["mail_from"] or ""), needed=bool(smtp_url)),
        storage_url=str(values["storage_url"]),
        upload_megabytes=_size("upload_megabytes", values["upload_megabytes"]),
        group_megabytes=_size("group_megabytes", values["group_megabytes"]),
        metrics_token=_metrics_token(str(values["metrics_token"] or "")),
    )


def _folder(name: str, value: object) -> Path:
    path = Path(str(value)).absolute()
    if not str(value) or (path.exists() and not path.is_dir()):
        raise SettingsError(f"{PREFIX}{name.upper()} must name a folder: {value}")
    return path


def _with_driver(url: str) -> str:
    """Return the address of a database with psycopg 3 named, whatever SQLAlchemy's own default driver is."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _database_url(text: str) -> str:
    text = _with_driver(text)
    try:
        url: URL | None = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("sqlite", "postgresql+psycopg"):
        # The address may hold a password: it is not repeated.
        raise SettingsError(f"{PREFIX}DATABASE_URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        # From the folder where the command runs, as people mean it; Flask would put it into a folder of its own.
        return f"sqlite:///{Path(str(url.database)).absolute()}"
    return text


def _queue_url(text: str) -> str:
    if text and text.partition(":")[0].partition("+")[0] not in QUEUES:
        raise SettingsError(f"{PREFIX}QUEUE_URL must be empty (the database's own), redis://… or postgresql://…")
    return _with_driver(text)


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address, None when it is none."""
    try:
        parts = urlsplit(text)
        return parts if parts.hostname and (parts.port is None or parts.port) else None
    except ValueError:
        return None


def _base_url(text: str) -> str:
    parts = _split(text)
    if not text:
        raise SettingsError(
            f"{PREFIX}BASE_URL is missing: the public address of the tool, as https://groups.example.edu"
        )
    local = parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES
    if parts is None or not (parts.scheme == "https" or local):
        raise SettingsError(f"{PREFIX}BASE_URL must be an https address (http only on this machine itself): {text}")
    if parts.query or parts.fragment or parts.username:
        raise SettingsError(f"{PREFIX}BASE_URL must be scheme, host and port, without user, query or fragment")
    return text.rstrip("/")


def _secret_key(text: str, base_url: str, data_dir: Path) -> str:
    if urlsplit(base_url).hostname in LOOPBACK_NAMES:
        return text or local_secret(data_dir)
    if len(text) < SECRET_LENGTH:
        raise SettingsError(
            f"{PREFIX}SECRET_KEY is missing or shorter than {SECRET_LENGTH} characters; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return text


def local_secret(data_dir: Path) -> str:
    """Return the secret of a tool that only this machine reaches: made once and kept in the data folder."""
    path = data_dir / "secret"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _smtp_url(text: str) -> str:
    """Refuse an address of a mail server that is none, or that would send a password in the clear."""
    if not text:
        return ""
    parts = _split(text)
    wrong = parts is None or parts.scheme not in ("smtp", "smtps") or parts.path not in ("", "/") or parts.fragment
    if parts is None or wrong or parts.query not in ("", "starttls=1"):
        # The address may hold a password: it is not repeated.
        raise SettingsError(
            f"{PREFIX}SMTP_URL must be smtp://USER:PASSWORD@HOST:587?starttls=1 or smtps://USER:PASSWORD@HOST"
        )
    in_the_clear = parts.scheme == "smtp" and not parts.query and parts.hostname not in LOOPBACK_NAMES
    if parts.password and in_the_clear:
        raise SettingsError(f"{PREFIX}SMTP_URL would send the password in the clear: add ?starttls=1, or use smtps://")
    return text


def _mail_from(text: str, *, needed: bool) -> str:
    address = parseaddr(text)[1]
    right = re.fullmatch(r"[^\s@]+@[^\s@]+", address) and text.isprintable()
    if not right and (text or needed):
        raise SettingsError(
            f"{PREFIX}MAIL_FROM must be the address that mails come from, as groups@example.edu: {text}"
        )
    return text


def _metrics_token(text: str) -> str:
    if text and (len(text) < TOKEN_LENGTH or not (text.isascii() and text.isprintable())):
        raise SettingsError(f"{PREFIX}METRICS_TOKEN must have {TOKEN_LENGTH} characters of ASCII or more")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise SettingsError(f"{PREFIX}LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}: {text}")
    return text.upper()


def _count(name: str, value: object) -> int:
    if not (str(value).isascii() and str(value).isdigit()):
        raise SettingsError(f"{PREFIX}{name.upper()} must be a whole number: {value}")
    return int(str(value))


def _size(name: str, value: object) -> int:
    """Return a number of megabytes; 0 would take nothing, and a number too high fits no database's column."""
    size = _count(name, value)
    if not 1 <= size <= MOST_MEGABYTES:
        raise SettingsError(f"{PREFIX}{name.upper()} must be between 1 and {MOST_MEGABYTES}: {value}")
    return size


def _hosts(value: object) -> frozenset[str]:
    names = value if isinstance(value, list) else str(value).split(",")
    return frozenset(str(name).strip().casefold() for name in names if str(name).strip())
