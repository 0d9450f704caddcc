"""What options do to a protocol, and how those that cannot be meant are refused."""

from copy import deepcopy
from typing import Any

import pytest

from scheduler.engine.document import parse
from scheduler.engine.entry import BadProtocol
from scheduler.engine.options import longest, variants, varied
from scheduler.engine.protocol import Protocol, Stay, Step
from scheduler.errors import Invalid

GA = {
    "code": "ga",
    "name": {"zh": "全身麻醉", "en": "General anaesthesia"},
    "steps": ["AB"],
    "add": {"setup": 20, "recovery": 30},
    "need": [{"role": "anaesthetist", "kind": "anaesthetist"}],
}
MAC = {**GA, "code": "mac", "excludes": ["ga"], "add": {"setup": 10}}
LESION = {"code": "extra-lesion", "name": {"zh": "加病灶", "en": "Extra lesion"}, "most": 4, "lengthens": 0.6}
TRAINEE = {
    "code": "trainee",
    "name": {"zh": "带教", "en": "Trainee"},
    "lengthens": 0.25,
    "need": [{"role": "trainee", "kind": "physician", "phases": ["procedure"], "attributes": ["trainee"]}],
}
DAY_CASE = {"code": "day-case", "name": {"zh": "日间", "en": "Day case"}, "no_stay": True, "add": {"recovery": 240}}


def document(*options: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Return a protocol of two steps: an ablation with a night, and a look at it after a month at the latest."""
    return deepcopy(
        {
            "code": "AB",
            "name": {"zh": "消融", "en": "Ablation"},
            "version": 1,
            "effective_from": "2026-01-01",
            "family": "ablation",
            "urgency": "4a",
            "step": [
                {
                    "code": "AB",
                    "name": {"zh": "消融", "en": "Ablation"},
                    "phases": {"setup": 10, "procedure": 25, "cleanup": 10},
                    "need": [
                        {"role": "room", "kind": "room"},
                        {"role": "operator", "kind": "physician", "phases": ["procedure"]},
                        {"role": "nurse", "kind": "nurse", "phases": ["setup", "procedure", "cleanup"]},
                    ],
                    "stay": {"nights": 1},
                },
                {"code": "LOOK", "name": {"zh": "复查", "en": "Look"}, "phases": {"procedure": 20}},
            ],
            "lag": [{"from": "AB", "to": "LOOK", "min_days": 20, "max_days": 31}],
            "option": list(options),
        }
        | given
    )


def with_options(*options: dict[str, Any], **given: Any) -> Protocol:
    return parse(document(*options, **given))


def first(protocol: Protocol, **chosen: int) -> Step:
    return varied(protocol, {code.replace("_", "-"): count for code, count in chosen.items()}).steps[0]


def roles(step: Step) -> list[str]:
    return [need.role for need in step.needs]


def test_without_options_the_protocol_is_as_it_is() -> None:
    protocol = with_options(GA, LESION)
    assert varied(protocol, {}) is protocol
    assert varied(protocol, {"ga": 0}) is protocol


def test_minutes_are_added_to_phases_and_an_absent_phase_appears() -> None:
    step = first(with_options(GA), ga=1)
    assert step.minutes == (("setup", 30), ("procedure", 25), ("cleanup", 10), ("recovery", 30))


def test_each_count_lengthens_the_procedure_exactly_and_options_multiply() -> None:
    protocol = with_options(LESION, TRAINEE)
    assert first(protocol, extra_lesion=1).length("procedure") == 40
    # 25 x (1 + 0.6 x 3) = 70, and x 1.25 = 87.5: on the grid with the set-up's 10 that is 90
    assert first(protocol, extra_lesion=3).length("procedure") == 70
    assert first(protocol, extra_lesion=3, trainee=1).length("procedure") == 90


def test_minutes_are_added_after_the_procedure_was_lengthened() -> None:
    slower = {**LESION, "add": {"procedure": 10}}
    assert first(with_options(slower), extra_lesion=2).length("procedure") == 75


def test_a_need_of_an_option_is_for_the_span_unless_it_names_phases() -> None:
    step = first(with_options(GA, TRAINEE), ga=1, trainee=1)
    by_role = {need.role: need for need in step.needs}
    assert by_role["anaesthetist"].phases == ("setup", "procedure", "cleanup")
    assert by_role["trainee"].phases == ("procedure",)


def test_what_is_needed_for_the_span_is_needed_for_a_phase_that_appears_too() -> None:
    bare = document({**GA, "add": {"cleanup": 10}})
    bare["step"][0]["phases"] = {"procedure": 25}
    bare["step"][0]["need"] = [
        {"role": "room", "kind": "room"},
        {"role": "op", "kind": "nurse", "phases": ["procedure"]},
    ]
    assert [need.phases for need in first(parse(bare), ga=1).needs][:2] == [("procedure", "cleanup"), ("procedure",)]


def test_a_need_with_the_role_of_another_takes_its_place_and_dropped_roles_leave() -> None:
    bedside = {
        "code": "bedside",
        "name": {"zh": "床旁", "en": "Bedside"},
        "drop": ["nurse"],
        "need": [{"role": "room", "kind": "room", "attributes": ["bedside"]}],
    }
    step = first(with_options(bedside), bedside=1)
    assert roles(step) == ["room", "operator"]
    assert step.needs[0].attributes == {"bedside"}


def test_a_stay_is_dropped_or_another_one_takes_its_place() -> None:
    longer = {
        "code": "isolation",
        "name": {"zh": "隔离", "en": "Isolation"},
        "stay": {"nights": 2, "attributes": ["single"]},
    }
    protocol = with_options(DAY_CASE, longer)
    assert first(protocol, day_case=1).stay is None
    assert first(protocol, isolation=1).stay == Stay(2, attributes=frozenset({"single"}))


def test_only_the_steps_an_option_is_about_change() -> None:
    protocol = with_options(GA)
    assert varied(protocol, {"ga": 1}).steps[1] is protocol.steps[1]
    assert varied(with_options(LESION), {"extra-lesion": 1}).steps[1].length("procedure") == 35


@pytest.mark.parametrize(
    ("chosen", "code", "facts"),
    [
        ({"magic": 1}, "unknown-option", {"option": "magic", "protocol": "AB"}),
        ({"extra-lesion": 5}, "option-too-often", {"option": "extra-lesion", "count": 5, "most": 4}),
        ({"ga": 2}, "option-too-often", {"option": "ga", "count": 2, "most": 1}),
        ({"ga": -1}, "option-too-often", {"option": "ga", "count": -1, "most": 1}),
        ({"mac": 1, "ga": 1}, "options-exclude", {"option": "ga", "other": "mac"}),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(chosen: dict[str, int], code: str, facts: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        varied(with_options(GA, MAC, LESION), chosen)
    assert (refused.value.code, refused.value.facts) == (code, facts)


def test_the_variants_are_each_option_alone_and_the_fullest_sets_that_go_together() -> None:
    protocol = with_options(GA, MAC, LESION)
    assert list(variants(protocol)) == [
        {"ga": 1},
        {"mac": 1},
        {"extra-lesion": 4},
        {"ga": 1, "extra-lesion": 4},
        {"mac": 1, "extra-lesion": 4},
    ]
    assert longest(protocol) == {"ga": 1, "extra-lesion": 4}
    assert longest(with_options()) == {}


NAME = {"zh": "选", "en": "Option"}

REFUSED = [
    ({"colour": 1}, "option[x].colour", "unknown-key"),
    ({"name": ...}, "option[x].name", "missing-key"),
    ({"steps": ["THREE"]}, "option[x].steps", "unknown-step"),
    ({"steps": []}, "option[x].steps", "empty"),
    ({"most": 0}, "option[x].most", "out-of-range"),
    ({"most": 21}, "option[x].most", "out-of-range"),
    ({"excludes": ["y"]}, "option[x].excludes", "unknown-option"),
    ({"excludes": ["x"]}, "option[x].excludes", "unknown-option"),
    ({"add": {"nap": 5}}, "option[x].add.nap", "unknown-phase"),
    ({"add": {"setup": 0}}, "option[x].add.setup", "out-of-range"),
    ({"add": 5}, "option[x].add", "wrong-type"),
    ({"lengthens": "twice"}, "option[x].lengthens", "wrong-type"),
    ({"lengthens": True}, "option[x].lengthens", "wrong-type"),
    ({"lengthens": -0.1}, "option[x].lengthens", "out-of-range"),
    ({"lengthens": float("nan")}, "option[x].lengthens", "out-of-range"),
    ({"drop": ["cook"]}, "option[x].drop", "unknown-role"),
    ({"no_stay": True, "stay": {"nights": 1}}, "option[x].no_stay", "stay-and-no-stay"),
    ({"stay": {"nights": 0}}, "option[x].stay.nights", "stay-without-nights"),
    ({"need": [{"role": "bed", "kind": "bed"}]}, "option[x].need[bed].role", "role-reserved"),
    ({"need": [{"role": "a", "kind": "dragon"}]}, "option[x].need[a].kind", "unknown-kind"),
    # the second step has a procedure only, and the option is about both
    ({"need": [{"role": "a", "kind": "nurse", "phases": ["setup"]}]}, "option[x].need[a].phases", "phase-absent"),
    (
        {"steps": ["AB"], "need": [{"role": "a", "kind": "nurse", "phases": ["setup", "cleanup"]}]},
        "option[x].need[a].phases",
        "phases-not-consecutive",
    ),
    ({"add": {"recovery": 1440}}, "option[x].step[AB].phases", "out-of-range"),
    ({"lengthens": 5, "most": 20}, "option[x].step[AB].phases", "out-of-range"),
]


@pytest.mark.parametrize(("changed", "entry", "reason"), REFUSED)
def test_an_option_that_cannot_be_meant_is_named(changed: dict[str, Any], entry: str, reason: str) -> None:
    option = {key: value for key, value in ({"code": "x", "name": NAME} | changed).items() if value is not ...}
    with pytest.raises(BadProtocol) as refused:
        with_options(option)
    assert (refused.value.entry, refused.value.reason) == (entry, reason)


def test_two_options_of_one_code_are_refused() -> None:
    with pytest.raises(BadProtocol) as refused:
        with_options(GA, GA)
    assert (refused.value.entry, refused.value.reason) == ("option[ga].code", "duplicate-option")


def test_a_need_over_phases_that_follow_each_other_in_its_step_is_taken() -> None:
    look = {"role": "nurse", "kind": "nurse", "phases": ["procedure", "recovery"]}
    protocol = with_options({"code": "x", "name": NAME, "steps": ["LOOK"], "add": {"recovery": 30}, "need": [look]})
    (need,) = varied(protocol, {"x": 1}).steps[1].needs
    assert need.phases == ("procedure", "recovery")


def test_more_options_than_one_can_survey_are_refused() -> None:
    many = [{"code": f"x{number}", "name": NAME} for number in range(17)]
    with pytest.raises(BadProtocol) as refused:
        with_options(*many)
    assert (refused.value.entry, refused.value.reason) == ("option", "out-of-range")
    assert refused.value.facts == {"value": 17, "low": 0, "high": 16}


def test_the_most_sets_that_options_of_one_protocol_can_make_are_324() -> None:
    """Moon and Moser 1965: threes and one four of which each excludes the rest of its own."""
    groups = [range(3), range(3, 6), range(6, 9), range(9, 12), range(12, 16)]
    options = [
        {"code": f"x{one}", "name": NAME, "excludes": [f"x{other}" for other in group if other != one]}
        for group in groups
        for one in group
    ]
    assert len(list(variants(with_options(*options)))) == 16 + 324


def test_an_option_that_excludes_all_the_others_makes_two_sets() -> None:
    others = [{"code": f"x{number}", "name": NAME} for number in range(15)]
    alone = {"code": "alone", "name": NAME, "excludes": [each["code"] for each in others]}
    assert len(list(variants(with_options(*others, alone)))) == 16 + 2


def test_options_that_are_right_alone_and_too_long_together_are_both_named() -> None:
    long, longer = [{"code": code, "name": NAME, "add": {"recovery": 800}} for code in ("x", "y")]
    with pytest.raises(BadProtocol) as refused:
        with_options(long, longer)
    assert refused.value.entry == "option[x]+option[y].step[AB].phases"
    assert len(list(variants(with_options(long, {**longer, "excludes": ["x"]})))) == 4


def test_an_option_that_makes_the_next_step_come_too_late_is_refused() -> None:
    lag = [{"from": "AB", "to": "LOOK", "max_minutes": 60}]
    with pytest.raises(BadProtocol) as refused:
        with_options(DAY_CASE, lag=lag)
    assert (refused.value.entry, refused.value.reason) == (
        "option[day-case].lag[LOOK].max_minutes",
        "lag-contradiction",
    )
