"""Accounts of people: make one, change its password, disable it. Every change ends the sessions it outdates."""

import re
import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import Resource, User
from models.account import ROLES
from scheduler.actor import SYSTEM, Actor
from scheduler.audit import record
from scheduler.errors import Conflict, Invalid, NotFound
from scheduler.texts import clean_text
from web.accounts import passwords, sessions
from web.accounts.passwords import STANDARD, Cost

LOGIN = re.compile(r"[\w.@+-]{1,64}")
"""Letters of any script, digits and . @ + - _; kept in lower case."""

LONGEST_NAME = 100


def create_user(
    session: Session,
    login: str,
    name: str,
    password: str,
    role: str,
    resource_code: str | None = None,
    *,
    now: datetime,
    demonstration: bool = False,
    language: str = "zh",
    cost: Cost = STANDARD,
    actor: Actor = SYSTEM,
) -> User:
    """Make an account; `resource_code` is the practitioner whose list is this person's own.

    Raises Invalid("login-bad" | "unknown-role" | "unknown-resource" | "password-…"), Conflict("login-taken").
    """
    if not LOGIN.fullmatch(login):
        raise Invalid("login-bad", login=login)
    if role not in ROLES:
        raise Invalid("unknown-role", role=role)
    if by_login(session, login) is not None:
        raise Conflict("login-taken", login=login)
    passwords.check(password, login)
    user = User(
        login=login.casefold(),
        name=_name(name),
        password_hash=passwords.make(password, cost),
        role=role,
        resource_id=_resource_id(session, resource_code),
        language=language,
        demonstration=demonstration,
        created_at=now,
    )
    _add(session, user)
    _record(session, "user-made", user, actor, now, role=role)
    return user


def _add(session: Session, user: User) -> None:
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError as error:  # somebody took the same name since it was looked up
        raise Conflict("login-taken", login=user.login) from error


def set_password(
    session: Session,
    login: str,
    password: str,
    *,
    now: datetime,
    cost: Cost = STANDARD,
    actor: Actor = SYSTEM,
    keep_session: int | None = None,
) -> None:
    """Change a password and end every session of the account, except the one that asked.

    Raises NotFound, Invalid("password-…").
    """
    user = _known(session, login)
    passwords.check(password, user.login)
    user.password_hash = passwords.make(password, cost)
    sessions.close_all(session, user.id, but=keep_session)
    _record(session, "password-changed", user, actor, now)


def made_up() -> str:
    """Return a password nobody chose: 96 random bits in 16 characters."""
    return secrets.token_urlsafe(12)


def disable(session: Session, login: str, *, now: datetime, actor: Actor = SYSTEM) -> None:
    """Shut an account out at once: no sign-in, no session, and its feeds answer 404.

    Raises NotFound, Conflict("last-administrator").
    """
    user = _known(session, login)
    _keep_an_administrator(session, user)
    user.disabled = True
    sessions.close_all(session, user.id)
    _record(session, "user-disabled", user, actor, now)


def enable(session: Session, login: str, *, now: datetime, actor: Actor = SYSTEM) -> None:
    """Let a disabled account in again, with the password it had. Raises NotFound."""
    user = _known(session, login)
    user.disabled = False
    _record(session, "user-enabled", user, actor, now)


def change(
    session: Session,
    login: str,
    *,
    name: str,
    role: str,
    resource_code: str | None,
    now: datetime,
    actor: Actor = SYSTEM,
) -> None:
    """Give an account another name, role or practitioner; a new role ends its sessions.

    Raises NotFound, Invalid("unknown-role" | "unknown-resource" | "name-empty" | …), Conflict("last-administrator").
    """
    user = _known(session, login)
    if role not in ROLES:
        raise Invalid("unknown-role", role=role)
    if role != "administrator":
        _keep_an_administrator(session, user)
    before = {"name": user.name, "role": user.role}
    user.name, user.resource_id = _name(name), _resource_id(session, resource_code)
    if user.role != role:
        user.role = role
        sessions.close_all(session, user.id)
    _record(session, "user-changed", user, actor, now, role=role, before=before["role"])


def _name(text: str) -> str:
    if not text.strip():
        raise Invalid("name-empty")
    return clean_text("name", text, LONGEST_NAME)


def _keep_an_administrator(session: Session, user: User) -> None:
    """Refuse to lose the last account that may administer; one of the demonstration stands for no real one.

    The administrators are locked, so that two cannot shut each other out at once.
    """
    query = select(User).where(User.role == "administrator", ~User.disabled).order_by(User.id).with_for_update()
    standing = session.scalars(query).all()
    others = [each for each in standing if each is not user and each.demonstration <= user.demonstration]
    if user in standing and not others:
        raise Conflict("last-administrator", login=user.login)


def by_login(session: Session, login: str) -> User | None:
    return session.scalars(select(User).where(User.login == login.casefold())).first()


def _known(session: Session, login: str) -> User:
    user = by_login(session, login)
    if user is None:
        raise NotFound(login=login)
    return user


def _resource_id(session: Session, code: str | None) -> int | None:
    if code is None:
        return None
    found = session.scalars(select(Resource.id).where(Resource.code == code)).first()
    if found is None:
        raise Invalid("unknown-resource", resource=code)
    return found


def _record(session: Session, action: str, user: User, actor: Actor, now: datetime, **detail: str) -> None:
    session.flush()
    record(
        session, actor=actor, now=now, action=action, entity="user", entity_id=user.public_id, detail=detail,
        changes=False,
    )  # fmt: skip
