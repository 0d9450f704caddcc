"""Two languages: which one this reader gets, the catalogue, and how dates, times and names are written.

Message ids are English; web/translations/zh/LC_MESSAGES/messages.po is the Chinese. It is compiled in memory, so
that a read-only installation needs no build step.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, cast

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_app_context, has_request_context, request
from flask_babel import Babel, Domain, force_locale, get_locale, pgettext

from models import from_seconds
from web.site import is_api, place

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
LOCALES: dict[Language, str] = {"zh": "zh_Hans_CN", "en": "en_GB"}
LANGUAGE_COOKIE = "np_language"
LANGUAGE_SECONDS = 400 * 24 * 3600
"""How long a browser remembers the choice: the most that browsers allow."""
CATALOGUE = Path(__file__).parent / "translations" / "zh" / "LC_MESSAGES" / "messages.po"

Moment = datetime | int
"""An instant: an aware datetime or the engine's epoch seconds."""


class Catalogue(Domain):
    """The message catalogues, read once a process instead of once a request."""

    def get_translations(self) -> NullTranslations:
        return _chinese() if language() == "zh" else NullTranslations()


class TwoLanguages(Babel):
    """Flask-Babel with our catalogue."""

    domain_instance = Catalogue()


def install(app: Flask) -> None:
    """Put gettext, the language of the reader and the filters of this module into an application."""
    TwoLanguages(app, default_locale=LOCALES["zh"], locale_selector=lambda: LOCALES[choose()])
    app.jinja_env.filters.update(
        clock=clock,
        daylabel=daylabel,
        moment=moment,
        localname=localname,
        age=age,
        rfc3339=rfc3339,
        isoday=isoday,
        role_name=role_name,
    )
    app.jinja_env.globals.update(
        language=language, html_language=html_language, other_language=other_language, role_name=role_name
    )


def choose() -> Language:
    """Decide the reader's language: the API's Accept-Language, the account's, the browser's cookie, Chinese."""
    if not has_request_context():
        return "zh"
    if is_api(request.path) and (wanted := _accepted()):
        return wanted
    account = getattr(g.get("visitor"), "language", None)
    return known(account) or known(request.cookies.get(LANGUAGE_COOKIE)) or "zh"


def known(name: str | None) -> Language | None:
    """Return a language's code when it is one of ours."""
    return name if name in LANGUAGES else None


def _accepted() -> Language | None:
    if "Accept-Language" not in request.headers:
        return None
    # A wildcard is no wish.
    best = request.accept_languages.best_match(["zh", "en", "zh-CN", "en-GB", "en-US"])
    return known(best[:2]) if best else None


def language() -> Language:
    """Return the language in force: `zh` or `en`; a page asks for it a thousand times."""
    if not has_app_context():
        return "zh"
    if "spoken" not in g:
        locale = get_locale()
        g.spoken = "en" if locale is not None and locale.language == "en" else "zh"
    return cast(Language, g.spoken)


def html_language() -> str:
    """Return the BCP 47 tag for `<html lang>`."""
    return "zh-CN" if language() == "zh" else "en"


@contextmanager
def speaking(name: Language) -> Iterator[None]:
    """Say everything in one language, inside or outside a request."""
    before = language()
    try:
        with force_locale(LOCALES[name]):
            g.spoken = name
            yield
    finally:
        g.spoken = before


@lru_cache(maxsize=1)
def _chinese() -> Translations:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_Hans_CN")
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def chinese(message: str) -> str:
    """Return a message id's Chinese, outside any request."""
    return str(_chinese().gettext(message))


def local(value: Moment) -> datetime:
    """Turn an instant into the department's wall clock."""
    instant = from_seconds(value) if isinstance(value, int) else value
    return instant.astimezone(place().zone)


def clock(value: Moment | None) -> str:
    """Write an instant as HH:MM, 24 hours, in the department's zone; nothing for None."""
    if value is None:
        return ""
    at = local(value)
    return f"{at.hour:02}:{at.minute:02}"


def isoday(value: Moment | date) -> str:
    """Write a day as YYYY-MM-DD, as addresses and inputs want it."""
    return _day(value).isoformat()


def daylabel(value: Moment | date | None) -> str:
    """Write a local day as `12-01 周二` or `12-01 Tue`."""
    if value is None:
        return ""
    day = _day(value)
    return f"{day:%m-%d} {format_date(day, 'EEE', locale=LOCALES[language()])}"


def moment(value: Moment | None) -> str:
    """Write an instant as `12-01 周二 09:30`."""
    return "" if value is None else f"{daylabel(value)} {clock(value)}"


def rfc3339(value: Moment) -> str:
    """Write an instant as RFC 3339 with the department's offset, whole seconds."""
    return local(value).isoformat(timespec="seconds")


def _day(value: Moment | date) -> date:
    if isinstance(value, int | datetime):
        return local(value).date()
    return value


def localname(thing: Any) -> str:
    """Return a thing's name in the reader's language, from name_zh and name_en (attributes or keys)."""
    wanted, other = ("name_zh", "name_en") if language() == "zh" else ("name_en", "name_zh")
    return str(_part(thing, wanted) or _part(thing, other) or "")


def _part(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def age(birth_date: date, on: date) -> int:
    """Return whole years on a day; somebody born on 29 February turns older on 1 March."""
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def role_name(role: str) -> str:
    """Return what an account role is called."""
    return ROLE_NAMES[role]() if role in ROLE_NAMES else role


ROLE_NAMES = {
    "nurse": lambda: pgettext("account role", "Nurse"),
    "physician": lambda: pgettext("account role", "Physician"),
    "manager": lambda: pgettext("account role", "Manager"),
    "administrator": lambda: pgettext("account role", "Administrator"),
    "auditor": lambda: pgettext("account role", "Auditor"),
    "recorder": lambda: pgettext("account role", "Recorder"),
}


def other_language() -> str:
    """Return the name of the other language, in that language."""
    return "English" if language() == "zh" else "中文"
