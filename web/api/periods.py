"""The window of a read: half-open [from, to), both RFC 3339, not longer than a year."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from scheduler.errors import Invalid
from web.api.wire import Asked, Moment

LONGEST_DAYS = 400
"""A longer window is a mistake in a date."""


class Period(Asked):
    """From an instant up to, not including, another."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment

    def judged(self) -> "Period":
        """Return it when it can be meant. Raises Invalid("ends-before-start" | "search-too-long")."""
        if self.to <= self.from_:
            raise Invalid("ends-before-start", starts=self.from_, ends=self.to)
        if self.to - self.from_ > timedelta(days=LONGEST_DAYS):
            raise Invalid("search-too-long", days=LONGEST_DAYS)
        return self
