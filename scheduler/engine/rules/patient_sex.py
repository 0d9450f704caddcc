"""Patient's sex: some procedures are for women only or for men only."""

from collections.abc import Iterator

from scheduler.engine.protocol import Step
from scheduler.engine.rules.reading import Reading
from scheduler.engine.world import Problem, Violation


def fits(problem: Problem) -> bool:
    """Return whether a procedure may be for the patient; one whose sex is unknown or other passes."""
    wanted, sex = problem.protocol.sex, problem.terms.sex
    return wanted is None or sex not in ("female", "male") or sex == wanted


def mask(problem: Problem, step: Step) -> int:
    """Return no start at all of the first step for the wrong patient; else -1, which is every cell."""
    return -1 if step.code != problem.protocol.steps[0].code or fits(problem) else 0


def violations(reading: Reading) -> Iterator[Violation]:
    """Yield patient-sex with the sex the procedure is for."""
    protocol = reading.problem.protocol
    if not fits(reading.problem):
        yield Violation("patient-sex", {"step": protocol.steps[0].code, "sex": protocol.sex})
