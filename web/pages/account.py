"""One's own account: language, password, signed-in browsers."""

from datetime import datetime

from apiflask import APIBlueprint
from flask import Response, g, make_response, redirect, render_template, request
from sqlalchemy import update
from sqlalchemy.orm import Session

from models import User
from scheduler.errors import DomainError, Invalid, NotFound
from web import errors, i18n, security
from web.accounts import passwords, sessions, throttle, users
from web.accounts.pages import safe_next
from web.policy import READ, policy
from web.site import site

bp = APIBlueprint("account", __name__, enable_openapi=False)


@bp.post("/language")
@policy(anonymous=True)
def language() -> Response:
    """Switch the language of this browser, and of the account when somebody is signed in."""
    wanted = i18n.known(request.form.get("language")) or "zh"
    if g.visitor is not None:
        _remember(g.visitor.user_id, wanted)
    response = make_response(redirect(safe_next(request.form.get("next")), 303))
    security.set_cookie(response, i18n.LANGUAGE_COOKIE, wanted, max_age=i18n.LANGUAGE_SECONDS)
    return response


def _remember(user_id: int, wanted: str) -> None:
    def work(session: Session, now: datetime) -> None:
        session.execute(update(User).where(User.id == user_id).values(language=wanted))

    site().transact(work)


@bp.get("/account")
@policy(READ)
def account() -> Response:
    """Show one's own account: password, language, signed-in browsers."""
    return _page()


@bp.post("/account/password")
@policy(READ)
def password() -> Response:
    """Change one's own password; every other browser of this account is signed out."""
    try:
        _change_password()
    except DomainError as refusal:
        return _page(refusal, errors.status_of(refusal))
    return make_response(redirect("/account?done=password", 303))


def _change_password() -> None:
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    if new != again:
        raise Invalid("passwords-differ")
    _prove(old)
    cost, actor, keep = site().settings.cost, g.actor, g.visitor.session_id

    def work(session: Session, now: datetime) -> None:
        users.set_password(session, _login(), new, now=now, cost=cost, actor=actor, keep_session=keep)

    site().transact(work)


def _prove(old: str) -> None:
    """Let the present password be guessed here no faster than on the sign-in page."""
    login, address = _login(), request.remote_addr or ""
    site().transact(lambda session, now: throttle.attempt(session, login, address, now=now))
    with site().read() as session:
        user = session.get(User, g.visitor.user_id)
    if user is None or not passwords.matches(user.password_hash, old):
        raise Invalid("password-wrong")
    site().transact(lambda session, now: throttle.forgive(session, login, address))


@bp.post("/account/sessions/<int:number>/end")
@policy(READ)
def end_session(number: int) -> Response:
    """Sign another browser of one's own out. `number` counts the list as it is shown."""
    with site().read() as session:
        rows = sessions.of_user(session, g.visitor.user_id, now=site().now(), idle=site().settings.idle)
    others = [row.id for row in rows if row.id != g.visitor.session_id]
    if number >= len(others):
        raise NotFound
    site().transact(lambda session, now: sessions.close(session, others[number]))
    return make_response(redirect("/account?done=session", 303))


def _login() -> str:
    return str(g.actor.id).removeprefix("user:")


def _page(refusal: DomainError | None = None, status: int = 200) -> Response:
    with site().read() as session:
        rows = sessions.of_user(session, g.visitor.user_id, now=site().now(), idle=site().settings.idle)
    others = [row for row in rows if row.id != g.visitor.session_id]
    page = render_template("account.html", others=others, refusal=refusal, done=request.args.get("done"))
    return make_response(page, status)
