"""`python -m bench`: every claim beside its floor, measured in the same run."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import road

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    print(f"{'claim':32} {'ms':>9}   {'floor':16} {'ms':>9} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for row in road.rows(Path(folder)):
            found.append(asdict(row) | {"ratio": row.ratio})
            print(f"{row.claim:32} {row.measured_ms:9.2f}   {row.floor:16} {row.floor_ms:9.2f} {row.ratio:7.1f}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "road.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
