"""Canvas-like REST: group sets as CSV, exported at once and imported by a job."""

import csv
import io
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_api as api
from lti_tool.demo.canvas_api import CanvasError, bp
from lti_tool.demo.canvas_json import progress_json
from lti_tool.demo.canvas_sets import later, reach
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.model import Group, GroupSet, Person

# Two headers are in the language of the person who asks, the others are not.
GERMAN = {"name": "Name", "sections": "Abschnitte"}


@bp.get("/group_categories/<int:set_id>/export")
def export(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_manage")
    site, course = canvas(), canvas().courses[row.course]
    sis = api.may(course, "read_sis")
    in_group = {u: g for g in site.set_groups(row.id) for u in site.members(g.id)}
    columns = ["name", "canvas_user_id", *(["user_id"] if sis else []), "login_id", "sections", "group_name"]
    if in_group:
        columns += ["canvas_group_id", *(["group_id"] if sis else [])]
    out = io.StringIO()
    form = hub().faults.export_form
    writer = csv.writer(out, lineterminator="\n", delimiter=";" if "semicolon" in form else ",")
    writer.writerow([GERMAN.get(name, name) if "german" in form else name for name in columns])
    for person, sections in _students(row):
        group = in_group.get(person.id)
        cells: dict[str, Any] = {
            "name": person.sortable,
            "canvas_user_id": person.id,
            "user_id": person.sis_id,
            "login_id": person.login,
            "sections": _sentence(sections),
            "group_name": group.name if group else None,
            "canvas_group_id": group.id if group else None,
        }
        writer.writerow([cells.get(name) for name in columns])
    text = ("\ufeff" if "bom" in form else "") + out.getvalue()
    response = Response(text, mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(row.name)}.csv"
    return response


def _students(row: GroupSet) -> list[tuple[Person, list[str]]]:
    found: dict[int, list[str]] = {}
    for enrolment in canvas().course_enrolments(row.course):
        if enrolment.kind == "StudentEnrollment" and enrolment.state == "active" and enrolment.section:
            found.setdefault(enrolment.user, []).append(canvas().sections[enrolment.section].name)
    return [(canvas().people[number], found[number]) for number in sorted(found)]


def _sentence(names: list[str]) -> str:
    if len(names) > 2:
        return f"{', '.join(names[:-1])}, and {names[-1]}"
    return " and ".join(names)


@bp.post("/group_categories/<int:set_id>/import")
def import_csv(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_add")
    if row.role not in (None, "student_organized", "imported"):
        raise CanvasError(401, {"status": "unauthorized"})
    upload = request.files.get("attachment")
    data = upload.read() if upload else request.get_data()
    if request.mimetype == "text/csv" and request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise CanvasError(400, {"errors": [{"message": "Invalid charset"}]})
    return jsonify(progress_json(later(row, "course_group_import", lambda: apply(row.id, data))))


def apply(set_id: int, data: bytes) -> None:
    """Carry an import out; a ValueError's text becomes the message of the failed job."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("Invalid UTF-8") from None
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error:
        raise ValueError("Malformed CSV") from None
    if not lines:
        raise ValueError("Unable to read file")
    header = [name.strip().lower() for name in lines[0]]
    target = _Import(canvas().sets[set_id])
    for line in lines[1:]:
        target.row({name: cell.strip() for name, cell in zip(header, line, strict=False) if cell.strip()})
    canvas().touch()


class _Import:
    """One import under way; people and groups are looked up once, not once for every row."""

    def __init__(self, group_set: GroupSet) -> None:
        site = canvas()
        self._set = group_set
        rows = site.course_enrolments(group_set.course)
        states = ("active", "invited")
        ids = {e.user for e in rows if e.kind == "StudentEnrollment" and e.state in states}
        people = [site.people[number] for number in ids]
        self._by = {
            "canvas_user_id": {str(p.id): p for p in people},
            "user_id": {str(p.sis_id): p for p in people if p.sis_id},
            "login_id": {p.login: p for p in people},
        }
        groups = sorted(site.set_groups(group_set.id), key=lambda g: -g.id)
        self._named = {g.name: g for g in groups}
        self._where = {u: g for g in groups for u in site.members(g.id)}
        self._seen: set[int] = set()

    def row(self, cells: dict[str, str]) -> None:
        """Place one person; strangers, repeated people and rows without a group are passed over in silence."""
        column = next((name for name in self._by if name in cells), None)
        person = self._by[column].get(cells[column]) if column else None
        if person is None or person.id in self._seen:
            return
        group = self._group(cells)
        if group is not None:
            self._seen.add(person.id)
            self._place(person, group)

    def _group(self, cells: dict[str, str]) -> Group | None:
        site = canvas()
        if "canvas_group_id" in cells:
            group = site.groups.get(api.number(cells["canvas_group_id"]) or 0)
            if group is None or self._set.id not in group.sets:
                return None
            group.deleted = False
            return group
        name = cells.get("group_name")
        if name is not None and name not in self._named:
            limit = self._set.group_limit
            self._named[name] = site.add_group(self._set.course, name, [self._set.id], max_membership=limit)
        return self._named.get(name or "")

    def _place(self, person: Person, group: Group) -> None:
        # Limits are not looked at, and an unchanged membership is made anew: both as on Canvas.
        if person.id in self._where:
            canvas().remove_member(self._where[person.id].id, person.id)
        canvas().remove_member(group.id, person.id)
        canvas().add_member(group.id, person.id)
        self._where[person.id] = group
