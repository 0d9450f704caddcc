"""What every page reads alike: the local day in an address, and the version a form was made on."""

from datetime import date

from flask import request

from scheduler.errors import Invalid, NotFound
from web.pages.wishes import year_of_ours


def day_in_address(text: str) -> date:
    """Return the local day that is part of an address. Raises NotFound("not-found") for what is none."""
    try:
        return year_of_ours(date.fromisoformat(text))
    except ValueError:
        raise NotFound("not-found", day=text) from None


def number(name: str) -> int:
    """Read a whole number that our own form carries. Raises Invalid: a form without it is not ours."""
    text = request.form.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid("invalid", field=name)
    return int(text)


def version() -> int:
    """Return the version this form was made on. Raises Invalid."""
    return number("version")
