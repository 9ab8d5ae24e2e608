"""Files of one group set that an LMS itself imports: pure functions beside those of domain.presets."""

from collections.abc import Mapping, Sequence

from lti_tool.domain.presets import CSV, LeftOut, Preset, PresetFile, Team, fitting, split, verbatim
from lti_tool.domain.tables import harmless
from lti_tool.lms.names import refused_names


def canvas_groups(_: str, teams: Sequence[Team]) -> PresetFile:
    """Return the file by which Canvas fills a group set (Group Categories API, import format).

    Canvas takes students only, the first row of each, and makes groups by their name. It reads group names to the
    letter, so they stand as they are; the column of names is for people and harmless.
    """
    found, left_out = fitting(
        teams,
        "no_lms_account",
        lambda person: person.lms_user_id,
        team_key=lambda team: team.lms_group_id or team.name,
    )
    rows: list[Sequence[str | None]] = [("name", "canvas_user_id", "canvas_group_id", "group_name")]
    rows += [
        (harmless(person.name), user_id, team.lms_group_id, team.name)
        for team, people in found
        for person, user_id in people
    ]
    return PresetFile(verbatim(rows), tuple(left_out))


def moodle_groups(set_name: str, teams: Sequence[Team]) -> PresetFile:
    """Return the file by which Moodle makes groups in a grouping (Participants, Groups, Import groups).

    Moodle's import takes no people. It reads names to the letter, but trims them, and with some databases "team" is
    "Team": of such names the first is in the file. A grouping whose name it refuses is named, its groups stand in none.
    """
    named, left_out = split(teams, lambda name: not refused_names("moodle", name, ()), "moodle_name")
    groups: dict[str, Team] = {}
    for team in named:
        if groups.setdefault(team.name.strip().casefold(), team) is not team:
            left_out.append(LeftOut("moodle_alike", team.name))
    grouping = set_name.strip()
    if refused_names("moodle", grouping, ()):
        grouping = ""
        left_out.append(LeftOut("moodle_grouping", set_name))
    header = ("groupname", "description", "groupingname")
    rows = [(team.name.strip(), team.description, grouping) for team in groups.values()]
    return PresetFile(verbatim([header, *rows]), tuple(left_out))


LMS_PRESETS: Mapping[str, Preset] = {
    "canvas": Preset(canvas_groups, "canvas.csv", CSV, family="canvas"),
    "moodle": Preset(moodle_groups, "moodle-groups.csv", CSV, family="moodle"),
}
