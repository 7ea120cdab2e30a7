"""The steps of a schedule: which verbs may be one, which waits for which, and how each ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from backend.errors import InvalidInputError
from backend.operations import Check, CheckCopies, Operation, Prune, PruneCopies, Push, Save
from backend.results import Result

# What can be done night after night. A restore, an import or the like has its moment, and a person who wants
# it; a forget names a set that there is only once: `prune` forgets by rules.
STEP_VERBS = ("save", "check-snapshot", "push", "prune", "doctor")
_MAKING_SAFE = (Save.verb, Check.verb, CheckCopies.verb, Push.verb)
_LETTING_GO = (Prune.verb, PruneCopies.verb)


@dataclass(frozen=True)
class Step:
    """One step: its number from 1, the text in the configuration, and what that means."""

    number: int
    text: str
    operation: Operation

    @property
    def verb(self) -> str:
        """The verb that it begins with."""
        return self.text.split()[0]

    @property
    def lets_go(self) -> bool:
        """Whether it removes sets or copies, so that all before it has to have gone well."""
        return self.verb in _LETTING_GO


class StepState(Enum):
    """How a step ended."""

    DONE = "done"
    PARTIAL = "done in part"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: `text` says what came of it or why not, `job` is its number in the journal, or 0.

    `seconds` is how long it took.
    """

    step: Step
    state: StepState
    text: str = ""
    job: int = 0
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The step and how it ended, on one line."""
        job = f" (job {self.job})" if self.job else ""
        text = f": {self.text}" if self.text else ""
        return f"{self.step.number}. {self.step.text}: {self.state.value}{text}{job}".replace("\n", "; ")

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping of it."""
        facts = {"step": self.step.text, "state": self.state.value, "text": self.text}
        return {**facts, "job": self.job, "seconds": round(self.seconds, 3)}


def demand_step(verb: str) -> None:
    """Make sure that a verb may be a step of a schedule.

    Raises:
        InvalidInputError: it may not; the text says what may be.
    """
    if verb not in STEP_VERBS:
        raise InvalidInputError(f'"{verb}" does not run by itself; expected {", ".join(STEP_VERBS)}')


def obstacle(step: Step, ended: Sequence[StepEnd]) -> str:
    """Say why a step must not run after those that ended, or nothing.

    What lets go of sets or copies runs only where every save, push and check before it went well: then alone
    is it known that what stays is sound, and is where it should be. All others stand for themselves: what was
    saved yesterday can be pushed although today's save failed.
    """
    if not step.lets_go:
        return ""
    bad = [end for end in ended if end.step.operation.verb in _MAKING_SAFE and not _went_well(end)]
    if not bad:
        return ""
    return f"nothing is removed, as step {bad[0].step.number} ({bad[0].step.verb}) {_how(bad[0].state)}"


def _went_well(end: StepEnd) -> bool:
    """Whether it did what copies depend on: a save that left something out has made its set all the same."""
    is_save = end.step.operation.verb == Save.verb
    return end.state is StepState.DONE or (is_save and end.state is StepState.PARTIAL)


def _how(state: StepState) -> str:
    verbs = {
        StepState.PARTIAL: "was done in part",
        StepState.STOPPED: "was stopped",
        StepState.NOT_RUN: "did not run",
    }
    return verbs.get(state, "failed")


def end_of(step: Step, result: Result, job: int, seconds: float) -> StepEnd:
    """Say how a step ended that has a result."""
    if result.faults:
        return StepEnd(step, StepState.FAILED, "; ".join(_faults(result)), job, seconds)
    state = StepState.PARTIAL if result.left_out else StepState.DONE
    return StepEnd(step, state, _outcome(step.operation, result), job, seconds)


def _faults(result: Result) -> list[str]:
    """What a check found, each with what it is of."""
    bad = (verdict for verdict in result.verdicts if verdict.fault)
    return [f"set #{verdict.set_id} {verdict.snap}: {verdict.fault}" for verdict in bad]


def _outcome(operation: Operation, result: Result) -> str:
    match operation:
        case Save():
            made = f"set #{result.set_id} of {', '.join(result.snaps)}"
        case Push():
            made = _count(len(result.copies), "set") + " copied"
        case Check():
            made = _count(len(result.verdicts), "archive") + " checked"
        case CheckCopies():
            made = _count(len(result.verdicts), "copy") + " checked"
        case _:
            made = f"{result.freed:,} bytes freed" if result.freed else ""
    left = f"left out: {'; '.join(result.left_out)}" if result.left_out else ""
    return "; ".join(filter(None, (made, left)))


def _count(number: int, what: str) -> str:
    several = "copies" if what == "copy" else f"{what}s"
    return f"{number} {what if number == 1 else several}"
