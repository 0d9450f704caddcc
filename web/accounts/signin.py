"""Signing in: the same work and the same words whether the account exists or not."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models import User
from scheduler.actor import Actor
from scheduler.audit import record
from scheduler.errors import DomainError
from web.accounts import passwords, sessions, throttle
from web.accounts.users import LOGIN, by_login
from web.site import Site


class SignInRefused(DomainError):
    """Unknown account, wrong password or disabled account: nobody is told which (401)."""

    code = "sign-in-failed"


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: what the browser gets, and what the page it stays on needs."""

    cookie: str
    csrf: str
    language: str
    name: str


def sign_in(
    site: Site, login: str, password: str, *, address: str, request_id: str | None, old_cookie: str | None
) -> Opened:
    """Open a session for a right password. Raises Throttled, SignInRefused."""
    login = _readable(login)
    site.transact(lambda session, now: throttle.attempt(session, login, address, now=now))
    user = _matching(site, login, password)
    actor = Actor(f"user:{login}", user.role if user else "unknown", address=address, request_id=request_id)

    def work(session: Session, now: datetime) -> Opened | None:
        return _open(session, user, password, old_cookie, site, actor, now)

    opened = site.transact(work)
    if opened is None:
        raise SignInRefused
    return opened


def _readable(login: str) -> str:
    """Return a typed login as it is kept; what can be nobody's counts as an attempt on nobody, `*` among it."""
    typed = login.strip()
    return typed.casefold() if LOGIN.fullmatch(typed) else ""


def _matching(site: Site, login: str, password: str) -> User | None:
    """Return the account whose password this is. The hash is worked out for an unknown account as well."""
    with site.read() as session:
        user = by_login(session, login)
    barred = user is None or user.disabled or (user.demonstration and not site.settings.loopback)
    stored = passwords.decoy(site.settings.cost) if user is None else user.password_hash
    right = passwords.matches(stored, password[: passwords.LONGEST + 1])
    return user if right and not barred else None


def _open(
    session: Session, found: User | None, password: str, old_cookie: str | None, site: Site, actor: Actor, now: datetime
) -> Opened | None:
    user = session.get(User, found.id) if found else None
    if user is None or user.disabled:
        _record(session, actor, now, "refused")
        return None
    if passwords.is_dated(user.password_hash, site.settings.cost):
        user.password_hash = passwords.make(password, site.settings.cost)
    throttle.forgive(session, user.login, actor.address or "")
    sessions.close_cookie(session, old_cookie)
    cookie, row = sessions.open_for(session, user, now=now, longest=site.settings.longest)
    _record(session, actor, now, "ok")
    return Opened(cookie, row.csrf, user.language, user.name)


def _record(session: Session, actor: Actor, now: datetime, outcome: str) -> None:
    record(
        session, actor=actor, now=now, action="sign-in", entity="user", entity_id=actor.id, outcome=outcome,
        changes=False,
    )  # fmt: skip
