"""The road of an imported case: the same `booking.book` as everybody's, judged as if asked before the case.

First every case is booked, then the milestones are written: a case that ended early frees its room, and that must
not let in what the plan had refused.
"""

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from calendars.caselog.deriving import Case, Log
from calendars.caselog.deriving import Patient as StandIn
from calendars.caselog.mapping import Mapping
from calendars.caselog.report import Outcome, Report
from models import ACTIVE_STATUSES, Appointment, Milestone, Patient, ProtocolVersion, Resource, Slot, Step, to_seconds
from models.database import Database
from scheduler import availability, booking, catalogue, imported_rooms, patients
from scheduler.actor import Actor
from scheduler.department_file import IMPORTED
from scheduler.engine.world import Placement, SlotPlan, StepPlan
from scheduler.errors import Conflict, DomainError, SlotTaken

STEP = "CASE"
PROTOCOL = "IMPORTED"
VERSION = 1
BATCH = 10
"""Cases in one transaction: few enough that nobody waits long for the write lock, one sync to the disk for all."""

BOOKED_BEFORE = timedelta(days=1)
"""No log says when a case was booked; a day before it is early enough for every rule."""

AS_FACTS = frozenset({"case-overlap", "case-patient-elsewhere", "case-room-full"})
"""What no plan can hold although it happened."""


@dataclass(frozen=True, slots=True)
class Options:
    """`facts`: record what is refused for want of a place as it happened. `dry_run`: roll everything back."""

    facts: bool = False
    dry_run: bool = False


def import_cases(
    db: Database, log: Log, mapping: Mapping, options: Options, progress: Callable[[int, int], Any]
) -> Report:
    """Book every case that is not there yet, then write its milestones; `progress(done, total)` after each batch.

    A run that was cut off goes on where it was, and a second run finds everything there. Rooms that the mapping
    brings come first. Raises Conflict("no-department" | "room-not-imported").
    """
    began = time.monotonic()
    run = _Run(db, log, mapping, options, progress)
    report = run.dry() if options.dry_run else run.real()
    report.outcomes += [Outcome(each.row, each.case, "refused", each.refusal) for each in log.refused]
    report.outcomes.sort(key=lambda each: each.row)
    report.seconds = time.monotonic() - began
    return report


@dataclass(frozen=True, slots=True)
class _Known:
    """A case that an earlier run brought. `room` is None for facts and for what was cancelled since."""

    public_id: str
    room: str | None
    starts: datetime
    ends: datetime
    lives: bool
    """True: it has milestones already, or is a mere fact."""


class _RolledBack(Exception):
    """Carries what a dry run found out of the transaction that it undoes."""

    def __init__(self, found: Any) -> None:
        self.found = found


class _Run:
    def __init__(
        self, db: Database, log: Log, mapping: Mapping, options: Options, progress: Callable[[int, int], Any]
    ) -> None:
        self.db, self.log, self.mapping, self.options, self.progress = db, log, mapping, options, progress
        self.actor = Actor(mapping.source, "system")
        self.report = Report(rows=log.rows, dry_run=options.dry_run)
        self.known: dict[str, _Known] = {}
        self.planned: dict[str, list[tuple[str, _Known]]] = defaultdict(list)
        self.cases = {case.ref: case for case in log.cases}
        self.refs: dict[str, str] = {}
        """Public id of an appointment → the case it came from."""
        self.booked: dict[str, str] = {}
        """Case → the public id of its appointment."""

    def real(self) -> Report:
        self.db.transact(lambda session, now: self._prepare(session, self.log.cases, now))
        self._look_back()
        total = 2 * len(self.log.cases)
        for batch in _batches(self.log.cases):
            self.report.outcomes += self.db.transact(lambda session, now, b=batch: self._book_all(session, b, now))  # type: ignore[misc]
            self.progress(len(self.report.outcomes), total)
        waiting = [case for case in self.log.cases if self._waits(case)]
        done = total - len(waiting)
        for batch in _batches(waiting):
            self._note(self.db.transact(lambda session, now, b=batch: self._live_all(session, b, now)))  # type: ignore[misc]
            done += len(batch)
            self.progress(done, total)
        self.progress(total, total)
        return self.report

    def dry(self) -> Report:
        """Do the same in transactions that are rolled back; what could touch is judged in one of them."""
        self._look_back()
        for group in quiet_groups(self.log.cases):
            outcomes, lived = self._undone(group)
            self.report.outcomes += outcomes
            self._note(lived)
            self.progress(len(self.report.outcomes), len(self.log.cases))
        if not self.log.cases:
            self._undone([])
        return self.report

    def _undone(self, group: Sequence[Case]) -> Any:
        def work(session: Session, now: datetime) -> NoReturn:
            try:
                self._prepare(session, group, now)
                outcomes = self._book_all(session, group, now)
                found = outcomes, self._live_all(session, [case for case in group if self._waits(case)], now)
            finally:
                # The rooms of this transaction are about to vanish; nobody may remember them.
                availability.forget(session)
            raise _RolledBack(found)

        try:
            self.db.transact(work)
        except _RolledBack as undone:
            return undone.found
        raise AssertionError("a dry run was committed")

    # --- what must be there

    def _prepare(self, session: Session, cases: Iterable[Case], now: datetime) -> None:
        rooms = tuple(self.mapping.rooms.rooms.values())
        imported_rooms.ensure(session, rooms, actor=self.actor, now=now)
        codes = set(session.scalars(select(ProtocolVersion.code).where(ProtocolVersion.code.startswith(PROTOCOL))))
        for procedure in dict.fromkeys(case.procedure for case in cases):
            if protocol_code(procedure) not in codes:
                codes.add(protocol_code(procedure))
                catalogue.publish(session, protocol_document(procedure, self.mapping), now=now)

    def _look_back(self) -> None:
        """Read what earlier runs brought, with the spans that were booked then, however they were cut since."""
        with self.db.read() as session:
            for row in session.execute(_earlier(self.mapping.source)):
                starts, ends = row.starts, row.ends
                known = _Known(row.public_id, row.code, starts, ends, row.fact_only or row.milestone is not None)
                self.known[row.source_ref] = known
                self._remember(row.public_id, row.source_ref)
                if row.code is not None:
                    self.planned[row.code].append((row.source_ref, known))

    # --- booking

    def _book_all(self, session: Session, cases: Iterable[Case], now: datetime) -> list[Outcome]:
        return [self._outcome(session, case, now) for case in cases]

    def _outcome(self, session: Session, case: Case, now: datetime) -> Outcome:
        if case.ref in self.known:
            return Outcome.of(case, "already")
        refusal = self._refusal(session, case, now)
        if refusal is None:
            return Outcome.of(case, "booked")
        if self.options.facts and refusal.code in AS_FACTS and self._recorded(session, case, now):
            return Outcome.of(case, "fact", refusal)
        return Outcome.of(case, "refused", refusal)

    def _refusal(self, session: Session, case: Case, now: datetime) -> DomainError | None:
        """Book a case in a savepoint of its own; return why not, if not."""
        if case.room is None:
            return Conflict("case-room-full", case=case.ref, rooms=len(self.mapping.rooms.rooms), **self._span(case))
        other = next((ref for ref, held in self.planned[case.room] if _overlap(case, held)), None)
        if other is not None:
            return self._overlap(case, "case-overlap", other)
        try:
            with session.begin_nested():
                made = self._book(session, case, now)
        except SlotTaken as taken:
            code = "case-patient-elsewhere" if taken.code == "patient-elsewhere" else "case-overlap"
            holder = str(taken.facts.get("holder"))
            return self._overlap(case, code, self.refs.get(holder, holder))
        except DomainError as refusal:
            return refusal
        self._remember(made.public_id, case.ref)
        return None

    def _remember(self, public_id: str, ref: str) -> None:
        self.refs[public_id], self.booked[ref] = ref, public_id

    def _book(self, session: Session, case: Case, now: datetime) -> Appointment:
        then = min(now, case.starts - BOOKED_BEFORE)
        patient = self._patient(session, case.patient, then)
        assert case.room is not None
        return booking.book(
            session,
            booking.BookRequest(
                patient=patient.public_id,
                protocol=protocol_code(case.procedure),
                protocol_version=VERSION,
                placement=_placement(case, case.room, patient.resource.code),
                source=self.mapping.source,
                source_ref=case.ref,
                note=case.note,
            ),
            actor=self.actor,
            now=then,
        )

    def _patient(self, session: Session, person: StandIn, now: datetime) -> Patient:
        if "patient" in self.mapping.columns:  # else each case is a patient of its own
            number = select(Patient.public_id).where(Patient.record_number == person.record_number)
            known = session.scalars(number).first()
            if known is not None:
                return patients.by_public_id(session, known)  # the survivor, where the record was merged
        entry = patients.PatientEntry(person.record_number, person.name, person.sex, person.birth_date)
        return patients.create(session, entry, actor=self.actor, now=now, anyway=True)

    def _overlap(self, case: Case, code: str, other: str) -> Conflict:
        facts = {"case": case.ref, "other": other, "resource": case.room, **self._span(case)}
        theirs = self.cases.get(other) or self.known.get(other)
        if theirs is not None:
            facts |= {"other_starts": self._local(theirs.starts), "other_ends": self._local(theirs.ends)}
        return Conflict(code, **facts)

    def _span(self, case: Case) -> dict[str, datetime]:
        return {"starts": self._local(case.starts), "ends": self._local(case.ends)}

    def _local(self, instant: datetime) -> datetime:
        """A refusal is read beside the log, so its times are the log's."""
        return instant.astimezone(ZoneInfo(self.mapping.zone))

    # --- what happened

    def _recorded(self, session: Session, case: Case, now: datetime) -> bool:
        """Record a case as a fact; tell whether the log says enough for one."""
        try:
            with session.begin_nested():
                patient = self._patient(session, case.patient, min(now, case.starts - BOOKED_BEFORE))
                request = booking.FactRequest(
                    patient=patient.public_id,
                    protocol=protocol_code(case.procedure),
                    protocol_version=VERSION,
                    starts=case.starts,
                    ends=case.ends,
                    happened=case.happened,
                    room=case.room,
                    source=self.mapping.source,
                    source_ref=case.ref,
                    note=case.note,
                )
                booking.record_fact(session, request, actor=self.actor, now=now)
        except DomainError:
            return False
        return True

    def _waits(self, case: Case) -> bool:
        """Tell whether a case is booked and its milestones are still to be written."""
        known = self.known.get(case.ref)
        return bool(case.happened) and (not known.lives if known else case.ref in self.booked)

    def _live_all(self, session: Session, cases: Iterable[Case], now: datetime) -> list[Outcome]:
        return [self._lived(session, case, now) for case in cases]

    def _lived(self, session: Session, case: Case, now: datetime) -> Outcome:
        """Write what has happened by now; a log shifted into the future is still a plan."""
        happened = {kind: at for kind, at in case.happened.items() if at <= now}
        if not happened:
            return Outcome.of(case, "waiting")
        try:
            with session.begin_nested():
                booking.mark_all(
                    session,
                    self.booked[case.ref],
                    version=None,
                    step=STEP,
                    happened=happened,
                    actor=self.actor,
                    now=now,
                )
        except DomainError as refusal:
            return Outcome.of(case, "booked, milestones refused", refusal)
        return Outcome.of(case, "lived")

    def _note(self, lived: Iterable[Outcome]) -> None:
        for outcome in lived:
            self.report.lived += outcome.what == "lived"
            if outcome.refusal is not None:
                self.report.unlived.append(outcome)


def _earlier(source: str) -> Any:
    marked = select(Milestone.step_id).distinct().subquery()
    held = and_(Slot.step_id == Step.id, Slot.role == "room", Slot.status.in_(ACTIVE_STATUSES))
    return (
        select(
            Appointment.source_ref,
            Appointment.public_id,
            Appointment.fact_only,
            Step.starts,
            Step.ends,
            Resource.code,
            marked.c.step_id.label("milestone"),
        )
        .join(Step, Step.appointment_id == Appointment.id)
        .outerjoin(Slot, held)
        .outerjoin(Resource, Resource.id == Slot.resource_id)
        .outerjoin(marked, marked.c.step_id == Step.id)
        .where(Appointment.source == source)
    )


def _overlap(case: Case, held: _Known) -> bool:
    return case.starts < held.ends and held.starts < case.ends


def _placement(case: Case, room: str, patient: str) -> Placement:
    starts, ends = to_seconds(case.starts), to_seconds(case.ends)
    slots = SlotPlan(room, "room", starts, ends), SlotPlan(patient, "patient", starts, ends)
    return Placement((StepPlan(STEP, starts, ends, slots),))


def _batches(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    return (cases[first : first + BATCH] for first in range(0, len(cases), BATCH))


def quiet_groups(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Split cases, by start, wherever nothing is booked: what is in two groups can never overlap."""
    group: list[Case] = []
    last: datetime | None = None
    for case in cases:
        if last is not None and case.starts >= last:
            yield group
            group, last = [], None
        group.append(case)
        last = case.ends if last is None else max(last, case.ends)
    if group:
        yield group


# --- the imported protocol


def protocol_code(procedure: tuple[str, str]) -> str:
    """Return IMPORTED, or IMPORTED-<the log's own code>; text that is no code gets a short digest of itself."""
    text = procedure[0] or procedure[1]
    if not text:
        return PROTOCOL
    plain = re.sub(r"[^A-Z0-9]+", "-", text.upper()).strip("-")[:32]
    same = plain.replace("-", " ") == text.upper().replace("-", " ")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8].upper()
    return "-".join(part for part in (PROTOCOL, plain, "" if same else digest) if part)


def protocol_document(procedure: tuple[str, str], mapping: Mapping) -> dict[str, Any]:
    """Return a protocol that needs a room and a patient, for as long as the row says.

    It is withdrawn from the beginning: nobody is offered it, and every case keeps it.
    """
    code, name = procedure
    names = mapping.procedure.names
    zh, en = names.get(code) or names.get(name) or (name or code or "导入病例", name or code or "Imported case")
    said = {"zh": zh, "en": en}
    need = {"role": "room", "kind": "room", "attributes": [IMPORTED]}
    return {
        "code": protocol_code(procedure),
        "name": said,
        "version": VERSION,
        "effective_from": "1900-01-01",
        "family": "imported",
        "urgency": "4b",
        "withdrawn": True,
        "step": [{"code": STEP, "name": said, "phases": {"procedure": 60}, "open_length": True, "need": [need]}],
    }
