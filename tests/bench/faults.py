"""What is lost, doubled or shown after every fault of an LMS: runs the tests of the faults and prints their table."""

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent.parent
OUTPUT = ROOT / "var" / "bench" / "faults.json"
TESTS = ("tests/services/test_faults.py", "tests/services/test_killed.py")
COLUMNS = ("pull", "publish", "push", "write-through")
NAMES = {
    "test_two_staff_at_once": "two staff at once",
    "test_killed_at_ten_points_of_a_push_of_400_groups": "SIGKILL at ten points of 400 groups",
    "test_killed_while_canvas_works_an_import_off": "SIGKILL during Canvas's import",
    "test_killed_at_three_points_of_a_large_change_of_a_set_of_the_lms": "SIGKILL at three points of a change",
}
WORK_OF = {"400_groups": "publish", "import_off": "publish", "set_of_the_lms": "write-through"}


def run_tests(report):
    """Run the tests of the faults; their findings stand in the report."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", *TESTS]
    return subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode


def read(report):
    """Return fault → way of working → what both LMSs came to."""
    table = defaultdict(lambda: defaultdict(lambda: {"lost": 0, "doubled": 0, "shown": 0, "failed": 0}))
    for case in ElementTree.parse(report).iter("testcase"):
        found = {one.get("name"): int(one.get("value")) for one in case.iter("property")}
        test, _, values = case.get("name").partition("[")
        work = next((w for w in COLUMNS if re.search(rf"(^|-){w}(-|\])", values)), None)
        work = work or next((w for end, w in WORK_OF.items() if test.endswith(end)), None)
        if not found or work is None:
            continue
        fault = NAMES.get(test) or re.sub(rf"^(canvas|moodle)-|-{work}-\w+\]$", "", values)
        cell = table[fault][work]
        for name in ("lost", "doubled", "shown"):
            cell[name] += found[name]
        cell["failed"] += any(True for _ in case.iter("failure")) or any(True for _ in case.iter("error"))
    return table


def told(cell):
    """Return one cell in words: every difference was shown, or there was none."""
    if cell is None:
        return "–"
    if cell["lost"] or cell["doubled"] or cell["failed"]:
        return "WRONG"
    return "shown" if cell["shown"] else "equal"


def main():
    """Run the tests, print the table and write the JSON; end with the tests' status."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status = run_tests(report)
        table = read(report)
    print("Canvas and Moodle together, after the worker's retries; shown: a row tells what is different")
    print(f"{'':38}" + "".join(f"{name:>15}" for name in COLUMNS) + f"{'lost':>8}{'doubled':>9}")
    for fault, works in table.items():
        cells = "".join(f"{told(works.get(name)):>15}" for name in COLUMNS)
        sums = [sum(cell[name] for cell in works.values()) for name in ("lost", "doubled")]
        print(f"{fault:38}{cells}{sums[0]:>8}{sums[1]:>9}")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(table, indent=2))
    sys.exit(status)


if __name__ == "__main__":
    main()
