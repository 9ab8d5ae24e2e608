"""The places of an access, shared by all processes of a machine: never more calls than places, whoever dies."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

from lti_tool.host_places import HostPlaces
from lti_tool.lms.http import LmsHttp, Repeat
from lti_tool.lms.lanes import PLACES, lane_of
from lti_tool.outbound import Outbound

# Each thread of each process says when it had a place, by the machine's one clock.
AT_WORK = r"""
import sys, threading, time
from pathlib import Path
from lti_tool.host_places import HostPlaces
from lti_tool.lms.lanes import lane_of

lane = lane_of("lms.example", "t0ken", HostPlaces(Path(sys.argv[1]), "secret"))

def work():
    for _ in range(5):
        with lane:
            came = time.monotonic()
            time.sleep(0.02)
            left = time.monotonic()
        print(f"{came} {left}\n", end="", flush=True)

threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
HOLDS_ALL = """
import sys, time
from pathlib import Path
from lti_tool.host_places import HostPlaces

places = HostPlaces(Path(sys.argv[1]), "secret")
taken = [places.take("lms.example\\nt0ken", 4) for _ in range(4)]
print("has them", flush=True)
time.sleep(60)
"""
FORKS = """
import os, sys, signal, time
from pathlib import Path
from lti_tool.host_places import HostPlaces

places = HostPlaces(Path(sys.argv[1]), "secret")
taken = places.take("a", 1)
child = os.fork()
if child == 0:
    sys.stdout.close()
    time.sleep(60)
places.leave(taken)
(path,) = Path(sys.argv[1]).iterdir()
until = time.monotonic() + 5
while places._try(str(path)) is None and time.monotonic() < until:
    time.sleep(0.01)
print("free again" if time.monotonic() < until else "taken", flush=True)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""


def process(text: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", text, str(folder)], stdout=subprocess.PIPE, text=True)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    moments = sorted([(came, 1) for came, _ in spans] + [(left, -1) for _, left in spans])
    now = most = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


def test_several_processes_together_make_as_many_calls_at_once_as_one(tmp_path: Path) -> None:
    running = [process(AT_WORK, tmp_path / "places") for _ in range(3)]
    told = [one.communicate(timeout=60)[0].splitlines() for one in running]
    assert [(one.returncode, len(lines)) for one, lines in zip(running, told, strict=True)] == [(0, 30)] * 3
    spans = [(float(came), float(left)) for lines in told for came, left in [line.split() for line in lines]]
    assert most_at_once(spans) == PLACES == 4


def test_a_process_that_is_killed_leaves_its_places_to_others(tmp_path: Path) -> None:
    holder = process(HOLDS_ALL, tmp_path)
    assert holder.stdout
    assert holder.stdout.readline() == "has them\n"
    lane, entered = lane_of("lms.example", "t0ken", HostPlaces(tmp_path, "secret")), threading.Event()

    def enter() -> None:
        with lane:
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.3)
    holder.send_signal(signal.SIGKILL)
    assert entered.wait(5)
    waiting.join()
    holder.communicate()


def test_a_forked_child_keeps_no_place_of_its_parent(tmp_path: Path) -> None:
    told, _ = process(FORKS, tmp_path).communicate(timeout=30)
    assert told == "free again\n"


def test_names_of_files_tell_nothing_and_each_access_has_its_own(tmp_path: Path) -> None:
    one, other = HostPlaces(tmp_path, "secret"), HostPlaces(tmp_path, "another secret")
    taken = [one.take("t0ken", 1), one.take("t1ken", 1), other.take("t0ken", 1)]
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == len({name.partition(".")[0] for name in names}) == 3
    assert not [name for name in names if "ken" in name]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    for place in taken:
        one.leave(place)


def test_without_a_folder_to_write_to_each_process_counts_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = HostPlaces(tmp_path / "file" / "places", "secret")
    assert places.problem() == "Not a directory"
    lane = lane_of("lms.example", "t0ken", places)
    with lane, lane, lane, lane:
        assert not lane._places.acquire(blocking=False)
    assert HostPlaces(tmp_path / "made" / "places", "secret").problem() is None


def test_a_call_takes_a_place_of_the_machine(scripted, tmp_path: Path) -> None:
    scripted.answers["/x"] = (200, {}, b"{}")
    places = HostPlaces(tmp_path, "secret")
    seen = []

    class Door(Outbound):
        def request(self, *given, **more):
            held = [path for path in tmp_path.iterdir() if places._try(str(path)) is None]
            seen.append(len(held))
            return super().request(*given, **more)

    http = LmsHttp(Door({"127.0.0.1"}, places), access="t0ken")
    for _ in range(2):
        assert http.send("GET", scripted.url + "/x", repeat=Repeat.SAFE).ok
    assert seen == [1, 1]
