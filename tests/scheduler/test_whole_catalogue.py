"""The shipped catalogue: whole, every figure sourced, described in the guide, and every procedure finds a place."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from models.database import Database
from scheduler import booking, department_file
from scheduler.engine.options import longest, variants
from scheduler.engine.protocol import Need, Protocol, Step
from scheduler.errors import DomainError
from tests.conftest import DEPARTMENT, NOW, ROOT
from tests.factories import NURSE, patient

FILES = department_file.validate(DEPARTMENT)
PROTOCOLS = {entry.protocol.code: entry.protocol for entry in FILES.protocols}

REFERENCE = re.findall(
    r"\S+",
    """
BX-FNA BX-CNB-S BX-LIV BX-DEEP BX-PROS DR-ASP DR-PCD DR-PTCD SCL PEI VAB
AB-THY-M AB-THY-B AB-BRE AB-LIV-1 AB-LIV-M AB-KID AB-UTE AB-IRE SEED HDR HDR-2F TACE
CP-TACE-ABL-0 CP-TACE-ABL-S CP-PEI-RFA CP-PEI-RFA-0 CP-TACE-SEED CP-TRI CP-STENT-SEED
CP-ABL-HDR CP-ABL-HDR-0 CP-RE-ABL
US-ABD US-SUP US-PEL US-EV US-ER US-TTE US-VAS US-VAS-A CEUS CONS-US CONS-INT
""",
)
"""The procedures, combinations and examinations of the clinical reference, §2 to §4 and §7."""

SOURCE = re.compile(r"([A-Z]{1,3}\d{1,2}|K|est)(, ([A-Z]{1,3}\d{1,2}|K|est))*")
"""Letters and numbers of the clinical key, K (widely taught, not read again) or est (our estimate)."""

GUIDE = ROOT / "docs" / "protocols.md"


def test_every_procedure_examination_and_combination_of_the_reference_is_there_and_no_other() -> None:
    assert sorted(PROTOCOLS) == sorted(REFERENCE)


def test_each_protocol_has_a_file_of_its_name() -> None:
    assert {entry.file: entry.protocol.code for entry in FILES.protocols} == {
        f"protocols/{code.lower()}.toml": code for code in PROTOCOLS
    }


# --- Sources ------------------------------------------------------------------------------------------------------


def figures(protocol: Protocol) -> Iterator[str]:
    """Yield the key of the source that each figure of a protocol must name."""
    if protocol.lead_days:
        yield "lead"
    if protocol.supply:
        yield "supply"
    yield from (key for step in protocol.steps for key in step_figures(step))
    if len(protocol.lags) == 1:
        yield "lag"
    else:
        yield from (f"lag.{lag.then}" for lag in protocol.lags)
    yield from (f"option.{option.code}" for option in protocol.options)


def step_figures(step: Step) -> Iterator[str]:
    yield from (f"{step.code}.{phase}" for phase, _ in step.minutes)
    yield f"{step.code}.team"
    extras = {"stay": step.stay, "prepare": step.prepare_zh, "hours": step.hours, "fasting": step.fasting_hours}
    yield from (f"{step.code}.{name}" for name, there in extras.items() if there)
    yield from (f"{step.code}.{need.role}" for need in step.needs if need.before_minutes or need.after_minutes)


@pytest.mark.parametrize("code", PROTOCOLS)
def test_every_figure_has_a_source_and_every_source_a_figure(code: str) -> None:
    protocol = PROTOCOLS[code]
    assert sorted(key for key, _ in protocol.sources) == sorted(figures(protocol))
    assert [source for _, source in protocol.sources if not SOURCE.fullmatch(source)] == []


# --- The guide ----------------------------------------------------------------------------------------------------


def rows() -> list[str]:
    """Return the guide's table of the catalogue as it should be, a line for each protocol."""
    head = ["| code | 中文 | English | minutes | room | team | nights | options |", "|---|---|---|---|---|---|---|---|"]
    return head + [row(PROTOCOLS[code]) for code in REFERENCE]


def row(protocol: Protocol) -> str:
    cells = [
        f"`{protocol.code}`",
        protocol.name_zh,
        protocol.name_en,
        *(" → ".join(said(step) for step in protocol.steps) for said in (minutes, room, team, nights)),
        ", ".join(f"{option.code} ×{option.most}" if option.most > 1 else option.code for option in protocol.options),
    ]
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def minutes(step: Step) -> str:
    """Say the minutes in the room, phase by phase, and after a stroke those of recovery."""
    inside = "+".join(str(taken) for phase, taken in step.minutes if phase != "recovery")
    return "/".join([inside, *(str(taken) for phase, taken in step.minutes if phase == "recovery")])


def room(step: Step) -> str:
    return ", ".join(sorted(next(need for need in step.needs if need.kind == "room").attributes))


def team(step: Step) -> str:
    return ", ".join(person(need) for need in step.needs if need.kind not in ("room", "place", "device"))


def person(need: Need) -> str:
    return f"{need.role} {need.privilege} {need.level}" if need.privilege else need.role


def nights(step: Step) -> str:
    return str(step.stay.nights_before + step.stay.nights) if step.stay else "0"


def test_the_guide_shows_the_catalogue_as_it_is() -> None:
    shown = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line in set(rows())]
    assert shown == rows(), "docs/protocols.md: the table of the catalogue should read\n" + "\n".join(rows())


def test_the_glossary_has_every_procedure_and_three_cells_in_each_row() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [code for code in PROTOCOLS if not re.search(rf"\b{code}(?![\w-])", text)] == []
    assert [line for line in text.splitlines() if line.startswith("|") and line.count("|") != 4] == []


# --- Placing ------------------------------------------------------------------------------------------------------


HORIZON = timedelta(days=30)


def booked_each(db: Database, choose: Callable[[Protocol], dict[str, int]]) -> dict[str, str]:
    """Find a place for every protocol with the options chosen, book it, and return why some were not booked."""
    refused = {}
    for code, protocol in PROTOCOLS.items():
        try:
            db.transact(lambda session, now, p=protocol: book(session, p, choose(p)), now=NOW)
        except (DomainError, IndexError) as refusal:
            refused[code] = f"{choose(protocol)}: {refusal}"
    return refused


def asked(protocol: Protocol, options: dict[str, int]) -> booking.FindRequest:
    return booking.FindRequest(protocol.code, NOW, NOW + HORIZON, limit=1, options=options)


def book(session: Session, protocol: Protocol, options: dict[str, int]) -> None:
    who = patient(session, sex=protocol.sex or "male")
    wanted = replace(asked(protocol, options), patient=who.public_id)
    place = booking.find(session, wanted, now=NOW).proposals[0]
    made = booking.book(
        session, booking.BookRequest(who.public_id, protocol.code, place, options=options), actor=NURSE, now=NOW
    )
    assert made.options == options


@pytest.mark.parametrize("choose", [lambda protocol: {}, longest], ids=["plain", "longest"])
def test_every_protocol_finds_a_place_and_is_booked(
    department: Database, choose: Callable[[Protocol], dict[str, int]]
) -> None:
    assert booked_each(department, choose) == {}


def test_the_longest_variants_have_anaesthesia_trainees_and_further_lesions() -> None:
    liver = {"ga": 1, "extra-lesion": 3, "ascites": 1, "fusion": 1, "trainee": 1, "isolation": 1}
    assert longest(PROTOCOLS["AB-LIV-M"]) == liver
    assert {"ga", "day-case", "trainee", "extra-lesion"} <= set(longest(PROTOCOLS["AB-THY-M"]))
    assert longest(PROTOCOLS["BX-FNA"]) == {"extra-lesion": 3, "trainee": 1}


def test_every_option_alone_and_all_that_go_together_find_a_place(department: Database) -> None:
    with department.read() as session:
        nowhere = [
            (code, chosen)
            for code, protocol in PROTOCOLS.items()
            for chosen in variants(protocol)
            if not booking.find(session, asked(protocol, chosen), now=NOW).proposals
        ]
    assert nowhere == []


def starts_on(db: Database, code: str, day: str) -> bool:
    """Tell whether a protocol can start on a local day."""
    first = datetime.fromisoformat(f"{day}T00:00+08:00")
    request = booking.FindRequest(protocol=code, earliest=first, latest=first + timedelta(hours=24), limit=1)
    with db.read() as session:
        return bool(booking.find(session, request, now=NOW).proposals)


@pytest.mark.parametrize("day", ["2026-12-16", "2027-01-07"])  # a Wednesday for certain, a Thursday provisionally
def test_every_protocol_has_a_start_on_an_ordinary_working_day(department: Database, day: str) -> None:
    assert [code for code in PROTOCOLS if not starts_on(department, code, day)] == []


def test_no_protocol_starts_on_a_public_holiday(department: Database) -> None:
    assert [code for code in PROTOCOLS if starts_on(department, code, "2027-01-01")] == []
