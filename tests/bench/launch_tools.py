"""The two tools of the launch benchmark as WSGI applications: this one, and the least that pylti1p3's README needs."""

import json
import os
from pathlib import Path

from flask import Flask, jsonify

CONFIG = json.loads(Path(os.environ["LAUNCH_BENCH"]).read_text())


def ours():
    """Build this tool as it is served, its database made ready by the benchmark."""
    from lti_tool import create_app
    from lti_tool.settings import Settings

    folder = Path(CONFIG["folder"])
    return create_app(
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


def theirs():
    """Build a tool of pylti1p3's own parts, with its defaults: Flask's session as the store, keys of every launch."""
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
        return FlaskOIDCLogin(lti_request(), tool_conf).redirect(f"{CONFIG['theirs']}/launch")

    @app.post("/launch")
    def launch():
        message = FlaskMessageLaunch(lti_request(), tool_conf)
        return jsonify(name=message.get_launch_data()["name"])

    return app
