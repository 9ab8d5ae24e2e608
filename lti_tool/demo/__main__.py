"""Serves the demo LMS: ``python -m lti_tool.demo --config FILE.json``."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool.demo import create_lms
from lti_tool.demo.config import read_config


class QuietHandler(WSGIRequestHandler):
    """Writes no line for every request; errors are still written."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes, then save and leave."""
    parser = argparse.ArgumentParser(prog="python -m lti_tool.demo", description="Serve the demo LMS.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with addresses and tools")
    path = parser.parse_args(arguments).config
    try:
        config, tools = read_config(path)
    except (OSError, ValueError, TypeError) as error:
        sys.stderr.write(f"demo LMS: cannot use {path}: {error}\n")
        return 2
    lms = create_lms(config)
    for flavour, tool in tools.items():
        lms.install_tool(flavour, tool)
    address = urlsplit(config.base_url)
    host, port = address.hostname or "localhost", address.port or 80
    server = make_server(host, port, lms.app, threaded=True, request_handler=QuietHandler)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the loop to end, so it must not run in the loop's own thread.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stderr.write(f"demo LMS: serving {config.base_url}\n")
    server.serve_forever()
    server.server_close()
    lms.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
