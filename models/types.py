"""Column types: an instant is an aware datetime outside and whole UTC seconds in the database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of a stay that has not ended: later than any plan, and still a whole second in 64 bits."""


class NaiveInstant(ValueError):
    """A datetime without a zone was offered where an instant is stored."""


def to_seconds(instant: datetime) -> int:
    """Turn an aware datetime into whole seconds since 1970 UTC.

    Raises NaiveInstant when the datetime has no zone, because its instant would be a guess.
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise NaiveInstant(instant.isoformat())
    return int(instant.timestamp())


def from_seconds(seconds: int) -> datetime:
    """Turn whole seconds since 1970 UTC into an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def whole_second(instant: datetime) -> datetime:
    """Return the instant as the database will hold it, so that comparisons before and after storing agree."""
    return from_seconds(to_seconds(instant))


class Instant(TypeDecorator[datetime]):
    """BIGINT epoch seconds on both engines; aware UTC datetimes in Python; naive ones are refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_seconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_seconds(value)
