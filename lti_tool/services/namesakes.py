"""Finds who shares a name, and tells classmates apart by what students may know: sections, never addresses."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Select, func, select

from lti_tool.models import RosterMember, db
from lti_tool.services.group_sets import students_query
from lti_tool.services.sections import read_section_names


def read_namesakes(course_id: UUID) -> frozenset[str]:
    """Return the names that several people of the course have: with them the name alone does not tell who it is."""
    return frozenset(db.session.scalars(shared_names(course_id)))


def shared_names(course_id: UUID) -> Select[str]:
    """Return the query of the names that several people of the course have, for one that asks for more."""
    names = select(RosterMember.name).where(RosterMember.course_id == course_id)
    return names.group_by(RosterMember.name).having(func.count() > 1)


def tell_apart(course_id: UUID, me: UUID) -> Mapping[UUID, str | None]:
    """Return for each active classmate with a namesake what to say beside the name; None: nothing tells which it is.

    Whoever is not in it is the only one of that name. One or two queries.
    """
    people = students_query(course_id).where(RosterMember.id != me)
    shared = people.with_only_columns(RosterMember.name).order_by(None).group_by(RosterMember.name)
    query = people.with_only_columns(RosterMember.id, RosterMember.name)
    rows = db.session.execute(query.where(RosterMember.name.in_(shared.having(func.count() > 1)))).all()
    if not rows:
        return {}
    sections = read_section_names(course_id, [key for key, _ in rows])
    said = {key: ", ".join(sections.get(key, ())) or "in no section" for key, _ in rows}
    times = Counter((name, said[key]) for key, name in rows)
    return {key: said[key] if times[name, said[key]] == 1 else None for key, name in rows}
