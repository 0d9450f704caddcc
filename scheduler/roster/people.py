"""Who can stand on a roster: the department's people and those that other departments lend."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import PERSON_KINDS, Resource
from scheduler.errors import Invalid
from scheduler.texts import optional_text

LONGEST_WORDS = 100
"""Signs of a place, a note or a reason: one line of a cell."""


def locked(session: Session, code: str) -> Resource:
    """Return a person whose plan nobody else changes until the commit. Raises Invalid("unknown-person")."""
    found = locked_all(session, [code])
    if not found:
        raise Invalid("unknown-person", person=code)
    return found[0]


def locked_all(session: Session, codes: Collection[str]) -> list[Resource]:
    """Return the active people of these codes, locked in id order as everybody locks, so that no two wait in a ring."""
    query = select(Resource).where(Resource.code.in_(codes), Resource.kind.in_(PERSON_KINDS), Resource.active)
    return list(session.scalars(query.order_by(Resource.id).with_for_update(key_share=True)))


def words(field: str, value: str | None) -> str | None:
    """Return a short text as it is stored, None for a blank one. Raises Invalid as `clean_text` does."""
    return optional_text(field, value, LONGEST_WORDS)
