"""Files of one group set for other tools: each preset is a pure function from teams to a file and what it left out."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from lti_tool.domain.tables import harmless, write_table

# What TEAMMATES refuses: larger sections, longer names of teams, sections and people, and names of another form.
SECTION_SIZE = 100
TEAM_NAME, SECTION_NAME, PERSON_NAME, EMAIL_ADDRESS = 60, 60, 100, 254
TEAMMATES_NAME = re.compile(r"[^\W_][^|%]*")  # a letter or digit of any alphabet first
NOT_TEAMMATES = re.compile(r"^[\W_]+|[|%]")
LOCAL_PART = r"[\w!#$%&'*+/=?^`{}~-]+"
TEAMMATES_EMAIL = re.compile(rf"(?=[\w+-]){LOCAL_PART}(\.{LOCAL_PART})*@([a-z\d-]+\.)+[a-z]+", re.ASCII | re.IGNORECASE)
MARKUS_NAME = re.compile(r"[A-Za-z0-9 _-]{1,30}")
CSV, TEXT = "text/csv", "text/plain"


@dataclass(frozen=True)
class Person:
    """One member of a team, as far as other tools ask; `git_username` None also for one known to be wrong.

    `shares_email`: somebody else of the course has the same, so it does not tell who it is.
    """

    name: str
    email: str | None = None
    git_username: str | None = None
    lms_user_id: str | None = None
    is_student: bool = True
    sections: tuple[str, ...] = ()
    shares_email: bool = False


@dataclass(frozen=True)
class Team:
    """One group with its people in order; `lms_group_id` only where the LMS knows the set that it stands in."""

    name: str
    people: tuple[Person, ...] = ()
    description: str = ""
    lms_group_id: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A person of a group, or a group, that is not in a file, and why (a code that a template says in words)."""

    reason: str
    group: str
    person: str | None = None


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
    pasted from a spreadsheet, so no cell may be a formula; what would need an apostrophe before it is refused there.
    """
    named, misnamed = split(teams, _is_team_name, "teammates_team")
    found, left_out = fitting(
        named,
        "no_email",
        lambda person: person.email,
        refused=_refused_by_teammates,
        team_key=lambda team: _trimmed(team.name),
    )
    left_out += misnamed
    sections = _sections(found, left_out)
    rows = [
        (sections[team.name], _trimmed(team.name), _trimmed(person.name), email, "")
        for team, people in found
        if team.name in sections
        for person, email in people
    ]
    return PresetFile(write_table(("Section", "Team", "Name", "Email", "Comments"), rows), tuple(left_out))


def repobee(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return RepoBee's students file: one team in a line, git user names with blanks between.

    A program reads it, so it stands as it is.
    """
    found, left_out = fitting(teams, "no_git_username", _git_username, once=False)
    lines = [" ".join(username for _, username in people) + "\n" for _, people in found]
    return PresetFile("".join(lines).encode(), tuple(left_out))


def markus(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return the group list of MarkUs 1.12 and later: the name, then user names; older ones had a repository's name.

    No header; names of at most 30 letters, digits, blanks, hyphens and underscores, so no cell can be a formula but
    for a hyphen first, which MarkUs must read as it is.
    """
    named, misnamed = split(teams, lambda name: bool(MARKUS_NAME.fullmatch(name)), "group_name")
    found, left_out = fitting(named, "no_git_username", _git_username)
    rows = [(team.name, *(username for _, username in people)) for team, people in found]
    return PresetFile(verbatim(rows), (*left_out, *misnamed))


TOOL_PRESETS: Mapping[str, Preset] = {
    "teammates": Preset(teammates, "teammates.csv", CSV),
    "repobee": Preset(repobee, "students.txt", TEXT),
    "markus": Preset(markus, "markus.csv", CSV),
}


Found = list[tuple[Team, list[tuple[Person, str]]]]


def split(teams: Sequence[Team], fits: Callable[[str], bool], reason: str) -> tuple[list[Team], list[LeftOut]]:
    """Return the teams whose name the other tool takes, and the others as left out for that reason."""
    misnamed = [LeftOut(reason, team.name) for team in teams if not fits(team.name)]
    return [team for team in teams if fits(team.name)], misnamed


def fitting(
    teams: Sequence[Team],
    reason: str,
    known_as: Callable[[Person], str | None],
    *,
    once: bool = True,
    refused: Callable[[Person], str | None] = lambda _: None,
    team_key: Callable[[Team], str] = lambda team: team.name,
) -> tuple[Found, list[LeftOut]]:
    """Return teams with the students that the other tool can know, each with what it knows them by, and the others.

    `reason` is for those whom it cannot know, `refused` gives another for those whom it would not take. `once`: a tool
    that takes one group for each person gets the first, and of groups that it would take for one (by `team_key`) the
    first.
    """
    found: Found = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    names: set[str] = set()
    for team in teams:
        people = []
        if once and team_key(team) in names:
            left_out.append(LeftOut("name_twice", team.name))
            continue
        names.add(team_key(team))
        for person in team.people:
            key = known_as(person)
            if not person.is_student:
                left_out.append(LeftOut("staff", team.name, person.name))
            elif not key:
                left_out.append(LeftOut(reason, team.name, person.name))
            elif why := refused(person):
                left_out.append(LeftOut(why, team.name, person.name))
            elif once and key.casefold() in seen:
                left_out.append(LeftOut("second_group", team.name, person.name))
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


def _trimmed(name: str) -> str:
    return " ".join(name.split())


def _is_team_name(name: str) -> bool:
    """Say whether TEAMMATES takes a team of this name: not for one that it could read as an e-mail address."""
    name = _trimmed(name)
    fits = len(name) <= TEAM_NAME and TEAMMATES_NAME.fullmatch(name)
    return bool(fits) and not TEAMMATES_EMAIL.fullmatch(name)


def _refused_by_teammates(person: Person) -> str | None:
    name, email = _trimmed(person.name), person.email or ""
    if person.shares_email:
        return "shared_email"
    if len(name) > PERSON_NAME or not TEAMMATES_NAME.fullmatch(name):
        return "teammates_person"
    fits = len(email) <= EMAIL_ADDRESS and TEAMMATES_EMAIL.fullmatch(email) and harmless(email) == email
    return None if fits else "teammates_email"


def _sections(found: Found, left_out: list[LeftOut]) -> dict[str, str]:
    """Return the section of each team by name, no section above the limit; teams above it are left out."""
    shared: dict[str, Found] = {}
    for team, people in found:
        if len(people) > SECTION_SIZE:
            left_out.append(LeftOut("team_too_large", team.name))
            continue
        common = set.intersection(*(set(map(_trimmed, person.sections)) for person, _ in people))
        shared.setdefault(min(common, default=""), []).append((team, people))
    sections: dict[str, str] = {}
    taken = set(shared)
    for name, held in shared.items():
        fits = sum(len(people) for _, people in held) <= SECTION_SIZE
        named = not name or (len(name) <= SECTION_NAME and TEAMMATES_NAME.fullmatch(name))
        # A number, too, where only a part of the name can stand: two long names often begin alike.
        names = iter([name]) if fits and named else _numbered(_trimmed(NOT_TEAMMATES.sub("", name)) or "Section", taken)
        present, size = next(names), 0
        for team, people in held:
            if size + len(people) > SECTION_SIZE:
                present, size = next(names), 0
            sections[team.name] = present
            size += len(people)
    return sections


def _numbered(name: str, taken: set[str]) -> Iterator[str]:
    for number in count(1):
        ending = f" {number}"
        numbered = name[: SECTION_NAME - len(ending)] + ending
        if numbered not in taken:
            taken.add(numbered)
            yield numbered


def verbatim(rows: Iterable[Iterable[str | None]]) -> bytes:
    """Return a table for a machine (RFC 4180): UTF-8 without a mark, every cell as it is."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
