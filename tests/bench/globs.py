"""Milliseconds of hostile patterns, the kind that takes a matcher with second thoughts for ever."""

import json
import string
import time
from pathlib import Path
from random import Random

from lti_tool.domain.globs import compile_glob

OUTPUT = Path(__file__).parent.parent.parent / "var" / "bench" / "globs.json"
LIMIT_MS = 50
LETTERS = string.ascii_letters
LONGEST, COURSE = ("a" * 255,) * 2000, ("a" * 5000,)
MIXED = tuple("".join(Random(seed).choices(LETTERS, k=255)) for seed in range(2000))
JOBS = (
    ("*a*a*a*a*a*b", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*a*a*a*a*a*b", COURSE, "one name of 5,000 letters", LIMIT_MS),
    ("*a*a*a*a*a*b*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    # Those whose places fit several characters, the slowest kind.
    ("*?b*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*a?c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "[ab]" * 30 + "c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "[ab]" * 62 + "c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "a?" * 125 + "c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "a?" * 63 + "c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "?" * 200 + "[!a]*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*?" * 100 + "[!a]*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*[ab]" * 50 + "*c*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "[ab]" * 62 + "?b*", COURSE, "one name of 5,000 letters", LIMIT_MS),
    # Many different sets, all of which fit; and names of many letters, each of which fits all sets but one.
    ("*" + "".join(f"[a{other}]" for other in LETTERS[1:]) + "[!a]*", LONGEST, "2,000 names of 255 letters", LIMIT_MS),
    ("*" + "".join(f"[!{one}]" for one in LETTERS) + "[!a-zA-Z]*", MIXED, "2,000 names of mixed letters", LIMIT_MS),
    (
        "*" + "".join(f"[!{one}]" for one in LETTERS[:15]) + "[!a-zA-Z]*",
        MIXED,
        "2,000 names of mixed letters",
        LIMIT_MS,
    ),
)


def measure(pattern, names):
    """Return the milliseconds that one pattern takes over the names, the best of three."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        glob = compile_glob(pattern)
        assert not any(map(glob.matches, names))
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


def main():
    results = []
    for pattern, names, what, limit in JOBS:
        taken = measure(pattern, names)
        print(f"{pattern[:16]:18}{what:30}{taken:8.2f} ms, {'within' if taken < limit else 'over'} {limit} ms")
        results.append({"pattern": pattern, "names": what, "ms": round(taken, 3)})
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"limit_ms": LIMIT_MS, "results": results}, indent=2))


if __name__ == "__main__":
    main()
