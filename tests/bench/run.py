"""Runs every benchmark in turn, each a script of its own; `make bench` calls it."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("launch.py", "sync.py", "faults.py", "pages.py", "imports.py", "joins.py", "globs.py")


def main() -> None:
    """Run the named benchmarks, or all of them."""
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / name)], check=True)


if __name__ == "__main__":
    main()
