"""What every request needs of the running installation: database, settings, clock, and where it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

from flask import current_app, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Demonstration, Department
from models.database import Database
from scheduler import demo
from web.settings import Settings

T = TypeVar("T")

DEFAULT_ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Site:
    """The installation. `clock` stands in for the database's and the machine's clock in tests."""

    db: Database
    settings: Settings
    secret: str = field(repr=False)
    clock: Callable[[], datetime] | None = None

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return self.clock() if self.clock else datetime.now(UTC)

    def read(self) -> AbstractContextManager[Session]:
        return self.db.read()

    def transact(self, work: Callable[[Session, datetime], T]) -> T:
        """Run `work(session, now)` in one write transaction; see Database.transact."""
        return self.db.transact(work, now=self.clock() if self.clock else None)


@dataclass(frozen=True)
class Place:
    """The department as pages name it, and how far its demonstration data are."""

    name_zh: str
    name_en: str
    zone: ZoneInfo
    demonstration: bool
    filling: tuple[int, int] | None
    """(days done, days asked for) while the demonstration is still being filled."""


def site() -> Site:
    """Return the installation this request is served by."""
    return cast(Site, current_app.extensions["needlepoint"])


def place() -> Place:
    """Return the department, read once a request; a database without one gives an unnamed place."""
    known = g.get("place")
    if known is None:
        known = g.place = _read_place()
    return cast(Place, known)


def _read_place() -> Place:
    with site().read() as session:
        department = session.scalars(select(Department).limit(1)).first()
        marker = session.scalars(select(Demonstration).limit(1)).first()
    return Place(
        name_zh=department.name_zh if department else "",
        name_en=department.name_en if department else "",
        zone=ZoneInfo(department.zone if department else DEFAULT_ZONE),
        demonstration=marker is not None,
        filling=None if marker is None else demo.days_done(marker),
    )


def today() -> date:
    """Return the department's local day."""
    return site().now().astimezone(place().zone).date()


def is_api(path: str) -> bool:
    """Tell whether an address belongs to the JSON API, which answers problems instead of pages."""
    return path.startswith("/api/")
