"""What every page shares: the menu of this reader, addresses of front-end files, banners, and fragments."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Flask, Response, g, json, make_response, render_template, request, url_for
from flask_babel import gettext

from web import assets, i18n, policy
from web.site import Place, place, site, today
from web.version import VERSION


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the menu. `key` is the letter that opens it after `g`."""

    label: str
    path: str
    key: str
    here: bool


def install(app: Flask) -> None:
    app.jinja_env.globals.update(
        menu=menu,
        place=_place_or_none,
        today=today,
        vendor=vendor,
        own=own,
        may=policy.may,
        may_open=policy.may_open,
        rights=policy,
        settings=lambda: site().settings,
        now=lambda: site().now(),
    )


def menu() -> list[Entry]:
    """Return what this reader may open, in the order of a day's work."""
    day = today().isoformat()
    entries = (
        (gettext("Today"), "/", "t"),
        (gettext("Book"), "/book", "b"),
        (gettext("Waiting list"), "/waitlist", "q"),
        (gettext("Board"), f"/board/{day}", "d"),
        (gettext("Lists"), "/lists", "l"),
        (gettext("Ward"), "/ward", "w"),
        (gettext("Patients"), "/patients", "p"),
        (gettext("Roster"), "/roster", "r"),
        (gettext("Figures"), "/manage", "f"),
        (gettext("Administration"), "/admin", "a"),
    )
    return [Entry(label, path, key, _is_here(path)) for label, path, key in entries if policy.may_open(path)]


def _is_here(path: str) -> bool:
    first = "/" + path.split("/")[1]
    return request.path == "/" if first == "/" else (request.path + "/").startswith(first + "/")


def _place_or_none() -> Place | None:
    """Return the department; None when the database does not answer, so that the page that says so still appears."""
    try:
        return place()
    except Exception:
        return None


def vendor(name: str) -> str | None:
    """Return the address of a front-end file that npm brought, or None when it is missing."""
    path = assets.asset_urls().get(name)
    return url_for("static", filename=path) if path else None


def own(name: str) -> str:
    """Return the address of one of our own static files; it changes with the file, so that it can be kept for ever."""
    file = assets.STATIC / name
    return url_for("static", filename=name, v=_digest(name, file.stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _digest(name: str, changed: int) -> str:
    return hashlib.sha256((assets.STATIC / name).read_bytes()).hexdigest()[:12]


def wants_fragment() -> bool:
    """Tell whether htmx asked and only a part of the page is to be sent."""
    return "HX-Request" in request.headers and "HX-Boosted" not in request.headers


def announce(response: Response, text: str) -> Response:
    """Let the page say something once, aloud and in sight, after this answer has been swapped in."""
    triggers = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps(triggers | {"np:say": text}, ensure_ascii=True)
    return response


def page(template: str, *, fragment: str | None = None, status: int = 200, **facts: Any) -> Response:
    """Render a page; when htmx asks and there is a fragment for it, only that."""
    name = fragment if fragment and wants_fragment() else template
    return make_response(render_template(name, **facts), status)


def version_of(*facts: object) -> str:
    """Return the version of a page that depends on these facts, such as `audit.changed(session)`.

    What every page depends on is added: the minute, because holds lapse, what is late grows and days end; the reader
    with role, language and form token; this release and its front-end files; how far a demonstration is filled.
    """
    here = place()
    reader = (g.actor.id, g.actor.role, g.visitor.csrf) if g.get("actor") else ()
    ours = (VERSION, *assets.asset_urls().values(), here.demonstration, here.filling)
    text = repr((facts, f"{site().now():%Y%m%d%H%M}", reader, i18n.language(), request.full_path, ours))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def unless_seen(version: str) -> Response | None:
    """Return 304 when the browser already has this version of the page, else None."""
    if not request.if_none_match.contains_weak(version):
        return None
    return seen_as(make_response("", 304), version)


def seen_as(response: Response, version: str) -> Response:
    """Mark a page with its version, for `unless_seen`."""
    response.set_etag(version, weak=True)
    return response
