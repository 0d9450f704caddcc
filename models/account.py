"""Accounts and every key that opens a door: users, sessions, API tokens, feed tokens, the throttle."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key, PublicId
from models.resource import Resource

ROLES = ("nurse", "physician", "manager", "administrator", "auditor", "recorder")


class User(Base):
    __tablename__ = "user_account"

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    resource_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"))
    """The practitioner this account belongs to, whose list is `mine`."""
    language: Mapped[str] = mapped_column(default="zh")
    disabled: Mapped[bool] = mapped_column(default=False)
    demonstration: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    resource: Mapped[Resource | None] = relationship()


class Session(Base):
    """A signed-in browser. Only the digest of its cookie is stored."""

    __tablename__ = "session"

    id: Mapped[Key]
    digest: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last time a person did something; polling does not count."""
    ends_at: Mapped[datetime]
    user: Mapped[User] = relationship()


class LoginThrottle(Base):
    """Failed sign-ins per account and address, in the database so that every process counts the same."""

    __tablename__ = "login_throttle"
    __table_args__ = (UniqueConstraint("login", "address"),)

    id: Mapped[Key]
    login: Mapped[str]
    address: Mapped[str]
    failures: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]


class ApiToken(Base):
    """A bearer token of a program. Shown once; only its digest is stored."""

    __tablename__ = "api_token"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(unique=True)
    key_id: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class FeedToken(Base):
    """The secret in a calendar subscription's address, one per person and feed. Only its digest is stored."""

    __tablename__ = "feed_token"

    id: Mapped[Key]
    public_id: Mapped[PublicId]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    """Whose list the feed shows: a practitioner or a room."""
    key_id: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[str]
    privacy: Mapped[str] = mapped_column(default="code")
    """busy, code (procedure and case number, the default), initials or full."""
    language: Mapped[str] = mapped_column(default="zh")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_fetched_at: Mapped[datetime | None]
    last_client: Mapped[str | None]
    user: Mapped[User] = relationship()
    resource: Mapped[Resource] = relationship()
