"""Files of one group set for other tools: each preset is a pure function from teams to a file and what it left out."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from lti_tool.domain.tables import harmless, write_table

SECTION_SIZE = 100  # TEAMMATES refuses larger sections
MARKUS_NAME = re.compile(r"[A-Za-z0-9 _-]{1,30}")
CSV, TEXT = "text/csv", "text/plain"


@dataclass(frozen=True)
class Person:
    """One member of a team, as far as other tools ask; `git_username` None also for one known to be wrong."""

    name: str
    email: str | None = None
    git_username: str | None = None
    lms_user_id: str | None = None
    is_student: bool = True
    sections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Team:
    """One group with its people in order; `lms_group_id` only where the LMS knows the set that it stands in."""

    name: str
    people: tuple[Person, ...] = ()
    description: str = ""
    lms_group_id: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """Who or which group is not in a file, and why (a code that a template says in words)."""

    reason: str
    name: str


@dataclass(frozen=True)
class PresetFile:
    """A finished file, and everything of the set that is not in it: nothing is left out in silence."""

    body: bytes
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Preset:
    """How to make a file for one tool; `family` where it fits the courses of one LMS only."""

    build: Callable[[str, Sequence[Team]], PresetFile]
    filename: str
    mimetype: str
    family: str | None = None


def teammates(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return the enrolment table of TEAMMATES: students by e-mail, each in one team, no section above 100 students.

    A team bears the section that all its people share; sections that are too large are split between teams. It is
    pasted from a spreadsheet, so no cell may be a formula.
    """
    found, left_out = _fitting(teams, "no_email", lambda person: person.email)
    sections = _sections(found, left_out)
    rows = [
        (sections[team.name], team.name, person.name, email, "")
        for team, people in found
        if team.name in sections
        for person, email in people
    ]
    return PresetFile(write_table(("Section", "Team", "Name", "Email", "Comments"), rows), tuple(left_out))


def repobee(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return RepoBee's students file: one team in a line, git user names with blanks between.

    RepoBee reads it as it stands, and a user name holds no blank or sign that a spreadsheet could run.
    """
    found, left_out = _fitting(teams, "no_git_username", _git_username, once=False)
    lines = [" ".join(username for _, username in people) + "\n" for _, people in found]
    return PresetFile("".join(lines).encode(), tuple(left_out))


def canvas(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return the file by which Canvas fills a group set (Group Categories API, import format).

    Canvas takes students only, the first row of each, and makes groups by their name. It reads group names to the
    letter, so they stand as they are; the column of names is for people and harmless.
    """
    found, left_out = _fitting(teams, "no_lms_account", lambda person: person.lms_user_id)
    rows: list[Sequence[str | None]] = [("name", "canvas_user_id", "canvas_group_id", "group_name")]
    rows += [
        (harmless(person.name), user_id, team.lms_group_id, team.name)
        for team, people in found
        for person, user_id in people
    ]
    return PresetFile(_verbatim(rows), tuple(left_out))


def moodle(set_name: str, teams: Sequence[Team]) -> PresetFile:
    """Return the file by which Moodle makes groups in a grouping (Participants, Groups, Import groups).

    Moodle's import takes no people. It reads names to the letter, so they stand as they are.
    """
    header = ("groupname", "description", "groupingname")
    return PresetFile(_verbatim([header, *((team.name, team.description, set_name) for team in teams)]))


def markus(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return the group list of MarkUs 1.12 and later: the name, then user names; older ones had a repository's name.

    No header; names of at most 30 letters, digits, blanks, hyphens and underscores, so no cell can be a formula but
    for a hyphen first, which MarkUs must read as it is.
    """
    named = [team for team in teams if MARKUS_NAME.fullmatch(team.name)]
    found, left_out = _fitting(named, "no_git_username", _git_username)
    left_out += [LeftOut("group_name", team.name) for team in teams if team not in named]
    rows = [(team.name, *(username for _, username in people)) for team, people in found]
    return PresetFile(_verbatim(rows), tuple(left_out))


PRESETS: Mapping[str, Preset] = {
    "teammates": Preset(teammates, "teammates.csv", CSV),
    "repobee": Preset(repobee, "students.txt", TEXT),
    "canvas": Preset(canvas, "canvas.csv", CSV, family="canvas"),
    "moodle": Preset(moodle, "moodle-groups.csv", CSV, family="moodle"),
    "markus": Preset(markus, "markus.csv", CSV),
}


def presets_for(family: str) -> list[str]:
    """Return the keys of the presets that fit courses of this LMS."""
    return [key for key, preset in PRESETS.items() if preset.family in (None, family)]


Found = list[tuple[Team, list[tuple[Person, str]]]]


def _fitting(
    teams: Sequence[Team], reason: str, known_as: Callable[[Person], str | None], *, once: bool = True
) -> tuple[Found, list[LeftOut]]:
    """Return teams with the students that the other tool can know, each with what it knows them by, and the others.

    `once`: a tool that takes one group for each person gets the first, and of groups with one name the first.
    """
    found: Found = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    names: set[str] = set()
    for team in teams:
        people = []
        name = team.lms_group_id or team.name
        if once and name in names:
            left_out.append(LeftOut("name_twice", team.name))
            continue
        names.add(name)
        for person in team.people:
            key = known_as(person)
            if not person.is_student:
                left_out.append(LeftOut("staff", person.name))
            elif not key:
                left_out.append(LeftOut(reason, person.name))
            elif once and key.casefold() in seen:
                left_out.append(LeftOut("second_group", person.name))
            else:
                seen.add(key.casefold())
                people.append((person, key))
        if people:
            found.append((team, people))
        else:
            left_out.append(LeftOut("empty_group", team.name))
    return found, left_out


def _git_username(person: Person) -> str | None:
    username = (person.git_username or "").strip()
    return username if len(username.split()) == 1 else None


def _sections(found: Found, left_out: list[LeftOut]) -> dict[str, str]:
    """Return the section of each team by name, no section above the limit; teams above it are left out."""
    shared: dict[str, Found] = {}
    for team, people in found:
        if len(people) > SECTION_SIZE:
            left_out.append(LeftOut("team_too_large", team.name))
            continue
        common = set(people[0][0].sections).intersection(*(person.sections for person, _ in people))
        shared.setdefault(min(common, default=""), []).append((team, people))
    sections: dict[str, str] = {}
    taken = set(shared)
    for name, held in shared.items():
        fits = sum(len(people) for _, people in held) <= SECTION_SIZE
        names = iter([name]) if fits else _numbered(name or "Section", taken)
        present, size = next(names), 0
        for team, people in held:
            if size + len(people) > SECTION_SIZE:
                present, size = next(names), 0
            sections[team.name] = present
            size += len(people)
    return sections


def _numbered(name: str, taken: set[str]) -> Iterator[str]:
    for number in count(1):
        numbered = f"{name} {number}"
        if numbered not in taken:
            taken.add(numbered)
            yield numbered


def _verbatim(rows: Iterable[Iterable[str | None]]) -> bytes:
    """Return a table for a machine: UTF-8 without a mark, every cell as it is."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
