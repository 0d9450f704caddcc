"""Pages by cursor (RFC 8288): `limit`, an opaque `cursor`, and a Link to the next page."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any
from urllib.parse import urlencode

from flask import request
from pydantic import Field

from scheduler.errors import Invalid
from web.api.wire import COUNTED, Asked

MOST = 200


class Page(Asked):
    limit: Annotated[int, Field(ge=1, le=MOST), COUNTED] = 50
    cursor: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_=-]+$")] | None = None


def next_link(cursor: str) -> str:
    """Return the Link header that leads on from this request."""
    asked = {**request.args.to_dict(), "cursor": cursor}
    return f'<{request.path}?{urlencode(asked)}>; rel="next"'


def write_cursor(*place: Any) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def read_cursor(cursor: str) -> list[Any]:
    """Return the values of a cursor that `write_cursor` made. Raises Invalid("bad-cursor")."""
    try:
        place = json.loads(urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise Invalid("bad-cursor") from None
    if not isinstance(place, list):
        raise Invalid("bad-cursor")
    return place
