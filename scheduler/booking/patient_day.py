"""Give a placement found for an unknown patient the slots of the patient it is booked for."""

from collections.abc import Mapping
from dataclasses import replace

from models import ProtocolVersion
from scheduler import catalogue
from scheduler.engine.world import Placement, SlotPlan


def with_patient(
    placement: Placement, version: ProtocolVersion, patient: str, options: Mapping[str, int] | None = None
) -> Placement:
    """Return the placement with every step's own-day slot on this patient's resource (code `patient:<id>`).

    Slots of the role `patient` that were there before are replaced; unknown steps are left for `check` to name.
    """
    minutes = {step.code: step.patient_minutes for step in catalogue.meant(version, options or {}).steps}
    return Placement(
        tuple(
            replace(
                plan,
                slots=(
                    *(slot for slot in plan.slots if slot.role != "patient"),
                    SlotPlan(patient, "patient", plan.starts, plan.starts + minutes[plan.step] * 60),
                ),
            )
            if plan.step in minutes
            else plan
            for plan in placement.steps
        )
    )
