"""Ending jobs of ours that died: snapd went on with what it had been asked, so it says how that ended."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from backend.engine.daemon import SnapdChange
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.services import BRIEFLY, start_again
from backend.errors import BlockedError, ConflictError, IntegrityError, NotFoundError
from backend.jobs.cleanup import (
    Task,
    drop_old_jobs,
    end_each,
    end_job,
    expire,
    expired_records,
    may_hold_data,
    noted,
    telling_of_kin,
)
from backend.jobs.effects import (
    FORGETTING,
    is_about_trash,
    is_ours,
    is_removal,
    is_with_snapd,
    needs_rollback,
    undone_by,
)
from backend.jobs.record import JobRecord, JobState
from backend.jobs.resolution import Resolution, Resolutions, Resolved, resolutions_of
from backend.jobs.resolution import resolve as end_files_as_chosen
from backend.jobs.result import JobResult
from backend.jobs.safety_snapshots import safeguarded_restores, safety_snapshot_of
from backend.jobs.trash import end_by_what_is_there
from backend.operations import DAY, CheckCopies, ForgetCopies, PruneCopies, Push
from backend.progress import Progress
from backend.steps import (
    ExportBegun,
    ServicesStarted,
    SnapdAwaited,
    SnapdStarted,
    SnapdStep,
    UndoBegun,
)
from backend.transfer.exporter import end_part

_READING = ("check-snapshot", "export-snapshot")
_ELSEWHERE = (Push.verb, CheckCopies.verb, ForgetCopies.verb, PruneCopies.verb)


def tidy(site: SnapdContext, progress: Progress) -> list[str]:
    """End dead jobs of ours whose changes have ended, forget guards that expired; says what was done.

    What was done to the files while snapd was not running is left alone.
    """
    site.journal.sweep()
    site.journal.running_time.note()
    sentences = end_each(_overdue(site))
    kin = telling_of_kin(site.journal, site.store)
    drop_old_jobs(site.journal, lambda record: record.id in kin or may_hold_data(record))
    return noted(sentences, progress)


def _overdue(site: SnapdContext) -> Iterator[Task]:
    for record in site.journal.records():
        has_failed = record.verb in FORGETTING and needs_rollback(record, site.store)
        if (record.state is JobState.INTERRUPTED or has_failed) and is_ours(record, site.store):
            yield record, partial(end, site, record)
    for restore in safeguarded_restores(site.journal, site.store.root):
        if restore.record.kept.is_over:
            yield restore.record, partial(_expire, site, restore.record, restore.guard.set_id)
    for record in expired_records(site.journal, site.store):
        if record.verb in FORGETTING:
            yield record, partial(expire, site.journal, site.store, record)


def _expire(site: SnapdContext, record: JobRecord, guard: int) -> str:
    site.forget(guard, Progress())
    site.journal.note_expired(record)
    return f"the undo of job {record.id} expired; its safety snapshot, set #{guard}, was removed"


def change_behind(site: SnapdContext, record: JobRecord) -> str:
    """The change by which snapd does, or did, what a dead job had asked for last, or nothing."""
    change = _last_change(site, record.asked)
    return change.id if change else ""


def ways(site: SnapdContext, number: int) -> Resolutions:
    """What finishing and taking back would mean for an interrupted job; changes nothing."""
    record = site.journal.record(number)
    if not is_with_snapd(record):
        return resolutions_of(record, site.store, site.journal.clock)
    if record.state is not JobState.INTERRUPTED:
        ended = Resolution(refusal=f"it was not interrupted: it is {record.state.value}")
        return Resolutions(ended, ended)
    change = _last_change(site, record.asked)
    if change and not change.ready:
        reason = f"snapd goes on with it, as change {change.id}"
        return Resolutions(
            Resolution(refusal=f"{reason}: wait for it"),
            Resolution(refusal=f"{reason}: snap abort {change.id} rolls it back"),
        )
    over = "snapd had not begun it" if _was_not_begun(record) else "snapd has ended it"
    return Resolutions(
        Resolution(f"{over}: how it ended is written down."), Resolution(refusal=f"{over} already")
    )


def end_as_chosen(site: SnapdContext, number: int, *, finish: bool) -> Resolved:
    """End an interrupted job of ours; BlockedError where that cannot be had."""
    record = site.journal.record(number)
    if not is_with_snapd(record):
        if record.verb not in _READING and not _is_safe(record):
            raise ConflictError(
                f"cannot end job {number} while snapd runs: it worked on the files themselves"
            )
        return end_files_as_chosen(site.journal, site.store, number, finish=finish)
    resolutions = ways(site, number)
    if reason := (resolutions.finish if finish else resolutions.take_back).refusal:
        raise BlockedError(f"cannot {'finish' if finish else 'roll back'} job {number}: {reason}")
    return Resolved(end(site, record), None)


def end(site: SnapdContext, record: JobRecord) -> str:
    """End one dead job, unless snapd goes on with it or it is for the files engine to end; says how."""
    steps, down = record.asked, record.services_down
    if not is_with_snapd(record):
        return _end_unasked(site, record)
    change = _last_change(site, steps)
    if change and not change.ready:
        return _resting_text(record, down) if down else ""
    if record.verb in FORGETTING and is_about_trash(record):
        return _end_forget(site, record, change)
    last = next((step for step in reversed(steps) if isinstance(step, SnapdStarted)), SnapdStarted(""))
    with site.journal.reopened(record) as reopened:
        troubles = start_again(site, down, BRIEFLY) if down else []
        if down:
            reopened.record_step(ServicesStarted(down))
        state, result = _outcome(site, record, change, last)
        reopened.finish(state, replace(result, left_out=tuple(troubles), recovered=True))
    endings = {JobState.DONE: "snapd completed it", JobState.ROLLED_BACK: "nothing of it is left"}
    ending = endings.get(state, result.error)
    started = [f"services that it had stopped were started again: {', '.join(down)}"] if down else []
    text = f"job {record.id} ({record.verb}) had been interrupted; {ending}"
    return "; ".join((text, *(troubles or started)))


def _end_unasked(site: SnapdContext, record: JobRecord) -> str:
    """End one that had not asked snapd for anything; what changed data is left for the files engine."""
    if record.verb in _READING:
        return _end_reading(site, record)
    return end_job(site.journal, site.store, record) if _is_safe(record) else ""


def _is_safe(record: JobRecord) -> bool:
    """Whether it touched only snapshots, the trash and what lies elsewhere: snapd may run meanwhile."""
    if record.verb in _ELSEWHERE or is_about_trash(record):
        return True
    is_kept = record.verb in FORGETTING and not is_removal(record)
    return is_kept or all(isinstance(step, UndoBegun) for step in record.steps)


def _end_forget(site: SnapdContext, record: JobRecord, change: SnapdChange | None) -> str:
    """End a forget by what is there: what is gone stays kept, and what snapd gave up is put back."""
    is_unbegun = not any(isinstance(step, SnapdStarted) for step in record.asked) and _was_not_begun(record)
    is_given_up = is_unbegun or (change is not None and not change.done)
    return end_by_what_is_there(site.journal, site.store, record, is_given_up=is_given_up)


def _resting_text(record: JobRecord, services: Sequence[str]) -> str:
    names = ", ".join(services)
    return (
        f"snapd goes on with job {record.id} ({record.verb}), for which these are stopped until then: {names}"
    )


def _was_not_begun(record: JobRecord) -> bool:
    """Whether it was waiting for another change when it died, or had stopped services only: what it had
    asked for before was refused.
    """
    return not record.asked or isinstance(record.asked[-1], SnapdAwaited)


def _last_change(site: SnapdContext, steps: Sequence[SnapdStep]) -> SnapdChange | None:
    """The change asked for last, where snapd still knows it; None also when the last step has none."""
    if not steps or not isinstance(steps[-1], SnapdStarted):
        return None
    try:
        return site.client.change(steps[-1].change)
    except NotFoundError:
        return None


def _outcome(
    site: SnapdContext, record: JobRecord, change: SnapdChange | None, last: SnapdStarted
) -> tuple[JobState, JobResult]:
    action, set_id = last.action, last.set_id
    if _was_not_begun(record):
        return JobState.ROLLED_BACK, JobResult()
    if change is None:
        text = "whether snapd did it is not known any more: look at the list"
        return JobState.FAILED, JobResult(error=text, exit=1)
    guard = safety_snapshot_of(record)
    if change.done and action == "guard":
        site.forget(set_id, Progress())
        return JobState.ROLLED_BACK, JobResult()
    if not change.done:
        if guard and action == "restore":
            site.forget(guard.set_id, Progress())
        return JobState.ROLLED_BACK, JobResult(snapd_error=change.error)
    if guard and action == "undo":
        return _end_undo(site, record, guard.set_id)
    return JobState.DONE, _result(site, record, change, set_id, guarded=guard is not None)


def _end_undo(site: SnapdContext, record: JobRecord, guard: int) -> tuple[JobState, JobResult]:
    undone = undone_by(record)
    restored = next((earlier for earlier in site.journal.records() if earlier.id == undone), None)
    if restored is None:
        raise IntegrityError("its journal is damaged")
    site.journal.note_undone(restored, record.id)
    site.forget(guard, Progress())
    return JobState.DONE, JobResult(getattr(restored.operation, "set_id", 0))


def _result(
    site: SnapdContext, record: JobRecord, change: SnapdChange, set_id: int, *, guarded: bool
) -> JobResult:
    result = JobResult(set_id, tuple(change.snaps))
    window = getattr(record.operation, "undo_window", DAY)
    if not guarded or not window:
        return result
    return replace(result, undo_job=record.id, undo_until=site.journal.clock.wall() + window)


def _end_reading(site: SnapdContext, record: JobRecord) -> str:
    """End a check, which leaves nothing, or an export, of which a part may be left."""
    with site.journal.reopened(record) as reopened:
        complete = False
        for step in record.steps:
            if isinstance(step, ExportBegun):
                complete = end_part(step)
        reopened.finish(JobState.DONE if complete else JobState.ROLLED_BACK, JobResult(recovered=True))
    ending = "it was complete" if complete else "nothing of it is left"
    return f"job {record.id} ({record.verb}) had been interrupted; {ending}"
