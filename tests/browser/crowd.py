"""A day with something of everything on it: what a page must be able to show without falling apart."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models.database import Database
from scheduler import booking, closures, waitlist, ward
from scheduler.closures import ClosureEntry
from scheduler.patients import Flag
from tests import factories
from tests.conftest import NOW
from tests.factories import NURSE

ELEVEN = NOW + timedelta(hours=3)
"""When the day is looked at: one case is done, one runs over, one is late, others are to come."""

FLAGS = tuple(map(Flag, ("allergy", "isolation", "diabetes", "pacemaker")))
NAMES = ("欧阳娜娜", "Maximiliane Hohenstein-Wallenrodt", "单于", "张晓明", "艾合买提·买买提·阿不都热西提", "李")


def fill(db: Database) -> None:
    """Book, begin, finish, hold, cancel, miss, admit and close: one of each, some with long names."""
    for bed in ("BED-03", "BED-04", "BED-09"):
        long = NOW - timedelta(days=2) if bed == "BED-04" else NOW + timedelta(days=3)
        _lie(db, bed, long)
    for number, name in enumerate(NAMES):
        _book(db, name, "BX-LIV", NOW + timedelta(minutes=40 * number), flags=FLAGS)
    done, running, missed, cancelled = (_book(db, "张晓明", "BX-FNA", NOW) for _ in range(4))
    _mark(db, done, "called", "in-room", "started", "ended", "out")
    _mark(db, running, "in-room", "started")
    _cancel(db, cancelled)
    _miss(db, missed)
    _book(db, "程欢", "CP-TACE-ABL-S", NOW + timedelta(days=1))
    _book(db, "孙丽丽", "AB-LIV-1", NOW + timedelta(days=1), hold=True)
    stay = _book(db, NAMES[1], "AB-LIV-1", NOW)
    factories.done(db, lambda session: _admit(session, stay), now=ELEVEN)
    for number, name in enumerate(NAMES):
        factories.done(db, lambda session, number=number, name=name: _wait(session, name, number))
    for code, kind in (("US-22", "maintenance"), ("US-06", "closure")):
        entry = ClosureEntry(code, kind, NOW, NOW + timedelta(hours=4), "探头检修")
        factories.done(db, lambda session, entry=entry: closures.record(session, entry, actor=NURSE, now=NOW))


def _wait(session: Session, name: str, number: int) -> None:
    whom = factories.patient(session, name=name, birth_date=date(1950, 2, 3), flags=FLAGS)
    wanted = waitlist.Wanted(
        "AB-LIV-1",
        due=NOW.date() + timedelta(days=9 * number - 12),
        wishes=waitlist.Wishes({"operator": "dr-03", "room": "OR-1"}, ("operator",), "08:00", "12:00"),
        note="患者要求上午，家属陪同；来电 0571-8888 确认",
    )
    waitlist.request(session, whom.public_id, wanted, actor=NURSE, now=NOW)


def _book(db: Database, name: str, protocol: str, earliest: Any, *, flags: tuple[Flag, ...] = (), **more: Any) -> str:
    def work(session: Session) -> str:
        whom = factories.patient(session, name=name, birth_date=date(1950, 2, 3), flags=flags)
        return factories.booked(session, protocol, whom=whom, earliest=earliest, **more).public_id

    return str(factories.done(db, work))


def _mark(db: Database, appointment: str, *kinds: str) -> None:
    def work(session: Session) -> None:
        whole = booking.whole(session, appointment)
        step = whole.steps[0]
        happened = {kind: step.starts + timedelta(minutes=3 * number) for number, kind in enumerate(kinds, 1)}
        booking.mark_all(session, appointment, version=None, step=step.code, happened=happened, actor=NURSE, now=ELEVEN)

    factories.done(db, work, now=ELEVEN)


def _cancel(db: Database, appointment: str) -> None:
    reason = "发热，改日再来"
    factories.done(
        db,
        lambda session: booking.cancel(session, appointment, version=None, reason=reason, actor=NURSE, now=NOW),
    )


def _miss(db: Database, appointment: str) -> None:
    def work(session: Session) -> None:
        step = booking.whole(session, appointment).steps[0].code
        booking.noshow(session, appointment, version=None, step=step, actor=NURSE, now=ELEVEN)

    factories.done(db, work, now=ELEVEN)


def _admit(session: Session, appointment: str) -> None:
    whole = booking.whole(session, appointment)
    at, until = ELEVEN - timedelta(hours=1), ELEVEN + timedelta(days=3)
    ward.admit(session, ward.Admission(whole.patient.public_id, "BED-12", at, until), actor=NURSE, now=ELEVEN)


def _lie(db: Database, bed: str, until: Any) -> None:
    at = NOW - timedelta(days=4)
    factories.done(db, lambda session: factories.admitted(session, bed, at=at, expected_end=until))
