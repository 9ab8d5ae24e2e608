"""What tests with several real processes share: the tool started anew on the installation of the test."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def start(classroom: Any, code: str, *arguments: object, **pipes: int) -> subprocess.Popen[bytes]:
    """Run some Python in a process of its own, with the settings of the test's installation."""
    settings = classroom.tool.settings
    named = {
        "base_url": settings.base_url,
        "data_dir": settings.data_dir,
        "keys_dir": settings.keys_dir,
        "database_url": settings.database_url,
        "secret_key": settings.secret_key,
        "allowed_private_hosts": ",".join(settings.allowed_private_hosts),
        "log_level": "ERROR",
    }
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LTI_TOOL_")}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={
            **plain,
            "PYTHONPATH": str(ROOT),
            **{f"LTI_TOOL_{key.upper()}": str(value) for key, value in named.items()},
        },
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **pipes},
    )
