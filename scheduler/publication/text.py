"""A protocol document as TOML text, both ways. The standard library reads TOML and does not write it."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from scheduler.department_entries import Fault
from scheduler.publication.judging import ProtocolRefused

LONGEST_TEXT = 64 * 1024
"""Characters; the longest protocol of the department's own has under 10,000."""

TABLES = frozenset({"sources", "stay"})
"""Written as tables of their own; every other mapping stands inline."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")
_UNREAD = "�"


def read_text(text: str) -> dict[str, Any]:
    """Return the document that a TOML text means.

    Raises ProtocolRefused: `too-long`, `not-utf8` (bytes of another encoding), `unreadable` with line and column.
    """
    if len(text) > LONGEST_TEXT:
        raise ProtocolRefused([_fault("too-long", length=len(text), most=LONGEST_TEXT)])
    if _UNREAD in text:
        line = text[: text.index(_UNREAD)].count("\n") + 1
        raise ProtocolRefused([_fault("not-utf8", line=line)])
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProtocolRefused([_fault("unreadable", **_told(error, text))]) from error


def _fault(reason: str, **facts: Any) -> Fault:
    return Fault("", "document", reason, facts)


def _told(error: Exception, text: str) -> dict[str, Any]:
    """Say what the parser found and where; without a place it was the end of the text."""
    found = _POSITION.search(str(error))
    *lines, last = text.splitlines() or [""]
    line, column = (int(found[1]), int(found[2])) if found else (len(lines) + 1, len(last) + 1)
    return {"line": line, "column": column, "error": str(error).split(" (at ")[0] or type(error).__name__}


def write_text(document: Mapping[str, Any]) -> str:
    """Return the TOML text of a document; reading it gives the document back, dates as ISO text or dates."""
    return "\n".join(_lines("", document)).strip() + "\n"


def _lines(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    below = [(key, value) for key, value in table.items() if _is_below(key, value)]
    yield from (f"{_key(key)} = {_value(key, value)}" for key, value in table.items() if not _is_below(key, value))
    for key, value in below:
        name = f"{path}.{_key(key)}" if path else _key(key)
        for each in value if isinstance(value, list) else [value]:
            yield from ("", f"[[{name}]]" if isinstance(value, list) else f"[{name}]")
            yield from _lines(name, each)


def _is_below(key: str, value: Any) -> bool:
    """Tell whether a value follows as a table of its own, below the plain keys."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, Mapping) for each in value)
    return isinstance(value, Mapping) and key in TABLES


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(name, each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value("", each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if key == "effective_from" and _is_day(value) else _string(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def _string(text: str) -> str:
    """Write a basic string; JSON's escapes are TOML's, but DEL must be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
