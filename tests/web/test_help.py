"""Help: every page explains itself in both languages, and the keys it names are there."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.web.people import add, form_token, signed_in
from web import i18n, policy
from web.help import TEMPLATES, help_file
from web.site import is_api

FRAGMENTS = {"book.find_patients", "admin.protocol_text", "roster_import.template"}
"""Addresses that answer a part of a page or a file, never a page."""


def pages(app: Flask) -> Iterator[Rule]:
    """Yield every route that shows a page to somebody who is signed in."""
    for rule in app.url_map.iter_rules():
        declared = policy.policy_of(app, rule.endpoint)
        if declared and declared.roles and "GET" in (rule.methods or ()) and not is_api(rule.rule):
            yield rule


def test_every_page_has_its_help(app: Flask) -> None:
    without = {rule.endpoint for rule in pages(app) if help_file(rule.endpoint) is None}
    assert without - FRAGMENTS == set()


def test_no_help_is_left_over_from_a_page_that_is_gone(app: Flask) -> None:
    used = {help_file(rule.endpoint) for rule in pages(app)}
    assert {f"help/{path.name}" for path in (TEMPLATES / "help").glob("*.html")} - used == set()


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_a_page_shows_its_own_help_in_the_readers_language(app: Flask, language: i18n.Language) -> None:
    client = signed_in(app, "li")
    client.post("/language", data={"csrf_token": form_token(client, "/account"), "language": language})
    page = client.get("/ward").text
    said = {"zh": "每张床只显示它在等的一件事。", "en": "Each bed says the one thing it waits for."}
    assert said[language] in page
    assert page.count("np-help-text") == 1


def test_a_page_of_the_same_part_may_have_a_help_of_its_own() -> None:
    assert help_file("board.board") == "help/board.html"
    assert help_file("nothing.at_all") is None
    assert help_file(None) is None


def test_the_help_names_only_pages_the_reader_may_open(app: Flask) -> None:
    add(app.extensions["needlepoint"].db, "somebody")
    page = signed_in(app, "auditor-1", "auditor").get("/").text
    text = page.split("np-help-text")[1].split("</details>")[0]
    assert re.findall(r"<kbd>g</kbd> <kbd>(\w)</kbd>", text) == re.findall(r'data-go="(\w)"', page)
    assert "<kbd>b</kbd>" not in text
