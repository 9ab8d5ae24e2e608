"""The two tools of the launch benchmark as WSGI applications: this one, and the least that pylti1p3's README needs."""

import hashlib
import json
import os
import pickle
import time
from pathlib import Path

from flask import Flask, jsonify, request

CONFIG = json.loads(Path(os.environ["LAUNCH_BENCH"]).read_text())


def ours():
    """Build this tool as it is served, its database made ready by the benchmark."""
    from lti_tool import create_app
    from lti_tool.cli.serve import settle
    from lti_tool.settings import Settings

    folder = Path(CONFIG["folder"])
    app = create_app(
        Settings(
            base_url=CONFIG["ours"],
            data_dir=folder,
            keys_dir=folder / "keys",
            database_url=f"sqlite:///{folder / 'tool.db'}",
            queue_url="",
            secret_key="b" * 40,
            log_level="WARNING",
            allowed_private_hosts=frozenset({"127.0.0.1"}),
        )
    )
    settle()  # as `lti-tool serve` does in each of its processes
    return app


class FileCache:
    """A cache that two workers share, as the official example's has to be with more than one: a file for each key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def _path(self, key):
        return self.folder / hashlib.md5(key.encode()).hexdigest()

    def get(self, key):
        try:
            until, value = pickle.loads(self._path(key).read_bytes())
        except FileNotFoundError:
            return None
        return value if until > time.time() else None

    def set(self, key, value, timeout=86400):
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps((time.time() + timeout, value)))
        part.replace(path)


def theirs():
    """Build a tool of pylti1p3's own parts, with its defaults: launches in a cache, keys fetched for every launch."""
    from pylti1p3.contrib.flask import FlaskCacheDataStorage

    return _theirs(FlaskCacheDataStorage(FileCache(Path(CONFIG["folder"]) / "cache")))


def theirs_without_store():
    """Build the same with nothing stored on the server: the launch is kept in Flask's session cookie."""
    return _theirs(None)


def _theirs(storage):
    from pylti1p3.contrib.flask import FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
    from pylti1p3.tool_config import ToolConfDict

    app = Flask("baseline")
    app.config.update(SECRET_KEY="b" * 40)
    platform = {
        "client_id": CONFIG["client_id"],
        "auth_login_url": CONFIG["auth_login_url"],
        "auth_token_url": CONFIG["auth_token_url"],
        "key_set_url": CONFIG["key_set_url"],
        "deployment_ids": [CONFIG["deployment_id"]],
    }
    tool_conf = ToolConfDict({CONFIG["issuer"]: [platform | {"default": True}]})

    def lti_request():
        return FlaskRequest(request_is_secure=False)

    @app.get("/login")
    def login():
        asked = FlaskOIDCLogin(lti_request(), tool_conf, launch_data_storage=storage)
        return asked.redirect(request.args["target_link_uri"])

    @app.post("/launch")
    def launch():
        message = FlaskMessageLaunch(lti_request(), tool_conf, launch_data_storage=storage)
        return jsonify(name=message.get_launch_data()["name"])

    return app
