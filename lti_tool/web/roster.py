"""Shows the students of a course, and fetches people anew."""

from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.members import split_name
from lti_tool.domain.permissions import Permission
from lti_tool.domain.roster import MemberStatus
from lti_tool.services.roster_page import Sought, StudentPage, list_students
from lti_tool.services.runs import find_open_run
from lti_tool.services.teams import Teams, read_teams
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import prefers_json
from lti_tool.web.pages import page
from lti_tool.web.runs import start_run

blueprint = Blueprint("roster", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.route("/roster", methods=["GET", "POST"])
@requires(Permission.VIEW_ROSTER)
def roster(course_id: UUID) -> Response:
    """Show the students, a hundred at a time, by status, section and a word.

    The word is sent in the body (POST), because names and e-mails belong in no address: not in a proxy's log, nor in
    the browser's history. A group set that is chosen gives each student's team in it; programs that ask for JSON get
    the same page of students as data.
    """
    sought = Sought(
        status=request.values.get("status", type=MemberStatus),
        section_id=request.values.get("section", type=UUID),
        words=request.form.get("q", "").strip()[:NAME_LENGTH],
    )
    people = list_students(course_id, sought, request.values.get("page", 1, type=int))
    chosen = request.values.get("set", type=UUID)
    teams = read_teams(course_id, viewer().course.family, chosen, [member.id for member in people.rows])
    if prefers_json():
        return _as_json(people, teams)
    return page(
        "roster/list.html",
        people=people,
        sought=sought,
        teams=teams,
        open_run=None if people.students else find_open_run(course_id),
    )


def _as_json(people: StudentPage, teams: Teams) -> Response:
    students = []
    for member in people.rows:
        team = teams.by_member.get(member.id)
        first_name, last_name = split_name(member.name)
        students.append(
            {
                "id": member.id,
                "full_name": member.name,
                "first_name": first_name,
                "last_name": last_name,
                "status": member.status,
                "team": team.name if team else None,
                "team_source": team.source if team else None,
            }
        )
    return jsonify(
        students=students,
        group_set=teams.chosen and {"id": teams.chosen.id, "name": teams.chosen.name},
        page=people.number,
        pages=people.pages,
        found=people.found,
    )


@blueprint.post("/roster/refresh")
@requires(Permission.SYNC)
def refresh_roster(course_id: UUID) -> Response:
    """Fetch the people from the LMS, and show how that goes."""
    return start_run(course_id, "roster")
