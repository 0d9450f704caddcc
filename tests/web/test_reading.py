"""What pages read: no page goes through all that the years have left, whatever it shows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from models.database import Database
from tests.browser import crowd
from tests.browser.addresses import PAGES, names
from tests.conftest import Store, load_department, migrate, opened
from tests.queries import planned
from tests.web.people import add, signed_in

GROWING = (
    "appointment",
    "audit",
    "bed_stay",
    "encounter",
    "milestone",
    "patient",
    "patient_key",
    "resource",
    "service_request",
    "slot",
    "step",
)
"""Tables that grow with the years; `resource` has a row for each patient."""

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # PostgreSQL decides by what is in a table


@pytest.fixture
def department(store: Store) -> Iterator[Database]:
    empty = store.template("empty", migrate.upgrade)
    base = store.template("department", load_department, base=empty)
    yield from opened(store, store.copy(store.template("crowd", crowd.fill, base=base)))


@pytest.fixture
def now() -> Any:
    return crowd.ELEVEN


@pytest.mark.parametrize("endpoint", sorted(PAGES))
def test_no_page_reads_the_whole_of_a_table_that_grows(app: Flask, department: Database, endpoint: str) -> None:
    add(department, "somebody")
    client = signed_in(app, "chief", "administrator")
    ids = names(department, "2026-12-01")
    for address in PAGES[endpoint]:
        with planned(department) as plans:
            assert client.get(address.format(**ids)).status_code == 200
        whole = [
            (address, table, statement)
            for statement, plan in plans
            for table in re.findall(r"SCAN (\w+)\b(?! USING)", plan)
            if table in GROWING
        ]
        assert whole == []
