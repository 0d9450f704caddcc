"""Two languages: the whole catalogue, no text that escapes it, and how dates, times and names are written."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask

from tests.conftest import NOW
from tests.web.people import add, form_token, sign_in, signed_in
from web import i18n

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "lazy_pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
CJK = re.compile(r"[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]")


def messages() -> Iterator[tuple[str, str | None, str]]:
    """Yield (id, context, where) of every message in code and templates."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    for folder in (WEB, ROOT / "calendars"):
        for file, line, message, _, context in extract_from_dir(folder, method_map=methods, keywords=KEYWORDS):
            first = message[0] if isinstance(message, tuple) else message
            yield first, context, f"{folder.name}/{file}:{line}"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with i18n.CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN", abort_invalid=True)


def test_every_message_has_a_chinese_translation(catalogue: Catalog) -> None:
    def translated(message: str, context: str | None) -> bool:
        found = catalogue.get(message, context)
        strings = [] if found is None else [found.string] if isinstance(found.string, str) else list(found.string)
        return bool(strings) and all(strings)

    missing = [
        f'{where} {context or ""} "{text}"' for text, context, where in messages() if not translated(text, context)
    ]
    assert missing == []


def test_a_translation_names_the_same_values_as_its_message(catalogue: Catalog) -> None:
    def values(text: str) -> set[str]:
        return set(re.findall(r"%\((\w+)\)s|%s|%d", text))

    wrong = []
    for entry in catalogue:
        ids = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        if ids[0]:
            wrong += [text for text in strings if not values(text) <= values(ids[-1])]
    assert wrong == []


def test_no_message_stands_in_the_catalogue_twice() -> None:
    text = i18n.CATALOGUE.read_text("utf-8")
    ids = re.findall(r'^(?:msgctxt "(.*)"\n)?msgid "(.+)"$', text, re.MULTILINE)
    twice = sorted({each for each in ids if ids.count(each) > 1})
    assert twice == []


def test_a_word_for_a_constant_is_said_in_each_readers_language(app: Flask) -> None:
    template = app.jinja_env.from_string('{{ "leave"|closure_word }}')
    said = []
    for language in i18n.LANGUAGES:
        with app.test_request_context("/"), i18n.speaking(language):
            said.append(template.render())
    assert said == ["休假", "On leave"]


def test_no_template_holds_chinese_of_its_own() -> None:
    found = {
        str(path.relative_to(WEB)): CJK.findall(
            # What an input takes may well be typed with a full-width colon.
            re.sub(r"\{#.*?#\}|\bpattern=\"[^\"]*\"", "", path.read_text("utf-8"), flags=re.DOTALL)
        )
        for path in (WEB / "templates").rglob("*.html")
    }
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_no_template_holds_english_that_is_not_marked() -> None:
    """A heuristic: letters between tags, outside expressions, are text that nobody can translate."""
    left = {}
    for path in (WEB / "templates").rglob("*.html"):
        text = re.sub(r"\{% block main_class %\}.*?\{% endblock %\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
        text = re.sub(r"<(code|kbd|svg|script)\b.*?</\1>|<!.*?>", "", text, flags=re.DOTALL)
        words = re.findall(r"[A-Za-z]{3,}", re.sub(r"[\w-]+=\"[^\"]*\"|<[^>]*>", " ", text))
        attributes = re.findall(r'\b(?:title|placeholder|aria-label|alt)="([^"]*[A-Za-z]{3,}[^"]*)"', text)
        hits = [word for word in [*words, *attributes] if word not in PROPER]
        if hits:
            left[str(path.relative_to(WEB))] = hits
    assert left == {}


PROPER = {
    "Outlook",
    "com",
    "Google",
    "Thunderbird",
    "Android",
    "iPhone",
    "webcal",
    "https",
    "nbsp",
    "Esc",
    "Enter",
    "Alt",
}
"""Names that are the same in both languages."""


# --- Which language.


def html_language(page: str) -> str:
    found = re.search(r'<html lang="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_chinese_is_the_default_whatever_the_browser_prefers(app: Flask) -> None:
    page = app.test_client().get("/login", headers={"Accept-Language": "en"}).text
    assert html_language(page) == "zh-CN"
    assert "登录名" in page


def test_the_switch_holds_for_a_browser_and_for_an_account(app: Flask) -> None:
    client = app.test_client()
    data = {"csrf_token": form_token(client), "language": "en", "next": "/login"}
    assert client.post("/language", data=data).location == "/login"
    assert html_language(client.get("/login").text) == "en"
    member = signed_in(app, "li")
    member.post("/language", data={"csrf_token": form_token(member, "/account"), "language": "en"})
    elsewhere = app.test_client()
    sign_in(elsewhere, "li")
    assert html_language(elsewhere.get("/account").text) == "en"


def test_an_unknown_language_becomes_chinese(app: Flask) -> None:
    client = app.test_client()
    client.post("/language", data={"csrf_token": form_token(client), "language": "tlh"})
    assert html_language(client.get("/login").text) == "zh-CN"


def test_the_sign_in_page_takes_the_accounts_language_over(app: Flask) -> None:
    add(app.extensions["needlepoint"].db, "smith", language="en")
    client = app.test_client()
    sign_in(client, "smith")
    client.post("/logout", data={"csrf_token": form_token(client, "/account")})
    assert html_language(client.get("/login").text) == "en"


# --- How things are written.


@pytest.mark.parametrize(
    ("language", "written"),
    [("zh", ["12-01 周二", "08:00", "12-01 周二 08:00"]), ("en", ["12-01 Tue", "08:00", "12-01 Tue 08:00"])],
)
def test_days_and_times_are_those_of_the_department(app: Flask, language: i18n.Language, written: list[str]) -> None:
    with app.test_request_context(), i18n.speaking(language):
        # NOW is 2026-12-01T00:00Z: still 30 November in New York, 08:00 on 1 December in Shanghai.
        elsewhere = NOW.astimezone(ZoneInfo("America/New_York"))
        assert [i18n.daylabel(elsewhere), i18n.clock(elsewhere), i18n.moment(elsewhere)] == written
        assert i18n.clock(int(NOW.timestamp())) == "08:00"
        assert i18n.daylabel(date(2026, 12, 1)) == written[0]
        assert i18n.rfc3339(elsewhere) == "2026-12-01T08:00:00+08:00"
        assert i18n.isoday(elsewhere) == "2026-12-01"


def test_nothing_is_written_for_no_time(app: Flask) -> None:
    with app.test_request_context():
        assert (i18n.clock(None), i18n.daylabel(None), i18n.moment(None)) == ("", "", "")


def test_a_thing_is_named_in_the_readers_language_or_else_in_the_other(app: Flask) -> None:
    room, bare = {"name_zh": "手术室一", "name_en": "Operating room 1"}, {"name_zh": "手术室一", "name_en": ""}
    with app.test_request_context(), i18n.speaking("en"):
        assert (i18n.localname(room), i18n.localname(bare)) == ("Operating room 1", "手术室一")
    with app.test_request_context():
        assert i18n.localname(room) == "手术室一"


def test_age_counts_whole_years() -> None:
    assert i18n.age(date(1960, 12, 2), date(2026, 12, 1)) == 65
    assert i18n.age(date(1960, 12, 1), date(2026, 12, 1)) == 66
    assert i18n.age(date(2000, 2, 29), date(2026, 2, 28)) == 25


def test_the_clock_on_a_page_does_not_follow_the_servers_zone(app: Flask) -> None:
    with app.test_request_context():
        assert (
            i18n.local(datetime.fromisoformat("2026-07-01T23:30:00+00:00")).isoformat() == "2026-07-02T07:30:00+08:00"
        )
