"""How values travel: RFC 3339 instants with an offset (RFC 9557 suffixes are not read), ISO dates, codes, public ids.

Schemas are closed: an unknown member is refused, because a misspelt wish would otherwise be lost in silence.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StrictBool, ValidationInfo
from pydantic_core import PydanticCustomError

from scheduler.errors import Invalid
from web.i18n import rfc3339

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Outside these an instant is a typing error, and local days can no longer be counted."""

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}):(\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Asked(BaseModel):
    """What a request carries."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Told(BaseModel):
    """What an answer carries."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Headers(BaseModel):
    """Request headers that matter to an operation; the others are none of its business."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


def _named(info: ValidationInfo) -> str:
    """Return a member's name as the caller wrote it (`from` cannot be a name in Python)."""
    return (info.field_name or "").rstrip("_")


def read_instant(value: Any, info: ValidationInfo) -> datetime:
    """Return the instant an RFC 3339 text names, in whole seconds.

    Raises Invalid("naive-time") for a time without an offset, Invalid("time-out-of-range").
    """
    if not isinstance(value, str):
        raise PydanticCustomError("bad_time", "An RFC 3339 time with an offset is expected")
    found = _INSTANT.fullmatch(value)
    if (found and found[4] is None) or _NAIVE.fullmatch(value):
        raise Invalid("naive-time", field=_named(info), value=value)
    if found is None:
        raise PydanticCustomError("bad_time", "An RFC 3339 time with an offset is expected")
    return _in_range(found, value, info)


def _in_range(found: re.Match[str], value: str, info: ValidationInfo) -> datetime:
    day, minute, second, zone = found.groups()
    leap = second == "60"
    try:
        instant = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}{zone.upper()}")
        instant = (instant + timedelta(seconds=leap)).astimezone(UTC)
    except OverflowError:
        raise Invalid("time-out-of-range", field=_named(info), value=value) from None
    except ValueError:
        raise PydanticCustomError("bad_time", "An RFC 3339 time with an offset is expected") from None
    if not EARLIEST <= instant < LATEST:
        raise Invalid("time-out-of-range", field=_named(info), value=value)
    return instant


def read_day(value: Any, info: ValidationInfo) -> date:
    """Return the date an ISO text names. Raises Invalid("time-out-of-range")."""
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("bad_date", "A date as YYYY-MM-DD is expected") from None
    if not EARLIEST.year <= day.year < LATEST.year:
        raise Invalid("time-out-of-range", field=_named(info), value=value)
    return day


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is 5, and true is not 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "A whole number is expected")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int):
        return value
    raise PydanticCustomError("int_type", "A whole number is expected")


def _counted(value: Any) -> Any:
    """A query has only text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    raise PydanticCustomError("int_type", "A whole number is expected")


Moment = Annotated[datetime, BeforeValidator(read_instant)]
Day = Annotated[date, BeforeValidator(read_day)]
WHOLE, COUNTED = BeforeValidator(_whole), BeforeValidator(_counted)
"""Whole numbers in a body and in a query. Put after the bounds, or the description loses them."""
Flag = StrictBool

NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]+$"
Code = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_CONTROLS)]
"""A resource, protocol, step, role or rule."""
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]+$")]
"""What a person says: line breaks and tabs are allowed."""
PublicId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        json_schema_extra={"format": "uuid"},
    ),
]

Instant = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""Goes out in the department's zone; the engine's epoch seconds come in as they are."""


IsoDay = date
"""A local day; another name, because members are often called `date` too."""


CLOSED = {"additionalProperties": False, "propertyNames": {"minLength": 1, "maxLength": 100}}
"""What pydantic refuses of keys and leaves unsaid."""

Options = Annotated[
    dict[Code, Annotated[int, Field(ge=0, le=20), WHOLE]],
    Field(max_length=20, description="Option of the protocol → how often it counts", json_schema_extra=CLOSED),
]


class Names(Told):
    zh: str
    en: str
