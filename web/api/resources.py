"""GET /resources, GET /resources/{code}/opening: what can be occupied, and when it is open."""

from datetime import date
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Resource, from_seconds
from models.resource import RESOURCE_KINDS
from scheduler import availability
from scheduler.errors import NotFound
from web.api.blueprint import api, refuses
from web.api.periods import Period
from web.api.wire import Asked, Code, Instant, Names, Told
from web.policy import READ, policy
from web.site import site


class Licence(Told):
    """Leave to do procedures of a family up to a level, on local days `first` to `last`, both inclusive."""

    family: str
    level: int
    first: date
    last: date


class ResourceTold(Told):
    code: str
    kind: str
    names: Names
    attributes: list[str]
    bay: str | None
    title: str | None
    external: bool
    """Owned by another department, which must confirm each slot."""
    licences: list[Licence]


class Resources(Told):
    resources: list[ResourceTold]


class ResourcesAsked(Asked):
    kind: Literal[RESOURCE_KINDS] | None = None  # type: ignore[valid-type]


@api.get("/resources")
@api.input(ResourcesAsked, location="query")
@api.output(Resources)
@refuses()
@policy(READ)
def list_resources(query_data: ResourcesAsked) -> dict[str, Any]:
    """List what can be occupied, patients excepted, in the department's order."""
    with site().read() as session:
        return {"resources": [_resource(row) for row in _rows(session, query_data.kind)]}


def _rows(session: Session, kind: str | None) -> list[Resource]:
    query = (
        select(Resource)
        .where(Resource.active, Resource.kind.in_(RESOURCE_KINDS))
        .options(selectinload(Resource.privileges))
    )
    if kind is not None:
        query = query.where(Resource.kind == kind)
    return list(session.scalars(query.order_by(Resource.ordinal, Resource.code)))


def _resource(row: Resource) -> dict[str, Any]:
    return {
        "code": row.code,
        "kind": row.kind,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "attributes": sorted(row.attributes),
        "bay": row.bay,
        "title": row.title,
        "external": row.external,
        "licences": [
            {"family": held.family, "level": held.level, "first": held.valid_from, "last": held.valid_to}
            for held in sorted(row.privileges, key=lambda held: (held.family, held.valid_from))
        ],
    }


class Open(Told):
    starts: Instant
    ends: Instant


class Opening(Told):
    resource: str
    zone: str
    opening: list[Open]


class CodeAsked(Asked):
    code: Code


@api.get("/resources/<code>/opening")
@api.input(CodeAsked, location="path")
@api.input(Period, location="query")
@api.output(Opening)
@refuses()
@policy(READ)
def list_opening(code: str, path_data: CodeAsked, query_data: Period) -> dict[str, Any]:
    """List the open spans of a resource after rules, holidays, closures and leave; bookings are in GET /slots.

    Beds are open day and night but for their closures.
    """
    asked = query_data.judged()
    with site().read() as session:
        zone = availability.settings(session).zone
        known = session.scalars(
            select(Resource.code).where(Resource.code == path_data.code, Resource.kind != "patient", Resource.active)
        ).first()
        if known is None:
            raise NotFound("no-such-resource", resource=code)
        spans = availability.opening_spans(session, [code], asked.from_, asked.to)[code]
    return {
        "resource": code,
        "zone": zone,
        "opening": [{"starts": from_seconds(span.starts), "ends": from_seconds(span.ends)} for span in spans],
    }
