"""What the demonstration's year is made of: procedures and examinations with their shares, and whom they are for.

Shares follow CLINICAL §12 (20,000 operations a year, five examinations for each); how a family is divided among its
protocols, and everything else here, is an estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

EXAMINATIONS_EACH = 5
"""Examinations beside each operation."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A protocol as the demonstration wants it. `share` counts in its table alone; `sexes` is the share of women."""

    protocol: str
    share: int
    women: float = 0.5
    ages: tuple[int, int, int] = (20, 88, 58)
    """Youngest, oldest, most frequent."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Option → share of the cases that choose it; of options that exclude each other the first drawn counts."""
    urgent: float = 0.0
    """Share that comes unannounced and takes the first free place of its day."""
    before: str | None = None
    """Examination that most of these patients had in the weeks before."""
    after: tuple[tuple[str, int], ...] = ()
    """Follow-ups: examination and days after (CLINICAL §6)."""
    lasts: tuple[float, float] = (0.85, 0.30)
    """How long the procedure truly takes: median as a share of the plan, sigma of its logarithm (CLINICAL §2)."""


_TUMOUR = (35, 85, 61)
_THYROID = (18, 78, 46)
_LIVER_AFTER = (("CEUS", 1), ("US-ABD", 30), ("CEUS", 90))
_THYROID_AFTER = (("US-SUP", 30), ("US-SUP", 90), ("US-SUP", 180))
_HEAVY = {"ga": 0.4, "trainee": 0.08, "fusion": 0.12, "ascites": 0.1}
_TABLE = (1.0, 0.38)

OPERATIONS: tuple[Kind, ...] = (
    Kind("BX-FNA", 8600, 0.76, _THYROID, {"trainee": 0.1, "extra-lesion": 0.12}, before="US-SUP", lasts=(0.9, 0.4)),
    Kind("BX-CNB-S", 3000, 0.72, _THYROID, {"trainee": 0.08, "extra-lesion": 0.1}, before="US-SUP", lasts=(0.9, 0.4)),
    Kind("BX-LIV", 1000, 0.36, _TUMOUR, {"trainee": 0.1, "ceus": 0.2}, before="CEUS", lasts=_TABLE),
    Kind("BX-DEEP", 1050, 0.42, _TUMOUR, {"trainee": 0.08, "ceus": 0.15}, before="US-ABD", lasts=_TABLE),
    Kind("BX-PROS", 450, 0.0, (52, 86, 69), {"trainee": 0.08}, before="US-ER", lasts=(0.95, 0.35)),
    Kind("DR-ASP", 1900, 0.45, (30, 92, 66), {"bedside": 0.25, "trainee": 0.1}, urgent=0.06, lasts=(0.95, 0.45)),
    Kind("DR-PCD", 520, 0.42, (25, 92, 62), {"bedside": 0.15, "purulent": 0.3}, urgent=0.3, lasts=_TABLE),
    Kind("DR-PTCD", 280, 0.44, (35, 92, 67), {"bedside": 0.1, "c-arm": 0.2}, urgent=0.3, lasts=_TABLE),
    Kind(
        "VAB", 800, 0.99, (18, 66, 41), {"extra-lesion": 0.15}, before="US-SUP", after=(("US-SUP", 90),), lasts=_TABLE
    ),
    Kind("PEI", 120, 0.4, _TUMOUR, {"trainee": 0.1}, lasts=_TABLE),
    Kind("SCL", 180, 0.55, (25, 80, 55), {"trainee": 0.1}, before="US-ABD", lasts=_TABLE),
    Kind(
        "AB-THY-M",
        500,
        0.75,
        _THYROID,
        {"day-case": 0.57, "mac": 0.2, "trainee": 0.1},
        before="US-SUP",
        after=_THYROID_AFTER,
        lasts=_TABLE,
    ),
    Kind(
        "AB-THY-B",
        350,
        0.78,
        _THYROID,
        {"day-case": 0.57, "mac": 0.2, "extra-lesion": 0.15},
        before="US-SUP",
        after=_THYROID_AFTER,
        lasts=_TABLE,
    ),
    Kind("AB-LIV-1", 360, 0.26, _TUMOUR, _HEAVY, before="CEUS", after=_LIVER_AFTER, lasts=(0.95, 0.3)),
    Kind(
        "AB-LIV-M",
        220,
        0.28,
        _TUMOUR,
        _HEAVY | {"extra-lesion": 0.3},
        before="CEUS",
        after=_LIVER_AFTER,
        lasts=(0.95, 0.4),
    ),
    Kind("CP-RE-ABL", 20, 0.28, _TUMOUR, {"ga": 0.4}, before="CEUS", lasts=_TABLE),
    Kind("CP-PEI-RFA", 12, 0.3, _TUMOUR, {"ga": 0.4}, lasts=_TABLE),
    Kind("CP-PEI-RFA-0", 8, 0.3, _TUMOUR, {"ga": 0.4}, lasts=_TABLE),
    Kind(
        "AB-BRE",
        110,
        0.99,
        (22, 70, 43),
        {"day-case": 0.5, "ga": 0.15},
        before="US-SUP",
        after=(("US-SUP", 30),),
        lasts=_TABLE,
    ),
    Kind("AB-KID", 80, 0.35, _TUMOUR, {"ga": 0.5, "fusion": 0.1}, before="CEUS", after=(("US-ABD", 30),), lasts=_TABLE),
    Kind(
        "AB-UTE",
        90,
        1.0,
        (26, 54, 42),
        {"day-case": 0.3, "ga": 0.3},
        before="US-EV",
        after=(("US-EV", 30),),
        lasts=_TABLE,
    ),
    Kind("TACE", 20, 0.27, _TUMOUR, before="US-ABD", lasts=_TABLE),
    Kind("CP-TACE-ABL-S", 130, 0.27, _TUMOUR, {"ga": 0.4}, before="CEUS", after=(("CEUS", 60),), lasts=_TABLE),
    Kind("CP-TACE-ABL-0", 30, 0.27, _TUMOUR, {"ga": 0.5}, before="CEUS", lasts=_TABLE),
    Kind("SEED", 84, 0.4, _TUMOUR, {"mac": 0.3, "ct": 0.1}, before="US-ABD", after=(("US-ABD", 30),), lasts=_TABLE),
    Kind("CP-TACE-SEED", 20, 0.3, _TUMOUR, {"mac": 0.3}, before="CEUS", lasts=_TABLE),
    Kind("CP-STENT-SEED", 10, 0.4, _TUMOUR, {"mac": 0.3}, before="US-ABD", lasts=_TABLE),
    Kind("CP-TRI", 6, 0.3, _TUMOUR, before="CEUS", lasts=_TABLE),
    Kind("AB-IRE", 20, 0.42, _TUMOUR, {"fusion": 0.2}, before="CEUS", lasts=(0.95, 0.35)),
    Kind("HDR", 18, 0.35, _TUMOUR, {"ga": 0.3}, before="CEUS", lasts=_TABLE),
    Kind("HDR-2F", 4, 0.35, _TUMOUR, {"ga": 0.3}, before="CEUS", lasts=_TABLE),
    Kind("CP-ABL-HDR", 5, 0.35, _TUMOUR, {"ga": 0.3}, before="CEUS", lasts=_TABLE),
    Kind("CP-ABL-HDR-0", 3, 0.35, _TUMOUR, {"ga": 0.3}, before="CEUS", lasts=_TABLE),
)

EXAMINATIONS: tuple[Kind, ...] = (
    Kind("US-SUP", 36000, 0.66, (6, 88, 47), {"extra-region": 0.12}),
    Kind("US-ABD", 25000, 0.48, (10, 92, 54)),
    Kind("US-TTE", 9000, 0.46, (18, 92, 63)),
    Kind("US-EV", 8000, 1.0, (19, 72, 38)),
    Kind("US-PEL", 7000, 0.5, (15, 90, 55)),
    Kind("US-VAS", 5500, 0.46, (30, 92, 66), {"extra-region": 0.1}),
    Kind("CEUS", 5000, 0.36, _TUMOUR, {"extra-lesion": 0.1}),
    Kind("CONS-INT", 1500, 0.55, (20, 85, 56)),
    Kind("US-VAS-A", 1300, 0.45, (35, 92, 67)),
    Kind("CONS-US", 1000, 0.55, (20, 85, 52)),
    Kind("US-ER", 700, 0.3, (30, 88, 64)),
)

KINDS: Mapping[str, Kind] = {kind.protocol: kind for kind in (*OPERATIONS, *EXAMINATIONS)}
