"""The department's files: what they hold, how their faults are named, how they reach the database."""

import re
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models import Audit, Department, ProtocolVersion, Resource, Schedule
from models.database import Database
from scheduler import catalogue, department_file
from scheduler.department_entries import PARAMETERS, Fault
from scheduler.department_file import BadDepartment, Loaded
from scheduler.working_days import Calendar

FOLDER = Path(department_file.__file__).parent / "department"
NOW = datetime(2026, 11, 23, tzinfo=UTC)

SMALL = """
[department]
code = "small"
name = { zh = "小科室", en = "Small" }
zone = "Asia/Shanghai"

[[schedule]]
code = "day"
sessions = [{ days = ["mon-fri"], from = "08:00", to = "12:00" }]

[[room]]
code = "R-{n}"
name = { zh = "房间 {n}", en = "Room {n}" }
count = 2
attributes = ["puncture"]
schedule = "day"

[[staff]]
kind = "physician"
code = "dr-{nn}"
name = { zh = "医师 {ii}", en = "Physician {ii}" }
first = 11
count = 2
schedule = "day"
privileges = [{ family = "biopsy", level = 2, from = 2020-01-01, to = 2029-12-31 }]
"""

BIOPSY = """
code = "BX"
name = { zh = "活检", en = "Biopsy" }
version = 1
effective_from = 2025-01-01
family = "biopsy"
urgency = "4a"

[[step]]
code = "BX"
name = { zh = "活检", en = "Biopsy" }
phases = { procedure = 30 }

[[step.need]]
role = "room"
kind = "room"
attributes = ["puncture"]

[[step.need]]
role = "operator"
kind = "physician"
privilege = "biopsy"
level = 2
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write(tmp_path, SMALL, BIOPSY)
    return tmp_path


def write(folder: Path, department: str, *protocols: str) -> None:
    (folder / "protocols").mkdir(exist_ok=True)
    (folder / "department.toml").write_text(department, encoding="utf-8")
    for number, text in enumerate(protocols, 1):
        (folder / "protocols" / f"{number}.toml").write_text(text, encoding="utf-8")


def load(db: Database, folder: Path) -> Loaded:
    loaded: Loaded = db.transact(lambda session, now: department_file.load(session, folder, now=now), now=NOW)
    return loaded


def faults(folder: Path) -> list[Fault]:
    with pytest.raises(BadDepartment) as refused:
        department_file.validate(folder)
    return list(refused.value.faults)


def one_fault(folder: Path) -> tuple[str, str, str]:
    found = faults(folder)
    assert len(found) == 1, found
    return found[0].file, found[0].entry, found[0].reason


# --- The department that is shipped -------------------------------------------------------------------------------


def test_the_shipped_department_has_no_fault_and_the_published_counts() -> None:
    files = department_file.validate(FOLDER)
    kinds = Counter(resource.kind for resource in files.resources if not resource.external)
    assert (kinds["room"], kinds["bed"]) == (2 + 2 + 22 + 2 + 2, 17)  # OR, CEUS, examination, bedside, clinic
    assert (kinds["physician"], kinds["nurse"], kinds["recorder"]) == (37, 6, 10)
    titles = Counter(r.title for r in files.resources if r.kind == "physician" and not r.external)
    assert titles == {"professor": 2, "associate-professor": 9, "physician": 26}


def test_six_examination_rooms_can_be_punctured_in_and_17_beds_stand_in_bays_of_three_and_two_singles() -> None:
    resources = department_file.validate(FOLDER).resources
    examination = [r for r in resources if "examination" in r.attributes and r.kind == "room"]
    assert (len(examination), sum("puncture" in r.attributes for r in examination)) == (22, 6)
    bays = Counter(r.bay for r in resources if r.kind == "bed")
    assert sorted(bays.values()) == [1, 1, 3, 3, 3, 3, 3]
    assert [r.code for r in resources if "radiation-ready" in r.attributes] == ["BED-17"]


def test_every_external_resource_and_no_other_belongs_to_another_department() -> None:
    external = {r.code.rsplit("-", 1)[0] for r in department_file.validate(FOLDER).resources if r.external}
    assert external == {
        "AFTERLOADER",
        "CT",
        "DSA",
        "VAULT",
        "anaesthetist",
        "ir",
        "physicist",
        "radiographer",
        "rt",
        "theatre-nurse",
    }


# --- Faults -------------------------------------------------------------------------------------------------------


def test_a_small_department_is_valid(small: Path) -> None:
    files = department_file.validate(small)
    assert [r.code for r in files.resources] == ["R-1", "R-2", "dr-11", "dr-12"]
    assert [r.name_en for r in files.resources] == ["Room 1", "Room 2", "Physician 01", "Physician 02"]
    assert dict(files.department.parameters)["hold_minutes"] == 10


@pytest.mark.parametrize(
    ("old", "new", "entry", "reason"),
    [
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Hangzhou"', "department", "unknown-zone"),
        ('zone = "Asia/Shanghai"', "", "department", "missing-key"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghai"\ncolour = 1', "department", "unknown-key"),
        ('zh = "小科室", ', "", "department name", "missing-key"),
        ('"小科室"', '" "', "department name", "bad-text"),
        ('"小科室"', '"小\\u0000室"', "department name", "bad-text"),
        (
            "[[schedule]]",
            "[department.parameters]\nhold_minutes = 0\n[[schedule]]",
            "department parameters",
            "out-of-range",
        ),
        ("[[schedule]]", "[department.parameters]\nhold = 5\n[[schedule]]", "department parameters", "unknown-key"),
        (
            "[[schedule]]",
            "[department.parameters]\nhold_minutes = true\n[[schedule]]",
            "department parameters",
            "wrong-type",
        ),
        ('to = "12:00"', 'to = "07:00"', "schedule day session 1", "session-reversed"),
        ('to = "12:00"', 'to = "8:00"', "schedule day session 1", "bad-time"),
        ('to = "12:00"', 'to = "24:30"', "schedule day session 1", "bad-time"),
        ('"mon-fri"', '"monday"', "schedule day session 1", "bad-weekday"),
        ('"mon-fri"', '"fri-mon"', "schedule day session 1", "bad-weekday"),
        (
            'to = "12:00" }]',
            'to = "12:00" }, { days = ["fri"], from = "11:00", to = "13:00" }]',
            "schedule day",
            "session-overlap",
        ),
        ('kind = "physician"', 'kind = "phisician"', "staff dr-{nn}", "bad-kind"),
        ('attributes = ["puncture"]', 'attributes = ["punc ture"]', "room R-{n}", "bad-code"),
        ('attributes = ["puncture"]', 'attributes = "puncture"', "room R-{n}", "wrong-type"),
        ('code = "R-{n}"', 'code = "R {n}"', "room R {n}", "bad-code"),
        ("count = 2\nattr", "count = 0\nattr", "room R-{n}", "out-of-range"),
        ("count = 2\nattr", 'count = 2\nbay = "A"\nattr', "room R-{n}", "unknown-key"),
        ("from = 2020-01-01", 'from = "2020-01-01"', "staff dr-{nn} privilege 1", "bad-date"),
        ("from = 2020-01-01", "from = 2030-01-01", "staff dr-{nn} privilege 1", "bad-date"),
        ("level = 2,", "level = 5,", "staff dr-{nn} privilege 1", "out-of-range"),
        ("[[room]]", "[[rooms]]", "file", "unknown-key"),
    ],
)
def test_a_fault_names_its_entry_and_its_reason(small: Path, old: str, new: str, entry: str, reason: str) -> None:
    assert SMALL.count(old) >= 1
    write(small, SMALL.replace(old, new, 1))
    found = [(fault.file, fault.entry, fault.reason) for fault in faults(small)]
    assert ("department.toml", entry, reason) in found


def test_an_unknown_key_says_which_one_was_nearest(small: Path) -> None:
    write(small, SMALL.replace("attributes", "atributes", 1))
    unknown = next(fault for fault in faults(small) if fault.reason == "unknown-key")
    assert unknown.facts == {"key": "atributes", "nearest": "attributes"}


def test_an_unknown_schedule_is_named_for_each_resource_that_has_it(small: Path) -> None:
    write(
        small,
        SMALL.replace('attributes = ["puncture"]\nschedule = "day"', 'attributes = ["puncture"]\nschedule = "nite"'),
    )
    assert [(f.entry, f.reason, f.facts["schedule"]) for f in faults(small)] == [
        ("room R-1", "unknown-schedule", "nite"),
        ("room R-2", "unknown-schedule", "nite"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "entry"),
    [
        ('code = "R-{n}"', 'code = "R-1"', "room R-1"),
        ('code = "dr-{nn}"', 'code = "R-1"', "room R-1"),
        ("[[room]]", '[[schedule]]\ncode = "day"\nsessions = []\n[[room]]', "schedule day"),
    ],
)
def test_a_code_given_twice_is_named_once(small: Path, old: str, new: str, entry: str) -> None:
    write(small, SMALL.replace(old, new))
    found = [fault.entry for fault in faults(small) if fault.reason == "duplicate-code"]
    assert found == [entry]


def test_every_fault_is_found_not_only_the_first(small: Path) -> None:
    broken = SMALL.replace("Asia/Shanghai", "Nowhere").replace('kind = "physician"', 'kind = "doctor"')
    write(small, broken, BIOPSY.replace("version = 1", "version = 0"))
    reasons = {(fault.file, fault.reason) for fault in faults(small)}
    assert reasons >= {
        ("department.toml", "unknown-zone"),
        ("department.toml", "bad-kind"),
        ("protocols/1.toml", "out-of-range"),
    }


def test_a_file_that_is_not_toml_is_named_with_its_line(small: Path) -> None:
    write(small, SMALL, BIOPSY.replace("version = 1", "version = "))
    fault = faults(small)[0]
    assert (fault.file, fault.entry, fault.reason) == ("protocols/1.toml", "file", "unreadable")
    assert fault.facts["line"] == 4


def test_a_file_in_another_encoding_is_unreadable(small: Path) -> None:
    (small / "department.toml").write_bytes(SMALL.encode("gb18030"))
    assert one_fault(small) == ("department.toml", "file", "unreadable")


def test_a_folder_without_a_department_is_refused(tmp_path: Path) -> None:
    assert one_fault(tmp_path) == ("department.toml", "file", "unreadable")


def test_a_holiday_file_that_is_not_json_is_named(small: Path) -> None:
    (small / "holidays").mkdir()
    (small / "holidays" / "2027.json").write_text('{"year": 2027,\n "off": [}')
    fault = faults(small)[0]
    assert (fault.file, fault.reason, fault.facts["line"]) == ("holidays/2027.json", "unreadable", 2)


def test_a_year_listed_twice_is_refused(small: Path) -> None:
    (small / "holidays").mkdir()
    for name in ("a", "b"):
        (small / "holidays" / f"{name}.json").write_text('{"year": 2027, "days": []}')
    assert one_fault(small) == ("holidays/b.json", "holidays", "duplicate-year")


def test_a_holiday_list_that_cannot_be_meant_is_named(small: Path) -> None:
    (small / "holidays").mkdir()
    (small / "holidays" / "2027.json").write_text('{"year": 2027, "days": [{}]}')
    assert one_fault(small) == ("holidays/2027.json", "holidays", "holiday-list-shape")


@pytest.mark.parametrize(
    ("old", "new", "able"),
    [
        ('attributes = ["puncture"]', 'attributes = ["operating"]', 0),
        ('kind = "room"', 'kind = "device"', 0),
        ('role = "room"', 'role = "room"\ncount = 3', 2),
        ('role = "room"', 'role = "room"\ncodes = ["R-3"]', 0),
        ("level = 2", "level = 3", 0),
        ('privilege = "biopsy"', 'privilege = "ablation"', 0),
        ("effective_from = 2025-01-01", "effective_from = 2030-01-01", 0),  # licences end in 2029
        ("procedure = 30", "procedure = 245", 0),  # the longest session has 240 minutes
    ],
)
def test_a_need_that_nothing_in_the_department_can_fill_is_a_fault(small: Path, old: str, new: str, able: int) -> None:
    write(small, SMALL, BIOPSY.replace(old, new, 1))
    found = [fault for fault in faults(small) if fault.reason == "unfillable-need"]
    assert found
    assert found[0].file == "protocols/1.toml"
    assert found[0].entry.startswith("protocol BX version 1: step BX: need ")
    assert found[0].facts["able"] == able


def test_needs_that_can_be_filled_one_by_one_but_not_together_are_a_fault(small: Path) -> None:
    second = '\n[[step.need]]\nrole = "assistant"\nkind = "physician"\ncount = 2\n'
    write(small, SMALL, BIOPSY + second)
    assert one_fault(small) == ("protocols/1.toml", "protocol BX version 1: step BX: need assistant", "unfillable-need")


def test_a_need_with_a_choice_leaves_the_only_one_to_the_need_that_has_none(small: Path) -> None:
    # The operator may be either; the assistant only dr-11, who comes first: the operator must pass him on.
    write(small, SMALL, BIOPSY + '\n[[step.need]]\nrole = "assistant"\nkind = "physician"\ncodes = ["dr-11"]\n')
    assert department_file.validate(small).protocols[0].protocol.code == "BX"


def test_a_stay_without_a_bed_that_fits_is_a_fault(small: Path) -> None:
    write(small, SMALL, BIOPSY + "\n[step.stay]\nnights = 1\n")
    assert one_fault(small) == ("protocols/1.toml", "protocol BX version 1: step BX: stay", "unfillable-stay")


def test_an_option_that_nothing_in_the_department_can_fill_is_named_once(small: Path) -> None:
    trainee = '\n[[option]]\ncode = "trainee"\nname = { zh = "带教", en = "Trainee" }\n'
    trainee += '[[option.need]]\nrole = "trainee"\nkind = "physician"\nattributes = ["trainee"]\n'
    write(small, SMALL, BIOPSY + trainee + trainee.replace("trainee", "other", 1).replace("attributes", "# attributes"))
    where = "protocol BX version 1: option trainee: step BX: need trainee"
    assert one_fault(small) == ("protocols/1.toml", where, "unfillable-need")


def test_a_withdrawn_protocol_needs_nobody(small: Path) -> None:
    write(
        small, SMALL, BIOPSY.replace("version = 1", "version = 1\nwithdrawn = true").replace("level = 2", "level = 4")
    )
    assert len(department_file.validate(small).protocols) == 1


def test_a_protocol_version_in_two_files_must_be_the_same(small: Path) -> None:
    write(small, SMALL, BIOPSY, BIOPSY + "\n# a comment changes nothing\n")
    assert len(department_file.validate(small).protocols) == 1
    write(small, SMALL, BIOPSY, BIOPSY.replace("procedure = 30", "procedure = 35"))
    assert one_fault(small) == ("protocols/2.toml", "protocol BX version 1", "duplicate-protocol")


def test_a_fault_prints_as_one_line_that_names_file_entry_and_reason(small: Path) -> None:
    write(small, SMALL.replace("Asia/Shanghai", "Nowhere"))
    assert str(faults(small)[0]) == "department.toml: department: unknown-zone (zone=Nowhere)"


GUIDE = (FOLDER.parents[1] / "docs" / "protocols.md").read_text(encoding="utf-8")
SCHEDULER = FOLDER.parent


def test_every_parameter_is_in_the_guide_with_its_default() -> None:
    assert [key for key, (usual, _, _) in PARAMETERS.items() if f"| `{key}` | {usual} |" not in GUIDE] == []


def test_every_reason_of_a_fault_is_in_the_guide() -> None:
    sources = (
        "department_entries.py",
        "department_file.py",
        "fillable.py",
        "catalogue.py",
        "working_days.py",
        "engine/entry.py",
        "engine/document.py",
        "engine/document_lags.py",
        "engine/document_options.py",
        "engine/document_steps.py",
    )
    code = "\n".join((SCHEDULER / name).read_text(encoding="utf-8") for name in sources)
    reasons = set(re.findall(r'(?:fault|bad|Invalid)\("([a-z-]+)"', code))
    reasons |= set(re.findall(r'(?:Fault|Lack|BadProtocol)\([^()]+?(?:\([^()]*\)[^()]*?)*, "([a-z]+-[a-z-]+)"', code))
    assert {"unfillable-need", "version-not-raised", "step-without-lag", "lag-contradiction", "bad-weekday"} <= reasons
    catalogue_refusals = {"unknown-protocol", "protocol-not-in-force"}
    assert sorted(each for each in reasons - catalogue_refusals if f"`{each}`" not in GUIDE) == []


# --- Loading ------------------------------------------------------------------------------------------------------


def test_the_shipped_department_loads_whole(db: Database) -> None:
    loaded = load(db, FOLDER)
    published = len(list((FOLDER / "protocols").iterdir()))
    assert (loaded.created, loaded.deactivated, loaded.protocols) == (loaded.resources, 0, published)
    with db.read() as session:
        row = session.scalars(select(Department)).one()
        assert (row.code, row.name_zh, row.zone) == ("ultrasound", "超声医学科", "Asia/Shanghai")
        assert row.parameters["bed_firm_days"] == 7
        assert Calendar.load(session).is_working(date(2026, 10, 10))
        assert len(catalogue.in_force(session, date(2026, 11, 23))) == published
        room = session.scalars(select(Resource).filter_by(code="OR-1").options(selectinload(Resource.schedule))).one()
        assert (room.kind, room.schedule.code, sorted(room.attributes)) == (
            "room",
            "theatre",
            ["ceus", "ga", "operating", "puncture"],
        )
        professor = session.scalars(select(Resource).filter_by(code="dr-01")).one()
        held = {(licence.family, licence.level) for licence in professor.privileges}
        assert {("biopsy", 4), ("ceus", 4), ("ablation", 4), ("ire", 4)} <= held


def test_a_load_is_audited_with_its_counts(db: Database, small: Path) -> None:
    load(db, small)
    with db.read() as session:
        link = session.scalars(select(Audit)).one()
    assert (link.action, link.entity, link.entity_id, link.detail["created"]) == ("load", "department", "small", 4)


def test_unchanged_files_are_not_loaded_again(db: Database, small: Path) -> None:
    load(db, small)
    assert load(db, small) == Loaded(unchanged=True)
    with db.read() as session:
        assert len(session.scalars(select(Audit)).all()) == 1


def test_loading_changed_files_twice_changes_nothing_the_second_time(db: Database, small: Path) -> None:
    load(db, small)
    write(small, SMALL + "\n# touched\n")
    loaded = load(db, small)
    assert (loaded.created, loaded.updated, loaded.deactivated, loaded.protocols) == (0, 0, 0, 0)


def test_what_left_the_file_is_switched_off_and_comes_back_with_it(db: Database, small: Path) -> None:
    load(db, small)
    write(small, SMALL.replace("count = 2\nattr", "count = 1\nattr"))
    assert load(db, small).deactivated == 1

    def active() -> list[str]:
        with db.read() as session:
            return sorted(session.scalars(select(Resource.code).where(Resource.active)))

    assert active() == ["R-1", "dr-11", "dr-12"]
    write(small, SMALL)
    assert load(db, small).updated == 3  # R-2 itself, and the two whose place in the order moved
    assert active() == ["R-1", "R-2", "dr-11", "dr-12"]


def test_patients_and_imported_rooms_are_not_the_files_to_switch_off(db: Database, small: Path) -> None:
    load(db, small)

    def add(session: Any, now: datetime) -> None:
        session.add(Resource(code="patient:x", kind="patient", name_zh="患者", name_en="Patient"))
        session.add(Resource(code="OR9", kind="room", name_zh="9", name_en="9", attributes=["imported"]))

    db.transact(add)
    write(small, SMALL + "\n# touched\n")
    assert load(db, small).deactivated == 0


def test_changed_sessions_names_and_privileges_reach_the_database(db: Database, small: Path) -> None:
    load(db, small)
    changed = SMALL.replace('to = "12:00"', 'to = "11:00"').replace("level = 2", "level = 3").replace("Room", "Chamber")
    write(small, changed)
    assert load(db, small).updated == 4
    with db.read() as session:
        schedule = session.scalars(select(Schedule)).one()
        assert {(held.weekday, held.start_minute, held.end_minute) for held in schedule.sessions} == {
            (day, 480, 660) for day in range(5)
        }
        person = session.scalars(select(Resource).filter_by(code="dr-11")).one()
        assert [held.level for held in person.privileges] == [3]
        assert session.scalars(select(Resource.name_en).filter_by(code="R-1")).one() == "Chamber 1"


def test_a_changed_resource_gets_a_new_revision_and_an_unchanged_one_keeps_its_own(db: Database, small: Path) -> None:
    load(db, small)

    def revisions() -> dict[str, int]:
        with db.read() as session:
            return {row.code: row.revision for row in session.scalars(select(Resource))}

    before = revisions()
    write(small, SMALL.replace("Room", "Chamber"))
    load(db, small)
    after = revisions()
    assert after["R-1"] > before["R-1"]
    assert after["dr-11"] == before["dr-11"]


def test_a_changed_protocol_under_the_same_version_is_refused_and_nothing_is_written(db: Database, small: Path) -> None:
    load(db, small)
    write(small, SMALL.replace("Room", "Chamber"), BIOPSY.replace("procedure = 30", "procedure = 35"))
    with pytest.raises(BadDepartment) as refused:
        load(db, small)
    assert [(f.file, f.entry, f.reason) for f in refused.value.faults] == [
        ("protocols/1.toml", "protocol BX version 1", "version-not-raised")
    ]
    with db.read() as session:
        assert session.scalars(select(Resource.name_en).filter_by(code="R-1")).one() == "Room 1"


LATER = """
[[step]]
code = "{code}"
name = {{ zh = "复查", en = "Check" }}
phases = {{ procedure = 30 }}

[[lag]]
from = "{after}"
to = "{code}"
min_days = 7
"""

OPTION = """
[[option]]
code = "long"
name = { zh = "延长", en = "Longer" }
"""


@pytest.mark.parametrize(
    ("protocol", "entry", "reason"),
    [
        (
            BIOPSY + LATER.format(code="A", after="B") + LATER.format(code="B", after="A"),
            "protocol BX: lag[A]",
            "lag-cycle",
        ),
        (
            BIOPSY.replace('privilege = "biopsy"', 'privilege = "levitation"'),
            "protocol BX version 1: step BX: need operator",
            "unfillable-need",
        ),
        (BIOPSY + OPTION + 'drop = ["pilot"]\n', "protocol BX: option[long].drop", "unknown-role"),
        (BIOPSY + OPTION + 'excludes = ["short"]\n', "protocol BX: option[long].excludes", "unknown-option"),
        (BIOPSY + OPTION + "add = { cleanup = 1420 }\n", "protocol BX: option[long].step[BX].phases", "out-of-range"),
        (
            BIOPSY + OPTION + "most = 3\nlengthens = 3\n",  # 30 x (1 + 3 x 3) = 300 minutes; a session has 240
            "protocol BX version 1: option long: step BX: need room",
            "unfillable-need",
        ),
        (
            BIOPSY + OPTION + "[option.stay]\nnights = 1\n",
            "protocol BX version 1: option long: step BX: stay",
            "unfillable-stay",
        ),
    ],
)
def test_what_cannot_be_meant_is_named_and_nothing_of_the_folder_is_stored(
    db: Database, small: Path, protocol: str, entry: str, reason: str
) -> None:
    write(small, SMALL, BIOPSY.replace('code = "BX"', 'code = "GOOD"'), protocol)
    with pytest.raises(BadDepartment) as refused:
        load(db, small)
    first = refused.value.faults[0]
    assert (first.file, first.entry, first.reason) == ("protocols/2.toml", entry, reason)
    with db.read() as session:
        for table in (Department, Schedule, Resource, ProtocolVersion, Audit):
            assert session.scalars(select(table)).all() == []


def test_a_raised_version_is_published_beside_the_old_one(db: Database, small: Path) -> None:
    load(db, small)
    raised = BIOPSY.replace("procedure = 30", "procedure = 35").replace("version = 1", "version = 2")
    write(small, SMALL, raised)
    assert load(db, small).protocols == 1
    with db.read() as session:
        assert list(session.scalars(select(ProtocolVersion.version).order_by(ProtocolVersion.version))) == [1, 2]


def test_a_code_keeps_its_kind(db: Database, small: Path) -> None:
    load(db, small)
    write(small, SMALL + '\n[[place]]\ncode = "P-1"\nname = { zh = "位", en = "Place" }\nschedule = "day"\n')
    load(db, small)
    write(small, SMALL + '\n[[device]]\ncode = "P-1"\nname = { zh = "机", en = "Device" }\nschedule = "day"\n')
    with pytest.raises(BadDepartment) as refused:
        load(db, small)
    assert [(f.entry, f.reason) for f in refused.value.faults] == [("device P-1", "kind-changed")]


def test_another_departments_files_are_refused(db: Database, small: Path) -> None:
    load(db, small)
    write(small, SMALL.replace('code = "small"', 'code = "other"'))
    with pytest.raises(BadDepartment) as refused:
        load(db, small)
    assert refused.value.faults[0].reason == "other-department"


def test_a_copied_folder_loads_as_the_same_department(db: Database, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "copy")
    load(db, FOLDER)
    assert load(db, tmp_path / "copy") == Loaded(unchanged=True)
