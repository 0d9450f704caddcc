"""Invented patients: Chinese names from Faker, sexes and ages that fit what is done to them, the same for a seed."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from scheduler import patients
from scheduler.demo.mix import Kind

FLAGS = {"anticoagulant": 0.05, "diabetes": 0.09, "allergy": 0.03, "pacemaker": 0.008, "isolation": 0.015}
"""Flag → share of the patients who have it (est)."""
NOTES = {"anticoagulant": "阿司匹林 100 mg", "allergy": "青霉素", "isolation": "MRSA"}
PREGNANT = 0.02
"""Of women between 22 and 40."""

EVERYBODY = (6, 92, 52)
"""Ages of those who come for an examination only: youngest, oldest, most frequent."""


@dataclass(frozen=True, slots=True)
class Whom:
    """An invented patient without a name yet."""

    record_number: str
    sex: str
    birth_date: date


def patient_of(kind: Kind, number: int, day: date, random: Random) -> Whom:
    """Return a patient who has the procedure of a kind on a day."""
    return Whom(f"D3{number:06d}", _sex(random, kind.women), _birth_date(random, kind.ages, day))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Those who come for examinations only: so many of each sex, as old as they are on a day."""

    size: int
    day: date
    seed: int

    def one(self, kind: Kind, random: Random) -> Whom:
        """Return one of them; the same number is the same person."""
        sex, number = _sex(random, kind.women), random.randrange(self.size)
        own = Random(f"{self.seed}:{sex}:{number}")  # noqa: S311 - a fixed demonstration, not a secret
        return Whom(f"D{6 if sex == 'female' else 7}{number:06d}", sex, _birth_date(own, EVERYBODY, self.day))


def _sex(random: Random, women: float) -> str:
    return "female" if random.random() < women else "male"


def _birth_date(random: Random, ages: tuple[int, int, int], day: date) -> date:
    youngest, oldest, usual = ages
    return day - timedelta(days=int(random.triangular(youngest, oldest, usual) * 365.25) + 180)


class Registry:
    """Gives invented patients their names, telephones and flags."""

    def __init__(self, seed: int) -> None:
        from faker import Faker  # lazy: only the demonstration needs its word lists

        self._faker, self._seed = Faker("zh_CN"), seed

    def entry(self, whom: Whom, today: date) -> patients.PatientEntry:
        """Return what is entered of a patient; the same for the same seed and number."""
        key = f"{self._seed}:{whom.record_number}"
        self._faker.seed_instance(key)
        random = Random(key)  # noqa: S311 - a fixed demonstration, not a secret
        return patients.PatientEntry(
            record_number=whom.record_number,
            name=self._faker.name_female() if whom.sex == "female" else self._faker.name_male(),
            sex=whom.sex,
            birth_date=whom.birth_date,
            phone=f"1{random.choice('3578')}{random.randrange(10**9):09d}",
            flags=tuple(_flags(whom, today, random)),
        )


def _flags(whom: Whom, today: date, random: Random) -> list[patients.Flag]:
    found = [patients.Flag(flag, NOTES.get(flag)) for flag, share in FLAGS.items() if random.random() < share]
    age = (today - whom.birth_date).days / 365.25
    if whom.sex == "female" and 22 <= age <= 40 and random.random() < PREGNANT:
        found.append(patients.Flag("pregnancy", until=today + timedelta(days=random.randrange(60, 240))))
    return found
