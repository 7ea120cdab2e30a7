"""A run of a schedule: each step as a job, then the record, the metrics and the notice of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from backend.config.values import ScheduleConfig
from backend.engine.perform import perform_recorded
from backend.engine.protocol import Engine
from backend.errors import Cancelled, SnapshotError
from backend.progress import Event, Progress
from backend.schedule.history import History, RunRecord, StepRecord
from backend.schedule.metrics import write_metrics
from backend.schedule.notices import send_notices
from backend.schedule.steps import Step, StepEnd, StepState, end_of, obstacle

DONE, NOTHING_DONE, IN_PART, STOPPED = 0, 1, 3, 130
_WENT = (StepState.DONE, StepState.PARTIAL)

Watch: TypeAlias = Callable[[Progress], Callable[[Event], None]]


@dataclass(frozen=True)
class Schedule:
    """A schedule whose steps are understood."""

    config: ScheduleConfig
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.config.name


class StopWish:
    """Whether somebody wants a run to stop; may be asked from a signal handler."""

    def __init__(self) -> None:
        self._is_asked = False
        self._progress: Progress | None = None

    @property
    def is_asked(self) -> bool:
        """Whether it was asked for: here, or of the step that runs or ran last."""
        return self._is_asked or (self._progress is not None and self._progress.stopping)

    def ask(self) -> None:
        """Stop the step that runs, and begin none after it."""
        self._is_asked = True
        if self._progress is not None:
            self._progress.stop()

    def follow(self, progress: Progress) -> None:
        """Let a step that begins hear of it."""
        self._progress = progress
        if self._is_asked:
            progress.stop()


class Audience(Protocol):
    """Who is told of a run while it is under way."""

    def begins(self, step: Step) -> AbstractContextManager[Watch]:
        """A step begins: what watches its job, until the context is left."""

    def ended(self, end: StepEnd) -> None:
        """A step ended, or was not run."""


def run_schedule(schedule: Schedule, engine: Engine, audience: Audience, wish: StopWish) -> RunRecord:
    """Run the steps of a schedule one after the other, each as a job of its own; tell how all ended.

    A step that fails keeps none from running but those that remove something (`steps.obstacle`). A stop ends
    the step that runs and begins none after it; metrics and notices follow in any case. What fails of them is
    in the record's `troubles`, and in its exit code: 0 all done, 3 not all of it, 1 nothing, 130 stopped.

    Raises:
        ConflictError: it runs already.
    """
    history = History(engine.state_dir)
    clock = engine.journal.clock.wall
    with ExitStack() as stack:
        fault = _hold(history, schedule.name, stack)
        before = history.last(schedule.name)
        record = RunRecord(schedule.name, clock(), succeeded=before.succeeded if before else 0.0)
        run = _Run(schedule, engine, history, replace(record, troubles=(fault,) if fault else ()))
        with run.concluded(clock, wish):
            for step in schedule.steps:
                audience.ended(run.take(step, audience, wish))
    return run.record


def _hold(history: History, name: str, stack: ExitStack) -> str:
    """Hold a schedule until the stack is left; why that cannot be, or nothing.

    A disk that takes no lock takes no job either: each step says so, and a notice has to.
    """
    try:
        stack.enter_context(history.running(name))
    except OSError as failure:
        return f"that it runs cannot be written down: {failure.strerror}"
    return ""


class _Run:
    """A run under way: what ended so far, kept as it comes."""

    def __init__(self, schedule: Schedule, engine: Engine, history: History, record: RunRecord) -> None:
        self._schedule = schedule
        self._engine = engine
        self._history = history
        self.record = record
        self.ends: list[StepEnd] = []
        self._keep()

    def take(self, step: Step, audience: Audience, wish: StopWish) -> StepEnd:
        """Run a step, unless something keeps it from that; how it ended is kept at once."""
        reason = "the run was stopped before" if wish.is_asked else obstacle(step, self.ends)
        end = StepEnd(step, StepState.NOT_RUN, reason) if reason else self._ran(step, audience, wish)
        self.ends.append(end)
        kept = StepRecord(step.text, end.state.value, end.text, end.job, round(end.seconds, 3))
        self.record = replace(self.record, steps=(*self.record.steps, kept))
        self._keep()
        return end

    def _ran(self, step: Step, audience: Audience, wish: StopWish) -> StepEnd:
        numbers = [0]
        began = time.monotonic()

        def end(state: StepState, text: str = "") -> StepEnd:
            """How it ended that has no result."""
            return StepEnd(step, state, text, numbers[-1], time.monotonic() - began)

        try:
            with audience.begins(step) as watch:

                def watch_stoppable(progress: Progress) -> Callable[[Event], None]:
                    """Let the job hear of a stop, too."""
                    listener = watch(progress)
                    wish.follow(progress)
                    return listener

                result = perform_recorded(step.operation, self._engine, watch_stoppable, begun=numbers.append)
        except Cancelled:
            return end(StepState.STOPPED)
        except SnapshotError as failure:
            return end(StepState.FAILED, str(failure))
        return end_of(step, result, numbers[-1], time.monotonic() - began)

    @contextmanager
    def concluded(self, clock: Callable[[], float], wish: StopWish) -> Iterator[None]:
        """However the steps end, say so in the record, in metrics and in a notice."""
        try:
            yield
        except BaseException as bug:
            self._trouble(f"a bug in snapstow: {type(bug).__name__}")
            self._conclude(clock, NOTHING_DONE)
            raise
        self._conclude(clock, self._exit_code(is_stopped=wish.is_asked))

    def _conclude(self, clock: Callable[[], float], code: int) -> None:
        ended = clock()
        succeeded = ended if code == DONE else self.record.succeeded
        code = code or (IN_PART if self.record.troubles else DONE)
        self.record = replace(self.record, ended=ended, exit=code, succeeded=succeeded)
        self._keep()
        for tell in (write_metrics, send_notices):
            try:
                tell(self._schedule.config, self._engine, self.record)
            except SnapshotError as failure:
                self._trouble(str(failure))
            except Exception as bug:  # noqa: BLE001 - a bug in the one must not keep the other from telling
                self._trouble(f"a bug in snapstow: {type(bug).__name__}")
        self._keep()

    def _exit_code(self, *, is_stopped: bool) -> int:
        states = [end.state for end in self.ends]
        if is_stopped and (StepState.STOPPED in states or StepState.NOT_RUN in states):
            return STOPPED
        if all(state is StepState.DONE for state in states):
            return DONE
        return IN_PART if any(state in _WENT for state in states) else NOTHING_DONE

    def _trouble(self, text: str) -> None:
        code = self.record.exit or IN_PART
        self.record = replace(self.record, troubles=(*self.record.troubles, text), exit=code)

    def _keep(self) -> None:
        """Keep the record; where that cannot be, the steps go on, as each has its journal."""
        try:
            self._history.keep(self.record)
        except OSError as failure:
            text = f"the record of the run cannot be kept: {failure.strerror}"
            if text not in self.record.troubles:
                self._trouble(text)
