"""Signed-in browsers: a random cookie of 256 bits, of which only the SHA-256 is stored; revocable at any moment."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from models import Session as SessionRow
from models import User


def cookie_name(secure: bool) -> str:
    """Return the session cookie's name; by https the prefix binds it to this very host (RFC 6265bis §4.1.3)."""
    return "__Host-np_session" if secure else "np_session"


def open_for(session: Session, user: User, *, now: datetime, longest: timedelta) -> tuple[str, SessionRow]:
    """Start a session; return the cookie's value, which is not kept anywhere, and its row."""
    cookie = secrets.token_urlsafe(32)
    row = SessionRow(
        digest=digest(cookie),
        user_id=user.id,
        csrf=secrets.token_urlsafe(32),
        created_at=now,
        seen_at=now,
        ends_at=now + longest,
    )
    session.add(row)
    session.flush()
    return cookie, row


def find(session: Session, cookie: str, *, now: datetime, idle: timedelta) -> SessionRow | None:
    """Return the living session of a cookie with its user, or None when it ended, idled out or was revoked."""
    with_user = joinedload(SessionRow.user).joinedload(User.resource)
    row = session.scalars(select(SessionRow).where(SessionRow.digest == digest(cookie)).options(with_user)).first()
    if row is None or row.user.disabled or now >= row.ends_at or now >= row.seen_at + idle:
        return None
    return row


def touch(session: Session, session_id: int, *, now: datetime) -> None:
    session.execute(update(SessionRow).where(SessionRow.id == session_id).values(seen_at=now))


def close(session: Session, session_id: int) -> None:
    session.execute(delete(SessionRow).where(SessionRow.id == session_id))


def close_cookie(session: Session, cookie: str | None) -> None:
    """End the session a browser still carries, so that signing in never continues an old one."""
    if cookie:
        session.execute(delete(SessionRow).where(SessionRow.digest == digest(cookie)))


def close_all(session: Session, user_id: int, *, but: int | None = None) -> None:
    """End every session of a user, except one."""
    session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id != (but or 0)))


def of_user(session: Session, user_id: int, *, now: datetime, idle: timedelta) -> list[SessionRow]:
    """Return a user's living sessions, the most recently used first."""
    rows = session.scalars(
        select(SessionRow)
        .where(SessionRow.user_id == user_id, SessionRow.ends_at > now, SessionRow.seen_at > now - idle)
        .order_by(SessionRow.seen_at.desc())
    )
    return list(rows)


def sweep(session: Session, *, now: datetime, idle: timedelta) -> int:
    """Delete sessions nobody can use any more; return how many."""
    dead = (SessionRow.ends_at <= now) | (SessionRow.seen_at <= now - idle)
    return len(session.scalars(delete(SessionRow).where(dead).returning(SessionRow.id)).all())


def digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
