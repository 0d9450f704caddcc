"""Texts that people type: composed, trimmed, and refused when they cannot be stored or read."""

import unicodedata

from scheduler.errors import Invalid

LONGEST_REASON = 500

_REORDERING = frozenset(chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Unicode's overrides of the reading order: they make one name look like another."""


def clean_text(field: str, value: str, longest: int) -> str:
    """Return a text in NFC without blanks around it.

    Raises Invalid("control-characters" | "empty-text" | "text-too-long") naming the field.
    """
    text = unicodedata.normalize("NFC", value).strip()
    if any(is_control(sign) for sign in text):
        raise Invalid("control-characters", field=field)
    if not any(sign.isprintable() and not sign.isspace() for sign in text):
        raise Invalid("empty-text", field=field)
    if len(text) > longest:
        raise Invalid("text-too-long", field=field, length=len(text), limit=longest)
    return text


def optional_text(field: str, value: str | None, longest: int) -> str | None:
    """Return a text as `clean_text` does, None for a blank one."""
    return clean_text(field, value, longest) if value and value.strip() else None


def reason(text: str) -> str:
    """Return why somebody does what must have a reason. Raises Invalid("reason-missing") and as `clean_text` does."""
    if not text.strip():
        raise Invalid("reason-missing")
    return clean_text("reason", text, LONGEST_REASON)


def is_control(sign: str) -> bool:
    """Tell signs that break a line, a database or the reading order; the joiners inside emoji are none of these."""
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _REORDERING


def digits(text: str) -> str:
    """Return the digits 0-9 of a text."""
    return "".join(sign for sign in text if sign in "0123456789")
