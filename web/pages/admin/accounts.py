"""Accounts of people and tokens of programs: made, changed, shut out. A password or token is shown once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, g, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models import ApiToken, Resource, User
from models import Session as SessionRow
from models.account import ROLES
from models.resource import PERSON_KINDS
from scheduler.errors import DomainError, NotFound
from web import shell
from web.accounts import tokens, users
from web.errors import status_of
from web.i18n import role_name
from web.pages.admin.blueprint import admin, changed, matching
from web.policy import ADMINISTER, OVERSEE, may, policy
from web.site import site


@dataclass(frozen=True, slots=True)
class Row:
    """One account, with when somebody last did something with it while signed in."""

    user: User
    seen: datetime | None


@admin.get("/admin/accounts")
@policy(OVERSEE)
def accounts() -> Response:
    """List the accounts of people and the tokens of programs."""
    return _list()


def _list(
    *,
    notice: DomainError | None = None,
    status: int = 200,
    secret: tuple[str, str] | None = None,
) -> Response:
    """Draw the list; `secret` is a new password or token with whose it is, shown on this page alone."""
    asked = request.args.get("q", "").strip()
    with site().read() as session:
        rows = _rows(session)
        programs = session.scalars(select(ApiToken).order_by(ApiToken.revoked_at.is_not(None), ApiToken.name)).all()
        staff = _staff(session)
    return shell.page(
        "admin/accounts.html",
        status=status,
        rows=[row for row in rows if not asked or matching(_keys(row.user), asked)],
        count=len(rows),
        asked=asked,
        programs=programs,
        staff=staff,
        roles=ROLES,
        form=request.form,
        notice=notice,
        secret=secret,
        may_edit=may(ADMINISTER),
        moment_now=site().now(),
    )


def _rows(session: Session) -> list[Row]:
    seen = select(SessionRow.user_id, func.max(SessionRow.seen_at).label("at")).group_by(SessionRow.user_id).subquery()
    query = (
        select(User, seen.c.at)
        .outerjoin(seen, seen.c.user_id == User.id)
        .options(joinedload(User.resource))
        .order_by(User.disabled, User.role, User.login)
    )
    return [Row(user, at) for user, at in session.execute(query)]


def _keys(user: User) -> str:
    own = user.resource
    return " ".join((user.login, user.name, user.role, role_name(user.role), *((own.code, own.name_zh) if own else ())))


def _staff(session: Session) -> list[Resource]:
    query = select(Resource).where(Resource.active, Resource.kind.in_(PERSON_KINDS)).order_by(Resource.ordinal)
    return list(session.scalars(query))


@admin.post("/admin/accounts")
@policy(ADMINISTER)
def add_account() -> Response:
    """Make an account and show its first password."""
    form, password, cost, actor = request.form, users.made_up(), site().settings.cost, g.actor
    login = form.get("login", "").strip()

    def work(session: Session, now: datetime) -> str:
        users.create_user(
            session,
            login,
            form.get("name", ""),
            password,
            form.get("role", ""),
            form.get("resource") or None,
            now=now,
            cost=cost,
            actor=actor,
        )
        return password

    return _with_secret(work, login)


def _with_secret(work: Callable[[Session, datetime], str], whose: str) -> Response:
    """Run a change that makes a secret, and show it on this one answer, which no browser keeps."""
    try:
        secret = site().transact(work)
    except DomainError as error:
        return _list(notice=error, status=status_of(error))
    response = _list(secret=(whose, secret))
    response.headers["Cache-Control"] = "no-store"
    return response


@admin.get("/admin/accounts/<login>")
@policy(OVERSEE)
def account(login: str) -> Response:
    """Show one account: name, role, own list, and what shuts it out."""
    return _show(login)


def _show(login: str, *, notice: DomainError | None = None, status: int = 200) -> Response:
    with site().read() as session:
        user = users.by_login(session, login)
        if user is None:
            raise NotFound("not-found", login=login)
        own = session.get(Resource, user.resource_id) if user.resource_id else None
        return shell.page(
            "admin/account.html",
            status=status,
            user=user,
            practitioner=own,
            staff=_staff(session),
            roles=ROLES,
            form=request.form,
            notice=notice,
            done=request.args.get("done"),
            may_edit=may(ADMINISTER),
        )


@admin.post("/admin/accounts/<login>")
@policy(ADMINISTER)
def change_account(login: str) -> Response:
    """Change name, role or practitioner; shut out or let in again."""
    form, actor = request.form, g.actor

    def work(session: Session, now: datetime) -> None:
        if form.get("task") == "disable":
            users.disable(session, login, now=now, actor=actor)
        elif form.get("task") == "enable":
            users.enable(session, login, now=now, actor=actor)
        else:
            own = form.get("resource") or None
            role, name = form.get("role", ""), form.get("name", "")
            users.change(session, login, name=name, role=role, resource_code=own, now=now, actor=actor)

    def again(**facts: Any) -> Response:
        return _show(login, **facts)

    return changed(work, f"/admin/accounts/{login}?done=1", again)


@admin.post("/admin/accounts/<login>/password")
@policy(ADMINISTER)
def reset_password(login: str) -> Response:
    """Give an account a made-up password and show it once; its sessions end."""
    password, cost, actor = users.made_up(), site().settings.cost, g.actor

    def work(session: Session, now: datetime) -> str:
        users.set_password(session, login, password, now=now, cost=cost, actor=actor)
        return password

    return _with_secret(work, login)


@admin.post("/admin/tokens")
@policy(ADMINISTER)
def add_token() -> Response:
    """Make an API token and show it once."""
    name, role, actor = request.form.get("name", "").strip(), request.form.get("role", ""), g.actor

    def work(session: Session, now: datetime) -> str:
        return tokens.issue_token(session, name, role, now=now, actor=actor)

    return _with_secret(work, name)


@admin.post("/admin/tokens/revoke")
@policy(ADMINISTER)
def revoke_token() -> Response:
    """End a token at once."""
    name, actor = request.form.get("name", ""), g.actor

    def work(session: Session, now: datetime) -> None:
        tokens.revoke_token(session, name, now=now, actor=actor)

    return changed(work, "/admin/accounts#programs", _list)
