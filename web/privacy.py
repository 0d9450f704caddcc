"""Who may read a patient's full name; everybody else gets enough to tell two patients apart."""

from flask import Flask, g
from markupsafe import Markup

FULL_NAMES = frozenset({"nurse", "physician", "recorder", "administrator"})
"""Those who treat, document or mend. Managers count and auditors check: they need no names."""


def install(app: Flask) -> None:
    """Give templates the filter `patient_name` and the function `patient_link`."""
    app.jinja_env.filters["patient_name"] = patient_name
    app.jinja_env.globals.update(patient_link=patient_link, sees_names=sees_names)


def sees_names() -> bool:
    """Tell whether the caller reads full names."""
    return g.get("actor") is not None and g.actor.role in FULL_NAMES


def patient_name(name: str) -> str:
    """Return a patient's name as far as the caller may read it."""
    return name if sees_names() else masked(name)


def patient_link(public_id: str, name: str) -> Markup:
    """Return a patient's name as a link to the patient's page; without the link for those who may not open it."""
    said = patient_name(name)
    return Markup('<a href="/patients/{}">{}</a>').format(public_id, said) if sees_names() else Markup.escape(said)


def masked(name: str) -> str:
    """Return a name with all but its ends hidden: 张*明, 李*, A*** B***."""
    words = name.split()
    if len(words) > 1 or name.isascii():
        return " ".join(f"{word[0]}***" for word in words)
    return name[:1] + "*" * max(len(name) - 2, 1) + (name[-1] if len(name) > 2 else "")
