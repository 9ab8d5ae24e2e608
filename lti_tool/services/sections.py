"""The sections that the LMS divides a course into: stored as it names them, read for pages and files."""

from collections.abc import Collection, Sequence
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, tuple_, update

from lti_tool.domain.roster import RemoteSection
from lti_tool.models import RosterMember, Section, SectionMembership, db


def list_sections(course_id: UUID) -> Sequence[Section]:
    """Return the sections of a course by name; most LMSs have none."""
    query = select(Section).where(Section.course_id == course_id)
    return db.session.scalars(query.order_by(func.lower(Section.name), Section.id)).all()


def read_section_names(course_id: UUID, member_ids: Collection[UUID] | None = None) -> dict[UUID, list[str]]:
    """Return the names of each person's sections by member id, of these people or of everybody."""
    query = (
        select(SectionMembership.member_id, Section.name)
        .join(Section, Section.id == SectionMembership.section_id)
        .where(Section.course_id == course_id)
        .order_by(func.lower(Section.name), Section.id)
    )
    if member_ids is not None:
        query = query.where(SectionMembership.member_id.in_(member_ids))
    names: dict[UUID, list[str]] = {}
    for member_id, name in db.session.execute(query):
        names.setdefault(member_id, []).append(name)
    return names


def apply_sections(course_id: UUID, sections: Sequence[RemoteSection]) -> None:
    """Store the LMS's sections and who is in them, inside the caller's transaction; what it has no more is deleted."""
    ids = _store_sections(course_id, sections)
    people = {
        lms_id: member_id
        for member_id, lms_id in db.session.execute(
            select(RosterMember.id, RosterMember.lms_user_id).where(
                RosterMember.course_id == course_id, RosterMember.lms_user_id.is_not(None)
            )
        )
    }
    wanted = {
        (ids[section.lms_section_id], people[lms_id])
        for section in sections
        for lms_id in section.member_ids
        if lms_id in people
    }
    stored = {
        (section_id, member_id)
        for section_id, member_id in db.session.execute(
            select(SectionMembership.section_id, SectionMembership.member_id).where(
                SectionMembership.section_id.in_(ids.values())
            )
        )
    }
    if gone := stored - wanted:
        pair = tuple_(SectionMembership.section_id, SectionMembership.member_id)
        db.session.execute(delete(SectionMembership).where(pair.in_(gone)))
    if new := wanted - stored:
        rows = [{"section_id": section_id, "member_id": member_id} for section_id, member_id in new]
        db.session.execute(insert(SectionMembership), rows)


def _store_sections(course_id: UUID, sections: Sequence[RemoteSection]) -> dict[str, UUID]:
    known = {row.lms_section_id: row for row in list_sections(course_id)}
    listed = {section.lms_section_id for section in sections}
    db.session.execute(
        delete(Section).where(Section.id.in_([row.id for lms_id, row in known.items() if lms_id not in listed]))
    )
    ids: dict[str, UUID] = {}
    new = []
    for section in sections:
        row = known.get(section.lms_section_id)
        ids[section.lms_section_id] = row.id if row else uuid4()
        if row is None:
            key = {"id": ids[section.lms_section_id], "course_id": course_id, "lms_section_id": section.lms_section_id}
            new.append({**key, "name": section.name})
        elif row.name != section.name:
            db.session.execute(update(Section).where(Section.id == row.id).values(name=section.name))
    if new:
        db.session.execute(insert(Section), new)
    return ids
