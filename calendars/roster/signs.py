"""What a cell of a roster says. This table is the only place; docs/import.md and the template's notes list it.

A cell says what the whole day is: one sign for it, or `morning/afternoon`, then `+值` or `+晚` for a duty. A room's
code or name in the place of 班 says where somebody works. A blank cell says nothing and changes nothing.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.roster import Half
from scheduler.roster.plan import ANY_REASON, LEAVE, MIXED, PLAN, WORK, DayPlan, HalfPlan
from scheduler.roster.week import HOLIDAY, OFF

AT_WORK, DAY_OFF, NOTHING = HalfPlan(WORK), HalfPlan(LEAVE, reason="rest"), HalfPlan(PLAN)


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign in both languages, other spellings of it, and what it means (an English message)."""

    zh: str
    en: str
    also: tuple[str, ...]
    means: str


def N_(message: str) -> str:
    """Mark a message id for the catalogue."""
    return message


HALVES: Mapping[Sign, HalfPlan] = {
    Sign("班", "D", ("白", "白班", "上班", "W"), N_("at work, also on a day off")): AT_WORK,
    Sign("休", "R", ("休息", "轮休", "OFF"), N_("day off; on a day without sessions nothing")): DAY_OFF,
    Sign("假", "L", ("请假", "事假", "休假"), N_("leave, whatever the reason")): HalfPlan(LEAVE, reason=ANY_REASON),
    Sign("年", "Y", ("年假", "年休", "AL"), N_("annual leave")): HalfPlan(LEAVE, reason="annual"),
    Sign("病", "S", ("病假", "SL"), N_("sick leave")): HalfPlan(LEAVE, reason="sick"),
    Sign("学", "T", ("学习", "开会", "培训"), N_("study, meeting, training")): HalfPlan(LEAVE, reason="study"),
    Sign("外", "O", ("外出", "出差"), N_("away on duty")): HalfPlan(LEAVE, reason="away"),
    Sign("空", "-", ("无", "—", "–"), N_("nothing: as the weekly sessions say")): NOTHING,
}
"""For a half day, or for both halves."""

DAYS: Mapping[Sign, DayPlan] = {
    Sign("A", "A", ("上", "上午", "AM"), N_("works in the morning only")): DayPlan(AT_WORK, DAY_OFF),
    Sign("P", "P", ("下", "下午", "PM"), N_("works in the afternoon only")): DayPlan(DAY_OFF, AT_WORK),
}

ON_CALL = Sign("值", "N", ("值班", "夜", "夜班"), N_("on call; alone: the weekly sessions, and on call"))
LATE = Sign("晚", "E", ("晚班",), N_("late; alone: the weekly sessions, and late"))

ALL = (*HALVES, *DAYS, ON_CALL, LATE)
"""In the order the notes list them."""


class UnknownSign(ValueError):
    """A cell whose text means nothing here."""


def _spellings(sign: Sign) -> list[str]:
    return [plain(each) for each in (sign.zh, sign.en, *sign.also)]


def plain(text: str) -> str:
    """Return a text as signs and names are compared: full-width forms folded, in capitals, without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).upper().split())


_HALVES = {spelling: half for sign, half in HALVES.items() for spelling in _spellings(sign)}
_DAYS = {spelling: day for sign, day in DAYS.items() for spelling in _spellings(sign)}
_DUTIES = {spelling: sign for sign in (ON_CALL, LATE) for spelling in _spellings(sign)}


def meant(text: str, rooms: Mapping[str, str]) -> DayPlan | None:
    """Return what a cell says, None for a blank one. `rooms` leads from plain codes and names to codes.

    Raises UnknownSign.
    """
    whole = plain(text)
    if not whole:
        return None
    first, *rest = whole.split("+")
    duties, day = [first], DayPlan()
    if first not in _DUTIES:
        day, duties = _day(first, rooms)
    found = [_DUTIES.get(each) for each in (*duties, *rest)]
    if None in found:
        raise UnknownSign(text)
    return DayPlan(day.am, day.pm, on_call=ON_CALL in found, late=LATE in found)


def _day(text: str, rooms: Mapping[str, str]) -> tuple[DayPlan, list[str]]:
    """Return the halves, and a duty that was written right behind them (班值)."""
    if text in _DAYS:
        return _DAYS[text], []
    halves = [_half(part, rooms) for part in text.split("/")]
    if None not in halves and len(halves) <= 2:
        return DayPlan(halves[0], halves[-1]), []  # type: ignore[arg-type]
    if len(text) > 1 and text[-1] in (ON_CALL.zh, LATE.zh):
        day, duties = _day(text[:-1], rooms)
        return day, [*duties, text[-1]]
    raise UnknownSign(text)


def _half(text: str, rooms: Mapping[str, str]) -> HalfPlan | None:
    if text in _HALVES:
        return _HALVES[text]
    return HalfPlan(WORK, rooms[text]) if text in rooms else None


def written(day: DayPlan, halves: tuple[Half, Half] | None = None, *, language: str = "zh") -> str:
    """Return a day as a cell says it; "" for a day with nothing to say and for one that no cell can say.

    With the `halves` it was read from, a plan on an open half day is written as work, and nothing on a closed one.
    """
    read = halves or (None, None)
    texts = [_half_written(half, read[place], language) for place, half in enumerate((day.am, day.pm))]
    if None in texts:
        return ""
    duties = [sign for sign, has in ((ON_CALL, day.on_call), (LATE, day.late)) if has]
    if (day.am, day.pm) == (NOTHING, NOTHING) and duties:
        return "+".join(_named(sign, language) for sign in duties)
    nothing = _named(_of(NOTHING), language)
    if texts == [nothing, nothing] and halves:
        return ""
    body = _joined(texts, language)
    return "+".join([body, *(_named(sign, language) for sign in duties)])


def _joined(texts: list[str | None], language: str) -> str:
    if texts[0] == texts[1]:
        return str(texts[0])
    for sign, plan in DAYS.items():
        if texts == [_named(_of(half), language) for half in (plan.am, plan.pm)]:
            return _named(sign, language)
    return "/".join(map(str, texts))


def _half_written(half: HalfPlan, read: Half | None, language: str) -> str | None:
    """Return one half, None for what no sign says: partly away, or at a place that is no room."""
    if half.kind == MIXED:
        return None
    if half.kind == LEAVE:
        known = next((sign for sign, plan in HALVES.items() if plan == half), None)
        return _named(known or _of(HalfPlan(LEAVE, reason=ANY_REASON)), language)
    if half.place is not None:
        return half.place
    closed = read is None or read.state in (OFF, HOLIDAY)
    return _named(_of(NOTHING if half.kind == PLAN and closed else AT_WORK), language)


def _of(half: HalfPlan) -> Sign:
    return next(sign for sign, plan in HALVES.items() if plan == half)


def _named(sign: Sign, language: str) -> str:
    return sign.zh if language == "zh" else sign.en
