"""Sets of grid cells as Python integers: bit i is cell i. Each operation costs one pass over the integer, or log n."""

from collections.abc import Iterable, Iterator


def cells(first: int, last: int) -> int:
    """Return the bits of [first, last); none when the range is empty. A negative `first` counts as 0."""
    first = max(first, 0)
    return ((1 << (last - first)) - 1) << first if first < last else 0


def filled(length: int, ranges: Iterable[tuple[int, int]]) -> int:
    """Return the bits that any of the half-open ranges covers, clipped to [0, length).

    One digit a cell in a text of zeros and ones: with hundreds of ranges this is several times faster than
    OR-ing integers, because a range costs one slice and the integer is made once.
    """
    digits, ones = bytearray(b"0") * length, b"1" * length
    for first, last in ranges:
        if first < 0:
            first = 0
        if last > length:
            last = length
        if first < last:
            digits[length - last : length - first] = ones[first:last]
    return int(digits, 2) if length else 0


def runs(mask: int, length: int) -> int:
    """Return the bits at which `length` set bits in a row begin, in log2(length) steps."""
    have = 1
    while have < length and mask:
        step = min(have, length - have)
        mask &= mask >> step
        have += step
    return mask


def earlier(mask: int, cells: int) -> int:
    """Return the bits moved so many cells towards the first; later where `cells` is negative."""
    return mask >> cells if cells >= 0 else mask << -cells


def reach(mask: int, width: int) -> int:
    """Return the bits i for which any of the bits i .. i + width - 1 is set, in log2(width) steps."""
    if width < 1:
        return 0
    have = 1
    while have < width:
        step = min(have, width - have)
        mask |= mask >> step
        have += step
    return mask


def spread(mask: int, width: int) -> int:
    """Return the bits i for which any of the bits i - width + 1 .. i is set: `reach` towards later cells."""
    if width < 1:
        return 0
    have = 1
    while have < width:
        step = min(have, width - have)
        mask |= mask << step
        have += step
    return mask


def threshold(masks: Iterable[int], least: int) -> int:
    """Return the bits set in at least `least` of the masks.

    Bit-sliced: slice j holds the cells counted at least j + 1 times so far, so all cells are counted at once.
    """
    if least < 1:
        raise ValueError(f"a threshold counts from 1: {least}")
    slices = [0] * least
    for mask in masks:
        for level in range(least - 1, 0, -1):
            slices[level] |= slices[level - 1] & mask
        slices[0] |= mask
    return slices[-1]


def lowest(mask: int) -> int:
    """Return the number of the lowest set bit; -1 when there is none."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """Yield the numbers of the set bits, lowest first."""
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit
