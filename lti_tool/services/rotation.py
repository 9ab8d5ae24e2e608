"""Encrypts everything that is sealed in the store anew, when SECRET_KEY has been changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from lti_tool.domain.errors import RuleViolation
from lti_tool.models import LmsGrant, OauthClient, ServiceToken, db, transaction
from lti_tool.models.database import Base
from lti_tool.services.sealing import UnsealError, is_sealed_now, seal, unseal
from lti_tool.settings import Settings

# Every column of the store that `sealing.seal` fills.
SEALED: dict[type[Base], tuple[str, ...]] = {
    ServiceToken: ("ciphertext",),
    OauthClient: ("secret_ciphertext",),
    LmsGrant: ("access_ciphertext", "refresh_ciphertext"),
}


@dataclass
class Rotation:
    """How many secrets of each kind (by table) were encrypted anew, were so already, and can be read by no key."""

    rotated: dict[str, int] = field(default_factory=dict)
    already: int = 0
    unreadable: int = 0


def rotate_secrets(settings: Settings) -> Rotation:
    """Encrypt with the present key what the old one reads, all of it or nothing; a second time changes nothing.

    The rows are locked, so that a token that is renewed meanwhile is stored after it, by the present key. What neither
    key reads stays as it is: it has to be stored again. Raise RuleViolation("old_key_required").
    """
    if not settings.old_secret_key:
        raise RuleViolation("old_key_required")
    done = Rotation()
    with transaction():
        for row, column in _sealed():
            sealed = getattr(row, column)
            if is_sealed_now(settings, sealed):
                done.already += 1
                continue
            try:
                setattr(row, column, seal(settings, unseal(settings, sealed)))
            except UnsealError:
                done.unreadable += 1
                continue
            kind = row.__tablename__
            done.rotated[kind] = done.rotated.get(kind, 0) + 1
    return done


def _sealed() -> Iterator[tuple[Base, str]]:
    for kind, columns in SEALED.items():
        for row in db.session.scalars(select(kind).with_for_update()).all():
            for column in columns:
                yield row, column
