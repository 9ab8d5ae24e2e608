"""Finds the Chromium that the browser tests drive, and installs one where none is: run it before the tests."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find() -> str | None:
    """Return the path of the system's Chromium, None when there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def playwrights_own() -> str | None:
    """Return the path of the browser that Playwright downloaded itself, None when it has none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def install() -> None:
    """Install Chromium: by apt-get where it may, else by Playwright's own download."""
    if shutil.which("apt-get") and hasattr(os, "geteuid"):
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "chromium"]):
            if subprocess.run([*prefix, *command], stdout=subprocess.DEVNULL, check=False).returncode != 0:
                break
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], check=False)


def main() -> None:
    """Print the browser's path; end with an error when there is none and none can be installed."""
    if not (find() or playwrights_own()):
        install()
    path = find() or playwrights_own()
    if path is None:
        sys.exit("no Chromium: install it (apt-get install chromium) or name it in CHROMIUM=/path/to/chromium")
    print(f"browser: {path}")


if __name__ == "__main__":
    main()
