"""The two ways out of a job that was interrupted: to finish it, or to roll it back.

`resolutions_of` tells what each would mean for a job, before anything is done; `resolve` does it.
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backend.errors import BlockedError, IntegrityError, InvalidInputError, SnapshotError
from backend.format.timestamps import minute_text
from backend.fs import files
from backend.host.clock import Clock
from backend.jobs.cleanup import end_job
from backend.jobs.data_endings import Ending
from backend.jobs.effects import (
    effects_of,
    is_about_trash,
    is_ours,
    is_with_snapd,
    needs_rollback,
    undone_by,
    window_end,
)
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.operations import (
    DAY,
    Check,
    CheckCopies,
    Export,
    Extract,
    Forget,
    Import,
    Operation,
    Prune,
    Pull,
    Restore,
    Save,
    Undo,
    UnknownOperation,
)
from backend.steps import ExportBegun, ForgetBegun, PublicationBegun, Published, Step
from backend.store.store import Store

STREAM = "-"
_AS_NEW = "then the same {} starts from its beginning, as a new job"


class Resolution(NamedTuple):
    """A way out: what it would do, in a sentence; `refusal` is why it cannot be had, or nothing.

    `again` is what is then to be started, as a new job, to come to that end.
    """

    text: str = ""
    refusal: str = ""
    again: Operation | None = None


class Resolutions(NamedTuple):
    """Both ways out of an interrupted job."""

    finish: Resolution
    take_back: Resolution


class Resolved(NamedTuple):
    """What became of a job, in a sentence, and what is to be started now, if anything."""

    text: str
    again: Operation | None


def resolutions_of(record: JobRecord, store: Store, clock: Clock) -> Resolutions:
    """What finishing and taking back would mean for a job; changes nothing, refuses in words."""
    try:
        if reason := _refusal(record, store):
            raise BlockedError(reason)
        return _ways(record, store, clock)
    except SnapshotError as reason:
        return Resolutions(Resolution(refusal=str(reason)), Resolution(refusal=str(reason)))


def resolve(journal: Journal, store: Store, number: int, *, finish: bool) -> Resolved:
    """End an interrupted job of ours in one of the two ways.

    BlockedError where that way cannot be had, ConflictError where somebody is ending it already.
    """
    record = journal.record(number)
    ways = resolutions_of(record, store, journal.clock)
    chosen = ways.finish if finish else ways.take_back
    if chosen.refusal:
        raise BlockedError(f"cannot {'finish' if finish else 'roll back'} job {number}: {chosen.refusal}")
    with files.os_errors_as(f"cannot end job {number}"):
        journal.sweep()
        store.sweep()
        text = end_job(journal, store, record, Ending.FINISH if finish else Ending.ROLL_BACK)
    return Resolved(text, chosen.again)


def _refusal(record: JobRecord, store: Store) -> str:
    """Why nothing can be made of a job, or nothing."""
    if record.owner:
        return f"it is {record.owner}'s, who alone can end it"
    if not is_ours(record, store):
        return "it is another user's, or about another root"
    record.demand_known_format()
    if record.state is not JobState.INTERRUPTED and not needs_rollback(record, store):
        return f"it was not interrupted: it is {record.state.value}"
    if is_with_snapd(record):
        return "snapd was asked to do it, and goes on with it: only while it runs can this be ended"
    return ""


_DONE = {Check.verb: "It had changed nothing", CheckCopies.verb: "It had changed nothing"}


def _ways(record: JobRecord, store: Store, clock: Clock) -> Resolutions:
    operation = record.operation
    try:
        match operation:
            case Restore() | Extract() | Undo():
                return _of_data(record, operation, store, clock)
            case Forget() | Prune():
                return _of_forget(record, operation, store, clock)
            case Save() | Import() | Export() | Pull():
                return _of_files(record, operation, store)
            case UnknownOperation():
                raise InvalidInputError(operation.reason)
            case _:
                return _from_scratch(operation, _DONE.get(operation.verb, "What it had done stays done"))
    except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError) as damage:
        raise IntegrityError("its journal is damaged") from damage


def _from_scratch(operation: Operation, done: str) -> Resolutions:
    """The ways out of what left nothing: to leave it at that, or to do it again."""
    verb = operation.verb
    if isinstance(operation, Import | Export) and operation.file == STREAM:
        stream = "standard input" if isinstance(operation, Import) else "standard output"
        finish = Resolution(refusal=f"the {stream} it had is gone: start it anew")
    else:
        finish = Resolution(f"{done}; {_AS_NEW.format(verb)}.", again=operation)
    return Resolutions(finish, Resolution(f"{done}; that is all."))


def _of_data(
    record: JobRecord, operation: Restore | Extract | Undo, store: Store, clock: Clock
) -> Resolutions:
    done = effects_of(record, store)
    done.refuse_outside()
    if isinstance(operation, Restore) and operation.target_dir and (done.committed or not done.state.moves):
        return _of_beside(operation, committed=done.committed)
    now = clock.wall()
    if not done.committed and done.state.moves and is_about_trash(record):
        return Resolutions(
            Resolution("What is left of it is put back as well."),
            Resolution("What it had put back is forgotten again, and kept for another day."),
        )
    if not done.committed and done.state.moves:
        kept = _moment(window_end(record, now) or now + DAY)
        return Resolutions(
            Resolution(f"What is left of it is put in place; what that replaces is kept until {kept}."),
            Resolution(
                "The data are put back as they were before it; what it had put in place, if changed since, "
                f"is kept until {_moment(now + DAY)}."
            ),
        )
    if not done.committed:
        done.state.demand_unmounted(back=True)
        if isinstance(operation, Undo):
            # Without a number it meant the last restore of its time.
            operation = Undo(undone_by(record) or operation.job)
        text = "It had replaced nothing yet"
        if done.state.slots:
            text += ": what it had unpacked is removed"
        return _from_scratch(operation, text)
    until = window_end(record, now)
    kept = f"what it replaced is kept for an undo until {_moment(until)}" if until else "no undo is kept"
    finish = Resolution(f"All its data are in place: it is complete, and {kept}.")
    if not until:
        return Resolutions(
            finish, Resolution(refusal="all its data are in place, and it was to keep no undo")
        )
    text = "All its data are in place: they are taken out again by an undo, as a new job, and kept for a day."
    return Resolutions(finish, Resolution(text, again=Undo(record.id)))


def _of_beside(operation: Restore, *, committed: bool) -> Resolutions:
    if not committed:
        return _from_scratch(operation, "It had replaced nothing: what it had unpacked beside is removed")
    there = f"all its data are in {operation.target_dir}"
    finish = Resolution(f"{there[0].upper()}{there[1:]}: it is complete; nothing was replaced.")
    return Resolutions(finish, Resolution(refusal=f"{there}: remove that to take it back"))


def _of_trash(record: JobRecord, operation: Forget | Prune, store: Store, clock: Clock) -> Resolutions:
    done = effects_of(record, store)
    done.refuse_outside()
    kept = f"all of it can be undone until {_moment(window_end(record, clock.wall()) or clock.wall() + DAY)}"
    if done.committed:
        again = "It is complete: what it forgot is put back by an undo, as a new job."
        return Resolutions(
            Resolution(f"It is complete, and {kept}."), Resolution(again, again=Undo(record.id))
        )
    if not done.state.moves:
        return _from_scratch(operation, "It had removed nothing")
    return Resolutions(
        Resolution(f"What is left of it is forgotten as well; {kept}."),
        Resolution("What it had forgotten is put back; nothing is lost."),
    )


def _of_forget(record: JobRecord, operation: Forget | Prune, store: Store, clock: Clock) -> Resolutions:
    if is_about_trash(record):
        return _of_trash(record, operation, store, clock)
    doomed = [file for step in record.steps if isinstance(step, ForgetBegun) for file in step.files]
    if not doomed:
        return _from_scratch(operation, "It had removed nothing")
    if any("/" in name for name, _ in doomed):
        raise IntegrityError("its journal names files of other places")
    left = sum(files.is_recorded(f"{store.folder}/{name}", identity) for name, identity in doomed)
    gone = len(doomed) - left
    of = f"set #{operation.set_id}" if isinstance(operation, Forget) else "what it was to remove"
    finish = Resolution(f"{_files(left)} left of {of}: they are removed as well.")
    if not left:
        finish = Resolution(f"It had removed all that it was to ({_files(gone)}): it is complete.")
        return Resolutions(
            finish, Resolution(refusal=f"what it was to remove is gone for good ({_files(gone)})")
        )
    kept = f"{_files(left)} left of {of}: kept."
    lost = f" {_files(gone)} gone for good." if gone else " Nothing is lost."
    return Resolutions(finish, Resolution(kept + lost))


def _of_files(record: JobRecord, operation: Save | Import | Export | Pull, store: Store) -> Resolutions:
    if whole := next(_whole(record.steps, store), ""):
        remedy = f"forget {whole} removes it" if whole.isdigit() else "remove it yourself"
        there = f"set #{whole} is there, whole" if whole.isdigit() else f"{whole} is there, whole"
        return Resolutions(
            Resolution(f"{there[0].upper()}{there[1:]}: it is complete."),
            Resolution(refusal=f"{there}: {remedy}"),
        )
    return _from_scratch(operation, "What it had written so far is removed")


def _whole(steps: Sequence[Step], store: Store) -> Iterator[str]:
    """The number of the set, or the file, that was complete when the job died."""
    published = any(isinstance(step, Published) for step in steps)
    for step in steps:
        match step:
            case PublicationBegun(set_id):
                store.check_publication(step)
                if published or store.is_published(step):
                    yield str(set_id)
            case ExportBegun(file=file, identity=identity) if file and files.is_recorded(file, identity):
                yield os.path.abspath(file)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _moment(seconds: float) -> str:
    if not (text := minute_text(seconds)):
        raise InvalidInputError("its journal tells an impossible time")
    return text
