"""Every protocol, and one protocol's page: its picture, its figures' sources, and all its versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ProtocolVersion
from scheduler import catalogue, patients, publication
from scheduler.errors import DomainError, Invalid, NotFound
from web import shell, words
from web.i18n import localname
from web.pages.admin import picture
from web.pages.admin.blueprint import admin, changed, day_of, matching
from web.pages.admin.wording import Said, changes_said
from web.pages.forms import number
from web.policy import ADMINISTER, OVERSEE, may, policy
from web.site import site, today

PEOPLE = frozenset({"physician", "nurse", "recorder", "anaesthetist", "physicist", "radiographer"})


@dataclass(frozen=True, slots=True)
class Row:
    """One protocol in the table: what is in force today, or comes first, and what follows."""

    code: str
    name: str
    family: str
    minutes: int
    team: int
    nights: int
    visits: int
    version: ProtocolVersion
    coming: ProtocolVersion | None
    ends: bool
    """True: what comes withdraws the protocol."""
    keys: str


@dataclass(frozen=True, slots=True)
class Edition:
    """One version in the list: what became of it, and what it changed."""

    row: ProtocolVersion
    state: str
    withdrawn: bool
    changes: tuple[Said, ...]


@admin.get("/admin/protocols")
@policy(OVERSEE)
def protocols() -> Response:
    """List what is in force or comes, found by code, name, pinyin or family; below, what was withdrawn."""
    asked, on = request.args.get("q", "").strip(), today()
    with site().read() as session:
        rows, gone = _table(session, on)
    found = [row for row in rows if matching(row.keys, asked)]
    past = [row for row in gone if matching(row.keys, asked)]
    return shell.page(
        "admin/protocols.html",
        fragment="admin/_protocol_rows.html",
        rows=found,
        gone=past,
        count=len(rows),
        asked=asked,
        on=on,
    )


def _table(session: Session, on: date) -> tuple[list[Row], list[Row]]:
    """Return the protocols that are in force or come, and those that were withdrawn."""
    by_code: dict[str, list[ProtocolVersion]] = {}
    query = select(ProtocolVersion).order_by(ProtocolVersion.code, ProtocolVersion.version.desc())
    for row in session.scalars(query):
        by_code.setdefault(row.code, []).append(row)
    alive: list[Row] = []
    gone: list[Row] = []
    for versions in by_code.values():
        now = next((row for row in versions if row.effective_from <= on), None)
        coming = coming_after(versions, now, on)
        over = now is not None and catalogue.ends(now) and coming is None
        if over and catalogue.parsed(versions[0]).family == "imported":
            continue  # names of an imported log, withdrawn from the beginning
        (gone if over else alive).append(_row(now or versions[-1], coming))
    return alive, gone


def coming_after(versions: Iterable[ProtocolVersion], now: ProtocolVersion | None, on: date) -> ProtocolVersion | None:
    """Return the next version that will come into force; one that a higher one overtakes before never will."""
    later = [row for row in versions if row.effective_from > on and (now is None or row.version > now.version)]
    later.sort(key=lambda row: (row.effective_from, -row.version))
    return later[0] if later else None


def _row(version: ProtocolVersion, coming: ProtocolVersion | None) -> Row:
    protocol, name = catalogue.parsed(version), localname(version)
    pinyin, initials = patients.readings(version.name_zh)
    family = words.family(protocol.family)
    return Row(
        code=version.code,
        name=name,
        family=family,
        minutes=sum(step.span_minutes for step in protocol.steps),
        team=max(sum(need.count for need in step.needs if need.kind in PEOPLE) for step in protocol.steps),
        nights=sum(step.stay.nights + step.stay.nights_before for step in protocol.steps if step.stay),
        visits=len(protocol.steps),
        version=version,
        coming=coming,
        ends=coming is not None and catalogue.ends(coming),
        keys=" ".join((version.code, version.name_zh, version.name_en, pinyin, initials, family, protocol.family)),
    )


@admin.get("/admin/protocols/<code>")
@policy(OVERSEE)
def protocol(code: str) -> Response:
    """Show one protocol: its picture, its options and sources, all its versions."""
    return _show(code)


def _show(code: str, *, notice: DomainError | None = None, status: int = 200) -> Response:
    """Draw one protocol: the version asked for, else the one in force, else the newest."""
    on = today()
    with site().read() as session:
        versions = _versions(session, code)
        row = _chosen(versions, request.args.get("version"), on)
        parsed = catalogue.parsed(row)
        return shell.page(
            "admin/protocol.html",
            status=status,
            row=row,
            protocol=parsed,
            panels=picture.panels(parsed),
            options=[(option, picture.option_words(option)) for option in parsed.options],
            supply=parsed.supply,
            editions=_editions(versions, on),
            newest=versions[0],
            over=catalogue.ends(versions[0]),
            withdrawn=catalogue.ends(row),
            notice=notice,
            done=request.args.get("done"),
            form=request.form,
            may_edit=may(ADMINISTER),
            on=on,
        )


def _versions(session: Session, code: str) -> list[ProtocolVersion]:
    versions = catalogue.versions(session, code)
    if not versions:
        raise NotFound("not-found", protocol=code)
    return versions


def _chosen(versions: list[ProtocolVersion], asked: str | None, on: date) -> ProtocolVersion:
    if asked is not None:
        found = next((row for row in versions if str(row.version) == asked), None)
        if found is None:
            raise NotFound("not-found", version=asked)
        return found
    return next((row for row in versions if row.effective_from <= on), versions[0])


def _editions(versions: list[ProtocolVersion], on: date) -> list[Edition]:
    """Tell of each version, the newest first, whether it is in force, comes or was, and what it changed."""
    in_force = next((row for row in versions if row.effective_from <= on), None)
    coming = coming_after(versions, in_force, on)
    before: list[ProtocolVersion | None] = [*versions[1:], None]
    return [
        Edition(row, _state(row, in_force, coming, on), catalogue.ends(row), _changes(earlier, row))
        for row, earlier in zip(versions, before, strict=True)
    ]


def _state(row: ProtocolVersion, now: ProtocolVersion | None, coming: ProtocolVersion | None, on: date) -> str:
    if row is now:
        return "in-force"
    if row is coming:
        return "coming"
    if row.effective_from <= on:
        return "past"
    return "later" if now is None or row.version > now.version else "overtaken"


def _changes(earlier: ProtocolVersion | None, row: ProtocolVersion) -> tuple[Said, ...]:
    if earlier is None:
        return ()
    return tuple(changes_said(publication.changes(earlier.document, row.document)))


@admin.get("/admin/protocols/<code>/<int:version>.toml")
@policy(OVERSEE)
def protocol_text(code: str, version: int) -> Response:
    """Give one version as the text that a file of the department would hold."""
    with site().read() as session:
        try:
            row = catalogue.version(session, code, version)
        except Invalid as error:
            raise NotFound("not-found", **error.facts) from None
        text = publication.write_text(row.document)
    response = Response(text, mimetype="application/toml")
    response.headers["Content-Disposition"] = f'attachment; filename="{code.lower()}-{version}.toml"'
    return response


@admin.post("/admin/protocols/<code>/withdraw")
@policy(ADMINISTER)
def withdraw(code: str) -> Response:
    """End a protocol from a day on; what is booked stays."""
    form = request.form

    def work(session: Session, now: datetime) -> int:
        _versions(session, code)
        return publication.withdraw(
            session,
            code,
            basis=number("basis"),
            effective_from=day_of(form.get("effective_from", "")),
            reason=form.get("reason", ""),
            actor=g.actor,
            now=now,
        ).version

    def again(**facts: Any) -> Response:
        return _show(code, **facts)

    return changed(work, lambda made: f"/admin/protocols/{code}?version={made}&done=withdrawn", again)
