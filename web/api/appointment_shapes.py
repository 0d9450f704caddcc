"""What an appointment looks like to the outside: its steps, their slots and milestones, and its history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from models import Appointment, Milestone, Slot, Step
from scheduler.audit import Event
from web.api.wire import Instant, IsoDay, Names, Told
from web.i18n import rfc3339


class BookedSlot(Told):
    resource: str
    role: str
    starts: Instant
    ends: Instant
    status: str
    provisional: bool
    confirmation: str | None
    answer_by: Instant | None


class Marked(Told):
    kind: str
    at: Instant


class BookedStep(Told):
    """`use_by`: the last local day of what was ordered for this visit."""

    id: str
    step: str
    status: str
    starts: Instant
    ends: Instant
    use_by: IsoDay | None
    slots: list[BookedSlot]
    milestones: list[Marked]


class OverrideTold(Told):
    rules: list[str]
    reason: str
    by: str
    at: Instant


class ProtocolNamed(Told):
    code: str
    version: int
    names: Names


class AppointmentTold(Told):
    id: str
    version: int
    status: str
    patient: str
    protocol: ProtocolNamed
    urgency: str
    options: dict[str, int]
    hold_until: Instant | None
    override: OverrideTold | None
    cancel_reason: str | None
    note: str | None
    source: str
    source_ref: str | None
    fact_only: bool
    created_at: Instant
    created_by: str
    updated_at: Instant
    steps: list[BookedStep]


class Appointments(Told):
    appointments: list[AppointmentTold]
    next: str | None


class Done(Told):
    """One entry of the history; `detail` tells steps, statuses and resources before and after."""

    at: Instant
    actor: str
    role: str
    action: str
    reason: str | None
    detail: dict[str, Any]


class AppointmentWithHistory(AppointmentTold):
    history: list[Done]


def plain(appointment: Appointment) -> dict[str, Any]:
    """Return an appointment as plain JSON values; its session must still be open."""
    version = appointment.protocol_version
    return AppointmentTold(
        id=appointment.public_id,
        version=appointment.version,
        status=appointment.status,
        patient=appointment.patient.public_id,
        protocol=ProtocolNamed(
            code=version.code, version=version.version, names=Names(zh=version.name_zh, en=version.name_en)
        ),
        urgency=appointment.urgency,
        options=appointment.options,
        hold_until=appointment.hold_until,
        override=_override(appointment.override),
        cancel_reason=appointment.cancel_reason,
        note=appointment.note,
        source=appointment.source,
        source_ref=appointment.source_ref,
        fact_only=appointment.fact_only,
        created_at=appointment.created_at,
        created_by=appointment.created_by,
        updated_at=appointment.updated_at,
        steps=[_step(step) for step in appointment.steps],
    ).model_dump(mode="json")


def _override(kept: Mapping[str, Any] | None) -> OverrideTold | None:
    return None if kept is None else OverrideTold.model_validate({**kept, "at": datetime.fromisoformat(kept["at"])})


def _step(step: Step) -> BookedStep:
    return BookedStep(
        id=step.public_id,
        step=step.code,
        status=step.status,
        starts=step.starts,
        ends=step.ends,
        use_by=step.use_by,
        slots=[_slot(slot) for slot in sorted(step.slots, key=lambda slot: (slot.starts, slot.id))],
        milestones=[_mark(mark) for mark in sorted(step.milestones, key=lambda mark: mark.at)],
    )


def _slot(slot: Slot) -> BookedSlot:
    return BookedSlot(
        resource=slot.resource.code,
        role=slot.role,
        starts=slot.starts,
        ends=slot.ends,
        status=slot.status,
        provisional=slot.provisional,
        confirmation=slot.confirmation,
        answer_by=slot.answer_by,
    )


def _mark(mark: Milestone) -> Marked:
    return Marked(kind=mark.kind, at=mark.at)


def history_told(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return the trail of an appointment as plain JSON values, instants in the department's zone."""
    return [
        Done(
            at=event.at,
            actor=event.actor,
            role=event.role,
            action=event.action,
            reason=event.reason,
            detail=_here(event.detail),
        ).model_dump(mode="json")
        for event in events
    ]


def _here(value: Any, name: str = "") -> Any:
    """Rewrite the trail's UTC instants to the department's zone."""
    if isinstance(value, Mapping):
        return {key: _here(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_here(each, name) for each in value]
    if name in ("starts", "ends", "at") and isinstance(value, str):
        return rfc3339(datetime.fromisoformat(value))
    return value
