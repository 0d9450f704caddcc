"""One racing process: `python -m tests.races.racer URL SEED ATTEMPTS DAYS MUTANT START`; prints its score as JSON."""

import json
import sys
import time

from models.database import Database
from tests.races import arena, mutants


def main(url: str, seed: str, attempts: str, days: str, mutant: str, start: str) -> None:
    mutants.apply(mutant)
    db = Database(url)
    db.ping()
    time.sleep(max(0.0, float(start) - time.time()))
    print(json.dumps(vars(arena.race(db, int(seed), int(attempts), int(days)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
