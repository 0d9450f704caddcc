"""What one day of the demonstration wants: procedures for invented patients, from a seed and the date alone."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from scheduler.patients.flags import Flag

MIX = {"BX-FNA": 50, "CEUS": 17, "BX-LIV": 17, "AB-LIV-1": 9, "CP-TACE-ABL-S": 4, "HDR": 3}
"""Shares in percent of the protocols there are, after CLINICAL §12: mostly punctures, a few ablations a day."""

FLAGS = ("allergy", "isolation", "pacemaker", "anticoagulant", "diabetes")
FLAG_SHARE = 0.12

CANCELLED_SHARE = 0.04
CANCEL_REASONS = ("患者要求改期", "凝血指标未达标", "发热", "外院治疗")


@dataclass(frozen=True, slots=True)
class Person:
    """An invented patient."""

    record_number: str
    name: str
    sex: str
    birth_date: date
    phone: str
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """One procedure wanted on one day, for one new patient. `key` is unique and the same in every run."""

    key: str
    protocol: str
    person: Person
    spread_minutes: int
    choice: int
    """Which of the proposals to take, modulo how many there are."""
    operator_rank: float
    """0..1: whom among the able operators to prefer."""
    cancel_reason: str | None


class Names:
    """Invented Chinese names from Faker, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        from faker import Faker  # lazy: only the demonstration needs its word lists

        self._faker = Faker("zh_CN")
        self._seed = seed

    def of(self, key: str, sex: str) -> str:
        self._faker.seed_instance(f"{self._seed}:{key}")
        return self._faker.name_female() if sex == "female" else self._faker.name_male()


def of_day(day: date, count: int, *, seed: int, names: Names) -> list[Wish]:
    """Return the day's wishes; the same day and seed always wish the same."""
    random = Random(f"{seed}:{day}")  # noqa: S311 - a fixed demonstration, not a secret
    return [_wish(f"{day:%Y%m%d}-{number:03d}", day, random, names) for number in range(count)]


def _wish(key: str, day: date, random: Random, names: Names) -> Wish:
    protocol = random.choices(list(MIX), weights=list(MIX.values()))[0]
    return Wish(
        key=key,
        protocol=protocol,
        person=_person(key, day, random, names),
        spread_minutes=random.choice((20, 35, 45, 60)),
        choice=random.randrange(9),
        operator_rank=random.random(),
        cancel_reason=random.choice(CANCEL_REASONS) if random.random() < CANCELLED_SHARE else None,
    )


def _person(key: str, day: date, random: Random, names: Names) -> Person:
    sex = random.choice(("female", "male"))
    return Person(
        record_number=f"D{key.replace('-', '')}",
        name=names.of(key, sex),
        sex=sex,
        birth_date=day - timedelta(days=int(random.triangular(20, 88, 58) * 365.25)),
        phone=f"1{random.choice('3578')}{random.randrange(10**9):09d}",
        flags=(Flag(random.choice(FLAGS)),) if random.random() < FLAG_SHARE else (),
    )
