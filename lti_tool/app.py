"""Builds the web application: configure, wire, register; nothing else."""

from pathlib import Path

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from flask_migrate import Migrate
from sqlalchemy import URL, make_url
from werkzeug.middleware.proxy_fix import ProxyFix

from lti_tool import observability, web
from lti_tool.models import db
from lti_tool.services.tool import build_tool
from lti_tool.settings import Settings
from lti_tool.worker import Doorbell

HERE = Path(__file__).parent
MAX_BODY_BYTES = 6 * 1024 * 1024
migrate = Migrate()


def create_app(settings: Settings) -> Flask:
    """Build the application for these settings; nothing is read from the environment."""
    observability.configure(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app = Flask("lti_tool", template_folder=str(template_folder()), static_folder=str(HERE / "static"))
    app.session_interface = _NoSession()
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(make_url(settings.database_url)),
    )
    equip(app, settings)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(HERE / "migrations"), render_as_batch=True)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    web.register(app, settings)
    return app


def equip(app: Flask, settings: Settings) -> None:
    """Give the application its collaborators for these settings, in place of those that it has."""
    doorbell = Doorbell(settings)
    doorbell.serve(app)
    app.extensions["lti_tool"] = build_tool(settings, doorbell.ring, doorbell.count)
    app.extensions["lti_tool_doorbell"] = doorbell


class _NoSession(SessionInterface):
    """Flask's own session is not used: ours is a row, found by a cookie that works inside another site's frame."""

    def open_session(self, app: Flask, request: Request) -> None:
        """Open none."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep none."""


def template_folder() -> Path:
    """Return the templates of the checkout, or the copy that the wheel carries inside the package."""
    inside = HERE / "templates"
    return inside if inside.is_dir() else HERE.parent / "templates"


def _engine_options(url: URL) -> dict[str, object]:
    # What a statement was given are people's names and e-mails: they belong in no error's text, and so in no log.
    if url.get_backend_name() == "sqlite":
        return {"hide_parameters": True, "connect_args": {"timeout": 15}}
    return {"hide_parameters": True, "pool_pre_ping": True, "pool_size": 8, "max_overflow": 8}
