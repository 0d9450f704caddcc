"""Signing in and out: a page of its own, and a panel inside the page whose session ended."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, json, make_response, redirect, render_template, request
from flask_babel import gettext

from scheduler.errors import DomainError
from web import errors, i18n, security, shell
from web.accounts import sessions
from web.accounts.demonstration import LOGINS, PASSWORD
from web.accounts.signin import Opened, SignInRefused, sign_in
from web.accounts.throttle import Throttled
from web.errors import SignInNeeded
from web.policy import READ, policy
from web.site import place, site

bp = APIBlueprint("accounts", __name__, enable_openapi=False)


@bp.get("/login")
@policy(anonymous=True)
def login_page() -> Response:
    """Show the sign-in form; somebody who is signed in goes where they were going."""
    if g.actor is not None:
        return make_response(redirect(safe_next(request.args.get("next"))))
    return make_response(_login(next=safe_next(request.args.get("next"))))


@bp.get("/login/here")
@policy(anonymous=True)
def login_here() -> str:
    """Give the sign-in panel to a script whose request found the session ended."""
    return render_template("partials/sign_in_here.html", error=SignInNeeded("session-ended"))


@bp.post("/login")
@policy(anonymous=True)
def login() -> Response:
    """Open a session. From the panel inside a page nothing else on that page changes."""
    here = request.form.get("here") == "1"
    try:
        opened = _sign_in()
    except (SignInRefused, Throttled) as refusal:
        return _again(refusal, here)
    response = _signed_in_here(opened) if here else _go_on(opened)
    secure = site().settings.secure
    security.set_cookie(response, sessions.cookie_name(secure), opened.cookie)
    security.set_cookie(response, i18n.LANGUAGE_COOKIE, opened.language, max_age=i18n.LANGUAGE_SECONDS)
    return response


@bp.post("/logout")
@policy(READ)
def logout() -> Response:
    """End this session for good: a copy of its cookie opens nothing."""
    if g.visitor.session_id is not None:
        site().transact(lambda session, now: sessions.close(session, g.visitor.session_id))
    response = make_response(redirect("/login", 303))
    name = sessions.cookie_name(site().settings.secure)
    response.delete_cookie(name, path="/", secure=site().settings.secure, httponly=True, samesite="Lax")
    # Pages of this browser that are still in memory go too.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@bp.post("/session/touch")
@policy(READ)
def touch() -> Response:
    """Keep the session: the answer of somebody who was warned that it is about to end."""
    return make_response("", 204)


def safe_next(path: str | None) -> str:
    """Return a path of this site to go on to; anything else becomes the front page."""
    ours = path is not None and path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if ours and path and path.isprintable() else "/"


def _sign_in() -> Opened:
    form = request.form
    return sign_in(
        site(),
        form.get("login", ""),
        form.get("password", ""),
        address=request.remote_addr or "",
        request_id=g.request_id,
        old_cookie=request.cookies.get(sessions.cookie_name(site().settings.secure)),
    )


def _again(refusal: DomainError, here: bool) -> Response:
    status = errors.status_of(refusal)
    if here:
        page = render_template("partials/sign_in_here.html", error=refusal, login=request.form.get("login", ""))
    else:
        page = _login(
            refusal=refusal, next=safe_next(request.form.get("next")), login=request.form.get("login", ""), kept=_kept()
        )
    response = make_response(page, status)
    errors.retry_after(response, refusal, status)
    return response


def _kept() -> list[tuple[str, str]]:
    """Return what was typed into the form that found its session ended, so that signing in loses nothing."""
    return [(name[5:], value) for name, value in request.form.items(multi=True) if name.startswith("kept.")]


def _go_on(opened: Opened) -> Response:
    path, kept = safe_next(request.form.get("next")), _kept()
    if not kept:
        return make_response(redirect(path, 303))
    return make_response(render_template("send_again.html", path=path, kept=kept, token=opened.csrf))


def _signed_in_here(opened: Opened) -> Response:
    response = make_response(render_template("partials/signed_in_here.html", name=opened.name))
    response.headers["HX-Trigger"] = json.dumps({"np:csrf": opened.csrf}, ensure_ascii=True)
    return shell.announce(response, gettext("You are signed in again. Send your entries once more."))


def _login(**facts: Any) -> str:
    shown = site().settings.loopback and place().demonstration
    accounts = [(login, i18n.role_name(login)) for login, _ in LOGINS] if shown else []
    return render_template("login.html", accounts=accounts, password=PASSWORD if shown else None, **facts)
