"""The blueprint of the administration, and how its forms answer."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from apiflask import APIBlueprint
from flask import Response, redirect
from sqlalchemy.orm import Session

from scheduler.errors import DomainError, Invalid
from web.errors import status_of
from web.pages.wishes import year_of_ours
from web.site import site

admin = APIBlueprint("admin", __name__, enable_openapi=False)

T = TypeVar("T")


def changed(
    work: Callable[[Session, datetime], T], there: str | Callable[[T], str], again: Callable[..., Response]
) -> Response:
    """Run a change and go on; when it is refused, show `again(notice=…, status=…)` with what was typed."""
    try:
        result = site().transact(work)
    except DomainError as error:
        return again(notice=error, status=status_of(error))
    return go(there if isinstance(there, str) else there(result))


def go(path: str) -> Response:
    """Send the browser to a page, so that loading it again repeats nothing."""
    response: Response = redirect(path, 303)  # type: ignore[assignment]
    return response


def day_of(text: str, field: str = "date") -> date:
    """Read a local day of ours that somebody typed. Raises Invalid("bad-date")."""
    try:
        return year_of_ours(date.fromisoformat(text.strip()))
    except ValueError:
        raise Invalid("bad-date", field=field, value=text.strip()[:40]) from None


def matching(keys: str, asked: str) -> bool:
    """Tell whether every word that was typed is in the keys."""
    return all(word in keys.casefold() for word in asked.casefold().split())
