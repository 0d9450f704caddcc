"""API tokens of programs: `np_<key id, 8 hex>_<43 characters>`. Shown once; only the SHA-256 is stored."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import ApiToken
from models.account import ROLES
from scheduler.actor import SYSTEM, Actor
from scheduler.audit import record
from scheduler.errors import Conflict, Invalid, NotFound

SHAPE = re.compile(r"np_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")

_NOBODYS = hashlib.sha256(b"").hexdigest()


def issue_token(
    session: Session, name: str, role: str, *, now: datetime, expires_days: int | None = 400, actor: Actor = SYSTEM
) -> str:
    """Make a token and return it; it cannot be read again. `expires_days` None: until it is revoked.

    Raises Invalid("unknown-role" | "name-empty"), Conflict("name-taken").
    """
    if role not in ROLES:
        raise Invalid("unknown-role", role=role)
    if not name.strip():
        raise Invalid("name-empty")
    if session.scalars(select(ApiToken.id).where(ApiToken.name == name)).first() is not None:
        raise Conflict("name-taken", name=name)
    key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    expires_at = None if expires_days is None else now + timedelta(days=expires_days)
    token = f"np_{key_id}_{secret}"
    row = ApiToken(name=name, key_id=key_id, digest=_digest(token), role=role, created_at=now, expires_at=expires_at)
    _add(session, row)
    record(
        session, actor=actor, now=now, action="token-made", entity="token", entity_id=key_id, detail={"role": role},
        changes=False,
    )  # fmt: skip
    return token


def _add(session: Session, row: ApiToken) -> None:
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:  # somebody took the same name since it was looked up
        raise Conflict("name-taken", name=row.name) from error


def find(session: Session, token: str, *, now: datetime) -> ApiToken | None:
    """Return the living token's row, or None. An unknown key id costs the same comparison as a known one."""
    shape = SHAPE.fullmatch(token)
    row = session.scalars(select(ApiToken).where(ApiToken.key_id == shape[1])).first() if shape else None
    same = secrets.compare_digest(row.digest if row else _NOBODYS, _digest(token))
    if row is None or not same or row.revoked_at is not None:
        return None
    return None if row.expires_at is not None and now >= row.expires_at else row


def touch(session: Session, token_id: int, *, now: datetime) -> None:
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def revoke_token(session: Session, name: str, *, now: datetime, actor: Actor = SYSTEM) -> None:
    """End a token at once. Raises NotFound."""
    token = session.scalars(select(ApiToken).where(ApiToken.name == name)).first()
    if token is None:
        raise NotFound(name=name)
    token.revoked_at = token.revoked_at or now
    record(session, actor=actor, now=now, action="token-revoked", entity="token", entity_id=token.key_id, changes=False)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
