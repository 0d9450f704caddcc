"""Accounts of the demonstration. Their password is public, so they open the door on loopback alone."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Resource
from web.accounts.passwords import STANDARD, Cost
from web.accounts.users import by_login, create_user

PASSWORD = "see-the-needle"  # noqa: S105 - printed at start and shown on the sign-in page

LOGINS = (
    ("nurse", "演示护士"),
    ("physician", "演示医师"),
    ("manager", "演示主任"),
    ("recorder", "演示记录员"),
    ("auditor", "演示审计员"),
    ("administrator", "演示管理员"),
)
"""Login and role are one word; the name says that nobody real is meant."""


def create_demonstration_users(session: Session, *, now: datetime, cost: Cost = STANDARD) -> list[str]:
    """Make the demonstration accounts that are not there yet; return their logins."""
    first = session.scalars(
        select(Resource.code).where(Resource.kind == "physician").order_by(Resource.ordinal)
    ).first()
    missing = [(login, name) for login, name in LOGINS if by_login(session, login) is None]
    for login, name in missing:
        own = first if login == "physician" else None
        create_user(session, login, name, PASSWORD, login, own, now=now, demonstration=True, cost=cost)
    return [login for login, _ in missing]
