"""Ending jobs of ours that died: snapd went on with what it had been asked, so it says how that ended."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from backend.engine.daemon import SnapdChange
from backend.engine.snapd.context import SnapdContext
from backend.errors import BlockedError, ConflictError, IntegrityError, NotFoundError, SnapshotError
from backend.jobs.effects import is_ours
from backend.jobs.journal import JobRecord, JobState
from backend.jobs.resolution import Resolution, Resolutions, Resolved, resolutions_of
from backend.jobs.resolution import resolve as end_files_as_chosen
from backend.jobs.safety_snapshots import safeguarded_restores, safety_snapshot_of
from backend.operations import DAY
from backend.progress import Progress
from backend.transfer.exporter import end_part

_KEPT_JOBS = 100
_READING = ("check-snapshot", "export-snapshot")
_REVERSIBLE = ("restore", "extract", "undo")


def tidy(site: SnapdContext, progress: Progress) -> list[str]:
    """End dead jobs of ours whose changes have ended, forget guards that expired; says what was done.

    What was done to the files while snapd was not running is left alone.
    """
    site.journal.sweep()
    said = []
    for record in site.journal.records():
        if record.state is JobState.INTERRUPTED and is_ours(record, site.store):
            said.append(_safely(record, partial(end, site, record)))
    for one in safeguarded_restores(site.journal, site.store.root):
        if one.until <= time.time():
            said.append(_safely(one.record, partial(_expire, site, one.record, one.guard.set_id)))
    site.journal.drop_oldest(_KEPT_JOBS, {one.id for one in site.journal.records() if _is_needed(one)})
    said = list(filter(None, said))
    for text in said:
        progress.note(text)
    return said


def _is_needed(record: JobRecord) -> bool:
    over = record.result.get("undone") or record.result.get("expired")
    return record.operation.get("verb") in _REVERSIBLE and not over


def _safely(record: JobRecord, act: Callable[[], str]) -> str:
    try:
        return act()
    except SnapshotError as failure:
        return f"job {record.id} ({record.operation.get('verb')}) was left as it is: {failure}"


def _expire(site: SnapdContext, record: JobRecord, guard: int) -> str:
    site.forget(guard, Progress())
    site.journal.amend(record, {"expired": True})
    return f"the undo of job {record.id} expired; its guard, snapshot set #{guard}, was removed"


def change_behind(site: SnapdContext, record: JobRecord) -> str:
    """The change by which snapd does, or did, what a dead job had asked for last, or nothing."""
    change = _last_change(site, record.asked)
    return change.id if change else ""


def ways(site: SnapdContext, number: int) -> Resolutions:
    """What finishing and taking back would mean for an interrupted job; changes nothing."""
    record = site.journal.record(number)
    if not record.asked:
        return resolutions_of(record, site.store)
    if record.state is not JobState.INTERRUPTED:
        ended = Resolution(refusal=f"it was not interrupted: it is {record.state.value}")
        return Resolutions(ended, ended)
    change = _last_change(site, record.asked)
    if change and not change.ready:
        reason = f"snapd goes on with it, as change {change.id}"
        return Resolutions(
            Resolution(refusal=f"{reason}: wait for it"),
            Resolution(refusal=f"{reason}: snap abort {change.id} takes it back"),
        )
    over = "snapd had not begun it" if _waited(record) else "snapd has ended it"
    return Resolutions(
        Resolution(f"{over}: how it ended is written down."), Resolution(refusal=f"{over} already")
    )


def end_as_chosen(site: SnapdContext, number: int, *, finish: bool) -> Resolved:
    """End an interrupted job of ours; BlockedError where that cannot be had."""
    record = site.journal.record(number)
    if not record.asked:
        if record.operation.get("verb") not in _READING:
            raise ConflictError(
                f"cannot end job {number} while snapd runs: it worked on the files themselves"
            )
        return end_files_as_chosen(site.journal, site.store, number, finish=finish)
    found = ways(site, number)
    if reason := (found.finish if finish else found.take_back).refusal:
        raise BlockedError(f"cannot {'finish' if finish else 'take back'} job {number}: {reason}")
    return Resolved(end(site, record), None)


def end(site: SnapdContext, record: JobRecord) -> str:
    """End one dead job, unless snapd goes on with it or it is for the files engine to end; says how."""
    steps = record.asked
    if not steps:
        return _end_reading(site, record) if record.operation.get("verb") in _READING else ""
    change = _last_change(site, steps)
    if change and not change.ready:
        return ""
    verb = record.operation.get("verb")
    last: dict[str, Any] = next((step for step in reversed(steps) if "change" in step), {})
    with site.journal.reopened(record) as reopened:
        state, result = _outcome(site, record, change, last)
        reopened.finish(state, {**result, "recovered": True})
    told = {JobState.DONE: "snapd completed it", JobState.TAKEN_BACK: "nothing of it is left"}
    return f"job {record.id} ({verb}) had been interrupted; {told.get(state, result.get('error', ''))}"


def _waited(record: JobRecord) -> bool:
    """Whether it was waiting for another change when it died: what it had asked for before was refused."""
    return bool(record.asked) and "waiting" in record.asked[-1]


def _last_change(site: SnapdContext, steps: Sequence[dict[str, Any]]) -> SnapdChange | None:
    """The change asked for last, where snapd still knows it; None also when the last step has none."""
    number = str(steps[-1].get("change", "")) if steps else ""
    try:
        return site.client.change(number) if number else None
    except NotFoundError:
        return None


def _outcome(
    site: SnapdContext, record: JobRecord, change: SnapdChange | None, last: dict[str, Any]
) -> tuple[JobState, dict[str, Any]]:
    action = str(last.get("action", ""))
    if _waited(record):
        return JobState.TAKEN_BACK, {}
    if change is None:
        text = "whether snapd did it is not known any more: look at the list"
        return JobState.FAILED, {"error": text, "exit": 1}
    guard = safety_snapshot_of(record)
    set_id = last.get("set_id", 0)
    if change.done and action == "guard":
        site.forget(set_id, Progress())
        return JobState.TAKEN_BACK, {}
    if not change.done:
        if guard and action == "restore":
            site.forget(guard.set_id, Progress())
        return JobState.TAKEN_BACK, {"told": change.error}
    if guard and action == "undo":
        return _end_undo(site, record, guard.set_id)
    return JobState.DONE, _result(record, change, set_id, guarded=guard is not None)


def _end_undo(site: SnapdContext, record: JobRecord, guard: int) -> tuple[JobState, dict[str, Any]]:
    of = next((step["of"] for step in record.steps if isinstance(step.get("of"), int)), 0)
    restored = next((one for one in site.journal.records() if one.id == of), None)
    if restored is None:
        raise IntegrityError("its journal is damaged")
    site.journal.amend(restored, {"undone": record.id})
    site.forget(guard, Progress())
    return JobState.DONE, {"set_id": restored.operation.get("set_id", 0)}


def _result(record: JobRecord, change: SnapdChange, set_id: int, *, guarded: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"set_id": set_id, "snaps": list(change.snaps)}
    window = record.operation.get("undo_window", DAY)
    if guarded and isinstance(window, int) and window:
        result |= {"undo_job": record.id, "undo_until": record.started + window}
    return result


def _end_reading(site: SnapdContext, record: JobRecord) -> str:
    """End a check, which leaves nothing, or an export, of which a part may be left."""
    with site.journal.reopened(record) as reopened:
        complete = False
        for step in record.steps:
            if "part" in step:
                complete = end_part(step)
        reopened.finish(JobState.DONE if complete else JobState.TAKEN_BACK, {"recovered": True})
    ending = "it was complete" if complete else "nothing of it is left"
    return f"job {record.id} ({record.operation.get('verb')}) had been interrupted; {ending}"
