"""Who is calling: a browser's session cookie or a program's bearer token becomes an Actor."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import g, request
from sqlalchemy.orm import Session

from models import User
from scheduler.actor import Actor
from scheduler.errors import DomainError
from web.accounts import sessions, tokens
from web.site import Site, site

SEEN_EVERY = timedelta(seconds=60)
"""How exactly the last activity is known: one write a minute instead of one a request."""


class BadToken(DomainError):
    """A bearer token that is unknown, revoked or past its day (401)."""

    code = "token-invalid"


@dataclass(frozen=True, slots=True)
class Visitor:
    """The caller of one request. `csrf` is None for bearer tokens, which no browser sends by itself."""

    actor: Actor
    name: str
    language: str | None
    csrf: str | None
    session_id: int | None = None
    user_id: int | None = None


def identify(*, accept_tokens: bool) -> Visitor | None:
    """Return the caller, or None. Sets g.expired when a session cookie no longer counts. Raises BadToken."""
    header = request.headers.get("Authorization", "")
    if accept_tokens and header:
        return _by_token(header)
    cookie = request.cookies.get(sessions.cookie_name(site().settings.secure))
    if not cookie:
        return None
    visitor = _by_cookie(cookie)
    g.expired = visitor is None
    return visitor


def _by_token(header: str) -> Visitor:
    scheme, _, secret = header.partition(" ")
    here = site()
    with here.read() as session:
        token = tokens.find(session, secret.strip(), now=here.now()) if scheme.lower() == "bearer" else None
    if token is None:
        raise BadToken
    if token.last_used_at is None or here.now() - token.last_used_at > SEEN_EVERY:
        here.transact(lambda session, now: tokens.touch(session, token.id, now=now))
    return Visitor(_actor(f"token:{token.name}", token.role), token.name, None, None)


def _by_cookie(cookie: str) -> Visitor | None:
    here = site()
    with here.read() as session:
        row = sessions.find(session, cookie, now=here.now(), idle=here.settings.idle)
        if row is None or (row.user.demonstration and not here.settings.loopback):
            return None
        visitor = _visitor(row.user, row.csrf, row.id)
    if not is_polling() and here.now() - row.seen_at > SEEN_EVERY:
        _touch(here, row.id)
    return visitor


def _touch(here: Site, session_id: int) -> None:
    def work(session: Session, now: datetime) -> None:
        sessions.touch(session, session_id, now=now)

    here.transact(work)


def _visitor(user: User, csrf: str, session_id: int) -> Visitor:
    resource = user.resource.code if user.resource else None
    actor = _actor(f"user:{user.login}", user.role, resource)
    return Visitor(actor, user.name, user.language, csrf, session_id, user.id)


def _actor(name: str, role: str, resource: str | None = None) -> Actor:
    return Actor(name, role, resource, request.remote_addr, g.get("request_id"))


def is_polling() -> bool:
    """Tell whether the page asked by itself: such a request does not keep anybody signed in."""
    return "HX-Polling" in request.headers or request.args.get("poll") == "1"
