"""Addresses of every page of the site, for what looks at all of them: the tests in a browser and the measurements."""

from datetime import datetime, timedelta

from sqlalchemy import select

from models import Patient, Resource, Slot, Step
from models.database import Database

PAGES = {
    "home.home": ["/"],
    "account.account": ["/account"],
    "book.desk": ["/book", "/book?patient={patient}", "/book?patient={patient}&protocol=CP-TACE-ABL-S"],
    "waitlist.the_list": ["/waitlist"],
    "waitlist.freed": ["/waitlist/freed/{appointment}"],
    "board.board": ["/board/{day}", "/board/{day}?open={step}", "/board/{day}?rows=people&rows=devices"],
    "week.of_day": ["/board/week/{day}", "/board/week/{day}?group=operating-room"],
    "lists.lists": ["/lists?all=1"],
    "lists.of_day": ["/lists/{physician}/{day}", "/lists/US-01/{day}", "/lists/{physician}/{day}?view=week"],
    "ward.the_ward": ["/ward", "/ward?bed=BED-03", "/ward?bed=BED-17"],
    "manage.figures": ["/manage", "/manage?figure=waiting&period=year", "/manage?figure=first-case&period=quarter"],
    "patients.table": ["/patients", "/patients?q=zxm"],
    "patients.record": ["/patients/{patient}"],
    "patients.new": ["/patients/new", "/patients/new?q=sun"],
    "merging.duplicates": ["/patients/duplicates"],
    "merging.compare": ["/patients/{patient}/merge", "/patients/{patient}/merge?with={other}"],
    "roster.week": ["/roster/{day}", "/roster/{day}?cell={physician}.{day}.am", "/roster/{day}?group=nurse&q=zz"],
    "roster_import.choose": ["/roster/import"],
    "admin.overview": ["/admin"],
    "admin.protocols": ["/admin/protocols", "/admin/protocols?q=nothing+is+called+so"],
    "admin.protocol": ["/admin/protocols/CP-TACE-ABL-S"],
    "admin.edit": ["/admin/protocols/HDR/edit", "/admin/protocols/HDR/edit?as=text", "/admin/protocols/new/edit"],
    "admin.people": ["/admin/people"],
    "admin.one": ["/admin/people/dr-03", "/admin/people/nurse-01"],
    "admin.accounts": ["/admin/accounts"],
    "admin.account": ["/admin/accounts/somebody"],
    "admin.department": ["/admin/department"],
    "feeds.overview": ["/feeds", "/feeds?resource=OR-1"],
    "documents.error_codes": ["/docs/errors"],
}
"""Endpoint to addresses; the first of each is the page as it is usually opened."""


def names(db: Database, day: str) -> dict[str, str]:
    """Return what the addresses leave open: a local day, a step of it, under way if one is, and who is in it."""
    midnight = datetime.fromisoformat(f"{day}T00:00+08:00")
    with db.read() as session:
        steps = select(Step).where(Step.starts >= midnight, Step.starts < midnight + timedelta(days=1))
        running = steps.where(Step.status == "in-progress")
        step = session.scalars(running.limit(1)).first() or session.scalars(steps.limit(1)).one()
        operator = select(Resource.code).join(Slot).where(Slot.step_id == step.id, Resource.kind == "physician")
        patient, other, *_ = [*session.scalars(select(Patient.public_id).order_by(Patient.id).limit(2)), "", ""]
        return {
            "day": day,
            "step": step.public_id,
            "appointment": step.appointment.public_id,
            "physician": session.scalars(operator).first() or "dr-03",
            "patient": patient,
            "other": other,
        }
