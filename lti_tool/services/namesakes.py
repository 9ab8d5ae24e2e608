"""Finds who shares a name or an e-mail, and tells classmates apart by what students may know: their sections."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select

from lti_tool.domain.groups import clean_text
from lti_tool.domain.proposals import found_by_email
from lti_tool.models import RosterMember, db
from lti_tool.services.group_sets import students_query
from lti_tool.services.people import PERSON_COLUMNS, person_of
from lti_tool.services.sections import read_section_names


@dataclass(frozen=True)
class Unclear:
    """What does not tell who somebody is: names that several people of a course have, and e-mails.

    Of the people of a set, no file can name `without_email` and `sharing_email`, who have one that others have too.
    """

    namesakes: frozenset[str]
    without_email: int
    sharing_email: int


def read_unclear(course_id: UUID, member_ids: Select[UUID]) -> Unclear:
    """Return what is not clear in a course, and of these people, in one query."""
    of_set = RosterMember.id.in_(member_ids)
    rows = db.session.execute(select(*PERSON_COLUMNS, of_set).where(RosterMember.course_id == course_id)).all()
    people = [(person_of(key, name, email, kind, status), held) for key, name, email, kind, status, held in rows]
    named = found_by_email(person for person, _ in people)
    emails = [clean_text(person.email or "") for person, is_of_set in people if is_of_set and person.id not in named]
    names = Counter(person.name for person, _ in people)
    without = emails.count("")
    return Unclear(frozenset(name for name in names if names[name] > 1), without, len(emails) - without)


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
