"""`python -m bench`: every claim beside its floor, measured in the same run."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import demonstration, pages, patients, road, roster

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Print every table; return 1 when a page is too slow, 0 otherwise."""
    slow = 0
    print(f"{'claim':32} {'ms':>9}   {'floor':16} {'ms':>9} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for row in road.rows(Path(folder)):
            found.append(asdict(row) | {"ratio": row.ratio})
            print(f"{row.claim:32} {row.measured_ms:9.2f}   {row.floor:16} {row.floor_ms:9.2f} {row.ratio:7.1f}")
    _keep("road", found)
    print(
        f"\n{f'of {patients.PATIENTS} patients':42} {'database':11} {'rows':>4} {'first ms':>9} {'p50':>8} {'p95':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        searches = []
        for each in patients.rows(Path(folder)):
            searches.append(asdict(each))
            times = f"{each.first_ms:9.2f} {each.p50_ms:8.2f} {each.p95_ms:8.2f}"
            print(f"{each.claim:42} {each.database:11} {each.rows:4} {times}")
    _keep("patients", searches)
    print(f"\n{'a year loaded':42} {'slots':>8} {'KiB':>5} {'cpu p50':>8} {'cpu p95':>8} {'wall p50':>8}")
    with tempfile.TemporaryDirectory() as folder:
        weeks = []
        for week in roster.rows(Path(folder)):
            weeks.append(asdict(week))
            times = f"{week.cpu_p50_ms:8.1f} {week.cpu_p95_ms:8.1f} {week.wall_p50_ms:8.1f}"
            print(f"{week.claim:42} {week.slots:8} {week.kib:5} {times}")
    _keep("roster", weeks)
    with tempfile.TemporaryDirectory() as folder:
        print(f"\n{'demonstration':32} {'wanted':>7} {'booked':>7} {'s':>8} {'cpu s':>8} {'ms/case':>8} {'limit s':>8}")
        filled = []
        for filling in demonstration.rows(Path(folder)):
            filled.append(asdict(filling))
            spent = (
                f"{filling.seconds:8.1f} {filling.cpu_seconds:8.1f} {filling.case_ms:8.2f} {filling.limit_seconds:8}"
            )
            print(f"{filling.claim:32} {filling.wanted:7} {filling.booked:7} {spent} {filling.limit_seconds:8}")
        _keep("demonstration", filled)
        print(f"\n{'page':72} {'first ms':>9} {'best':>8} {'p50':>8} {'p95':>8} {'queries':>7} {'KB':>5}")
        found = []
        for page in pages.rows(Path(folder)):
            found.append(asdict(page))
            times = f"{page.first_ms:9.1f} {page.best_ms:8.1f} {page.p50_ms:8.1f} {page.p95_ms:8.1f}"
            print(f"{page.address:72} {times} {page.queries:7} {page.kilobytes:5}{'  TOO SLOW' * page.is_slow}")
            slow += page.is_slow
    _keep("pages", found)
    return int(slow > 0)


def _keep(name: str, found: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
