"""Licences edited by people: seen by the next search, kept through a load, and who is booked without one is named."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Audit, Resource
from models.database import Database
from scheduler import booking, department_file, licences
from scheduler.actor import Actor
from scheduler.engine.world import Licence
from scheduler.errors import DomainError, RuleBroken
from tests import factories
from tests.conftest import DEPARTMENT, NOW
from tests.crossing import crossing

ADMIN = Actor("user:admin", "administrator")
WHO = "dr-03"


def held(db: Database, code: str = WHO) -> tuple[Licence, ...]:
    with db.read() as session:
        return licences.held(session.scalars(select(Resource).where(Resource.code == code)).one())


def change(db: Database, wanted: list[Licence], code: str = WHO, **given: Any) -> list[licences.Unlicensed]:
    more = {"seen": licences.mark_of(held(db, code)), "reason": "换证"} | given
    return factories.done(
        db, lambda session: licences.change(session, code, wanted, actor=ADMIN, now=NOW, **more), now=NOW
    )


def until(last: date) -> list[Licence]:
    return [Licence("biopsy", 4, date(2020, 1, 1), last)]


def operators(db: Database) -> set[str]:
    with db.read() as session:
        found = booking.find(
            session,
            booking.FindRequest("BX-FNA", NOW, NOW + timedelta(days=2), require={"operator": WHO}),
            now=NOW,
        )
    return {
        slot.resource for p in found.proposals for step in p.steps for slot in step.slots if slot.role == "operator"
    }


def test_a_licence_that_was_ended_is_seen_by_the_next_search_and_traced(department: Database) -> None:
    assert change(department, until(date(2030, 1, 1))) == []
    assert operators(department) == {WHO}
    change(department, until(date(2026, 11, 30)))
    assert operators(department) == set()
    with department.read() as session:
        trace = session.scalars(select(Audit).where(Audit.action == "licences.changed").order_by(Audit.seq)).all()[-1]
    assert (trace.entity_id, trace.reason) == (WHO, "换证")
    assert trace.detail["after"] == ["biopsy 4 2020-01-01 2026-11-30"]


def test_who_is_booked_and_no_longer_licensed_is_named_and_stays_booked(department: Database) -> None:
    change(department, until(date(2030, 1, 1)))
    made = factories.done(department, lambda s: factories.booked(s, "BX-FNA", operator=WHO))
    (left,) = change(department, until(date(2026, 11, 30)))
    assert (left.appointment, left.step, left.need.privilege) == (made.public_id, "BX-FNA", "biopsy")
    with department.read() as session:
        assert booking.whole(session, made.public_id).status == "booked"
        assert [each.appointment for each in licences.unlicensed(session, WHO, now=NOW)] == [made.public_id]


def test_whoever_books_while_a_licence_is_taken_away_is_judged_by_the_new_ones(department: Database) -> None:
    change(department, until(date(2030, 1, 1)))
    before = licences.mark_of(held(department))
    person = factories.done(department, factories.patient)
    with department.read() as session:
        chosen = factories.placements(session, "BX-FNA", patient=person.public_id, operator=WHO)[0]
    late = crossing(
        department,
        lambda session: licences.change(
            session, WHO, until(date(2026, 11, 30)), seen=before, reason="换证", actor=ADMIN, now=NOW
        ),
        lambda session: factories.booked(session, "BX-FNA", whom=person, placement=chosen),
    )
    with pytest.raises(RuleBroken) as refusal:
        late.result()
    assert {each["code"] for each in refusal.value.facts["violations"]} == {"privilege-missing"}


@pytest.mark.parametrize(
    ("wanted", "given", "code"),
    [
        (until(date(2019, 1, 1)), {}, "licence-bad"),
        ([Licence("biopsy", 5, date(2020, 1, 1), date(2030, 1, 1))], {}, "licence-bad"),
        (until(date(2030, 1, 1)) * 2, {}, "licence-twice"),
        (until(date(2030, 1, 1)), {"reason": " "}, "reason-missing"),
        (until(date(2030, 1, 1)), {"reason": "长" * 501}, "text-too-long"),
        (until(date(2030, 1, 1)), {"reason": "换\u202e证"}, "control-characters"),
        (until(date(2030, 1, 1)), {"seen": "of another day"}, "licences-stale"),
        (until(date(2030, 1, 1)), {"code": "nobody", "seen": ""}, "no-such-resource"),
        (until(date(2030, 1, 1)), {"code": "US-01", "seen": licences.mark_of(())}, "no-such-resource"),
        (until(date(2030, 1, 1)) * 41, {}, "licence-bad"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_and_nothing_is_stored(
    department: Database, wanted: list[Licence], given: dict[str, Any], code: str
) -> None:
    before = held(department)
    asked = {"code": WHO, "seen": licences.mark_of(before), "reason": "换证"} | given
    with pytest.raises(DomainError) as refused:
        factories.done(
            department,
            lambda session: licences.change(session, licences=wanted, actor=ADMIN, now=NOW, **asked),
        )
    assert refused.value.code == code
    assert held(department) == before


def test_a_change_that_changes_nothing_is_refused(department: Database) -> None:
    with pytest.raises(DomainError) as refused:
        change(department, list(held(department)))
    assert refused.value.code == "licences-unchanged"


def lic(family: str, level: int, last: date, first: date = date(2020, 1, 1)) -> Licence:
    return Licence(family, level, first, last)


def test_a_licence_ends_unless_one_of_its_level_carries_it_on() -> None:
    on = date(2026, 12, 1)
    four, two = lic("biopsy", 4, date(2026, 11, 20)), lic("biopsy", 2, date(2030, 1, 1))
    renewed, higher = lic("ceus", 1, on), lic("ceus", 2, date(2030, 1, 1))
    near, far, old = (
        lic(code, 1, on + days) for code, days in (("a", timedelta(90)), ("b", timedelta(91)), ("c", timedelta(-91)))
    )
    assert licences.endings([far, near, old, four, two, renewed, higher], on) == [four, near]
    assert licences.lasts([two, four]) == [four, two]


def test_of_a_family_the_highest_licence_that_is_valid_on_the_day_counts() -> None:
    on = date(2026, 12, 1)
    over, valid, low = lic("biopsy", 4, date(2026, 11, 30)), lic("biopsy", 2, on), lic("biopsy", 1, on)
    coming = lic("ire", 3, date(2030, 1, 1), first=date(2026, 12, 2))
    assert licences.highest([low, over, valid, coming], on) == [valid]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in DEPARTMENT.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(DEPARTMENT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path


def load(db: Database, folder: Path) -> department_file.Loaded:
    return factories.done(db, lambda session: department_file.load(session, folder, now=NOW))


def test_an_edit_stands_through_a_load_until_the_files_say_something_else(department: Database, folder: Path) -> None:
    edited = until(date(2030, 1, 1))
    change(department, edited)
    file = folder / "department.toml"
    file.write_text(file.read_text("utf-8") + "\n# another comment\n", "utf-8")
    assert not load(department, folder).unchanged
    assert list(held(department)) == edited
    file.write_text(file.read_text("utf-8").replace("to = 20", "to = 21"), "utf-8")
    load(department, folder)
    assert list(held(department)) != edited
