"""What codes are called in the reader's language: roles, statuses, reasons, phases, flags. The one place for all pages.

Every function takes a code and returns words; a code that nobody named yet comes back as it is, so that a new role
in a protocol file shows up instead of failing a page.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel import lazy_pgettext as pgettext
from jinja2 import pass_context
from jinja2.runtime import Context

from scheduler.patients import FIELDS as PARTICULARS
from scheduler.patients import LONGEST_NOTE, Flag
from scheduler.patients.flags import in_force, past
from web.site import today

Words = Mapping[str, Any]

ROLES: Words = {
    "room": _("Room"),
    "operator": _("Operator"),
    "assistant": pgettext("role", "Assistant"),
    "scrub-nurse": _("Scrub nurse"),
    "circulating-nurse": _("Circulating nurse"),
    "nurse": pgettext("role", "Nurse"),
    "anaesthetist": _("Anaesthetist"),
    "recorder": pgettext("role", "Recorder"),
    "generator": _("Generator"),
    "recovery": _("Recovery place"),
    "ir-operator": _("IR operator"),
    "ir-assistant": _("IR assistant"),
    "radiographer": _("Radiographer"),
    "radiotherapist": _("Radiation oncologist"),
    "physicist": _("Physicist"),
    "afterloader": _("Afterloader"),
    "trainee": pgettext("role", "Trainee"),
    "supervisor": pgettext("role", "Supervisor"),
    "console": _("Console"),
    "probe": _("Probe"),
    "scanner": _("Portable scanner"),
    "c-arm": _("C-arm"),
    "seed-kit": _("Seed kit"),
    "bed": _("Bed"),
    "patient": _("Patient"),
}

KINDS: Words = {
    "room": _("Rooms"),
    "device": _("Devices"),
    "place": _("Places"),
    "bed": _("Beds"),
    "physician": _("Physicians"),
    "nurse": _("Nurses"),
    "recorder": _("Recorders"),
    "anaesthetist": _("Anaesthetists"),
    "physicist": _("Physicists"),
    "radiographer": _("Radiographers"),
    "patient": _("Patients"),
}
"""In the plural, as headings."""

STATUSES: Words = {
    "proposed": pgettext("status", "Proposed"),
    "reserved": pgettext("status", "Provisional"),
    "pending": pgettext("status", "Held"),
    "booked": pgettext("status", "Booked"),
    "arrived": pgettext("status", "Arrived"),
    "in-progress": pgettext("status", "In progress"),
    "fulfilled": pgettext("status", "Done"),
    "unplaced": pgettext("status", "Needs a place"),
    "cancelled": pgettext("status", "Cancelled"),
    "noshow": pgettext("status", "Did not come"),
    "entered-in-error": pgettext("status", "Entered in error"),
    "blocked": pgettext("status", "Blocked"),
    "finished": pgettext("status", "Discharged"),
}

MILESTONES: Words = {
    "called": pgettext("milestone", "Called"),
    "in-room": pgettext("milestone", "In the room"),
    "started": pgettext("milestone", "Started"),
    "ended": pgettext("milestone", "Ended"),
    "out": pgettext("milestone", "Out of the room"),
}

PHASES: Words = {
    "setup": _("Set-up"),
    "procedure": _("Procedure"),
    "cleanup": _("Clean-up"),
    "recovery": pgettext("phase", "Recovery"),
}

URGENCIES: Words = {
    "1": _("Immediate"),
    "2a": _("Urgent, today"),
    "2b": _("Urgent, within days"),
    "3": _("Expedited"),
    "4a": _("Elective, cancer"),
    "4b": _("Elective, benign"),
}

SEXES: Words = {
    "female": _("Female"),
    "male": _("Male"),
    "other": pgettext("sex", "Other"),
    "unknown": pgettext("sex", "Unknown"),
}

FLAGS: Words = {
    "allergy": _("Allergy"),
    "anticoagulant": _("Anticoagulant"),
    "diabetes": _("Diabetes"),
    "isolation": _("Isolation"),
    "pacemaker": _("Pacemaker"),
    "pregnancy": _("Pregnancy"),
    "radiation": _("Radiation"),
}

FIELDS: Words = {
    "record_number": _("Record number"),
    "name": _("Name"),
    "birth_date": _("Date of birth"),
    "phone": _("Telephone"),
    "sex": _("Sex"),
    "flags": _("To be minded"),
    "note": _("Particulars"),
    "until": _("Until"),
    "last_dose": _("Last dose"),
    "reason": _("Reason"),
}
"""What a form calls the members a refusal may name."""

FLAG_FIELDS: Words = {
    "allergy.note": _("to what"),
    "anticoagulant.note": _("which drug"),
    "isolation.note": _("which germ"),
}
"""What the particulars of a flag are, where `note` alone would not say."""

LIKENESS: Words = {
    "same-name": _("same name, same date of birth"),
    "same-phone": _("same telephone, similar name"),
    "near-name": _("same date of birth and sex, similar name"),
    "same-number": _("has this record number"),
}

CONFIRMATIONS: Words = {
    "requested": pgettext("confirmation", "Requested"),
    "confirmed": pgettext("confirmation", "Confirmed"),
    "declined": pgettext("confirmation", "Declined"),
}

CLOSURES: Words = {
    "leave": pgettext("closure", "On leave"),
    "closure": pgettext("closure", "Closed"),
    "maintenance": pgettext("closure", "Maintenance"),
}

LEAVES: Words = {
    "annual": pgettext("leave", "Annual"),
    "sick": pgettext("leave", "Sick"),
    "rest": pgettext("leave", "Day off"),
    "study": pgettext("leave", "Study"),
    "away": pgettext("leave", "Away"),
}
"""Reasons of leave that have a word; any other reason is shown as written."""

DUTIES: Words = {
    "on-call": pgettext("duty", "On call"),
    "late": pgettext("duty", "Late"),
    "morning": pgettext("duty", "Morning"),
    "afternoon": pgettext("duty", "Afternoon"),
}

DUTY_SIGNS: Words = {
    "on-call": pgettext("duty sign", "Call"),
    "late": pgettext("duty sign", "Late"),
}
"""As short as a cell of the roster is narrow."""

PRESENCES: Words = {
    "on": pgettext("presence", "at work"),
    "part": pgettext("presence", "partly away"),
    "leave": pgettext("presence", "on leave"),
    "closed": pgettext("presence", "not available"),
    "off": pgettext("presence", "no session"),
    "holiday": pgettext("presence", "holiday"),
    "extra": pgettext("presence", "comes in"),
}
"""States of a half day on the roster (scheduler/roster/week.py)."""

TITLES: Words = {
    "professor": _("Professor"),
    "associate-professor": _("Associate professor"),
    "physician": pgettext("title", "Physician"),
    "nurse": pgettext("title", "Nurse"),
    "recorder": pgettext("title", "Recorder"),
    "anaesthetist": pgettext("title", "Anaesthetist"),
    "physicist": pgettext("title", "Medical physicist"),
    "radiographer": pgettext("title", "Radiographer"),
}

FAMILIES: Words = {
    "biopsy": _("Biopsy"),
    "drainage": _("Drainage"),
    "vab": _("Vacuum-assisted biopsy"),
    "sclerotherapy": _("Sclerotherapy"),
    "ablation": _("Ablation"),
    "ire": _("Nano-knife"),
    "seed": _("Seed implantation"),
    "hdr": _("Brachytherapy"),
    "hdr-placement": _("Applicator placement"),
    "tace": _("TACE"),
    "stent": pgettext("family", "Stent"),
    "ceus": _("Contrast ultrasound"),
    "exam": pgettext("family", "Ultrasound examination"),
    "endoluminal": _("Endoluminal ultrasound"),
    "cardiac": _("Echocardiography"),
    "consultation": pgettext("family", "Consultation"),
    "imported": pgettext("family", "Imported"),
}

ATTRIBUTES: Words = {
    "afterloader": pgettext("attribute", "Afterloader"),
    "bedside": pgettext("attribute", "At the bedside"),
    "biplane": pgettext("attribute", "Biplane probe"),
    "c-arm": pgettext("attribute", "C-arm"),
    "cardiac": pgettext("attribute", "Cardiac"),
    "ceus": pgettext("attribute", "Contrast-capable"),
    "ceus-room": pgettext("attribute", "Contrast room"),
    "chair": pgettext("attribute", "Chair"),
    "circulating": pgettext("attribute", "Circulating"),
    "clinic": pgettext("attribute", "Clinic"),
    "clinic-diagnosis": pgettext("attribute", "Diagnosis clinic"),
    "clinic-intervention": pgettext("attribute", "Interventional clinic"),
    "colour": pgettext("attribute", "Colour Doppler"),
    "couch": pgettext("attribute", "Couch"),
    "ct": pgettext("attribute", "CT"),
    "dsa": pgettext("attribute", "Angiography"),
    "ecg-gating": pgettext("attribute", "ECG gating"),
    "endocavity": pgettext("attribute", "Endocavity probe"),
    "endoluminal": pgettext("attribute", "Endoluminal"),
    "examination": pgettext("attribute", "Examination"),
    "ga": pgettext("attribute", "General anaesthesia"),
    "hdr": pgettext("attribute", "HDR vault"),
    "injection": pgettext("attribute", "Injection"),
    "ire": pgettext("attribute", "Nano-knife"),
    "isolation": pgettext("attribute", "Isolation"),
    "mwa": pgettext("attribute", "Microwave"),
    "operating": pgettext("attribute", "Operating"),
    "pacu": pgettext("attribute", "PACU"),
    "portable-scanner": pgettext("attribute", "Portable scanner"),
    "puncture": pgettext("attribute", "Puncture"),
    "radiation-ready": pgettext("attribute", "Radiation-ready"),
    "rfa": pgettext("attribute", "Radiofrequency"),
    "scrub": pgettext("attribute", "Scrub"),
    "seed": pgettext("attribute", "Seeds"),
    "seed-kit": pgettext("attribute", "Seed kit"),
    "single": pgettext("attribute", "Single room"),
    "thermal": pgettext("attribute", "Thermal"),
    "trainee": pgettext("attribute", "Trainee"),
    "vab": pgettext("attribute", "Vacuum-assisted"),
}
"""What rooms, devices, beds and people have, and protocols ask for."""

BLOCKERS: Words = {
    "closed": pgettext("blocker", "not open"),
    "leave": pgettext("blocker", "on leave"),
    "closure": pgettext("blocker", "closed for this day"),
    "maintenance": pgettext("blocker", "in maintenance"),
    "occupied": pgettext("blocker", "taken"),
    "no-licence": pgettext("blocker", "nobody licensed"),
    "nobody": pgettext("blocker", "there is none"),
    "unavailable": pgettext("blocker", "not available"),
    "required-resource": pgettext("blocker", "the one you asked for cannot"),
    "no-bed": pgettext("blocker", "no bed for these nights"),
    "patient-elsewhere": pgettext("blocker", "the patient is elsewhere"),
    "lag": pgettext("blocker", "no date at the right distance"),
    "hours": pgettext("blocker", "not at these hours"),
    "lead": pgettext("blocker", "too soon after the booking"),
    "supply": pgettext("blocker", "what was ordered no longer keeps"),
    "patient-sex": pgettext("blocker", "not for this patient"),
    "combination": pgettext("blocker", "several things together"),
}
"""Short, for a cell; `because` makes the sentence."""


CANCELLED: Words = {
    "hold-expired": _("The hold lapsed"),
    "hold-released": _("The hold was given back"),
    "booking-undone": _("Booked by mistake, undone"),
}
"""Reasons the program gives by itself; what a person wrote is shown as written."""

EVENTS: Words = {
    "create": pgettext("history", "entered"),
    "update": pgettext("history", "corrected"),
    "merge": pgettext("history", "records merged"),
    "separate": pgettext("history", "merge taken back"),
    "appointment.booked": pgettext("history", "booked"),
    "appointment.held": pgettext("history", "held"),
    "appointment.lapsed": pgettext("history", "hold lapsed"),
    "appointment.renewed": pgettext("history", "hold renewed"),
    "appointment.rescheduled": pgettext("history", "moved"),
    "appointment.cancelled": pgettext("history", "cancelled"),
    "appointment.noshow": pgettext("history", "did not come"),
    "appointment.came-after-all": pgettext("history", "came after all"),
    "appointment.recorded": pgettext("history", "written down as it happened"),
    "appointment.bed-changed": pgettext("history", "bed changed"),
    "appointment.merged": pgettext("history", "came with a merged record"),
    "appointment.separated": pgettext("history", "went with a record taken apart"),
    "encounter.admitted": pgettext("history", "admitted"),
    "encounter.lodged": pgettext("history", "admitted on another ward"),
    "encounter.transferred": pgettext("history", "moved to another bed"),
    "encounter.extended": pgettext("history", "stay extended"),
    "encounter.discharged": pgettext("history", "discharged"),
    "encounter.merged": pgettext("history", "stay came with a merged record"),
    "encounter.separated": pgettext("history", "stay went with a record taken apart"),
}
"""What was done, as the audit trail's actions name it."""

STATES: Words = {
    "pending": "held",
    "in-progress": "running",
    "fulfilled": "done",
    "noshow": "cancelled",
    "entered-in-error": "cancelled",
    "finished": "done",
}
"""Status → the class of base.css that draws it, without its `is-`, where that is not the status itself."""


def _said(words: Words, code: str | None) -> str:
    return str(words.get(code, code)) if code else ""


def role(code: str | None) -> str:
    """Name a role of a protocol's need (room, operator, bed …)."""
    return _said(ROLES, code)


def kind(code: str | None) -> str:
    """Name a kind of resource, in the plural."""
    return _said(KINDS, code)


def status(code: str | None) -> str:
    """Name the status of an appointment, step, slot or encounter."""
    return _said(STATUSES, code)


def milestone(code: str | None) -> str:
    return _said(MILESTONES, code)


def phase(code: str | None) -> str:
    return _said(PHASES, code)


def urgency(code: str | None) -> str:
    return _said(URGENCIES, code)


def sex(code: str | None) -> str:
    return _said(SEXES, code)


def flag(code: str | None) -> str:
    return _said(FLAGS, code)


def flag_text(flag: Flag) -> str:
    """Say a flag with its particulars: 过敏 青霉素, 辐射 至 2027-02-10."""
    words = [_said(FLAGS, flag.code), flag.note or ""]
    if flag.last_dose:
        words.append(gettext("last dose %(day)s", day=flag.last_dose))
    if flag.until:
        words.append(gettext("until %(day)s", day=flag.until))
    return " ".join(word for word in words if word)


def field(code: str | None) -> str:
    """Name what a refusal is about as the form calls it."""
    return _said(FIELDS, code)


def flag_field(name: str | None) -> str:
    """Name a particular of a flag (`allergy.note`) as its form does."""
    return _said(FLAG_FIELDS, name) if name in FLAG_FIELDS else field((name or "").partition(".")[2])


def likeness(code: str | None) -> str:
    """Say why two records may be of one person."""
    return _said(LIKENESS, code)


def confirmation(code: str | None) -> str:
    """Name how another department answered."""
    return _said(CONFIRMATIONS, code)


def closure(code: str | None) -> str:
    """Name why a resource is blocked: leave, closure, maintenance."""
    return _said(CLOSURES, code)


def leave(reason: str | None) -> str:
    """Name why somebody is on leave; a reason of their own comes back as written."""
    return _said(LEAVES, reason)


def duty(code: str | None) -> str:
    """Name a duty of the roster."""
    return _said(DUTIES, code)


def duty_sign(code: str | None) -> str:
    """Name a duty in a cell of the roster."""
    return _said(DUTY_SIGNS, code)


def presence(code: str | None) -> str:
    """Name the state of a half day on the roster."""
    return _said(PRESENCES, code)


def title(code: str | None) -> str:
    """Name a person's grade."""
    return _said(TITLES, code)


def family(code: str | None) -> str:
    """Name a procedure family."""
    return _said(FAMILIES, code)


def attribute(code: str | None) -> str:
    """Name what a resource has, or a need asks for."""
    return _said(ATTRIBUTES, code)


def blocker(code: str | None) -> str:
    """Name a blocker of a refused day in a few words; `scheduler.engine.explain` lists the codes."""
    return _said(BLOCKERS, code)


def event(action: str | None) -> str:
    """Name what was done to a patient, a booking or a stay."""
    marked = (action or "").partition("appointment.marked-")[2]
    return milestone(marked) if marked else _said(EVENTS, action)


def cancelled(reason: str | None) -> str:
    """Say why something was cancelled."""
    return _said(CANCELLED, reason)


def state(code: str | None) -> str:
    """Return the class of base.css that draws a status, without its `is-`."""
    return _said(STATES, code)


def install(app: Flask) -> None:
    """Give templates these functions as filters: `{{ case.status | status_word }}`."""
    named = (
        role,
        kind,
        status,
        milestone,
        phase,
        urgency,
        sex,
        flag,
        flag_field,
        field,
        likeness,
        confirmation,
        closure,
        leave,
        duty,
        duty_sign,
        presence,
        title,
        family,
        attribute,
        blocker,
        event,
        cancelled,
    )
    app.jinja_env.filters.update(
        {f"{word.__name__}_word": _when_rendered(word) for word in named},
        state=state,
        flag_text=flag_text,
        in_force=lambda kept: in_force(kept, today()),
        past=lambda kept: past(kept, today()),
    )
    app.jinja_env.globals.update(flag_fields=PARTICULARS, longest_note=LONGEST_NOTE)


def _when_rendered(word: Callable[[str | None], str]) -> Callable[[Context, str | None], str]:
    """Return a filter for a word. Without the context, the word for a constant would be said once, when the template
    is compiled, and stay in the language of whoever came first."""

    @pass_context
    def said(_: Context, code: str | None) -> str:
        return word(code)

    return said
