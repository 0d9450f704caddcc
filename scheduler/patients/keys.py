"""Search keys: everything a patient may be found by, each as one text whose beginning is asked for.

A key is a letter for its kind and the text in lower case. What is found inside a name is the beginning of one of its
ends, and the end of a telephone number the beginning of its reverse: so one index on one column serves every search,
on both databases alike, and a search reads no more rows than it shows.
"""

from collections.abc import Iterator

from scheduler.patients.sounds import initials, plain, spellings, spoken
from scheduler.texts import digits

NUMBER, INITIALS, PINYIN, SYLLABLES, PHONE, NAME, INSIDE = "nipstab"

SHORTEST_PHONE_END = 3
LONGEST_PHONE_END = 4
"""So few digits are more often the end of a telephone number than the beginning of a record number."""


def keys(record_number: str, name: str, phone: str | None) -> set[str]:
    """Return every key of a patient: some nine for a name of three characters."""
    return {number_key(record_number), *_written(name), *_sounding(name), *_telephone(phone)}


def number_key(record_number: str) -> str:
    return NUMBER + record_number.lower()


def _written(name: str) -> Iterator[str]:
    text = name.lower()
    yield NAME + text
    yield from (INSIDE + text[first:] for first in range(1, len(text)) if not text[first].isspace())


def _sounding(name: str) -> Iterator[str]:
    for reading in spoken(name):
        yield INITIALS + initials(reading)
        for spelling in spellings(reading):
            yield PINYIN + "".join(spelling)
            yield from (SYLLABLES + "".join(spelling[first:]) for first in range(1, len(spelling)))


def _telephone(phone: str | None) -> Iterator[str]:
    if phone:
        yield PHONE + digits(phone)[::-1]


def beginnings(asked: str) -> Iterator[str]:
    """Yield the beginnings of keys that a typed text may mean, the likeliest first. The whole number is not among them.

    A short run of digits is the end of a telephone number first, a longer one the beginning of a record number.
    """
    text = asked.lower()
    if asked.isascii() and (letters := plain(asked)) and not letters.isdecimal():
        yield from (kind + letters for kind in (INITIALS, PINYIN, SYLLABLES))
    ends = [PHONE + asked[::-1]] if asked.isascii() and asked.isdecimal() and len(asked) >= SHORTEST_PHONE_END else []
    numbers = [NUMBER + text]
    yield from (*ends, *numbers) if len(asked) <= LONGEST_PHONE_END else (*numbers, *ends)
    yield from (kind + text for kind in (NAME, INSIDE))
