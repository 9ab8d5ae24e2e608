"""Tells people what concerns them: notices inside the tool, and by e-mail where that is set up."""

import json
from collections.abc import Collection
from uuid import UUID, uuid4

from sqlalchemy import insert

from lti_tool.domain.clock import now
from lti_tool.models import Notice, db


def tell(
    course_id: UUID,
    member_ids: Collection[UUID],
    kind: str,
    *,
    group_id: UUID | None = None,
    assignment_id: UUID | None = None,
    **facts: str,
) -> None:
    """Write one notice to each person inside the caller's transaction; `facts` are for its sentence."""
    rows = [
        {
            "id": uuid4(),
            "course_id": course_id,
            "member_id": member_id,
            "kind": kind,
            "facts": json.dumps(facts),
            "group_id": group_id,
            "assignment_id": assignment_id,
            "created_at": now(),
            "mail_state": "none",
        }
        for member_id in dict.fromkeys(member_ids)
    ]
    if rows:
        db.session.execute(insert(Notice), rows)
