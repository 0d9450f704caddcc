"""Why a visit as a whole cannot be on a day, whoever is free: its hours, its lead, what was ordered, the patient."""

from flask_babel import gettext

from scheduler.engine.protocol import Protocol
from scheduler.engine.rules.hours import clock
from scheduler.engine.world import Blocker
from web import words
from web.i18n import daylabel, localname

CODES = ("hours", "lead", "supply", "patient-sex")


def condition(protocol: Protocol, blocker: Blocker) -> str:
    """Say which condition a day does not meet."""
    hours, supply = protocol.step(blocker.step).hours, protocol.supply
    if blocker.code == "hours" and hours is not None:
        return gettext("Only between %(first)s and %(last)s", first=clock(hours.first), last=clock(hours.last))
    if blocker.code == "supply":
        return gettext("What was ordered no longer keeps then")
    if blocker.code == "patient-sex":
        return gettext("Only for patients of this sex: %(sex)s", sex=words.sex(protocol.sex))
    what = localname(supply) if supply is not None and supply.step == blocker.step else gettext("Preparation")
    if blocker.until is None:
        return gettext("%(what)s takes longer", what=what)
    return gettext("%(what)s takes until %(day)s", what=what, day=daylabel(blocker.until))
