"""Protocols published by people: text, difference, judgement, what is booked, and the files that come after."""

import threading
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models import Audit, ProtocolVersion
from models.database import Database
from scheduler import booking, catalogue, department_file, publication
from scheduler.actor import Actor
from scheduler.booking.moving import moved
from scheduler.errors import Conflict, DomainError, Invalid, StaleVersion
from scheduler.publication import Change, Edition, ProtocolRefused
from tests import factories
from tests.conftest import DEPARTMENT, NOW

ADMIN = Actor("user:admin", "administrator")
TODAY = date(2026, 12, 1)
NEXT_WEEK = TODAY + timedelta(days=7)
SHIPPED = tomllib.loads((DEPARTMENT / "protocols" / "bx-fna.toml").read_text("utf-8"))["version"]
"""The version of the files; people publish the next one."""
NEXT = SHIPPED + 1
FILES = sorted((DEPARTMENT / "protocols").glob("*.toml"))


def document(db: Database, code: str = "BX-FNA") -> dict[str, Any]:
    with db.read() as session:
        return dict(catalogue.current(session, code, TODAY).document)


def longer(db: Database, code: str = "BX-FNA", **phases: int) -> dict[str, Any]:
    """Return the document in force with other phases in its first step."""
    made = document(db, code)
    first, *others = made["step"]
    return made | {"step": [first | {"phases": first["phases"] | phases}, *others]}


def edition(db: Database, made: dict[str, Any], on: date = TODAY, **given: Any) -> Edition:
    return Edition(
        **{"code": "BX-FNA", "basis": SHIPPED, "document": made, "effective_from": on, "reason": "实测"} | given
    )


def publish(db: Database, made: dict[str, Any], on: date = TODAY, **given: Any) -> ProtocolVersion:
    return factories.done(
        db, lambda session: publication.publish(session, edition(db, made, on, **given), actor=ADMIN, now=NOW)
    )


def refused(db: Database, made: dict[str, Any], on: date = TODAY, **given: Any) -> DomainError:
    """Try to publish; return the refusal, and see that nothing was stored."""

    def count() -> int:
        with db.read() as session:
            return session.scalar(select(func.count()).select_from(ProtocolVersion)) or 0

    before = count()
    with pytest.raises(DomainError) as error:
        publish(db, made, on, **given)
    assert count() == before
    return error.value


def reason(error: DomainError) -> str:
    assert isinstance(error, ProtocolRefused)
    return error.faults[0].reason


# --- Text.


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_written_document_reads_back_as_it_was(path: Path) -> None:
    given = tomllib.loads(path.read_text("utf-8"))
    stored = catalogue.plain_of(given)
    assert tomllib.loads(publication.write_text(given)) == given
    assert tomllib.loads(publication.write_text(stored)) == given


def test_texts_with_quotes_and_odd_keys_survive() -> None:
    odd = {"sources": {'a "b".c': "back\\slash \x7f 腺"}, "list": ["x", 1, True], "empty": []}
    assert publication.read_text(publication.write_text(odd)) == odd


@pytest.mark.parametrize(
    ("text", "why", "facts"),
    [
        ("code = ", "unreadable", {"line": 1, "column": 8}),
        ("code = \n", "unreadable", {"line": 1, "column": 8, "error": "Invalid value"}),
        ("a = 1\na = 2\n", "unreadable", {"line": 2, "column": 6, "error": "Cannot overwrite a value"}),
        ("x" * 70_000, "too-long", {"length": 70_000, "most": 65_536}),
        ("a = 1\n" + "name".join(b"\xb4\xa9\xb4\xcc".decode(errors="replace")), "not-utf8", {"line": 2}),
        ("a = " + "[" * 5_000, "unreadable", {}),
        ('a = "\x01"', "unreadable", {"line": 1}),
    ],
)
def test_a_text_that_cannot_be_read_says_where(text: str, why: str, facts: dict[str, Any]) -> None:
    with pytest.raises(ProtocolRefused) as error:
        publication.read_text(text)
    assert reason(error.value) == why
    assert facts.items() <= dict(error.value.faults[0].facts).items()


# --- The difference.


def test_nothing_differs_between_versions_that_say_the_same() -> None:
    given = {"code": "A", "version": 1, "effective_from": "2025-01-01", "step": [{"code": "S"}]}
    assert publication.changes(given, given | {"version": 2, "effective_from": "2026-12-01"}) == ()


def test_each_difference_names_its_entry() -> None:
    old = {
        "urgency": "4a",
        "step": [
            {"code": "A", "phases": {"setup": 25, "procedure": 40}, "need": [{"role": "operator", "level": 3}]},
            {"code": "B"},
        ],
        "lag": [{"from": "A", "to": "B", "min_days": 5}],
    }
    new = {
        "urgency": "3",
        "step": [
            {"code": "B", "stay": {"nights": 2}},
            {"code": "A", "phases": {"setup": 30, "procedure": 40}, "need": [{"role": "assistant"}]},
        ],
        "lag": [{"from": "A", "to": "B", "max_days": 28}],
    }
    assert publication.changes(old, new) == (
        Change(("urgency",), "4a", "3"),
        Change(("step[A]", "phases", "setup"), 25, 30),
        Change(("step[A]", "need[operator]"), {"role": "operator", "level": 3}, None),
        Change(("step[A]", "need[assistant]"), None, {"role": "assistant"}),
        Change(("step[B]", "stay"), None, {"nights": 2}),
        Change(("step",), ["A", "B"], ["B", "A"]),
        Change(("lag[B]", "min_days"), 5, None),
        Change(("lag[B]", "max_days"), None, 28),
    )


# --- The form of figures.


def test_the_form_shows_and_takes_the_common_figures(department: Database) -> None:
    made = document(department, "CP-TACE-ABL-S")
    shown = {figure.name: figure.value for group in publication.figures(made) for figure in group.figures}
    assert shown["step.1.phases.setup"] == 25
    assert shown["step.1.need.1.level"] == 3
    assert shown["step.0.stay.nights"] == 3
    assert shown["lag.0.min_days"] == 5
    typed = {"step.1.phases.setup": "30", "step.1.phases.recovery": " ", "lag.0.min_days": "6", "step.9.x": "1"}
    changed = publication.apply_figures(made, typed)
    assert publication.changes(made, changed) == (
        Change(("step[ABL]", "phases", "setup"), 25, 30),
        Change(("step[ABL]", "phases", "recovery"), 45, None),
        Change(("lag[ABL]", "min_days"), 5, 6),
    )


def test_the_form_as_it_is_shown_changes_nothing(department: Database) -> None:
    with department.read() as session:
        for row in catalogue.in_force(session, TODAY):
            made = row.document
            shown = [figure for group in publication.figures(made) for figure in group.figures]
            fields = {figure.name: "" if figure.value is None else str(figure.value) for figure in shown}
            assert publication.apply_figures(made, fields) == made


def test_what_is_ordered_and_a_devices_own_time_are_among_the_figures(department: Database) -> None:
    def names(code: str) -> set[str]:
        return {figure.key for group in publication.figures(document(department, code)) for figure in group.figures}

    assert {"order_days", "use_by_days"} <= names("SEED")
    assert "after_minutes" in names("US-EV")
    assert "lead_days" in names("HDR")


@pytest.mark.parametrize("typed", ["ten", "-5", "1.5", "٣", "99999999", "1e3"])
def test_a_figure_that_is_no_whole_number_is_refused(department: Database, typed: str) -> None:
    with pytest.raises(Invalid) as error:
        publication.apply_figures(document(department), {"step.0.phases.setup": typed})
    assert (error.value.code, error.value.facts["value"]) == ("figure-bad", typed)


# --- Publishing.


def test_a_version_is_published_with_its_day_its_reason_and_a_trace(department: Database) -> None:
    row = publish(department, longer(department, setup=15), NEXT_WEEK)
    assert (row.version, row.effective_from, row.published_by, row.reason) == (NEXT, NEXT_WEEK, "user:admin", "实测")
    with department.read() as session:
        assert catalogue.current(session, "BX-FNA", NEXT_WEEK - timedelta(days=1)).version == SHIPPED
        assert catalogue.current(session, "BX-FNA", NEXT_WEEK).version == NEXT
        trace = session.scalars(select(Audit).where(Audit.entity == "protocol")).one()
    assert (trace.action, trace.entity_id, trace.actor) == ("protocol.published", "BX-FNA", "user:admin")
    assert trace.detail["version"] == NEXT


def test_the_first_version_of_a_new_code_is_published(department: Database) -> None:
    made = document(department) | {"code": "BX-NEW"}
    assert publish(department, made, code="BX-NEW", basis=0).version == 1


def test_of_two_who_publish_at_once_one_wins_and_the_other_is_told(department: Database) -> None:
    made = {minutes: longer(department, setup=minutes) for minutes in (15, 20)}
    start, told = threading.Barrier(2), []

    def attempt(minutes: int) -> None:
        start.wait()
        try:
            told.append(publish(department, made[minutes]).version)
        except StaleVersion as stale:
            told.append(stale.facts)

    threads = [threading.Thread(target=attempt, args=(minutes,)) for minutes in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert NEXT in told
    assert {"protocol": "BX-FNA", "expected": SHIPPED, "actual": NEXT} in told


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"reason": "  "}, "reason-missing"),
        ({"reason": "长" * 501}, "text-too-long"),
        ({"reason": "a\x00b"}, "control-characters"),
        ({"basis": 0}, "protocol-exists"),
        ({"basis": NEXT}, "stale-version"),
        ({"code": "BX-LIV"}, "protocol-code-differs"),
        ({"on": TODAY - timedelta(days=1)}, "effective-in-past"),
    ],
)
def test_an_edition_that_cannot_be_published_says_why(department: Database, given: dict[str, Any], code: str) -> None:
    assert refused(department, longer(department, setup=15), **given).code == code


def test_a_version_that_changes_nothing_is_refused(department: Database) -> None:
    assert refused(department, document(department)).code == "protocol-unchanged"


def _with_need(made: dict[str, Any], **need: Any) -> dict[str, Any]:
    step = made["step"][0]
    return made | {"step": [step | {"need": [*step["need"], {"role": "extra", "kind": "physician"} | need]}]}


def test_what_nobody_could_fill_is_refused_by_entry(department: Database) -> None:
    unheld = refused(department, _with_need(document(department), privilege="levitation"))
    assert isinstance(unheld, ProtocolRefused)
    assert (unheld.faults[0].entry, unheld.faults[0].reason) == ("step BX-FNA: need extra", "unfillable-need")
    assert reason(refused(department, _with_need(document(department), kind="bed", count=18))) == "unfillable-need"
    assert reason(refused(department, longer(department, procedure=300))) == "unfillable-need"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"urgency": "tomorrow"}, "unknown-urgency"),
        ({"colour": "red"}, "unknown-key"),
        ({"name": {"zh": "活检🙂", "en": "x"}}, "bad-text"),
        ({"name": {"zh": "活\x07检", "en": "x"}}, "bad-text"),
        ({"sources": {"x": "长" * 501}}, "bad-text"),
        ({"step": []}, "no-step"),
    ],
)
def test_a_document_that_cannot_be_meant_is_refused(department: Database, change: dict[str, Any], why: str) -> None:
    assert reason(refused(department, document(department) | change)) == why


def test_a_cycle_and_windows_that_contradict_are_refused(department: Database) -> None:
    made = document(department, "CP-TACE-ABL-S")
    lag = made["lag"][0]
    pathway = {"code": "CP-TACE-ABL-S", "basis": made["version"]}
    back = made | {"lag": [lag, {"from": "ABL", "to": "TACE", "min_days": 1}]}
    assert reason(refused(department, back, **pathway)) in ("lag-cycle", "lag-backwards")
    against = made | {"lag": [lag | {"min_days": 30}]}
    assert reason(refused(department, against, **pathway)) == "lag-contradiction"


def test_a_protocol_is_withdrawn_from_a_day_and_may_return(department: Database) -> None:
    def work(session: Any) -> ProtocolVersion:
        return publication.withdraw(
            session, "BX-FNA", basis=SHIPPED, effective_from=NEXT_WEEK, reason="停用", actor=ADMIN, now=NOW
        )

    assert factories.done(department, work).version == NEXT
    with department.read() as session:
        assert catalogue.current(session, "BX-FNA", TODAY).version == SHIPPED
        with pytest.raises(Invalid) as gone:
            catalogue.current(session, "BX-FNA", NEXT_WEEK)
        assert gone.value.code == "protocol-not-in-force"
    with pytest.raises(Conflict) as again:
        factories.done(
            department,
            lambda session: publication.withdraw(
                session, "BX-FNA", basis=NEXT, effective_from=NEXT_WEEK, reason="停用", actor=ADMIN, now=NOW
            ),
        )
    assert again.value.code == "already-withdrawn"
    assert publish(department, document(department), NEXT_WEEK, basis=NEXT).version == NEXT + 1


# --- What is booked.


def test_what_is_booked_keeps_its_version_through_a_move_and_what_comes_later_has_the_new_one(
    department: Database,
) -> None:
    at = NOW + timedelta(days=8)
    before = factories.done(department, lambda s: factories.booked(s, "BX-FNA", earliest=at))
    publish(department, longer(department, setup=15), NEXT_WEEK)
    after = factories.done(department, lambda s: factories.booked(s, "BX-FNA", earliest=at))
    today = factories.done(department, lambda s: factories.booked(s, "BX-FNA"))
    assert [each.protocol_version.version for each in (before, after, today)] == [SHIPPED, NEXT, SHIPPED]
    assert minutes(before) == 20
    assert minutes(after) == 30

    def move(session: Any) -> Any:
        starts = before.steps[0].starts + timedelta(days=1)
        placement = moved(session, booking.whole(session, before.public_id), "BX-FNA", starts, None, NOW)
        booking.reschedule(session, before.public_id, version=None, placement=placement, actor=factories.NURSE, now=NOW)
        return booking.whole(session, before.public_id)

    after_move = factories.done(department, move)
    assert (after_move.protocol_version.version, minutes(after_move)) == (SHIPPED, 20)


def minutes(appointment: Any) -> int:
    step = appointment.steps[0]
    return int((step.ends - step.starts).total_seconds()) // 60


def test_a_search_goes_on_under_the_next_version_where_the_first_one_ends(department: Database) -> None:
    publish(department, longer(department, setup=15), NEXT_WEEK)
    evening = datetime.combine(NEXT_WEEK, NOW.timetz()) - timedelta(hours=12)
    with department.read() as session:
        request = booking.FindRequest("BX-FNA", evening, evening + timedelta(days=3))
        found = booking.find(session, request, now=NOW)
    first = found.proposals[0].steps[0]
    assert (found.protocol.version, (first.ends - first.starts) // 60) == (NEXT, 30)


def test_a_search_ends_where_the_protocol_is_withdrawn(department: Database) -> None:
    publish(department, document(department) | {"withdrawn": True}, NEXT_WEEK)
    evening = datetime.combine(NEXT_WEEK, NOW.timetz()) - timedelta(hours=12)
    with department.read() as session:
        request = booking.FindRequest("BX-FNA", evening, evening + timedelta(days=3))
        assert booking.find(session, request, now=NOW).proposals == ()


def test_a_place_found_under_a_version_that_was_followed_is_not_booked(department: Database) -> None:
    def work(session: Any) -> None:
        person = factories.patient(session)
        placement = factories.placements(session, "BX-FNA", patient=person.public_id)[0]
        publication.publish(session, edition(department, longer(department, setup=15)), actor=ADMIN, now=NOW)
        request = booking.BookRequest(person.public_id, "BX-FNA", placement, protocol_version=SHIPPED)
        booking.book(session, request, actor=factories.NURSE, now=NOW)

    with pytest.raises(Conflict) as error:
        factories.done(department, work)
    assert error.value.code == "protocol-superseded"
    assert error.value.facts == {"protocol": "BX-FNA", "version": SHIPPED, "current": NEXT}


def test_the_check_counts_what_keeps_its_version_and_names_what_would_not_fit(department: Database) -> None:
    at = NOW + timedelta(days=8)

    def two(session: Any) -> list[str]:
        first = factories.booked(session, "BX-FNA", earliest=at)
        room = next(slot.resource.code for slot in first.steps[0].slots if slot.role == "room")
        second = factories.booked(session, "BX-FNA", earliest=first.steps[0].ends, room=room)
        return [first.public_id, second.public_id]

    one, other = factories.done(department, two)
    factories.done(department, lambda session: factories.booked(session, "BX-FNA"))  # before the day: not counted
    with department.read() as session:
        longer_setup = catalogue.read(longer(department, setup=15))
        told = publication.impact(session, longer_setup, NEXT_WEEK, now=NOW)
        same = publication.impact(session, catalogue.read(document(department)), NEXT_WEEK, now=NOW)
        added = catalogue.read(_with_need(document(department), kind="nurse"))
        lacking = publication.impact(session, added, NEXT_WEEK, now=NOW)
    assert (told.kept, told.judged) == (2, 2)
    assert one in {misfit.appointment for misfit in told.misfits}
    assert {violation.code for misfit in told.misfits for violation in misfit.violations} <= {
        "occupied",
        "outside-opening",
    }
    assert same.misfits == ()
    assert [misfit.appointment for misfit in lacking.misfits] == [one, other]
    assert {violation.code for misfit in lacking.misfits for violation in misfit.violations} == {"need-not-filled"}


def test_what_is_booked_with_options_is_tried_with_them(department: Database) -> None:
    at = NOW + timedelta(days=8)
    made = factories.done(department, lambda s: factories.booked(s, "BX-LIV", earliest=at, options={"trainee": 1}))
    with department.read() as session:
        given = dict(catalogue.current(session, "BX-LIV", TODAY).document)
        same = publication.impact(session, catalogue.read(given), NEXT_WEEK, now=NOW)
        without = given | {"option": [option for option in given["option"] if option["code"] != "trainee"]}
        gone = publication.impact(session, catalogue.read(without), NEXT_WEEK, now=NOW)
    assert (same.judged, same.misfits) == (1, ())
    (misfit,) = gone.misfits
    assert (misfit.appointment, misfit.violations[0].code) == (made.public_id, "unknown-option")


# --- The files that come after.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files that may be changed."""
    for path in DEPARTMENT.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(DEPARTMENT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path


def rewrite(folder: Path, **given: Any) -> None:
    path = folder / "protocols" / "bx-fna.toml"
    path.write_text(publication.write_text(tomllib.loads(path.read_text("utf-8")) | given), "utf-8")


def load(db: Database, folder: Path) -> department_file.Loaded:
    return factories.done(db, lambda session: department_file.load(session, folder, now=NOW))


def newest(db: Database) -> tuple[int, str]:
    with db.read() as session:
        row = catalogue.versions(session, "BX-FNA")[0]
        return row.version, row.published_by


def test_a_file_behind_what_was_published_is_left_alone_with_a_notice(department: Database, folder: Path) -> None:
    publish(department, longer(department, setup=15))
    rewrite(folder, urgency="4b")  # the same version still, and other content: a fault, were it not behind
    assert load(department, folder).left == (f"BX-FNA {SHIPPED} < {NEXT}",)
    rewrite(folder, version=NEXT)
    assert load(department, folder).left == (f"BX-FNA {NEXT} < {NEXT}",)
    assert newest(department) == (NEXT, "user:admin")


def test_a_file_ahead_of_what_was_published_counts(department: Database, folder: Path) -> None:
    publish(department, longer(department, setup=15))
    rewrite(folder, version=NEXT + 1, urgency="4b")
    loaded = load(department, folder)
    assert (loaded.protocols, loaded.left) == (1, ())
    assert newest(department) == (NEXT + 1, "system")


def test_what_the_files_alone_published_still_needs_a_new_number(department: Database, folder: Path) -> None:
    rewrite(folder, urgency="4b")
    with pytest.raises(department_file.BadDepartment) as bad:
        load(department, folder)
    assert [fault.reason for fault in bad.value.faults] == ["version-not-raised"]
