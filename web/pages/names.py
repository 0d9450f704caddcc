"""The names of what can be occupied, read once for a page."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import RESOURCE_KINDS, Resource
from web.i18n import localname


@dataclass(frozen=True, slots=True)
class Thing:
    """A room, person, device, place or bed as a page names it."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    external: bool
    bay: str | None = None

    @property
    def name(self) -> str:
        return localname(self) or self.code


class Names:
    """Resources by code. A code nobody knows any more is named by itself."""

    def __init__(self, things: Iterable[Thing]) -> None:
        self._things = {thing.code: thing for thing in things}

    @classmethod
    def load(cls, session: Session) -> "Names":
        columns = Resource.__table__.c
        query = (
            select(columns.code, columns.kind, columns.name_zh, columns.name_en, columns.external, columns.bay)
            .where(columns.kind.in_(RESOURCE_KINDS))
            .order_by(columns.ordinal, columns.code)
        )
        return cls(Thing(*row) for row in session.execute(query))

    def __getitem__(self, code: str) -> Thing:
        return self._things.get(code) or Thing(code, "", code, code, False)

    def __contains__(self, code: str) -> bool:
        return code in self._things
