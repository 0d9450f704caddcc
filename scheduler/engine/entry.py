"""Reads the tables of a protocol document, and names the entry at fault when one cannot be meant."""

import re
from collections.abc import Mapping, Set
from datetime import date
from typing import Any

REQUIRED: Any = object()

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


class BadProtocol(ValueError):
    """A protocol document that cannot be meant. Names the protocol, the entry at fault and the reason (a code)."""

    def __init__(self, protocol: str, entry: str, reason: str, **facts: Any) -> None:
        self.protocol, self.entry, self.reason, self.facts = protocol, entry, reason, facts
        super().__init__(f"{protocol}: {entry}: {reason} {facts or ''}".rstrip())


class Entry:
    """One table of a document with its name in it, such as `step[ablation].need[operator]`.

    Every reader raises BadProtocol: missing-key, wrong-type, empty or out-of-range.
    """

    def __init__(self, protocol: str, path: str, value: Any, keys: Set[str]) -> None:
        self.protocol, self.path = protocol, path
        if not isinstance(value, Mapping):
            raise self.bad("wrong-type", expected="table")
        self.table: Mapping[str, Any] = value
        for key in value:
            if key not in keys:
                raise self.bad("unknown-key", key)

    def bad(self, reason: str, key: str | None = None, **facts: Any) -> BadProtocol:
        """Return the refusal of this entry or of one of its keys."""
        path = ".".join(part for part in (self.path, key) if part)
        return BadProtocol(self.protocol, path or "document", reason, **facts)

    def value(self, key: str, kind: type, default: Any = REQUIRED) -> Any:
        if key not in self.table:
            if default is REQUIRED:
                raise self.bad("missing-key", key)
            return default
        found = self.table[key]
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.bad("wrong-type", key, expected=kind.__name__)
        return found

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        found = self.value(key, str, default)
        if isinstance(found, str) and not found.strip():
            raise self.bad("empty", key)
        return found

    def code(self, key: str) -> str:
        """Return a code: letters, digits, - and _ only, because a dot separates step from role."""
        found: str = self.text(key)
        if not all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in found):
            raise self.bad("bad-code", key, value=found)
        return found

    def whole(self, key: str, low: int, high: int, default: Any = REQUIRED) -> Any:
        found = self.value(key, int, default)
        if isinstance(found, int) and not low <= found <= high:
            raise self.bad("out-of-range", key, value=found, low=low, high=high)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.value(key, list, [])
        if not all(isinstance(item, str) and item for item in found):
            raise self.bad("wrong-type", key, expected="list of str")
        return tuple(found)

    def day(self, key: str) -> date:
        """Return a date, as TOML gives it or as ISO text."""
        found = self.table.get(key)
        if isinstance(found, str):
            try:
                return date.fromisoformat(found)
            except ValueError:
                raise self.bad("bad-date", key, value=found) from None
        if type(found) is date:
            return found
        raise self.bad("missing-key" if found is None else "wrong-type", key, expected="date")

    def items(self, key: str) -> tuple[Any, ...]:
        return tuple(self.value(key, list, []))

    def under(self, name: str) -> str:
        """Return the path of something in this table."""
        return f"{self.path}.{name}" if self.path else name

    def child(self, key: str, keys: Set[str]) -> "Entry | None":
        """Return the table under a key; None when there is none."""
        return Entry(self.protocol, self.under(key), self.table[key], keys) if key in self.table else None

    def children(self, name: str, label: str, keys: Set[str]) -> list["Entry"]:
        """Return the tables of an array, each named by its code or, when it has none, by its place (from 1)."""
        found = []
        for place, table in enumerate(self.items(name), start=1):
            called = table.get(label) if isinstance(table, Mapping) else None
            path = f"{self.under(name)}[{called if isinstance(called, str) and called else place}]"
            found.append(Entry(self.protocol, path, table, keys))
        return found

    def pair(self, key: str) -> tuple[str, str]:
        """Return a text in both languages, Chinese first."""
        texts = Entry(self.protocol, self.under(key), self.value(key, dict), {"zh", "en"})
        return texts.text("zh"), texts.text("en")

    def clock(self, key: str) -> int:
        """Return a time of day as minutes after midnight; 24:00 is the day's end. Raises bad-time."""
        found: str = self.text(key)
        if not _CLOCK.fullmatch(found):
            raise self.bad("bad-time", key, value=found)
        hours, minutes = found.split(":")
        return int(hours) * 60 + int(minutes)
