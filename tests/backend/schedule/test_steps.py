"""Which verbs may be steps, and which step waits for which."""

import pytest

from backend.errors import InvalidInputError
from backend.model import CheckResult
from backend.operations import Check, CheckCopies, Operation, Push, Repair, Save
from backend.results import Result
from backend.schedule.steps import STEP_VERBS, Step, StepEnd, StepState, demand_step, end_of, obstacle

DONE, PARTIAL, FAILED = StepState.DONE, StepState.PARTIAL, StepState.FAILED
STOPPED, NOT_RUN = StepState.STOPPED, StepState.NOT_RUN
STEPS: dict[str, Operation] = {
    "save": Save(),
    "check-snapshot --all": Check(),
    "check-snapshot --repo offsite": CheckCopies("offsite"),
    "push --new offsite": Push("offsite", new=True),
    "doctor --repair": Repair(),
}


def step(text: str, number: int = 1) -> Step:
    return Step(number, text, STEPS.get(text, Repair()))


def after(*before: tuple[str, StepState]) -> list[StepEnd]:
    return [StepEnd(step(text, number), state) for number, (text, state) in enumerate(before, 1)]


@pytest.mark.parametrize("letting_go", ["prune", "prune --repo offsite"])
@pytest.mark.parametrize(
    ("before", "runs"),
    [
        ([], True),
        ([("save", DONE)], True),
        ([("save", PARTIAL)], True),
        ([("save", FAILED)], False),
        ([("save", STOPPED)], False),
        ([("save", NOT_RUN)], False),
        ([("push --new offsite", DONE)], True),
        ([("push --new offsite", PARTIAL)], False),
        ([("push --new offsite", FAILED)], False),
        ([("check-snapshot --all", FAILED)], False),
        ([("check-snapshot --all", PARTIAL)], False),
        ([("check-snapshot --repo offsite", FAILED)], False),
        ([("check-snapshot --repo offsite", DONE)], True),
        ([("doctor --repair", FAILED)], True),
        ([("prune", FAILED)], True),
        ([("prune", NOT_RUN)], True),
        ([("save", DONE), ("push --new offsite", FAILED), ("doctor --repair", DONE)], False),
        ([("save", FAILED), ("save", DONE)], False),
    ],
)
def test_nothing_is_let_go_unless_all_before_it_made_copies_safe(
    letting_go: str, before: list[tuple[str, StepState]], runs: bool
) -> None:
    assert (obstacle(step(letting_go, 9), after(*before)) == "") is runs


@pytest.mark.parametrize("text", STEPS)
@pytest.mark.parametrize("state", StepState)
@pytest.mark.parametrize("failed", STEPS)
def test_every_other_step_runs_whatever_became_of_those_before(
    text: str, state: StepState, failed: str
) -> None:
    assert obstacle(step(text, 2), after((failed, state))) == ""


def test_an_obstacle_names_the_step_that_is_one() -> None:
    ended = after(("doctor --repair", DONE), ("save", FAILED), ("push --new offsite", NOT_RUN))
    assert obstacle(step("prune", 4), ended) == "nothing is removed, as step 2 (save) failed"
    partial = after(("push --new offsite", PARTIAL))
    assert obstacle(step("prune", 2), partial) == "nothing is removed, as step 1 (push) was done in part"


@pytest.mark.parametrize(
    "verb", ["restore", "forget", "pull", "undo", "import-snapshot", "saved", "jobs", ""]
)
def test_verbs_that_do_not_run_by_themselves_are_refused_with_those_that_do(verb: str) -> None:
    with pytest.raises(InvalidInputError, match="expected save, check-snapshot, push, prune, doctor"):
        demand_step(verb)
    for other in STEP_VERBS:
        demand_step(other)


@pytest.mark.parametrize(
    ("text", "result", "state", "sentence"),
    [
        ("save", Result(7, ("a", "b")), DONE, "1. save: done: set #7 of a, b (job 3)"),
        (
            "save",
            Result(7, ("a",), ("x",)),
            PARTIAL,
            "1. save: done in part: set #7 of a; left out: x (job 3)",
        ),
        (
            "push --new offsite",
            Result(copies=("c",)),
            DONE,
            "1. push --new offsite: done: 1 set copied (job 3)",
        ),
        (
            "check-snapshot --all",
            Result(
                verdicts=(CheckResult(2, "a", "archive.tgz", 1, ""), CheckResult(2, "b", "", 0, "bad\nly"))
            ),
            FAILED,
            "1. check-snapshot --all: failed: set #2 b: bad; ly (job 3)",
        ),
        ("doctor --repair", Result(freed=2048), DONE, "1. doctor --repair: done: 2,048 bytes freed (job 3)"),
    ],
)
def test_how_a_step_ended_is_one_line(text: str, result: Result, state: StepState, sentence: str) -> None:
    end = end_of(step(text), result, 3, 1.5)
    assert (end.state, end.sentence, end.seconds) == (state, sentence, 1.5)
