"""RFC 5545 text: folding, escaping, time zones; checked by reading it back with parsers that are not ours."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz as dateutil_tz
from hypothesis import given
from hypothesis import strategies as some
from icalendar import Calendar

from calendars import ical

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUMMER_TIME = ("Europe/London", "America/New_York", "Australia/Lord_Howe")
AT = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
"""09:30 in Shanghai."""


def event(**facts: object) -> ical.Event:
    return ical.Event(
        **{  # type: ignore[arg-type]
            "uid": "1@needlepoint.example.org",
            "sequence": 0,
            "created": AT,
            "changed": AT,
            "starts": AT,
            "ends": AT + timedelta(minutes=80),
            "status": "CONFIRMED",
            "summary": "AB-LIV-1",
        }
        | facts
    )


def calendar(*texts: str, zone: ZoneInfo = SHANGHAI, years: tuple[int, int] = (2026, 2027)) -> bytes:
    return ical.calendar_text("手术间 1", zone, years, texts)


def read_back(**facts: object):  # type: ignore[no-untyped-def]
    (found,) = Calendar.from_ical(calendar(ical.event_text(event(**facts), SHANGHAI))).walk("VEVENT")
    return found


def lines(text: str | bytes) -> list[str]:
    return (text if isinstance(text, str) else text.decode()).replace("\r\n ", "").split("\r\n")


# --- The calendar around the events.


def test_an_empty_calendar_is_still_a_calendar() -> None:
    found = Calendar.from_ical(calendar())
    assert found.name == "VCALENDAR"
    assert found.walk("VEVENT") == []


def test_a_calendar_says_who_made_it_what_it_is_called_and_when_to_look_again() -> None:
    said = lines(calendar())
    for line in (
        "VERSION:2.0",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:手术间 1",
        "X-WR-CALNAME:手术间 1",
        "X-WR-TIMEZONE:Asia/Shanghai",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
    ):
        assert line in said
    assert any(line.startswith("PRODID:") for line in said)


def test_the_same_event_is_the_same_bytes() -> None:
    assert ical.event_text(event(), SHANGHAI) == ical.event_text(event(), SHANGHAI)


# --- Events.


def test_an_event_carries_times_of_its_own_and_never_the_present() -> None:
    said = lines(ical.event_text(event(changed=AT - timedelta(days=3)), SHANGHAI))
    assert "DTSTAMP:20261128T013000Z" in said
    assert "LAST-MODIFIED:20261128T013000Z" in said
    assert "CREATED:20261201T013000Z" in said
    assert "DTSTART;TZID=Asia/Shanghai:20261201T093000" in said
    assert "DTEND;TZID=Asia/Shanghai:20261201T105000" in said
    assert "CLASS:PRIVATE" in said


def test_nobody_is_invited() -> None:
    said = ical.event_text(event(), SHANGHAI)
    assert "ORGANIZER" not in said
    assert "ATTENDEE" not in said


@pytest.mark.parametrize(
    ("status", "transparency"), [("CONFIRMED", "OPAQUE"), ("TENTATIVE", "OPAQUE"), ("CANCELLED", "TRANSPARENT")]
)
def test_only_what_takes_place_blocks_time(status: str, transparency: str) -> None:
    said = lines(ical.event_text(event(status=status), SHANGHAI))
    assert f"STATUS:{status}" in said
    assert f"TRANSP:{transparency}" in said


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        ical.event_text(event(starts=datetime(2026, 12, 1, 9, 30)), SHANGHAI)  # noqa: DTZ001


# --- Text.


def test_lines_are_folded_at_75_octets_and_no_sign_is_cut() -> None:
    said = ical.event_text(event(summary="手术间👩‍⚕️" * 40, description="x" * 500), SHANGHAI)
    folded = said.encode().split(b"\r\n")
    assert max(len(line) for line in folded) <= 75
    for line in folded:
        line.decode()  # a sign cut in two would not be UTF-8
    assert b"\n" not in b"".join(folded)


def test_separators_are_escaped() -> None:
    said = lines(ical.event_text(event(summary="a;b,c\\d", description="a\nb"), SHANGHAI))
    assert r"SUMMARY:a\;b\,c\\d" in said
    assert r"DESCRIPTION:a\nb" in said


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\v", "\f", "\x1e"])
def test_a_title_is_one_line_whatever_ends_it(end: str) -> None:
    assert read_back(summary=f"a{end}STATUS:CANCELLED")["SUMMARY"] == "a STATUS:CANCELLED"


def test_signs_that_are_not_writing_are_left_out_and_emoji_stay_whole() -> None:
    assert read_back(summary="a\x00b\x07c\u202ed\ud800e\x7f 👩‍⚕️")["SUMMARY"] == "abcde 👩‍⚕️"


@given(some.text(max_size=300))
def test_any_text_comes_back_as_it_was_cleaned(text: str) -> None:
    found = read_back(summary=text, description=text, location=text, categories=(text,))
    assert found["SUMMARY"] == ical.one_line(text)
    assert found.get("DESCRIPTION", "") == ical.clean(text)
    assert found.get("LOCATION", "") == ical.one_line(text)


@given(some.text(max_size=300))
def test_no_text_can_add_a_line(text: str) -> None:
    names = [line.split(":")[0].split(";")[0] for line in lines(ical.event_text(event(summary=text), SHANGHAI))]
    usual = [line.split(":")[0].split(";")[0] for line in lines(ical.event_text(event(), SHANGHAI))]
    assert names == usual


# --- Zones.


def test_a_zone_without_summer_time_is_one_standard_offset_from_1970() -> None:
    assert ical.zone_text(SHANGHAI, 2026, 2027).split("\r\n") == [
        "BEGIN:VTIMEZONE",
        "TZID:Asia/Shanghai",
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0800",
        "TZOFFSETTO:+0800",
        "TZNAME:CST",
        "END:STANDARD",
        "END:VTIMEZONE",
        "",
    ]


def test_a_zone_never_uses_rdate() -> None:
    for key in ("Asia/Shanghai", *SUMMER_TIME):
        assert "RDATE" not in ical.zone_text(ZoneInfo(key), 2026, 2027)


def test_utc_needs_no_zone() -> None:
    assert ical.zone_text(ZoneInfo("UTC"), 2026, 2027) == ""
    assert "DTSTART:20261201T013000Z" in lines(ical.event_text(event(), ZoneInfo("UTC")))


def test_an_hour_that_the_clock_says_twice_is_written_in_utc_the_second_time() -> None:
    london = ZoneInfo("Europe/London")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # both 01:30
    minutes = timedelta(minutes=10)
    summer = lines(ical.event_text(event(starts=first, ends=first + minutes), london))
    winter = lines(ical.event_text(event(starts=second, ends=second + minutes), london))
    assert "DTSTART;TZID=Europe/London:20261025T013000" in summer
    assert "DTSTART:20261025T013000Z" in winter


def hours(zone: ZoneInfo) -> list[datetime]:
    """Every half hour of the days around each change of the clock in 2026 and 2027, and noon of every month."""
    changes = [
        at for at, _ in ical._changes(zone, datetime(2026, 1, 2, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC))
    ]
    around = [at + timedelta(minutes=30 * step) for at in changes for step in range(-48, 48)]
    return around + [datetime(year, month, 15, 12, tzinfo=UTC) for year in (2026, 2027) for month in range(1, 13)]


def unknown(text: bytes | str, zone: ZoneInfo) -> str:
    """Rename the zone, so that a reader knows nothing of it but what our VTIMEZONE says."""
    return (text.decode() if isinstance(text, bytes) else text).replace(zone.key, f"Nowhere/Like {zone.key[-6:]}")


@pytest.mark.parametrize("key", SUMMER_TIME)
def test_icalendar_reads_every_instant_back_from_our_zone_alone(key: str) -> None:
    zone = ZoneInfo(key)
    assert len(hours(zone)) > 4 * 96
    texts = [ical.event_text(event(starts=at, ends=at + timedelta(minutes=5)), zone) for at in hours(zone)]
    found = Calendar.from_ical(unknown(calendar(*texts, zone=zone), zone)).walk("VEVENT")
    assert [each["DTSTART"].dt.astimezone(UTC) for each in found] == hours(zone)


@pytest.mark.parametrize("key", SUMMER_TIME)
def test_dateutil_agrees_on_the_offset_of_every_instant(key: str) -> None:
    zone = ZoneInfo(key)
    theirs = dateutil_tz.tzical(io.StringIO(unknown(ical.zone_text(zone, 2026, 2027), zone))).get()
    for at in hours(zone):
        local = at.astimezone(zone)
        if not local.fold and not dateutil_tz.datetime_ambiguous(local.replace(tzinfo=None), zone):
            assert local.replace(tzinfo=theirs).utcoffset() == local.utcoffset(), local
