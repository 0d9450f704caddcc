"""What differs between two protocol documents, entry by entry. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LABELS = {"step": "code", "need": "role", "lag": "to", "option": "code"}
"""Lists of tables, and the key that names an entry of each."""

NOT_COMPARED = frozenset({"version", "effective_from"})
"""Every version has its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `path` leads to it: keys, and for entries of lists `key[label]`. A missing side is None."""

    path: tuple[str, ...]
    old: Any
    new: Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what `new` says differently, in the order of the document; nothing when both mean the same.

    An entry that only one of them has is one change, not one for each of its keys.
    """
    kept = [{key: value for key, value in each.items() if key not in NOT_COMPARED} for each in (old, new)]
    return tuple(_tables((), *kept))


def _tables(path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys([*old, *new]):
        yield from _values(path, key, old.get(key), new.get(key))


def _values(path: tuple[str, ...], key: str, old: Any, new: Any) -> Iterator[Change]:
    if key in LABELS and (_are_tables(old) or _are_tables(new)):
        yield from _lists(path, key, old or [], new or [])
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _tables((*path, key), old, new)
    elif old != new:
        yield Change((*path, key), old, new)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _lists(path: tuple[str, ...], key: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    before, after = _named(key, old), _named(key, new)
    for label in dict.fromkeys([*before, *after]):
        at = (*path, f"{key}[{label}]")
        if label in before and label in after:
            yield from _tables(at, before[label], after[label])
        else:
            yield Change(at, before.get(label), after.get(label))
    both = [label for label in before if label in after]
    if key == "step" and both != [label for label in after if label in before]:
        yield Change((*path, key), list(before), list(after))


def _named(key: str, tables: list[Any]) -> dict[str, Any]:
    """Return the entries by label; a label that stands twice, or is missing, is told apart by its place."""
    found: dict[str, Any] = {}
    for place, table in enumerate(tables, 1):
        label = str(table.get(LABELS[key], place)) if isinstance(table, Mapping) else str(place)
        found[label if label not in found else f"{label} {place}"] = table
    return found
