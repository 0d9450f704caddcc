"""The JSON API under /api/v1 (docs/api.md): one module a subject, all on one blueprint.

A request is parsed into frozen values before a transaction opens; refusals leave as problem+json (web/errors.py).
"""

from web.api import appointments, patients, proposals, protocols, resources, roster, slots, waitlist, ward
from web.api.blueprint import api

__all__ = [
    "api",
    "appointments",
    "patients",
    "proposals",
    "protocols",
    "resources",
    "roster",
    "slots",
    "waitlist",
    "ward",
]
