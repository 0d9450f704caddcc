"""GET /slots: every occupied span, so that an outsider knows what the engine knows."""

from dataclasses import asdict
from typing import Any

from scheduler.occupied import occupied
from web.api.blueprint import api, refuses
from web.api.periods import Period
from web.api.wire import Code, Instant, Told
from web.policy import READ, policy
from web.site import site


class SlotTold(Told):
    resource: str
    starts: Instant
    ends: Instant
    status: str
    kind: str
    appointment: str | None
    role: str
    provisional: bool
    confirmation: str | None


class Slots(Told):
    slots: list[SlotTold]


class SlotsAsked(Period):
    resource: Code | None = None


@api.get("/slots")
@api.input(SlotsAsked, location="query")
@api.output(Slots)
@refuses()
@policy(READ)
def list_slots(query_data: SlotsAsked) -> dict[str, Any]:
    """List what occupies resources: bookings, live holds, planned beds, actual stays, closures and leave.

    Spans are whole, also where they reach out of the window. Lapsed holds and patients' own days are left out.
    """
    asked = query_data
    asked.judged()
    with site().read() as session:
        found = occupied(session, asked.from_, asked.to, now=site().now(), resource=asked.resource)
    return {"slots": [asdict(each) for each in found]}
