"""The blueprint every subject of the API hangs its routes on, and how an operation says what it may refuse."""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint

View = TypeVar("View", bound=Callable[..., Any])

api = APIBlueprint("api", __name__, url_prefix="/api/v1")

REASONS = {
    400: "The request cannot be read",
    403: "The caller's role may not do this, or the request is forged",
    404: "There is no such thing",
    409: "The state of the world does not allow it",
    412: "Somebody changed it since it was read",
    413: "The body is larger than the server accepts",
    415: "The body is not JSON",
    422: "What was asked cannot be meant",
    428: "If-Match is missing",
    503: "The database is busy; see Retry-After",
}

ALWAYS = (400, 404, 409, 422, 503)
"""409 also for reads: before a department is loaded nothing can be answered."""

WRITES = (413, 415)
CHANGES = (*WRITES, 412, 428)


def refuses(*statuses: int) -> Callable[[View], View]:
    """Document the problems an operation may answer with, beside those that any may."""
    documented: dict[int, str] = {status: REASONS[status] for status in sorted({*ALWAYS, *statuses})}
    return api.doc(responses=documented)
