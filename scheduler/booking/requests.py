"""What the booking verbs are asked and what they answer: frozen, parsed before a transaction opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models import ProtocolVersion
from scheduler.engine.world import Placement, Refusal


@dataclass(frozen=True, slots=True)
class FindRequest:
    """Where could this protocol go? `patient` is a public id; `earliest`..`latest` bound the first step's start.

    `options` are those of the protocol, with how often each counts; moving a booking, its own ones count.
    `spread_minutes` keeps proposals that much apart; 0 gives every 5-minute start. `require` fixes a role (or
    "step.role") to a resource code, `prefer` only ranks.
    """

    protocol: str
    earliest: datetime
    latest: datetime
    patient: str | None = None
    limit: int = 5
    spread_minutes: int = 0
    require: Mapping[str, str] = field(default_factory=dict)
    prefer: Mapping[str, str] = field(default_factory=dict)
    urgency: str | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    sex: str | None = None
    """Of a patient who has no number here yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """Proposals, earliest first, and why the days before the first one are refused.

    `provisional` are the ISO dates whose working-day status is not official yet (DESIGN §3a.7).
    """

    protocol: ProtocolVersion
    proposals: tuple[Placement, ...]
    refusals: tuple[Refusal, ...]
    provisional: frozenset[str] = frozenset()
    options: Mapping[str, int] = field(default_factory=dict)
    urgency: str | None = None
    """As it was asked; None: the protocol's."""


@dataclass(frozen=True, slots=True)
class Override:
    """Soft rules that a person with the right sets aside, and why. Kept on the appointment for ever."""

    rules: tuple[str, ...]
    reason: str

    def kept(self, by: str, at: datetime) -> dict[str, object]:
        """Return what the appointment keeps of it."""
        return {"rules": list(self.rules), "reason": self.reason, "by": by, "at": at.isoformat()}


@dataclass(frozen=True, slots=True)
class BookRequest:
    """Book (or hold) exactly this placement for this patient."""

    patient: str
    protocol: str
    placement: Placement
    protocol_version: int | None = None
    hold: bool = False
    urgency: str | None = None
    override: Override | None = None
    source: str = "needlepoint"
    source_ref: str | None = None
    note: str | None = None
    options: Mapping[str, int] = field(default_factory=dict)
    request: str | None = None
    """The request on the waiting list (public id) that this fulfils."""
