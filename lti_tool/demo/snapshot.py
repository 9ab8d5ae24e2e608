"""Keeping the state in a JSON file: loaded at the start, saved at most once a second, and at the exit."""

import json
import os
import threading
from pathlib import Path
from typing import Any

from lti_tool.demo.hub import Hub
from lti_tool.demo.site import Site

VERSION = 1


def load(hub: Hub, path: Path) -> bool:
    """Take over the state of a file; false when there is none that can be used."""
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        # A broken file must not keep a demo from starting; it is put aside for a look.
        path.replace(path.with_name(path.name + ".broken"))
        return False
    if data.get("version") != VERSION:
        return False
    hub.pems = data["pems"]
    for flavour, rows in data["sites"].items():
        site = Site(flavour)
        site.load(rows)
        hub.sites[site.flavour] = site
    return True


def save(hub: Hub, path: Path) -> None:
    """Write the state to the file in one step, so that a crash leaves the old one or the new one."""
    with hub.lock:
        for site in hub.sites.values():
            site.dirty.clear()
        sites = {flavour: site.rows() for flavour, site in hub.sites.items()}
        data = {"version": VERSION, "pems": dict(hub.pems), "sites": sites}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(data, stream, ensure_ascii=False)
    temporary.replace(path)


class Saver:
    """The thread that saves a changed state once a second."""

    def __init__(self, hub: Hub, path: Path) -> None:
        self._hub, self._path = hub, path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-lms-saver", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            self.save_if_dirty()

    def save_if_dirty(self) -> None:
        if any(site.dirty.is_set() for site in self._hub.sites.values()):
            save(self._hub, self._path)

    def close(self) -> None:
        """Stop the thread and save what is left."""
        self._stop.set()
        self._thread.join(timeout=5)
        self.save_if_dirty()
