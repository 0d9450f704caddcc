"""Protocol versions: published once, in force by date, withdrawn by a version that says so."""

import copy
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from models import ProtocolVersion
from models.database import Database
from scheduler import catalogue
from scheduler.engine.entry import BadProtocol
from scheduler.errors import Conflict, Invalid

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TODAY = date(2026, 11, 23)
FILE = Path(__file__).parents[2] / "scheduler" / "department" / "protocols" / "bx-fna.toml"
FNA = tomllib.loads(FILE.read_text("utf-8")) | {"version": 1}


def document(**given: Any) -> dict[str, Any]:
    return copy.deepcopy(FNA) | given


def publish(db: Database, **given: Any) -> ProtocolVersion:
    row: ProtocolVersion = db.transact(
        lambda session, now: catalogue.publish(session, document(**given), now=now), now=NOW
    )
    return row


def in_force(db: Database, on: date) -> list[tuple[str, int]]:
    with db.read() as session:
        return [(row.code, row.version) for row in catalogue.in_force(session, on)]


def test_a_published_protocol_keeps_its_document_and_its_names(db: Database) -> None:
    row = publish(db)
    assert (row.code, row.version, row.effective_from) == ("BX-FNA", 1, date(2025, 1, 1))
    assert (row.name_zh, row.name_en) == ("浅表细针穿刺活检", "Fine-needle aspiration, superficial")
    assert row.document["effective_from"] == "2025-01-01"
    assert row.published_at == NOW


def test_what_is_stored_parses_to_what_the_file_says(db: Database) -> None:
    publish(db)
    with db.read() as session:
        stored = catalogue.parsed(catalogue.current(session, "BX-FNA", TODAY))
    assert stored == catalogue.read(FNA)
    assert stored.steps[0].minutes == (("setup", 5), ("procedure", 10), ("cleanup", 5), ("recovery", 30))


def test_a_version_is_parsed_once(db: Database) -> None:
    row = publish(db)
    assert catalogue.parsed(row) is catalogue.parsed(row)


def test_publishing_the_same_again_changes_nothing(db: Database) -> None:
    assert publish(db).id == publish(db).id


def test_other_content_under_a_published_number_is_refused(db: Database) -> None:
    publish(db)
    with pytest.raises(Conflict) as refused:
        publish(db, urgency="4b")
    assert refused.value.code == "protocol-version-published"
    assert refused.value.facts == {"protocol": "BX-FNA", "version": 1}


def test_the_highest_version_effective_by_the_date_is_in_force(db: Database) -> None:
    publish(db)
    publish(db, version=2, effective_from=date(2026, 12, 1))
    assert in_force(db, date(2024, 12, 31)) == []
    assert in_force(db, date(2025, 1, 1)) == [("BX-FNA", 1)]
    assert in_force(db, date(2026, 11, 30)) == [("BX-FNA", 1)]
    assert in_force(db, date(2026, 12, 1)) == [("BX-FNA", 2)]


def test_current_picks_what_in_force_lists(db: Database) -> None:
    publish(db)
    publish(db, version=2, effective_from=date(2026, 12, 1))
    with db.read() as session:
        assert catalogue.current(session, "BX-FNA", date(2026, 11, 30)).version == 1
        assert catalogue.current(session, "BX-FNA", date(2026, 12, 1)).version == 2


def test_a_withdrawn_protocol_is_no_longer_in_force_but_its_versions_stay(db: Database) -> None:
    publish(db)
    publish(db, version=2, effective_from=date(2026, 12, 1), withdrawn=True)
    assert in_force(db, date(2026, 11, 30)) == [("BX-FNA", 1)]
    assert in_force(db, date(2026, 12, 1)) == []
    with db.read() as session:
        with pytest.raises(Invalid) as refused:
            catalogue.current(session, "BX-FNA", date(2026, 12, 1))
        assert catalogue.version(session, "BX-FNA", 1).version == 1
    assert refused.value.code == "protocol-not-in-force"


def test_a_protocol_may_return_after_it_was_withdrawn(db: Database) -> None:
    publish(db, withdrawn=True)
    publish(db, version=2)
    assert in_force(db, TODAY) == [("BX-FNA", 2)]


def test_an_unknown_code_is_refused(db: Database) -> None:
    with db.read() as session, pytest.raises(Invalid) as refused:
        catalogue.current(session, "NOPE", TODAY)
    assert refused.value.code == "unknown-protocol"


def test_a_version_that_was_never_published_is_refused(db: Database) -> None:
    publish(db)
    with db.read() as session, pytest.raises(Invalid) as refused:
        catalogue.version(session, "BX-FNA", 9)
    assert refused.value.code == "unknown-protocol"


def test_a_protocol_not_yet_in_force_says_so(db: Database) -> None:
    publish(db)
    with db.read() as session, pytest.raises(Invalid) as refused:
        catalogue.current(session, "BX-FNA", date(2024, 12, 31))
    assert refused.value.code == "protocol-not-in-force"


def test_a_document_that_cannot_be_meant_is_not_published(db: Database) -> None:
    with pytest.raises(BadProtocol):
        publish(db, version="one")
    with pytest.raises(BadProtocol) as refused:
        publish(db, withdrawn="yes")
    assert (refused.value.entry, refused.value.reason) == ("withdrawn", "wrong-type")
    assert in_force(db, TODAY) == []


@pytest.mark.parametrize("given", [{"code": "X" * 256}, {"name": {"zh": "活\x00检", "en": "x"}}])
def test_a_code_or_name_that_no_column_can_hold_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadProtocol) as refused:
        catalogue.read(document(**given))
    assert refused.value.reason == "bad-text"


def test_a_role_that_no_slot_can_hold_is_refused() -> None:
    long = document()
    long["step"][0]["need"][1]["role"] = "r" * 256
    with pytest.raises(BadProtocol) as refused:
        catalogue.read(long)
    assert (refused.value.entry[:12], refused.value.reason) == ("step[BX-FNA]", "bad-text")


def test_the_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    turned = dict(reversed(list(FNA.items())))
    assert catalogue.digest(turned) == catalogue.digest(FNA)
    assert catalogue.digest(document(version=2)) != catalogue.digest(FNA)
