"""Carrying an operation out: on an engine, and with a journal of it."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from backend.engine.availability import state_refusal
from backend.engine.protocol import Engine
from backend.errors import (
    BlockedError,
    BugError,
    Cancelled,
    ConflictError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    OpenEndedError,
    SnapshotError,
    UnrecordedError,
    shortage,
)
from backend.fs import files
from backend.jobs.doctor import REMOVED
from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobRecord, JobState
from backend.jobs.result import JobResult
from backend.jobs.waiting import job_in_the_way, wait_for
from backend.operations import (
    MAKING_ROOM,
    Check,
    CheckCopies,
    Export,
    Extract,
    Finish,
    Forget,
    ForgetCopies,
    Import,
    Operation,
    Prune,
    PruneCopies,
    Pull,
    Push,
    Repair,
    Restore,
    Save,
    TakeBack,
    Undo,
    to_json,
)
from backend.progress import Event, Noted, Progress, event_json
from backend.results import Result

_NOTHING = JobResult()
_UNLOCKED = (
    "files cannot be locked here (NFS without lockd?): make sure that nothing else makes changes meanwhile"
)


def perform(operation: Operation, engine: Engine, progress: Progress, stream: int | None = None) -> Result:
    """Carry out an operation; `stream` is the open file that `-` stands for."""
    match operation:
        case Save():
            return engine.save(operation, progress)
        case Check():
            return engine.check(operation, progress)
        case Restore() | Extract() | Undo():
            return _put(operation, engine, progress)
        case Forget() | Prune():
            return _let_go(operation, engine, progress)
        case Export():
            return engine.export(operation, progress, stream)
        case Import():
            return engine.take_in(operation, progress, stream)
        case Push() | Pull() | CheckCopies() | ForgetCopies() | PruneCopies():
            from backend.engine.copies.perform import copy_sets

            return copy_sets(operation, engine, progress)
        case _:
            return _mend(operation, engine, progress)


def _let_go(operation: Forget | Prune, engine: Engine, progress: Progress) -> Result:
    """Carry out what removes sets."""
    if isinstance(operation, Forget):
        return engine.forget((operation,), progress)
    from backend.engine.pruning import prune

    return prune(operation, engine, progress)


def _put(operation: Restore | Extract | Undo, engine: Engine, progress: Progress) -> Result:
    """Carry out what changes the data of snaps."""
    match operation:
        case Restore():
            return engine.restore(operation, progress)
        case Extract():
            return engine.extract(operation, progress)
        case Undo():
            return _undo(operation, engine, progress)


def _undo(operation: Undo, engine: Engine, progress: Progress) -> Result:
    """Take a job back, or have the copies back that it let go."""
    record = engine.journal.record(operation.job) if operation.job else None
    if record and record.verb in (ForgetCopies.verb, PruneCopies.verb):
        from backend.engine.copies.upkeep import bring_back

        return bring_back(engine, record, progress)
    return engine.undo(operation, progress)


def _mend(operation: Repair | Finish | TakeBack, engine: Engine, progress: Progress) -> Result:
    """Carry out what ends the work of others."""
    match operation:
        case Repair():
            return _repair(engine, progress)
        case Finish() | TakeBack():
            return _end(operation, engine, progress)


def _repair(engine: Engine, progress: Progress) -> Result:
    """Remove what crashes left; what could not be removed is left out, with the reason."""
    with progress.step("Removing what crashes left"):
        repaired = engine.repair(progress)
    findings = [finding for finding in repaired if finding.path]
    removed = [finding for finding in findings if finding.text == REMOVED]
    left = (f"{finding.path}: {finding.text}" for finding in findings if finding not in removed)
    freed = sum(finding.size for finding in removed)
    return Result(left_out=tuple(left), freed=freed, repaired=tuple(repaired))


def _end(operation: Finish | TakeBack, engine: Engine, progress: Progress) -> Result:
    """End an interrupted job; what is to be done then is in the result."""
    progress.raise_if_cancelled()
    finish = isinstance(operation, Finish)
    with progress.step("Finishing" if finish else "Rolling back"), progress.uncancellable():
        resolved = engine.resolve(operation.job, finish=finish)
    again = to_json(resolved.again) if resolved.again else {}
    return Result(outcome=resolved.text, again=again)


_REFUSALS = (InvalidInputError, ConflictError, NotFoundError, NoSpaceError)


def _ignore(_number: int) -> None:
    """Nobody waits for the number of the job."""


def perform_recorded(
    operation: Operation,
    engine: Engine,
    watch: Callable[[Progress], Callable[[Event], None]],
    *,
    stream: int | None = None,
    begun: Callable[[int], None] = _ignore,
) -> Result:
    """Carry out an operation as a job with a journal, after ending what died before it.

    `watch` is given the job, so that it can be stopped, and returns the listener to its events. `begun` is
    told the job's number as soon as it is in the journal. What was ended is noted in the job. On a full disk
    a forget, an undo or the end of another job is recorded in the room that the journal kept for that.

    Raises:
        OpenEndedError: the operation is done, or half done, but could not be ended: the next start does that.
        NoSpaceError: there is no room for the journal, or for the operation.
        Cancelled: the job was stopped.
        SnapshotError: it failed; the journal has the error.
    """
    if engine.state_fault:
        return _unrecorded(operation, engine, watch, stream=stream, is_number_awaited=begun is not _ignore)
    # What died before is ended first, but not what somebody has chosen the end of.
    tidied = [] if isinstance(operation, Finish | TakeBack) else engine.tidy(Progress())

    def watch_noting(progress: Progress) -> Callable[[Event], None]:
        """Note in the job, too, what had to be ended before it."""
        listener = watch(progress)
        for text in tidied:
            progress.note(text)
            listener(Noted(text))
        return listener

    try:
        result = _recorded(operation, engine, watch_noting, stream=stream, begun=begun)
    except NoSpaceError:
        if not isinstance(operation, MAKING_ROOM) or not engine.journal.spend_reserve():
            raise
        result = _recorded(operation, engine, watch_noting, stream=stream, begun=begun)
    engine.journal.keep_reserve()
    return result


def _unrecorded(
    operation: Operation,
    engine: Engine,
    watch: Callable[[Progress], Callable[[Event], None]],
    *,
    stream: int | None,
    is_number_awaited: bool,
) -> Result:
    """Carry out what nothing later depends on, without a journal; BlockedError for anything else."""
    action, fault = operation.action, engine.state_fault
    if is_number_awaited or not (action.only_reads or action.writes_elsewhere):
        raise BlockedError(state_refusal(operation.verb, fault))
    listeners: list[Callable[[Event], None]] = []
    job = _job(listeners, watch)
    job.note(f"this is kept in no journal: {fault}")
    with files.os_errors_as(f"cannot {operation.verb}"), _shortages_as(f"cannot {operation.verb}"):
        return perform(operation, engine, job, stream)


def _recorded(
    operation: Operation,
    engine: Engine,
    watch: Callable[[Progress], Callable[[Event], None]],
    *,
    stream: int | None,
    begun: Callable[[int], None],
) -> Result:
    with (
        files.os_errors_as(f"cannot keep the journal of {operation.verb}"),
        engine.journal.job(operation, engine.root) as record,
    ):
        begun(record.id)
        job = _job_of(record, watch)
        for warning in filter(None, (engine.warning, "" if record.is_locked else _UNLOCKED)):
            job.note(warning)
        with _failures_recorded(record, operation.verb):
            result = _performed_when_free(operation, engine, job, record=record, stream=stream)
        try:
            with files.os_errors_as("cannot record its end"):
                state = JobState.PARTIAL if result.left_out else JobState.DONE
                record.finish(state, JobResult.of(result, result.exit_code))
        except SnapshotError as failure:
            raise UnrecordedError(operation.verb, failure) from failure
        return result


def _performed_when_free(
    operation: Operation, engine: Engine, progress: Progress, *, record: OpenRecord, stream: int | None
) -> Result:
    """Carry an operation out; where it says so, after the job of ours that is in its way."""
    while True:
        try:
            return perform(operation, engine, progress, stream)
        except ConflictError as busy:
            other = job_in_the_way(engine.journal, operation, record.id)
            if type(busy) is not ConflictError or record.has_steps or other is None:
                raise
            if not getattr(operation, "wait", False):
                raise _naming(busy, operation, other) from busy
            wait_for(engine.journal, other, progress)


def _naming(busy: ConflictError, operation: Operation, other: JobRecord) -> ConflictError:
    """The refusal with the job that is in the way, and with the way to wait for it."""
    waits = "--wait waits for it" if hasattr(operation, "wait") else f"attach {other.id} waits for it"
    return ConflictError(f"{busy}: job {other.id} ({other.verb}); {waits}")


def _job_of(record: OpenRecord, watch: Callable[[Progress], Callable[[Event], None]]) -> Progress:
    """A job whose events go to its record first, then to whoever watches it."""
    return _job(
        [lambda event: record.tell(event_json(event))],
        watch,
        record_step=record.record_step,
        name=str(record.id),
    )


def _job(
    listeners: list[Callable[[Event], None]],
    watch: Callable[[Progress], Callable[[Event], None]],
    **facts: Any,
) -> Progress:
    def tell(event: Event) -> None:
        """Tell every listener."""
        for listen in listeners:
            listen(event)

    progress = Progress(tell, **facts)
    listeners.append(watch(progress))
    return progress


@contextmanager
def _failures_recorded(record: OpenRecord, verb: str) -> Iterator[None]:
    """However what is done inside fails, the record says so; a bug becomes a BugError."""
    try:
        with files.os_errors_as(f"cannot {verb}"), _shortages_as(f"cannot {verb}"):
            yield
    except Cancelled:
        _finish(record, JobState.CANCELLED)
        raise
    except OpenEndedError:
        raise
    except SnapshotError as failure:
        refused = isinstance(failure, _REFUSALS) and not record.has_steps
        state = JobState.REFUSED if refused else JobState.FAILED
        _finish(record, state, JobResult(error=str(failure), exit=failure.exit_code))
        raise
    except Exception as bug:
        record.keep_traceback("".join(traceback.format_exception(bug)))
        _finish(record, JobState.FAILED, JobResult(error=f"a bug in snapstow: {bug!r}", exit=1))
        raise BugError(f"cannot {verb}: a bug in snapstow: {bug!r}") from bug


def _finish(record: OpenRecord, state: JobState, result: JobResult = _NOTHING) -> None:
    """Record how it failed; where that cannot be, the next start ends it, and the failure itself is told."""
    with suppress(OSError):
        record.finish(state, result)


@contextmanager
def _shortages_as(action: str) -> Iterator[None]:
    """Turn a lack of memory, threads or descriptors into an error of ours."""
    try:
        yield
    except Exception as failure:
        if isinstance(failure, SnapshotError) or not (reason := shortage(failure)):
            raise
        raise SnapshotError(f"{action}: {reason}") from failure
