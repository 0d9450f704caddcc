"""Calendar subscriptions over HTTP: the feeds themselves, which need no session, and their owner's page.

A feed runs with its owner's present rights: what the role, the account or the site allows no longer is gone at the
next fetch. Every refusal of a feed is the same 404. Its address is a secret: it is in no log, page or trail of ours.
"""

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import TypeVar

import segno
from apiflask import APIBlueprint
from flask import Response, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, pgettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.http import http_date

from calendars import feed as feeds
from calendars.case_event import NAMED, PRIVACY, Feed, Wording
from models import FeedToken, Resource, User
from scheduler.errors import DomainError, NotFound
from web import errors, i18n, words
from web.accounts import feed_tokens
from web.accounts.feed_tokens import Made
from web.policy import FEED, policy
from web.site import Site, place, site, today

T = TypeVar("T")

bp = APIBlueprint("feeds", __name__, enable_openapi=False)

CALENDAR = "text/calendar; charset=utf-8"
MAX_AGE = "private, max-age=300"
PER_HOUR = 60
"""Fetches of one secret within an hour."""
PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9 ._-]{0,30})/[0-9]")
KEY_ID = re.compile(r"(/feeds/[0-9a-f]{8})[A-Za-z0-9_-]{43}")


# --- The feed.


class Allowance:
    """Counts fetches by secret over the last hour, in this process alone; another process has its own count."""

    def __init__(self, most: int = PER_HOUR, span: timedelta = timedelta(hours=1)) -> None:
        self._most, self._span = most, span
        self._fetches: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: datetime) -> int:
        """Count one fetch; return 0, or how many seconds are to be waited when there were too many."""
        with self._lock:
            self._forget(now)
            times = self._fetches.setdefault(key, deque())
            if len(times) >= self._most:
                return max(int((times[0] + self._span - now).total_seconds()), 1)
            times.append(now)
            return 0

    def _forget(self, now: datetime) -> None:
        for key, times in list(self._fetches.items()):
            while times and times[0] <= now - self._span:
                times.popleft()
            if not times:
                del self._fetches[key]


allowance = Allowance()


@bp.get("/feeds/<token>/<name>.ics")
@policy(anonymous=True)
def fetch(token: str, name: str) -> Response:
    """Answer a calendar client: the calendar, 304 when it has this version, 404 for whatever does not open it."""
    here, now = site(), site().now()
    with here.read() as session:
        found = feed_tokens.find(session, token, now=now)
        if found is None or (found.user.demonstration and not here.settings.loopback):
            return _plain(404, "Not found\n")
        wait = allowance.take(found.digest, now)
        if wait:
            return _plain(429, "Too many requests\n", {"Retry-After": str(wait)})
        response = _answer(session, _feed(found), found, now)
    _note(here, found, now)
    return response


def _answer(session: Session, feed: Feed, found: FeedToken, now: datetime) -> Response:
    try:
        version = feeds.version(session, feed, now=now)
        seen = request.if_none_match.contains_weak(version.etag)
        response = make_response("", 304) if seen else make_response(feeds.text(session, feed, now=now))
    except NotFound:
        return _plain(404, "Not found\n")
    response.headers["Content-Type"] = CALENDAR
    response.headers["Content-Disposition"] = f'inline; filename="{found.resource.code}.ics"'
    response.headers["Cache-Control"] = MAX_AGE
    response.headers["Last-Modified"] = http_date(version.modified)
    response.set_etag(version.etag)
    return response


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    response = make_response(text, status, headers or {})
    response.mimetype = "text/plain"
    response.headers["Cache-Control"] = "no-store"
    return response


def _note(here: Site, found: FeedToken, now: datetime) -> None:
    if feed_tokens.is_noted(found, now=now):
        return
    client, zone, address = product(request.headers.get("User-Agent", "")), place().zone, request.remote_addr

    def work(session: Session, at: datetime) -> None:
        feed_tokens.note_fetch(session, found.id, client, zone=zone, address=address, now=at)

    here.transact(work)


def _feed(found: FeedToken) -> Feed:
    """Return what a subscription shows today: names leave only while the site and the owner's role allow it."""
    settings = site().settings
    allowed = feed_tokens.levels(found.user.role, names=settings.feed_names)
    privacy = found.privacy if found.privacy in allowed else allowed[-1]
    return Feed(found.resource.code, privacy, wording(i18n.known(found.language) or "zh"), settings.address)


def product(agent: str) -> str | None:
    """Return the name of a calendar client without its version, system or owner's device.

    Those that pretend to be Mozilla name themselves last.
    """
    names = [name.strip() for name in PRODUCT.findall(agent)]
    if not names:
        return None
    return names[-1] if names[0] == "Mozilla" else names[0]


def masked(path: str) -> str:
    """Return a path with the secret of a feed cut to its key id, for whoever writes addresses down."""
    return KEY_ID.sub(r"\1***", path)


@lru_cache(maxsize=len(i18n.LANGUAGES))
def wording(language: i18n.Language) -> Wording:
    """Return what feeds say in a language, from the catalogue."""
    with i18n.speaking(language):
        return Wording(
            language=language,
            busy=pgettext("feed", "Busy"),
            cancelled=pgettext("feed", "[CANCELLED] "),
            provisional=pgettext("feed", " (provisional)"),
            unconfirmed=pgettext("feed", " (unconfirmed)"),
            bed=pgettext("feed", "bed %s"),
            bed_line=pgettext("feed", "Bed"),
            options=gettext("Options"),
            preparation=gettext("Preparation"),
            fasting=gettext("no food from %(when)s", when="%s"),
            pathway=pgettext("feed", "Pathway"),
            moved_away=gettext("Moved: it is no longer in this list."),
            needs_a_place=gettext("It has lost its place and waits for a new one."),
            details=pgettext("feed", "Details"),
            weekdays=tuple(gettext("Mon Tue Wed Thu Fri Sat Sun").split()),
            roles=tuple((code, words.role(code)) for code in words.ROLES),
            minded=gettext("To be minded"),
            flags=tuple((code, words.flag(code)) for code in words.FLAGS),
            until=gettext("until %(day)s", day="%s"),
        )


# --- The owner's page.


@dataclass(frozen=True, slots=True)
class Fresh:
    """An address that is shown once: as calendar clients take it, and as a picture for a telephone's camera."""

    feed: FeedToken
    https: str
    webcal: str
    picture: Markup


@bp.get("/feeds")
@policy(FEED)
def overview() -> Response:
    """Show one's own subscriptions and how to make another."""
    return _page()


@bp.post("/feeds")
@policy(FEED)
def create() -> Response:
    """Make a subscription and show its address, once."""
    form = request.form
    return _shown_once(
        lambda session, now: feed_tokens.make(
            session,
            g.visitor.user_id,
            form.get("resource", ""),
            privacy=form.get("privacy", "code"),
            language=form.get("language", i18n.language()),
            names=site().settings.feed_names,
            actor=g.actor,
            now=now,
        )
    )


@bp.post("/feeds/<feed>/rotate")
@policy(FEED)
def rotate(feed: str) -> Response:
    """Replace an address by a new one, shown once; the old one is dead."""
    return _shown_once(
        lambda session, now: feed_tokens.rotate(session, g.visitor.user_id, feed, actor=g.actor, now=now)
    )


@bp.post("/feeds/<feed>/change")
@policy(FEED)
def change(feed: str) -> Response:
    """Change how much a subscription says and in which language; its address stays."""
    form = request.form
    return _done(
        "changed",
        lambda session, now: feed_tokens.change(
            session,
            g.visitor.user_id,
            feed,
            privacy=form.get("privacy", ""),
            language=form.get("language", ""),
            names=site().settings.feed_names,
            actor=g.actor,
            now=now,
        ),
    )


@bp.post("/feeds/<feed>/revoke")
@policy(FEED)
def revoke(feed: str) -> Response:
    """End a subscription: its address is dead at once."""
    return _done(
        "revoked",
        lambda session, now: feed_tokens.revoke(session, g.visitor.user_id, feed, actor=g.actor, now=now),
    )


def _shown_once(work: Callable[[Session, datetime], Made]) -> Response:
    try:
        made = site().transact(work)
    except DomainError as refusal:
        return _page(refusal=refusal)
    # A page and not a redirect: the address must stand in no other place, and this answer is not stored.
    return _page(fresh=_fresh(made))


def _done(what: str, work: Callable[[Session, datetime], T]) -> Response:
    try:
        site().transact(work)
    except DomainError as refusal:
        return _page(refusal=refusal)
    return make_response(redirect(url_for("feeds.overview", done=what), 303))


def _fresh(made: Made) -> Fresh:
    path = url_for("feeds.fetch", token=made.token, name=made.feed.resource.code)
    https = site().settings.address + path
    webcal = "webcal" + https[https.index(":") :]
    picture = segno.make(webcal, error="m").svg_inline(scale=4, border=2, light="#fff", title=gettext("QR code"))
    return Fresh(made.feed, https, webcal, Markup(picture))  # noqa: S704 - drawn by segno from our own address


def _page(*, fresh: Fresh | None = None, refusal: DomainError | None = None) -> Response:
    now, names = site().now(), site().settings.feed_names
    with site().read() as session:
        mine = feed_tokens.mine(session, g.visitor.user_id, now=now)
        choices = _choices(session)
    page = render_template(
        "feeds/overview.html",
        mine=mine,
        choices=choices,
        chosen=request.values.get("resource") or g.actor.resource or "",
        levels=_levels(feed_tokens.levels(g.actor.role, names=names)),
        level_names=dict(_levels(PRIVACY)),
        named=NAMED,
        languages={"zh": "中文", "en": "English"},
        fresh=fresh,
        refusal=refusal,
        done=request.args.get("done"),
        ends_at=feed_tokens.ends_at,
        day=today(),
    )
    return make_response(page, errors.status_of(refusal) if refusal else 200)


def _levels(codes: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    said = {
        "busy": (gettext("Busy only"), gettext("Nothing but the time")),
        "code": (gettext("Codes"), gettext("Procedure code, room, bed and case number; nothing about the patient")),
        "initials": (gettext("Initials"), gettext("Codes, and the patient's initials")),
        "full": (gettext("Full name"), gettext("Name and record number")),
    }
    return [(code, {"name": said[code][0], "says": said[code][1]}) for code in codes]


def _choices(session: Session) -> list[tuple[str, list[Resource]]]:
    """Return the lists this person may read as feeds, by kind: their own first, then rooms, then people."""
    user = session.get_one(User, g.visitor.user_id)
    query = select(Resource).where(Resource.active, Resource.kind.in_(feed_tokens.KINDS))
    found = [each for each in session.scalars(query.order_by(Resource.ordinal)) if feed_tokens.may_read(user, each)]
    own = [each for each in found if each.id == user.resource_id]
    order = {kind: number for number, kind in enumerate(feed_tokens.KINDS)}
    others = sorted((each for each in found if each not in own), key=lambda each: order[each.kind])
    groups = [(words.kind(kind), list(each)) for kind, each in groupby(others, key=lambda each: each.kind)]
    return [(gettext("My own list"), own), *groups] if own else groups
