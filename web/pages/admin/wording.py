"""Protocol entries, their values, changes and faults in the reader's words. The one place that knows document keys."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel import lazy_pgettext as pgettext

from scheduler.publication import Change
from web import words
from web.i18n import language
from web.pages.admin.fault_words import sentence

KEYS: Mapping[str, Any] = {
    **words.PHASES,
    "code": pgettext("key", "Code"),
    "name": pgettext("key", "Name"),
    "zh": _("Chinese"),
    "en": _("English"),
    "version": pgettext("key", "Version"),
    "effective_from": _("First day"),
    "family": pgettext("key", "Family"),
    "urgency": pgettext("key", "Urgency"),
    "withdrawn": pgettext("key", "Withdrawn"),
    "sources": _("Sources"),
    "lead_days": _("Lead in days"),
    "supply": pgettext("key", "Supply"),
    "order_days": _("Ordered days before"),
    "use_by_days": _("Usable days after"),
    "sex": _("Sex"),
    "step": pgettext("key", "Step"),
    "steps": pgettext("key", "Steps"),
    "phases": pgettext("key", "Phases"),
    "open_length": _("Open length"),
    "provisional": pgettext("key", "Provisional"),
    "hours": pgettext("key", "Hours"),
    "prepare": _("Preparation"),
    "fasting_hours": _("Fasting hours"),
    "need": pgettext("key", "Need"),
    "role": pgettext("key", "Role"),
    "kind": pgettext("key", "Kind"),
    "count": pgettext("key", "How many"),
    "attributes": _("Attributes"),
    "privilege": _("Privilege"),
    "level": pgettext("key", "Level"),
    "codes": _("Only these"),
    "before_minutes": _("Minutes before"),
    "after_minutes": _("Minutes after"),
    "stay": _("Ward stay"),
    "nights": pgettext("key", "Nights"),
    "nights_before": _("Nights before"),
    "no_stay": _("No ward stay"),
    "lag": _("Interval"),
    "from": pgettext("key", "From"),
    "to": pgettext("key", "To"),
    "from_phase": _("From the end of"),
    "to_phase": _("To the start of"),
    "min_minutes": _("At least, minutes"),
    "max_minutes": _("At most, minutes"),
    "min_days": _("At least, days"),
    "max_days": _("At most, days"),
    "target_days": _("Preferred days"),
    "option": pgettext("key", "Option"),
    "most": _("At most, times"),
    "excludes": _("Does not go with"),
    "add": _("Adds minutes"),
    "lengthens": _("Lengthens by"),
    "drop": _("Does without"),
    "document": _("The text"),
}

_ENTRY = re.compile(r"(?P<key>step|need|lag|option)(?:\[(?P<label>[^\]]*)\]| (?P<word>\S+))")
_VALUES: Mapping[str, Callable[[str], str]] = {
    "urgency": words.urgency,
    "family": words.family,
    "privilege": words.family,
    "kind": words.kind,
    "sex": words.sex,
    "phases": words.phase,
    "from_phase": words.phase,
    "to_phase": words.phase,
    "drop": words.role,
    "attributes": words.attribute,
}
"""Keys whose values are codes, and where their words are."""

_MINUTES = frozenset({*words.PHASES, "before_minutes", "after_minutes", "min_minutes", "max_minutes"})
_DAYS = frozenset({"min_days", "max_days", "lead_days", "order_days", "use_by_days"})


@dataclass(frozen=True, slots=True)
class Said:
    """One change in words: where it is, and what stood and stands there."""

    where: str
    old: str | None
    new: str | None


def key_word(key: str) -> str:
    """Name a key of a protocol document."""
    return str(KEYS.get(key, key))


def entry_words(entry: str) -> str:
    """Say where an entry is: `step[ABL].need[operator].phases` and `step ABL: need operator` alike."""
    parts = re.split(r"\.(?![^\[]*\])|: ", entry)
    return " · ".join(_part(part) for part in parts if part)


def _part(part: str) -> str:
    found = _ENTRY.fullmatch(part)
    if found is None:
        return key_word(part)
    label = found["label"] if found["label"] is not None else found["word"]
    return f"{key_word(found['key'])} {words.role(label) if found['key'] == 'need' else label}"


def changes_said(found: Iterable[Change]) -> list[Said]:
    """Put a difference into words, entry by entry."""
    return [
        Said(entry_words(".".join(change.path)), _side(change, change.old), _side(change, change.new))
        for change in found
    ]


def _side(change: Change, value: Any) -> str | None:
    return None if value is None else value_words(change.path[-1].partition("[")[0], value)


def value_words(key: str, value: Any) -> str:
    """Say a value of a document: codes by their names, minutes and days with their unit."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, Mapping):
        return _table(value)
    if isinstance(value, list | tuple):
        return gettext(", ").join(value_words(key, each) for each in value)
    if isinstance(value, int) and key in _MINUTES:
        return gettext("%(minutes)s min", minutes=value)
    if isinstance(value, int) and key in _DAYS:
        return ngettext("%(num)d day", "%(num)d days", value)
    said = _VALUES.get(key)
    return said(value) if said is not None and isinstance(value, str) else str(value)


def _table(value: Mapping[str, Any]) -> str:
    if value.keys() == {"zh", "en"}:
        return str(value[language()])
    # What an entry is called leads to it already.
    shown = ((key, each) for key, each in value.items() if key not in ("role", "code"))
    return gettext("; ").join(f"{key_word(key)} {value_words(key, each)}" for key, each in shown)


def fault_said(fault: Mapping[str, Any]) -> tuple[str, str]:
    """Say a fault: where, and what is wrong there."""
    facts = {name: _fact(name, value) for name, value in fault["facts"].items()}
    return entry_words(fault["entry"]), sentence(fault["reason"], facts)


def _fact(name: str, value: Any) -> str:
    if name == "role":
        return words.role(str(value))
    if name == "kind":
        return words.kind(str(value))
    if isinstance(value, list | tuple):
        return gettext(", ").join(words.attribute(str(each)) for each in value)
    return str(value)
