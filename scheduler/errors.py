"""Refusals: a stable code with named values and no prose. `web/errors.py` alone turns them into words."""

from typing import Any


class DomainError(Exception):
    """A refusal. `code` is listed in docs/errors.md; `facts` are JSON-ready values or instants.

    Subclasses name the kind of refusal, which decides the HTTP status; the code names the reason.
    """

    code = "refused"

    def __init__(self, code: str | None = None, **facts: Any) -> None:
        self.code = code or type(self).code
        self.facts = facts
        super().__init__(self.code, facts)

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code}: {named}" if named else self.code


class Invalid(DomainError):
    """What was asked cannot be meant: a naive time, an unknown code, a contradiction (422)."""

    code = "invalid"


class NotFound(DomainError):
    """No such thing, or not for this reader (404)."""

    code = "not-found"


class Conflict(DomainError):
    """The state of the world does not allow it (409)."""

    code = "conflict"


class SlotTaken(Conflict):
    """Somebody holds a resource over a span. Facts: resource, starts, ends, status."""

    code = "slot-taken"


class RuleBroken(Conflict):
    """The placement breaks rules. Facts: violations, a list of {code, ...}."""

    code = "rule-broken"


class StaleVersion(DomainError):
    """Somebody changed it since it was read (412). Facts: expected, actual."""

    code = "stale-version"


class NotAllowed(DomainError):
    """The actor may not do this (403). Facts: right."""

    code = "not-allowed"


class SetupError(DomainError):
    """The installation cannot run like this: one clear line on the terminal and a non-zero exit."""

    code = "setup"
