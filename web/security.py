"""What protects the browser: headers on every answer, the CSRF token, the host names that are answered."""

import hashlib
import hmac
import re
import secrets
import uuid
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from scheduler.errors import DomainError
from web.settings import Settings
from web.site import site

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No nonce and no hash: there is nothing inline, and nothing from elsewhere."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_FORM_PARTS = 1000


class ForgedRequest(DomainError):
    """A change that did not come from one of our own pages (400)."""

    code = "csrf"


class Unreadable(DomainError):
    """A request with signs that no text has (400)."""

    code = "bad-request"


class NotUtf8(DomainError):
    """A request in another encoding (400): guessing it would store names nobody can read."""

    code = "not-utf8"


def install(app: Flask, settings: Settings) -> None:
    """Set limits and hooks. Call before the policy's hook: the request id must exist when it refuses."""
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_kib * 1024,
        MAX_FORM_MEMORY_SIZE=settings.max_body_kib * 1024,  # a roster that was looked at comes back in a field
        MAX_FORM_PARTS=MAX_FORM_PARTS,
        TRUSTED_HOSTS=settings.hosts,
    )
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(name_request)
    app.after_request(protect)
    app.jinja_env.globals["csrf_token"] = csrf_token


def name_request() -> None:
    """Keep the caller's request id when it is a plain one, else make one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def protect(response: Response) -> Response:
    """Put the security headers, the caching rule and the request id on an answer."""
    response.headers["X-Request-ID"] = g.get("request_id", "")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if site().settings.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint == "static":
        _cache_static(response)
    elif "Cache-Control" not in response.headers:
        # A page with an ETag may be kept by the browser that may see it, if it asks each time.
        response.headers["Cache-Control"] = "private, no-cache" if response.headers.get("ETag") else "no-store"
    _remember_form_key(response)
    return response


def _cache_static(response: Response) -> None:
    named_by_content = request.path.startswith("/static/vendor/") or "v" in request.args
    ok = response.status_code in (200, 304)
    kind = "public, max-age=31536000, immutable" if ok and named_by_content else "no-cache"
    response.headers["Cache-Control"] = kind


# --- CSRF. The token of a signed-in page is kept in its session row; before signing in it is an HMAC of a random
# cookie. Both travel as X-CSRF-Token or as the form field csrf_token.


def check_csrf() -> None:
    """Refuse an unsafe request that did not come from our own page. Bearer tokens need none. Raises ForgedRequest."""
    if request.method in SAFE_METHODS or _by_bearer_token():
        return
    if not _same_origin():
        raise ForgedRequest(reason="origin")
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not any(hmac.compare_digest(given.encode(), right.encode()) for right in _right_tokens()):
        raise ForgedRequest(reason="token")


def check_readable() -> None:
    """Refuse bytes that are not UTF-8, such as GBK, and a NUL: PostgreSQL cannot even be asked for one.

    Call it before anything reads the form: afterwards the bytes are gone, and what they meant.
    """
    typed = request.get_data(cache=True) if request.mimetype == "application/x-www-form-urlencoded" else b""
    if not (_is_utf8(request.query_string) and _is_utf8(typed)):
        raise NotUtf8
    texts = [request.path, *request.args.values(), *request.form.values()]
    if any(LOST_SIGN in text for text in texts):
        raise NotUtf8
    if any("\0" in text for text in texts):
        raise Unreadable


LOST_SIGN = "\ufffd"
"""Stands in a text of several parts where a sign of another encoding was."""


def _is_utf8(sent: bytes) -> bool:
    try:
        unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        return False
    return True


def csrf_token() -> str:
    """Return the token that this visitor's forms must carry."""
    visitor = g.get("visitor")
    if visitor is not None and visitor.csrf is not None:
        return str(visitor.csrf)
    if "form_key" not in g:
        g.form_key = request.cookies.get(_form_cookie()) or secrets.token_urlsafe(32)
    return _form_token(g.form_key)


def _by_bearer_token() -> bool:
    visitor = g.get("visitor")
    return visitor is not None and visitor.csrf is None


def _same_origin() -> bool:
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host


def _right_tokens() -> list[str]:
    visitor = g.get("visitor")
    if visitor is not None:
        return [visitor.csrf]
    key = request.cookies.get(_form_cookie())
    return [_form_token(key)] if key else []


def _form_token(key: str) -> str:
    return hmac.new(site().secret.encode(), b"form:" + key.encode(), hashlib.sha256).hexdigest()


def _form_cookie() -> str:
    return "__Host-np_form" if site().settings.secure else "np_form"


def _remember_form_key(response: Response) -> None:
    key = g.get("form_key")
    if key is not None and key != request.cookies.get(_form_cookie()):
        set_cookie(response, _form_cookie(), key)


def set_cookie(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send with a change."""
    secure = site().settings.secure
    response.set_cookie(name, value, max_age=max_age, secure=secure, httponly=True, samesite="Lax", path="/")
