"""Edit a protocol: common figures as a form, everything as TOML text; checked as often as one likes, then published.

The draft lives in the form alone: nothing is stored before it is published, and a session that ended gives the form
back after signing in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Response, g, request
from flask_babel import gettext
from sqlalchemy.orm import Session

from scheduler import catalogue, publication
from scheduler.errors import DomainError
from scheduler.publication import Edition, Impact, ProtocolRefused
from web import shell, words
from web.errors import status_of
from web.pages.admin import difference
from web.pages.admin.blueprint import admin, day_of, go
from web.pages.admin.difference import Line
from web.pages.admin.wording import Said, changes_said, fault_said, key_word
from web.pages.forms import number
from web.policy import ADMINISTER, policy
from web.site import site, today

NEW = "new"
"""Stands in the address for the code of a protocol that is not there yet."""

HIDDEN = ("version", "effective_from", "withdrawn")
"""Set beside the text: the number is the next one, the day has a field of its own, withdrawing a button."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form holds. `basis` is the newest version when it was opened, `document` what it stands for."""

    code: str
    basis: int
    document: Mapping[str, Any]
    effective_from: date
    reason: str

    @property
    def edition(self) -> Edition:
        return Edition(self.code, self.basis, self.document, self.effective_from, self.reason)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the difference in words and line by line, and what is booked. `mark` is what was checked."""

    version: int
    changes: tuple[Said, ...]
    lines: tuple[Line, ...]
    impact: Impact
    overtaken: tuple[tuple[int, date], ...]
    """Versions that were to come and now never will."""
    mark: str


@admin.get("/admin/protocols/<code>/edit")
@policy(ADMINISTER)
def edit(code: str) -> Response:
    """Open the newest version: its figures, or with `?as=text` everything as text."""
    with site().read() as session:
        basis, base = _base(session, code)
    as_text = request.args.get("as") == "text" or not base
    return _show(code, basis, base, as_text=as_text, text=publication.write_text(base) if base else "")


def _base(session: Session, code: str, number: int | None = None) -> tuple[int, dict[str, Any]]:
    """Return the newest version (or the one named) and its document, less what is set beside the text."""
    if code == NEW:
        return 0, {}
    newest = number or catalogue.newest(session, code)
    document = catalogue.version(session, code, newest).document
    return newest, {key: value for key, value in document.items() if key not in HIDDEN}


@admin.post("/admin/protocols/<code>/edit")
@policy(ADMINISTER)
def edit_or_publish(code: str) -> Response:
    """Check the draft, show it as text, or publish it; whatever is refused stands in the form again."""
    form, task = request.form, request.form.get("task", "check")
    basis, as_text = number("basis"), request.form.get("as") == "text"
    base: dict[str, Any] = {}
    try:
        with site().read() as session:
            _, base = _base(session, code, basis)
        document = publication.read_text(form.get("text", "")) if as_text else publication.apply_figures(base, form)
        if task == "text":
            return _show(code, basis, base, as_text=True, text=publication.write_text(document))
        # What is set beside the text counts, wherever else it stands.
        document = {key: value for key, value in document.items() if key not in HIDDEN}
        own = str(document.get("code", "")) if code == NEW else code
        draft = Draft(own, basis, document, day_of(form.get("effective_from", "")), form.get("reason", ""))
        return _publish(draft, code, base, as_text) if task == "publish" else _check(draft, code, base, as_text)
    except DomainError as error:
        return _again(code, basis, base, as_text, error)


def _again(code: str, basis: int, base: dict[str, Any], as_text: bool, error: DomainError) -> Response:
    return _show(code, basis, base, as_text=as_text, text=request.form.get("text", ""), notice=error)


def _check(draft: Draft, code: str, base: dict[str, Any], as_text: bool, said: str = "") -> Response:
    with site().read() as session:
        checked = _checked(session, draft)
    return _show(
        code, draft.basis, base, as_text=as_text, text=request.form.get("text", ""), checked=checked, said=said
    )


def _checked(session: Session, draft: Draft) -> Checked:
    now, document = site().now(), publication.prepared(session, draft.edition, now=site().now())
    before = catalogue.version(session, draft.code, draft.basis).document if draft.basis else {}
    later = [row for row in catalogue.versions(session, draft.code) if row.effective_from > draft.effective_from]
    return Checked(
        version=document["version"],
        changes=tuple(changes_said(publication.changes(before, document))) if before else (),
        lines=tuple(difference.lines(*(publication.write_text(_plain(each)) for each in (before, document)))),
        impact=publication.impact(session, catalogue.read(document), draft.effective_from, now=now),
        overtaken=tuple((row.version, row.effective_from) for row in later),
        mark=catalogue.digest(document),
    )


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in HIDDEN}


def _publish(draft: Draft, code: str, base: dict[str, Any], as_text: bool) -> Response:
    """Store the draft if it is what was checked last; else show the check of what it is now."""
    with site().read() as session:
        document = publication.prepared(session, draft.edition, now=site().now())
    if catalogue.digest(document) != request.form.get("mark"):
        return _check(draft, code, base, as_text, gettext("This is not what was checked. Look at it once more."))

    def work(session: Session, now: datetime) -> int:
        return publication.publish(session, draft.edition, actor=g.actor, now=now).version

    version = site().transact(work)
    return go(f"/admin/protocols/{draft.code}?version={version}&done=published")


def _show(
    code: str,
    basis: int,
    base: dict[str, Any],
    *,
    as_text: bool,
    text: str = "",
    notice: DomainError | None = None,
    checked: Checked | None = None,
    said: str = "",
) -> Response:
    form, on = request.form, today()
    return shell.page(
        "admin/edit.html",
        status=200 if notice is None else status_of(notice),
        code=code,
        new=code == NEW,
        basis=basis,
        name=_names(base),
        step_names={step["code"]: _names(step) for step in base.get("step", ())},
        as_text=as_text,
        text=text,
        groups=publication.figures(base) if base and not as_text else (),
        typed=form,
        group_word=group_word,
        key_word=key_word,
        effective_from=form.get("effective_from", on.isoformat()),
        reason=form.get("reason", ""),
        notice=notice,
        faults=[fault_said(fault) for fault in notice.facts["faults"]] if isinstance(notice, ProtocolRefused) else [],
        checked=checked,
        said=said,
        on=on,
    )


def _names(table: Mapping[str, Any]) -> dict[str, str]:
    """Return an entry's two names as `localname` reads them."""
    return {f"name_{language}": text for language, text in table.get("name", {}).items()}


def group_word(kind: str, at: tuple[str, ...]) -> str:
    """Name a group of figures: a need by its role, an interval by its steps; a lead names itself."""
    if kind == "need":
        return words.role(at[-1])
    if kind == "lag":
        return gettext("%(first)s → %(then)s", first=at[0], then=at[1])
    return {"phases": gettext("Minutes"), "stay": key_word("stay"), "supply": key_word("supply")}.get(kind, "")
