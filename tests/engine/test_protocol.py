"""What a protocol document may say, and how each thing it may not say is refused."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from scheduler.engine.document import parse
from scheduler.engine.entry import BadProtocol
from scheduler.engine.protocol import Hours, Lag, Stay, Supply


def document() -> dict[str, Any]:
    """Return a valid document of two steps with a lag in days and a stay."""
    return {
        "code": "TWO",
        "name": {"zh": "两步", "en": "Two steps"},
        "version": 2,
        "effective_from": date(2026, 1, 1),
        "family": "ablation",
        "urgency": "4a",
        "sources": {"setup": "est"},
        "step": [
            {
                "code": "one",
                "name": {"zh": "一", "en": "One"},
                "phases": {"setup": 10, "procedure": 30, "cleanup": 10, "recovery": 60},
                "need": [
                    {"role": "room", "kind": "room", "attributes": ["dsa"]},
                    {"role": "operator", "kind": "physician", "phases": ["procedure"], "privilege": "tace", "level": 3},
                ],
            },
            {
                "code": "two",
                "name": {"zh": "二", "en": "Two"},
                "provisional": True,
                "phases": {"procedure": 30},
                "need": [{"role": "nurse", "kind": "nurse", "count": 2}],
                "stay": {"nights": 2, "nights_before": 1, "attributes": ["single"]},
            },
        ],
        "lag": [{"from": "one", "to": "two", "min_days": 5, "max_days": 28, "target_days": [7, 14]}],
    }


def put(path: str, value: Any) -> dict[str, Any]:
    """Return the document with one value set, or removed when it is `...`; a path such as step.0.need.1.phases."""
    changed = deepcopy(document())
    *way, last = path.split(".")
    at: Any = changed
    for key in way:
        at = at[int(key)] if isinstance(at, list) else at[key]
    if value is ...:
        del at[last]
    elif isinstance(at, list):
        at.insert(int(last), value) if int(last) >= len(at) else at.__setitem__(int(last), value)
    else:
        at[last] = value
    return changed


def test_a_document_becomes_a_protocol() -> None:
    protocol = parse(document())
    one, two = protocol.steps
    assert (protocol.code, protocol.version, protocol.name_en, protocol.urgency) == ("TWO", 2, "Two steps", "4a")
    assert one.minutes == (("setup", 10), ("procedure", 30), ("cleanup", 10), ("recovery", 60))
    assert one.needs[0].phases == ("setup", "procedure", "cleanup")
    assert (one.needs[1].privilege, one.needs[1].level, one.needs[1].phases) == ("tace", 3, ("procedure",))
    assert (two.needs[0].count, two.provisional) == (2, True)
    assert two.stay == Stay(nights=2, nights_before=1, attributes=frozenset({"single"}))
    assert protocol.lags == (Lag("one", "two", min_days=5, max_days=28, target_days=(7, 14)),)


def test_a_document_says_what_a_booking_waits_for_and_what_a_patient_does_before() -> None:
    changed = document() | {"lead_days": 7, "sex": "female", "supply": {**SUPPLY, "step": "two"}}
    changed["step"][0] |= {"hours": {"from": "08:00", "to": "24:00"}, "fasting_hours": 8}
    changed["step"][0]["prepare"] = {"zh": "禁食 8 小时", "en": "Fast for 8 hours"}
    protocol = parse(changed)
    one = protocol.steps[0]
    assert (protocol.lead_days, protocol.sex, protocol.supply) == (7, "female", Supply("粒子", "Seeds", "two", 7, 10))
    assert (one.hours, one.fasting_hours, one.prepare_en) == (Hours(480, 1440), 8, "Fast for 8 hours")
    assert parse(document() | {"supply": SUPPLY}).supply == Supply("粒子", "Seeds", "one", 7, 10)


def test_a_need_is_taken_before_and_after_its_phases_rounded_outward() -> None:
    changed = put(f"{OPERATOR}.before_minutes", 3)
    changed["step"][0]["need"][1]["after_minutes"] = 21
    one = parse(changed).steps[0]
    # set-up 10, procedure 30: taken from 5 minutes after the start, for 5 + 30 + 25 minutes
    assert one.taken(one.needs[1]) == (5, 60)
    assert one.taken(one.needs[0]) == (0, 50)


def test_the_date_may_be_text_as_json_stores_it() -> None:
    assert parse(put("effective_from", "2026-01-01")) == parse(document())


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ({"setup": 3, "procedure": 10, "cleanup": 3}, [5, 10, 5]),
        ({"setup": 8, "procedure": 18, "cleanup": 5}, [10, 20, 5]),
        ({"setup": 1, "procedure": 1, "cleanup": 1}, [5, 5, 5]),
        ({"procedure": 40, "recovery": 45}, [40, 45]),
    ],
)
def test_phase_boundaries_are_rounded_up_to_the_grid(given: dict[str, int], published: list[int]) -> None:
    # 3 + 10 + 3: the boundaries 3, 13, 16 become 5, 15, 20
    assert [minutes for _, minutes in parse(put("step.0.phases", given)).steps[0].minutes] == published


NEED = {"role": "x", "kind": "room"}
STEP = {"code": "three", "name": {"zh": "三", "en": "Three"}, "phases": {"procedure": 5}}
BACK = {"from": "three", "to": "two", "min_days": 1}
OPERATOR = "step.0.need.1"

SUPPLY = {"name": {"zh": "粒子", "en": "Seeds"}, "order_days": 7, "use_by_days": 10}

REFUSED = [
    ("colour", "red", "colour", "unknown-key"),
    ("step.0.colour", "red", "step[one].colour", "unknown-key"),
    (f"{OPERATOR}.colour", "red", "step[one].need[operator].colour", "unknown-key"),
    ("step.1.stay.colour", "red", "step[two].stay.colour", "unknown-key"),
    ("lag.0.colour", "red", "lag[two].colour", "unknown-key"),
    ("name.fr", "Deux", "name.fr", "unknown-key"),
    ("code", ..., "code", "missing-key"),
    ("name", ..., "name", "missing-key"),
    ("name.zh", ..., "name.zh", "missing-key"),
    ("name.zh", " ", "name.zh", "empty"),
    ("version", ..., "version", "missing-key"),
    ("version", "2", "version", "wrong-type"),
    ("version", True, "version", "wrong-type"),
    ("version", 0, "version", "out-of-range"),
    ("effective_from", ..., "effective_from", "missing-key"),
    ("effective_from", "1st of May", "effective_from", "bad-date"),
    ("effective_from", 20260101, "effective_from", "wrong-type"),
    ("family", ..., "family", "missing-key"),
    ("urgency", "soon", "urgency", "unknown-urgency"),
    ("sources", {"setup": 3}, "sources.setup", "wrong-type"),
    ("step", [], "step", "no-step"),
    ("step", {}, "step", "wrong-type"),
    ("step.0", "one", "step[1]", "wrong-type"),
    ("step.0.code", "one.a", "step[one.a].code", "bad-code"),
    ("step.1.code", "one", "step[one].code", "duplicate-step"),
    ("step.0.provisional", "yes", "step[one].provisional", "wrong-type"),
    ("step.0.phases", ..., "step[one].phases", "missing-key"),
    ("step.0.phases", {"setup": 5}, "step[one].phases", "no-procedure"),
    ("step.0.phases.nap", 5, "step[one].phases.nap", "unknown-phase"),
    ("step.0.phases.setup", 0, "step[one].phases.setup", "out-of-range"),
    ("step.0.phases.setup", -5, "step[one].phases.setup", "out-of-range"),
    ("step.0.phases.setup", 1441, "step[one].phases.setup", "out-of-range"),
    ("step.0.phases.setup", 1400, "step[one].phases", "out-of-range"),
    ("step.0.phases.setup", 2.5, "step[one].phases.setup", "wrong-type"),
    (f"{OPERATOR}.role", ..., "step[one].need[2].role", "missing-key"),
    (f"{OPERATOR}.role", "room", "step[one].need[room].role", "duplicate-role"),
    (f"{OPERATOR}.role", "patient", "step[one].need[patient].role", "role-reserved"),
    (f"{OPERATOR}.role", "bed", "step[one].need[bed].role", "role-reserved"),
    (f"{OPERATOR}.kind", "dragon", "step[one].need[operator].kind", "unknown-kind"),
    (f"{OPERATOR}.kind", "patient", "step[one].need[operator].kind", "unknown-kind"),
    (f"{OPERATOR}.phases", ["nap"], "step[one].need[operator].phases", "unknown-phase"),
    (f"{OPERATOR}.phases", [], "step[one].need[operator].phases", "empty"),
    (f"{OPERATOR}.phases", ["setup", "cleanup"], "step[one].need[operator].phases", "phases-not-consecutive"),
    (f"{OPERATOR}.phases", ["setup", "setup"], "step[one].need[operator].phases", "phases-not-consecutive"),
    ("step.1.need.0.phases", ["recovery"], "step[two].need[nurse].phases", "phase-absent"),
    (f"{OPERATOR}.count", 0, "step[one].need[operator].count", "out-of-range"),
    (f"{OPERATOR}.level", 5, "step[one].need[operator].level", "out-of-range"),
    (f"{OPERATOR}.privilege", ..., "step[one].need[operator].level", "level-without-privilege"),
    (f"{OPERATOR}.attributes", "dsa", "step[one].need[operator].attributes", "wrong-type"),
    (f"{OPERATOR}.codes", [1], "step[one].need[operator].codes", "wrong-type"),
    ("step.1.stay.nights", ..., "step[two].stay.nights", "missing-key"),
    ("step.1.stay", {"nights": 46}, "step[two].stay.nights", "out-of-range"),
    ("step.1.stay", {"nights": 0}, "step[two].stay.nights", "stay-without-nights"),
    ("step.1.stay", 2, "step[two].stay", "wrong-type"),
    ("lag", [], "step[two]", "step-without-lag"),
    ("lag.0.to", "three", "lag[three].to", "unknown-step"),
    ("lag.0.from", "zero", "lag[two].from", "unknown-step"),
    ("lag.0", {"from": "two", "to": "one", "min_days": 1}, "lag[one]", "lag-backwards"),
    ("lag.0", {"from": "two", "to": "two", "min_days": 1}, "lag[two]", "lag-cycle"),
    ("lag.1", {"from": "two", "to": "one", "min_days": 1}, "lag[two]", "lag-cycle"),
    ("lag.1", {"from": "one", "to": "two", "min_days": 1}, "lag[two].to", "second-lag"),
    ("lag.0.min_minutes", 5, "lag[two].min_days", "lag-two-units"),
    ("lag.0", {"from": "one", "to": "two"}, "lag[two]", "lag-without-bound"),
    ("lag.0.min_days", 29, "lag[two].min_days", "lag-contradiction"),
    ("lag.0.min_days", -1, "lag[two].min_days", "out-of-range"),
    ("lag.0.target_days", [14, 7], "lag[two].target_days", "lag-contradiction"),
    ("lag.0.target_days", [4, 14], "lag[two].target_days", "target-outside"),
    ("lag.0.target_days", [7, 29], "lag[two].target_days", "target-outside"),
    ("lag.0.target_days", [7], "lag[two].target_days", "wrong-type"),
    ("lag.0.from_phase", "nap", "lag[two].from_phase", "unknown-phase"),
    ("lag.0.to_phase", "setup", "lag[two].to_phase", "phase-absent"),
    ("lead_days", -1, "lead_days", "out-of-range"),
    ("lead_days", 366, "lead_days", "out-of-range"),
    ("sex", "both", "sex", "unknown-sex"),
    ("supply", {"order_days": 7, "use_by_days": 10}, "supply.name", "missing-key"),
    ("supply", {**SUPPLY, "colour": "red"}, "supply.colour", "unknown-key"),
    ("supply", {**SUPPLY, "step": "three"}, "supply.step", "unknown-step"),
    ("supply", {**SUPPLY, "order_days": -1}, "supply.order_days", "out-of-range"),
    ("supply", {**SUPPLY, "use_by_days": "10"}, "supply.use_by_days", "wrong-type"),
    ("step.0.hours", "08:00", "step[one].hours", "wrong-type"),
    ("step.0.hours", {"from": "8:00", "to": "12:00"}, "step[one].hours.from", "bad-time"),
    ("step.0.hours", {"from": "08:00", "to": "24:01"}, "step[one].hours.to", "bad-time"),
    ("step.0.hours", {"from": "08:00"}, "step[one].hours.to", "missing-key"),
    ("step.0.hours", {"from": "12:00", "to": "12:00"}, "step[one].hours", "hours-reversed"),
    ("step.0.hours", {"from": "08:00", "to": "08:45"}, "step[one].hours", "hours-too-short"),
    ("step.0.prepare", "Fast", "step[one].prepare", "wrong-type"),
    ("step.0.prepare", {"zh": "禁食"}, "step[one].prepare.en", "missing-key"),
    ("step.0.fasting_hours", 25, "step[one].fasting_hours", "out-of-range"),
    (f"{OPERATOR}.before_minutes", -5, "step[one].need[operator].before_minutes", "out-of-range"),
    (f"{OPERATOR}.after_minutes", 2.5, "step[one].need[operator].after_minutes", "wrong-type"),
    # the patient leaves recovery 60 minutes after the span has ended
    ("lag.0", {"from": "one", "to": "two", "max_minutes": 59}, "lag[two].max_minutes", "lag-contradiction"),
]


@pytest.mark.parametrize(("path", "value", "entry", "reason"), REFUSED)
def test_what_cannot_be_meant_is_refused_by_entry_and_reason(path: str, value: Any, entry: str, reason: str) -> None:
    with pytest.raises(BadProtocol) as refused:
        parse(put(path, value))
    assert (refused.value.entry, refused.value.reason) == (entry, reason)
    assert refused.value.protocol == ("?" if path == "code" else "TWO")


def test_lags_lead_from_earlier_steps_only() -> None:
    three = put("step.2", STEP)
    three["lag"] = [{"from": "one", "to": "three", "min_days": 1}, BACK]
    with pytest.raises(BadProtocol) as refused:
        parse(three)
    assert (refused.value.entry, refused.value.reason) == ("lag[two]", "lag-backwards")


def test_a_recovery_may_follow_the_procedure_where_there_is_no_cleanup() -> None:
    changed = put("step.0.phases", {"procedure": 20, "recovery": 30})
    changed["step"][0]["need"] = [{**NEED, "phases": ["recovery", "procedure"]}]
    assert parse(changed).steps[0].needs[0].phases == ("procedure", "recovery")
