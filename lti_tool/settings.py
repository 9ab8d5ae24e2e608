"""All settings as one frozen value: environment first, then the TOML files; unsafe values stop the start."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "LTI_TOOL_"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SECRET_LENGTH = 32
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """A setting is missing or unsafe; the text is one line that names it."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two installations; config/example.toml says what each is for."""

    base_url: str
    data_dir: Path
    keys_dir: Path
    database_url: str
    queue_url: str
    secret_key: str
    log_level: str = "INFO"
    trusted_proxies: int = 0
    allowed_private_hosts: frozenset[str] = frozenset()

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
    known = {field.name for field in fields(Settings)}
    for name in sorted(values.keys() - known):
        raise SettingsError(f"{PREFIX}{name.upper()} is not a setting; config/example.toml lists them all")
    return _build(values)


def _files(extra: str | None) -> dict[str, Any]:
    values: dict[str, Any] = tomllib.loads(_default_text())
    if extra:
        try:
            values.update(tomllib.loads(Path(extra).read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{PREFIX}CONFIG: {extra} cannot be read: {error}") from None
    return values


def _default_text() -> str:
    """Return config/default.toml of the checkout, or the copy that the wheel carries."""
    checkout = Path(__file__).parent.parent / "config" / "default.toml"
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    return resources.files("lti_tool").joinpath("default.toml").read_text(encoding="utf-8")


def _build(values: Mapping[str, Any]) -> Settings:
    base_url = _base_url(str(values.get("base_url", "")))
    data_dir = Path(str(values["data_dir"])).absolute()
    database_url = str(values.get("database_url") or f"sqlite:///{data_dir / 'lti-tool.db'}")
    # psycopg 3 whatever SQLAlchemy's own default driver is.
    for scheme in ("postgresql://", "postgres://"):
        if database_url.startswith(scheme):
            database_url = "postgresql+psycopg://" + database_url.removeprefix(scheme)
    return Settings(
        base_url=base_url,
        data_dir=data_dir,
        keys_dir=Path(str(values["keys_dir"])).absolute(),
        database_url=database_url,
        queue_url=str(values.get("queue_url") or ""),
        secret_key=_secret_key(str(values.get("secret_key", ""))),
        log_level=_log_level(str(values["log_level"])),
        trusted_proxies=_count("trusted_proxies", values["trusted_proxies"]),
        allowed_private_hosts=_hosts(values["allowed_private_hosts"]),
    )


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if not text:
        raise SettingsError(
            f"{PREFIX}BASE_URL is missing: the public address of the tool, as https://groups.example.edu"
        )
    local = parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise SettingsError(f"{PREFIX}BASE_URL must be an https address (http only on this machine itself): {text}")
    return text.rstrip("/")


def _secret_key(text: str) -> str:
    if len(text) < SECRET_LENGTH:
        raise SettingsError(
            f"{PREFIX}SECRET_KEY is missing or shorter than {SECRET_LENGTH} characters; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise SettingsError(f"{PREFIX}LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}: {text}")
    return text.upper()


def _count(name: str, value: object) -> int:
    if not str(value).isdigit():
        raise SettingsError(f"{PREFIX}{name.upper()} must be a whole number: {value}")
    return int(str(value))


def _hosts(value: object) -> frozenset[str]:
    names = value if isinstance(value, list) else str(value).split(",")
    return frozenset(str(name).strip().casefold() for name in names if str(name).strip())
