"""How pages name a case: by its step in a pathway, else by its protocol."""

from scheduler.dayboard import Case
from web.i18n import language


def protocol_name(case: Case) -> str:
    """Name a case in a word or two: the step's name in a pathway, else the protocol's."""
    return step_name(case) if case.steps > 1 else in_language(case.protocol_zh, case.protocol_en)


def step_name(case: Case) -> str:
    return in_language(case.step_zh, case.step_en)


def case_name(case: Case) -> str:
    """Name a case in full: the protocol and, in a pathway, which step of how many."""
    name = in_language(case.protocol_zh, case.protocol_en)
    return name if case.steps == 1 else f"{name} · {step_name(case)} ({case.ordinal + 1}/{case.steps})"


def in_language(zh: str, en: str) -> str:
    return zh if language() == "zh" else en
