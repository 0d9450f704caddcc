"""Patients: entered, corrected, found by number, name, pinyin, initials or the end of a telephone number."""

import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from models import Department, Patient, Resource, to_seconds
from scheduler import audit
from scheduler.actor import Actor
from scheduler.engine.grid import local_date
from scheduler.errors import Conflict, Invalid, NotFound, StaleVersion

SEXES = ("female", "male", "other", "unknown")
"""FHIR administrative gender."""

FLAGS = ("allergy", "anticoagulant", "diabetes", "isolation", "pacemaker", "pregnancy", "radiation")

LONGEST_NAME = 100
LONGEST_NUMBER = 64
OLDEST_YEARS = 130
COLUMN = 255

SURNAMES: dict[str, tuple[str, ...]] = {
    "万俟": ("mo qi",),
    "乐正": ("yue zheng",),
    "令狐": ("ling hu",),
    "单于": ("chan yu",),
    "子车": ("zi ju",),
    "尉迟": ("yu chi",),
    "折兰": ("she lan",),
    "澹台": ("tan tai",),
    "纥干": ("he gan",),
    "长孙": ("zhang sun",),
    "长鱼": ("chang yu",),
    "乐": ("yue", "le"),
    "乜": ("nie",),
    "么": ("yao",),
    "仇": ("qiu",),
    "佴": ("nai",),
    "便": ("pian",),
    "区": ("ou",),
    "单": ("shan",),
    "卜": ("bu",),
    "卻": ("xi",),
    "句": ("gou",),
    "召": ("shao",),
    "员": ("yun",),
    "宓": ("mi", "fu"),
    "尉": ("wei", "yu"),
    "强": ("qiang", "jiang"),
    "折": ("she",),
    "曾": ("zeng",),
    "朴": ("piao",),
    "柏": ("bai", "bo"),
    "查": ("zha",),
    "洗": ("xian",),
    "牟": ("mu", "mou"),
    "盖": ("ge", "gai"),
    "祭": ("zhai", "ji"),
    "秘": ("bi",),
    "种": ("chong",),
    "粘": ("nian",),
    "繁": ("po",),
    "缪": ("miao",),
    "翟": ("zhai", "di"),
    "能": ("nai",),
    "莘": ("shen", "xin"),
    "薄": ("bo",),
    "藏": ("zang",),
    "覃": ("qin", "tan"),
    "角": ("jue",),
    "解": ("xie",),
    "谌": ("chen", "shen"),
    "贠": ("yun",),
    "费": ("fei", "bi"),
    "适": ("kuo",),
    "逢": ("pang", "feng"),
    "郄": ("qie", "xi"),
    "郇": ("xun", "huan"),
    "郗": ("xi", "chi"),
    "都": ("du",),
    "重": ("chong",),
    "长": ("chang", "zhang"),
    "阚": ("kan",),
    "隗": ("wei", "kui"),
    "难": ("ning", "nan"),
    "黑": ("he", "hei"),
}
"""Surnames that pypinyin 0.55 reads wrong or in one of several ways: the bearers' usual reading first, syllables
apart. Its own reading is indexed beside them, because a caller who does not know better types that."""


@dataclass(frozen=True, slots=True)
class PatientEntry:
    """What a person types about a patient. `flags` are of FLAGS; `phone` may hold blanks, +, - and brackets."""

    record_number: str
    name: str
    sex: str
    birth_date: date
    phone: str | None = None
    flags: tuple[str, ...] = ()


def create(session: Session, entry: PatientEntry, *, actor: Actor, now: datetime) -> Patient:
    """Enter a patient, with the resource that keeps them from being in two places.

    Raises Invalid as `cleaned` does, Conflict("duplicate-record-number").
    """
    entry = cleaned(entry, today=_today(session, now))
    _refuse_taken(session, entry.record_number, None)
    public_id = str(uuid.uuid4())
    # No name on the resource: whoever may see what is occupied need not learn by whom.
    resource = Resource(code=f"patient:{public_id}", kind="patient", name_zh="患者", name_en="Patient")
    patient = Patient(public_id=public_id, resource=resource, created_at=now, **_columns(entry))
    _flush(session, patient, entry.record_number)
    audit.record(
        session, actor=actor, now=now, action="create", entity="patient", entity_id=public_id, patient=public_id
    )
    return patient


def update(
    session: Session, public_id: str, entry: PatientEntry, *, version: int, actor: Actor, now: datetime
) -> Patient:
    """Replace what is known of a patient.

    Raises NotFound, StaleVersion, Invalid as `cleaned` does, Conflict("duplicate-record-number").
    """
    entry = cleaned(entry, today=_today(session, now))
    patient = by_public_id(session, public_id, lock=True)
    if patient.version != version:
        raise StaleVersion(expected=version, actual=patient.version)
    _refuse_taken(session, entry.record_number, patient.id)
    columns = _columns(entry)
    changed = sorted(name for name, value in columns.items() if getattr(patient, name) != value)
    for name, value in columns.items():
        setattr(patient, name, value)
    patient.version += 1
    _flush(session, patient, entry.record_number)
    # The trail names what changed, never the values: it outlives the right to read them.
    detail = {"changed": changed, "version": patient.version}
    audit.record(
        session,
        actor=actor,
        now=now,
        action="update",
        entity="patient",
        entity_id=public_id,
        patient=public_id,
        detail=detail,
    )
    return patient


_ONE = select(Patient).where(Patient.public_id == bindparam("public_id")).options(joinedload(Patient.resource))
_LOCKED = _ONE.with_for_update(of=Patient)
"""Built once: every booking asks."""


def by_public_id(session: Session, public_id: str, *, lock: bool = False) -> Patient:
    """Return a patient; `lock` keeps others from changing it until the transaction ends. Raises NotFound."""
    patient = session.scalars(_LOCKED if lock else _ONE, {"public_id": public_id}).first()
    if patient is None:
        raise NotFound("unknown-patient", patient=public_id)
    return patient


def _today(session: Session, now: datetime) -> date:
    zone = session.scalars(select(Department.zone)).first()
    return local_date(to_seconds(now), zone or "UTC")


def _refuse_taken(session: Session, record_number: str, own: int | None) -> None:
    query = select(Patient.public_id).where(Patient.record_number == record_number, Patient.id.is_distinct_from(own))
    if (holder := session.scalars(query).first()) is not None:
        raise Conflict("duplicate-record-number", record_number=record_number, patient=holder)


def _flush(session: Session, patient: Patient, record_number: str) -> None:
    try:
        with session.begin_nested():
            session.add(patient)
            session.flush()
    except IntegrityError as error:  # somebody entered the same number since it was looked up
        raise Conflict("duplicate-record-number", record_number=record_number) from error


def _columns(entry: PatientEntry) -> dict[str, Any]:
    pinyin, initials = readings(entry.name)
    digits = _digits(entry.phone or "")
    return {
        "record_number": entry.record_number,
        "name": entry.name,
        "pinyin": pinyin,
        "initials": initials,
        "sex": entry.sex,
        "birth_date": entry.birth_date,
        "phone": entry.phone,
        "phone_tail": digits[-4:] or None,
        "flags": list(entry.flags),
    }


def cleaned(entry: PatientEntry, *, today: date) -> PatientEntry:
    """Return an entry as it is stored: texts in NFC without blanks around them, flags sorted, telephone in digits.

    `today` is the department's date. Raises Invalid with the code of the first fault: control-characters,
    empty-text or text-too-long (facts: field), unknown-sex, unknown-flag, bad-phone, birth-date-in-future,
    birth-date-too-old.
    """
    if entry.sex not in SEXES:
        raise Invalid("unknown-sex", sex=entry.sex, known=list(SEXES))
    for flag in entry.flags:
        if flag not in FLAGS:
            raise Invalid("unknown-flag", flag=flag, known=list(FLAGS))
    return PatientEntry(
        record_number=_text("record_number", entry.record_number, LONGEST_NUMBER),
        name=_text("name", entry.name, LONGEST_NAME),
        sex=entry.sex,
        birth_date=_birth_date(entry.birth_date, today),
        phone=_phone(entry.phone),
        flags=tuple(sorted(set(entry.flags))),
    )


def _text(field: str, value: str, longest: int) -> str:
    text = unicodedata.normalize("NFC", value).strip()
    if any(_is_control(sign) for sign in text):
        raise Invalid("control-characters", field=field)
    if not any(sign.isprintable() and not sign.isspace() for sign in text):
        raise Invalid("empty-text", field=field)
    if len(text) > longest:
        raise Invalid("text-too-long", field=field, length=len(text), longest=longest)
    return text


_REORDERING = frozenset(chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Unicode's overrides of the reading order: they make one name look like another."""


def _is_control(sign: str) -> bool:
    """Tell signs that break a line, a database or the reading order; the joiners inside emoji are none of these."""
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _REORDERING


def _birth_date(day: date, today: date) -> date:
    if day > today:
        raise Invalid("birth-date-in-future", birth_date=day.isoformat())
    if day.year < today.year - OLDEST_YEARS:
        raise Invalid("birth-date-too-old", birth_date=day.isoformat(), years=OLDEST_YEARS)
    return day


def _phone(phone: str | None) -> str | None:
    """Return a number as its digits, with the + of a country code before them; None for a blank one."""
    text = unicodedata.normalize("NFKC", phone or "").strip()
    if not text:
        return None
    found = re.fullmatch(r"(\+?)([0-9][0-9 ().-]*|\([0-9 ().-]*)", text)
    digits = _digits(text)
    if found is None or not 3 <= len(digits) <= 20:
        raise Invalid("bad-phone")
    return found[1] + digits


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")


def readings(name: str) -> tuple[str, str]:
    """Return a name's pinyin and initials: every reading, the best first, separated by a blank.

    `单晓明` gives `shanxiaoming danxiaoming` and `sxm dxm`; `吕布` `lvbu lubu lyubu` and `lb`; `Anna Weiß`
    `annaweiss` and `aw`. What has no Latin reading gives nothing: such a name is found as it is written.
    """
    found = [reading for reading in _readings(name) if reading]
    pinyin = (variant for reading in found for variant in _spellings(reading))
    initials = ("".join(syllable[0] for syllable in reading) for reading in found)
    return _joined(pinyin), _joined(initials)


def _readings(name: str) -> Iterator[list[str]]:
    for length in (2, 1):
        for surname in SURNAMES.get(name[:length], ()):
            yield [*surname.split(), *_syllables(name[length:])]
    yield _syllables(name)


def _syllables(text: str) -> list[str]:
    """Return the syllables of Chinese and the words of Latin script, in a-z and 0-9 only."""
    from pypinyin import lazy_pinyin  # lazy: reading its dictionary takes half a second

    words = (word for part in lazy_pinyin(text) for word in re.findall(r"\w+", str(part)))
    return [plain for word in words if (plain := _plain(word))]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text.casefold()))


_UMLAUTS = {"lv", "nv", "lve", "nve"}


def _spellings(syllables: list[str]) -> Iterator[str]:
    """Yield the ways ü is typed: v (keyboards), u (those without it), yu (passports)."""
    yield "".join(syllables)
    if not _UMLAUTS.isdisjoint(syllables):
        for typed in ("u", "yu"):
            yield "".join(each.replace("v", typed) if each in _UMLAUTS else each for each in syllables)


def _joined(readings: Iterable[str]) -> str:
    """Join distinct readings by blanks, as many whole ones as the column (255) holds; a single longer one is cut."""
    joined = ""
    for reading in dict.fromkeys(readings):
        longer = f"{joined} {reading}".strip()
        if joined and len(longer) > COLUMN:
            break
        joined = longer[:COLUMN]
    return joined


def search(session: Session, text: str, limit: int = 20) -> list[Patient]:
    """Find patients by record number, name, pinyin, initials or the last digits of a telephone number (3 or more).

    Best first: a whole record number, then initials and beginnings, then what is found inside. Text that no
    patient could have (nothing, control characters, over-long) finds nobody.
    """
    asked = unicodedata.normalize("NFC", text).strip()
    if not asked or len(asked) > LONGEST_NAME or any(_is_control(sign) for sign in asked):
        return []
    matches = list(_matches(asked))
    rank = case(*((match, place) for place, match in enumerate(matches)), else_=len(matches))
    query = select(Patient).where(or_(*matches)).order_by(rank, Patient.name, Patient.record_number)
    return list(session.scalars(query.limit(max(1, min(limit, 100)))))


def _matches(asked: str) -> Iterator[ColumnElement[bool]]:
    """Yield what may match, best first."""
    number = func.lower(Patient.record_number)
    yield number == asked.lower()
    if asked.isascii():
        yield from _latin_matches(_plain(asked))
    yield number.startswith(asked.lower(), autoescape=True)
    if asked.isdecimal() and len(_digits(asked)) >= 3:
        yield _phone_ends(_digits(asked))
    yield Patient.name.startswith(asked, autoescape=True)
    yield func.lower(Patient.name).contains(asked.lower(), autoescape=True)


def _latin_matches(plain: str) -> Iterator[ColumnElement[bool]]:
    if not plain or plain.isdecimal():
        return
    yield or_(Patient.initials == plain, *(_begins(Patient.initials, plain)))
    yield or_(*_begins(Patient.pinyin, plain))
    if len(plain) >= 3:
        yield Patient.pinyin.contains(plain)


def _begins(column: Any, plain: str) -> tuple[ColumnElement[bool], ...]:
    """One of the blank-separated readings begins with it."""
    return column.startswith(plain), column.contains(f" {plain}")


def _phone_ends(digits: str) -> ColumnElement[bool]:
    if len(digits) < 4:
        return Patient.phone_tail.endswith(digits)
    return and_(Patient.phone_tail == digits[-4:], Patient.phone.endswith(digits))
