"""Who does something: an argument of every verb, never looked up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is user:<login>, token:<name> or system; `resource` the code of the practitioner behind it, if any."""

    id: str
    role: str
    resource: str | None = None
    address: str | None = None
    request_id: str | None = None


SYSTEM = Actor("system", "system")
