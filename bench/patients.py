"""Finding one of 300,000 patients, on both databases: every kind of search, the commonest surname among them."""

import random
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from bench.timing import once_ms
from models import Patient, PatientKey, Resource, migrate
from models.database import Database
from scheduler import patients
from scheduler.patients import keys, likely
from scheduler.patients.entry import PatientEntry
from tests import postgres

PATIENTS = 300_000
TIMES = 40
LIMIT = 20

SURNAMES = dict(
    zip(
        "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单仇区查",
        (7.1, 7.0, 6.7, 5.1, 4.6, 3.2, 2.4, 2.3, 2.1, 1.9, *[1.0] * 20, *[0.4] * 74),
        strict=True,
    )
)
"""Surnames by their share in per cent, roughly as the Ministry of Public Security counts them (2020)."""
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国红玉兰文辉志海晓春梅林波云鹏飞龙凤琴雪"
    "松柏德福荣贵成永新宇浩然子轩梓涵欣怡佳琪嘉豪思远俊熙若曦诗雨婷慧颖晨阳天一博语桐泽楠宁安康乐"
)

ASKED = {
    "one letter": "z",
    "initials of three": "wxm",
    "initials nobody has": "qqqq",
    "commonest surname": "王",
    "commonest surname, pinyin": "wang",
    "whole name": "王伟",
    "whole pinyin": "zhangxiaoming",
    "given name": "晓明",
    "one sign of a given name": "明",
    "given name, pinyin": "xiaoming",
    "special reading of a surname": "shan",
    "three digits": "138",
    "end of a telephone": "8000",
    "whole telephone": "13800138000",
    "beginning of a number": "Z0001",
    "whole number": "Z00012345",
    "nothing matches": "龘靐",
    "nothing like it in Latin": "xqzt",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of search, in milliseconds: the first on a new connection, then the median and the 95th percentile."""

    claim: str
    database: str
    rows: int
    first_ms: float
    p50_ms: float
    p95_ms: float


def rows(folder: Path) -> Iterator[Found]:
    """Yield every search on SQLite, then on the tests' PostgreSQL; where there is none, only on SQLite."""
    people = list(invented(PATIENTS))
    yield from _measured("sqlite", f"sqlite:///{folder}/patients.db", people)
    try:
        server = postgres.start()
    except postgres.CannotStart:
        return
    try:
        yield from _measured("postgresql", server.url, people)
    finally:
        server.stop()


def _measured(name: str, url: str, people: list[dict[str, Any]]) -> Iterator[Found]:
    db = Database(url)
    migrate.upgrade(db)
    fill(db, people)
    db.close()
    for claim, asked in ASKED.items():
        yield _search(name, url, claim, asked)
    yield _likeness(name, url)


def _search(name: str, url: str, claim: str, asked: str) -> Found:
    db, found = Database(url), 0

    def once() -> None:
        nonlocal found
        with db.read() as session:
            found = len(patients.search(session, asked, LIMIT))

    first, samples = once_ms(once), [once_ms(once) for _ in range(TIMES)]
    db.close()
    return Found(f"{claim}: {asked}", name, found, first, *_quantiles(samples))


def _likeness(name: str, url: str) -> Found:
    db, found = Database(url), 0
    entry = PatientEntry("X", "王伟", "male", date(1960, 5, 5), "13800138000")

    def once() -> None:
        nonlocal found
        with db.read() as session:
            found = len(likely(session, entry))

    first, samples = once_ms(once), [once_ms(once) for _ in range(TIMES)]
    db.close()
    return Found("likely duplicates of an entry", name, found, first, *_quantiles(samples))


def _quantiles(samples: list[float]) -> tuple[float, float]:
    return statistics.median(samples), statistics.quantiles(samples, n=20)[-1]


# --- Invented people. Rows go in in bulk, as nothing but a measurement may put them in.


def invented(count: int) -> Iterator[dict[str, Any]]:
    """Yield invented patients with their keys; the same ones each time."""
    chance = random.Random(1)
    surnames = chance.choices(list(SURNAMES), weights=list(SURNAMES.values()), k=count)
    for number, surname in enumerate(surnames, start=1):
        name = surname + "".join(chance.choices(GIVEN, k=1 if chance.random() < 0.15 else 2))
        phone = f"1{chance.choice('3578')}{chance.randrange(10**9):09d}"
        record = f"Z{number:08d}"
        yield {
            "id": number,
            "public_id": f"{number:08x}-0000-4000-8000-000000000000",
            "record_number": record,
            "name": name,
            "sex": chance.choice(("female", "male")),
            "birth_date": date(1940, 1, 1) + timedelta(days=chance.randrange(80 * 365)),
            "phone": phone,
            "keys": keys.keys(record, name, phone),
        }


def fill(db: Database, people: list[dict[str, Any]]) -> None:
    """Put people into an empty database, each with a resource and keys."""
    with db.engine.execution_options(needlepoint_write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # Nobody waits for this, and looking up each key's patient would take most of the time.
            connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL session_replication_role = replica"))
        _put(connection, Resource, map(_resource, people))
        _put(connection, Patient, map(_patient, people))
        _put(connection, PatientKey, sorted((key, each["id"]) for each in people for key in each["keys"]))
        connection.execute(text("ANALYZE"))


def _put(connection: Connection, table: type[Any], rows: Iterable[tuple[Any, ...]]) -> None:
    """Put rows into a table's first columns as fast as its database takes them."""
    left = iter(rows)
    first = next(left)
    columns = [column.name for column in table.__table__.columns][: len(first)]
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) VALUES ({marks})"
        cursor.executemany(statement, chain([first], left))
        return
    with cursor.copy(f"COPY {table.__tablename__} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in chain([first], left):
            copy.write_row(row)


def _resource(person: dict[str, Any]) -> tuple[Any, ...]:
    code = f"patient:{person['public_id']}"
    return (person["id"], code, "patient", "患者", "Patient", "[]", None, None, False, None, 0, True, 0)


def _patient(person: dict[str, Any]) -> tuple[Any, ...]:
    own, name, born = person["id"], person["name"], person["birth_date"].isoformat()
    sound = patients.readings(name)[0]
    return (own, person["public_id"], own, person["record_number"], name, sound, person["sex"], born, person["phone"],
            "[]", 1, 0)  # fmt: skip
