"""Two texts line by line, with what is far from any change left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 2
"""Lines that stay in sight around a change."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `+` came, `-` went, a blank stays, and `…` stands for lines left out."""

    sign: str
    text: str


def lines(old: str, new: str) -> Iterator[Line]:
    """Yield the lines of both texts that differ, with their surroundings; nothing when both are the same."""
    before, after = old.splitlines(), new.splitlines()
    end = 0
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(AROUND):
        if group[0][1] > end:
            yield Line("…", "")
        for tag, first, last, start, stop in group:
            if tag == "equal":
                yield from (Line(" ", text) for text in before[first:last])
            else:
                yield from (Line("-", text) for text in before[first:last])
                yield from (Line("+", text) for text in after[start:stop])
        end = group[-1][2]
