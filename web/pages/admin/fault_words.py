"""What is wrong with an entry of a protocol, in words; docs/protocols.md lists the same reasons."""

from collections import defaultdict
from collections.abc import Mapping

from flask_babel import gettext

from web.error_codes import N_

REASONS: Mapping[str, str] = {
    "unreadable": N_("The text is no TOML: line %(line)s, column %(column)s: %(error)s"),
    "too-long": N_("The text has %(length)s characters; at most %(most)s are read."),
    "not-utf8": N_("Line %(line)s is not UTF-8. Save the text as UTF-8 (not GBK) and paste it again."),
    "unknown-key": N_("There is no such key."),
    "missing-key": N_("This is missing."),
    "wrong-type": N_("This must be of the kind: %(expected)s."),
    "empty": N_("This must not be empty."),
    "bad-text": N_("%(length)s characters: too long, empty, or with control characters or emoji in it."),
    "bad-code": N_("“%(value)s” is no code: letters, digits, - and _ only."),
    "bad-date": N_("“%(value)s” is not a date. Write it like 2026-12-01."),
    "bad-time": N_("“%(value)s” is not a time. Write it like 09:30 or 0930."),
    "out-of-range": N_("%(value)s is not between %(low)s and %(high)s."),
    "unknown-kind": N_("There is no kind of resource “%(value)s”."),
    "unknown-phase": N_("There is no such phase: set-up, procedure, clean-up, recovery."),
    "unknown-step": N_("This procedure has no step “%(value)s”."),
    "unknown-urgency": N_("“%(value)s” is no urgency: 1, 2a, 2b, 3, 4a or 4b."),
    "unknown-sex": N_("“%(value)s” is neither female nor male."),
    "unknown-option": N_("There is no option “%(value)s”."),
    "unknown-role": N_("No step has the role “%(value)s”."),
    "hours-reversed": N_("The hours end before they begin."),
    "hours-too-short": N_("The hours are shorter than the step."),
    "duplicate-option": N_("This option stands twice."),
    "stay-and-no-stay": N_("An option changes the ward stay or drops it, not both."),
    "no-step": N_("A procedure has at least one step."),
    "no-procedure": N_("A step has the phase procedure."),
    "duplicate-step": N_("This step stands twice."),
    "duplicate-role": N_("This role stands twice in the step."),
    "role-reserved": N_("The patient and the bed are added by the program."),
    "phase-absent": N_("The step has no such phase: %(value)s."),
    "phases-not-consecutive": N_("The phases leave one out between them: %(value)s."),
    "level-without-privilege": N_("A level belongs to a privilege."),
    "stay-without-nights": N_("A stay has at least one night."),
    "step-without-lag": N_("No interval leads to this step."),
    "second-lag": N_("A second interval leads to the step %(value)s."),
    "lag-cycle": N_("The intervals go round in a circle: %(value)s."),
    "lag-backwards": N_("The interval leads to an earlier step: %(value)s."),
    "lag-two-units": N_("An interval is given in minutes or in days, not in both."),
    "lag-without-bound": N_("An interval needs a least or a most."),
    "lag-contradiction": N_("The least (%(low)s) is more than the most (%(high)s)."),
    "target-outside": N_("The preferred days lie outside the interval."),
    "unfillable-need": N_("Nothing in the department can ever fill this: %(needed)s needed, %(able)s could."),
    "unfillable-stay": N_("No bed of the department has: %(attributes)s."),
}
"""Reason → message id; facts a fault does not carry read as `–`."""


def sentence(reason: str, facts: Mapping[str, str]) -> str:
    """Say a reason in the reader's language; one that nobody named yet comes back as it is."""
    message = REASONS.get(reason)
    return gettext(message) % defaultdict(lambda: "–", facts) if message else reason
