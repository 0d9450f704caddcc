"""Calendar subscriptions: the secret in an address, `<key id, 8 hex><43 characters>`. Shown once, kept as SHA-256."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from calendars.case_event import PRIVACY
from models import PERSON_KINDS, FeedToken, Resource, User
from scheduler.actor import Actor
from scheduler.audit import record
from scheduler.errors import Conflict, Invalid, NotAllowed, NotFound
from web.i18n import LANGUAGES
from web.policy import FEED
from web.privacy import FULL_NAMES

SHAPE = re.compile(r"([0-9a-f]{8})[A-Za-z0-9_-]{43}")
LIFE, UNUSED = timedelta(days=400), timedelta(days=90)
"""A subscription ends after so long, or when no client has asked for so long (RELIABILITY S20)."""
MOST = 30
"""Living subscriptions of one person."""
NOTED_EVERY = timedelta(seconds=60)
"""A fetch is written down at most so often."""
KINDS = ("room", *PERSON_KINDS)
"""Whose list can be a feed."""

_NOBODYS = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """A new secret, which cannot be read again, and the subscription it opens."""

    token: str
    feed: FeedToken


def may_read(user: User, resource: Resource) -> bool:
    """Tell whether an account may read a list as a feed: a physician their own and rooms, the other roles all."""
    if user.disabled or user.role not in FEED or resource.kind not in KINDS or not resource.active:
        return False
    return user.role != "physician" or resource.kind == "room" or resource.id == user.resource_id


def levels(role: str, *, names: bool) -> tuple[str, ...]:
    """Return the levels of privacy a role may choose. `names`: this site lets patients' names leave in feeds."""
    return PRIVACY if names and role in FULL_NAMES else PRIVACY[:-1]


def make(
    session: Session,
    user_id: int,
    resource: str,
    *,
    privacy: str,
    language: str,
    names: bool,
    actor: Actor,
    now: datetime,
) -> Made:
    """Make a subscription of a list and return its secret.

    Raises Invalid("unknown-resource" | "unknown-privacy" | "unknown-language"), NotAllowed("not-allowed" |
    "names-not-allowed"), Conflict("too-many-feeds").
    """
    user = session.get_one(User, user_id)
    shown = session.scalars(select(Resource).where(Resource.code == resource)).first()
    if shown is None or shown.kind not in KINDS or not shown.active:
        raise Invalid("unknown-resource", resource=resource)
    if not may_read(user, shown):
        raise NotAllowed(right="feed", role=user.role)
    _judge(user, privacy, language, names=names)
    if session.scalars(select(func.count(FeedToken.id)).where(_alive(user_id, now))).one() >= MOST:
        raise Conflict("too-many-feeds", limit=MOST)
    feed = FeedToken(user=user, resource=shown, privacy=privacy, language=language, created_at=now)
    token = _arm(feed, now)
    session.add(feed)
    _record(session, "feed-made", feed, actor, now)
    return Made(token, feed)


def rotate(session: Session, user_id: int, public_id: str, *, actor: Actor, now: datetime) -> Made:
    """Give a subscription a new secret; the old one is dead at once. Raises NotFound."""
    feed = _own(session, user_id, public_id, now)
    token = _arm(feed, now)
    feed.last_fetched_at = feed.last_client = None
    _record(session, "feed-rotated", feed, actor, now)
    return Made(token, feed)


def change(
    session: Session,
    user_id: int,
    public_id: str,
    *,
    privacy: str,
    language: str,
    names: bool,
    actor: Actor,
    now: datetime,
) -> FeedToken:
    """Change how much a subscription says, and in which language; its address stays. Raises as `make` does."""
    feed = _own(session, user_id, public_id, now)
    _judge(feed.user, privacy, language, names=names)
    feed.privacy, feed.language = privacy, language
    _record(session, "feed-changed", feed, actor, now)
    return feed


def revoke(session: Session, user_id: int, public_id: str, *, actor: Actor, now: datetime) -> None:
    """End a subscription at once. Raises NotFound."""
    feed = _own(session, user_id, public_id, now)
    feed.revoked_at = now
    _record(session, "feed-revoked", feed, actor, now)


def mine(session: Session, user_id: int, *, now: datetime) -> list[FeedToken]:
    """Return a person's living subscriptions with their resources, the newest first."""
    query = select(FeedToken).where(_alive(user_id, now)).options(joinedload(FeedToken.resource))
    return list(session.scalars(query.order_by(FeedToken.id.desc())))


def find(session: Session, token: str, *, now: datetime) -> FeedToken | None:
    """Return the subscription a secret opens now, with its user and resource, or None.

    An unknown key id costs the same query and comparison as a known one. What the owner may no longer read, an
    account that was disabled, a secret that ran out: all None, so that nobody learns which it was.
    """
    shape = SHAPE.fullmatch(token)
    whole = (joinedload(FeedToken.user), joinedload(FeedToken.resource))
    query = select(FeedToken).where(FeedToken.key_id == (shape[1] if shape else "")).options(*whole)
    feed = session.scalars(query).first()
    same = secrets.compare_digest(feed.digest if feed else _NOBODYS, _digest(token))
    if feed is None or not same or feed.revoked_at is not None or now >= ends_at(feed):
        return None
    return feed if may_read(feed.user, feed.resource) else None


def ends_at(feed: FeedToken) -> datetime:
    """Return when a subscription ends unless somebody asks for it before."""
    return min(feed.expires_at, (feed.last_fetched_at or feed.created_at) + UNUSED)


def is_noted(feed: FeedToken, *, now: datetime) -> bool:
    """Tell whether a fetch was written down within the last minute."""
    return feed.last_fetched_at is not None and now - feed.last_fetched_at < NOTED_EVERY


def note_fetch(
    session: Session, feed_id: int, client: str | None, *, zone: ZoneInfo, address: str | None, now: datetime
) -> None:
    """Write down when a subscription was last fetched, and by what; the trail hears of a client's first of a day."""
    feed = session.get_one(FeedToken, feed_id, with_for_update=True)
    before, known = feed.last_fetched_at, feed.last_client
    feed.last_fetched_at, feed.last_client = now, client
    same_day = before is not None and before.astimezone(zone).date() == now.astimezone(zone).date()
    if not same_day or known != client:
        actor = Actor(f"feed:{feed.key_id}", feed.user.role, address=address)
        _record(session, "feed-fetched", feed, actor, now, client=client or "")


def _judge(user: User, privacy: str, language: str, *, names: bool) -> None:
    if privacy not in PRIVACY:
        raise Invalid("unknown-privacy", privacy=privacy, known=", ".join(PRIVACY))
    if language not in LANGUAGES:
        raise Invalid("unknown-language", language=language)
    if privacy not in levels(user.role, names=names):
        raise NotAllowed("names-not-allowed", role=user.role)


def _arm(feed: FeedToken, now: datetime) -> str:
    """Give a subscription a new key and return its secret."""
    feed.key_id = secrets.token_hex(4)
    token = feed.key_id + secrets.token_urlsafe(32)
    feed.digest, feed.expires_at = _digest(token), now + LIFE
    return token


def _own(session: Session, user_id: int, public_id: str, now: datetime) -> FeedToken:
    query = select(FeedToken).where(_alive(user_id, now), FeedToken.public_id == public_id)
    feed = session.scalars(query.options(joinedload(FeedToken.resource)).with_for_update(of=FeedToken)).first()
    if feed is None:
        raise NotFound("unknown-feed")
    return feed


def _alive(user_id: int, now: datetime) -> ColumnElement[bool]:
    return (FeedToken.user_id == user_id) & FeedToken.revoked_at.is_(None) & (FeedToken.expires_at > now)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(session: Session, action: str, feed: FeedToken, actor: Actor, now: datetime, **detail: str) -> None:
    session.flush()
    told = {"resource": feed.resource.code, "privacy": feed.privacy, "language": feed.language, **detail}
    record(
        session, actor=actor, now=now, action=action, entity="feed", entity_id=feed.public_id, detail=told,
        changes=False,
    )  # fmt: skip
