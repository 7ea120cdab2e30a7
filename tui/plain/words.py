"""The model in whole sentences, to be heard or felt: no glyphs, no columns.

Pure functions; whatever comes from outside is made harmless.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

from backend import Snapshot, SnapshotError, SnapshotSet
from backend.format import unix_time
from backend.jobs import JobState
from backend.store import CheckState, CheckStatus
from tui.phrases import ago_phrase, count_phrase, list_phrase, rough_span_phrase
from tui.session.inventory import NAMELESS, InventoryData
from tui.session.job_progress import JobProgress
from tui.session.job_views import JobView
from tui.text import amount_text, plain

DAY = 24 * 3600

_FEW = 4


def moment_words(seconds: float) -> str:
    """A moment on the calendar: `Monday 23 November, 14:32`."""
    try:
        return time.strftime("%A %d %B, %H:%M", time.localtime(seconds)).replace(" 0", " ")
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def and_words(names: Iterable[str], most: int = _FEW) -> str:
    """Names in a sentence: `alice, bob and carol`; `nextcloud and 7 more` where there are many."""
    known = [plain(name) for name in names]
    if len(known) > most:
        known = [*known[: most - 1], f"{len(known) - most + 1} more"]
    return list_phrase(known or ["nobody"])


def check_words(status: CheckStatus, now: float) -> str:
    """What is known of the soundness of something: `verified 3 days ago`."""
    ago = ago_phrase(now - status.at) if status.at else "at an unknown time"
    match status.state:
        case CheckState.BROKEN:
            return "damaged"
        case CheckState.FAILED:
            return f"failed its check {ago}"
        case CheckState.NEVER:
            return "never verified"
        case CheckState.OLD:
            return f"last verified {ago}, too long ago"
        case CheckState.OK:
            return f"verified {ago}"


def set_words(set_: SnapshotSet, stock: InventoryData, now: float) -> str:
    """A set on one line."""
    total = stock.totals[set_.set_id]
    bad = total.status.state.is_bad
    parts = [and_words("unreadable" if name == NAMELESS else name for name in total.names)]
    parts += [f"user{'s' * (len(total.users) != 1)} {and_words(total.users)}"] if total.users else []
    parts += [f"saved {ago_phrase(now - total.when)}"] if total.when else []
    parts += [f"{amount_text(total.size)} stored"] if total.size else []
    parts += [check_words(total.status, now)]
    parts += _notes(total.notes, stock.expiry.get(set_.set_id, ""))
    return f"Set {set_.set_id}: {'problem, ' * bad}{', '.join(parts)}."


def _notes(notes: Iterable[str], expires: str) -> list[str]:
    """What is to be known, in words; `expires` is when snapd removes a set, or empty."""
    known_notes = {"auto": "saved automatically", "not shown by snap": "not shown by the snap command"}
    phrases = [known_notes.get(note, plain(note)) for note in notes if not note.startswith("expires ")]
    try:
        return [*phrases, f"expires on {_date(unix_time(expires))}"] if expires else phrases
    except SnapshotError:
        return phrases


def _date(seconds: float) -> str:
    return moment_words(seconds).partition(",")[0]


def snapshot_lines(snapshot: Snapshot, stock: InventoryData, now: float) -> Iterator[str]:
    """Everything about the snapshot of one snap."""
    name = plain(snapshot.snap) or "An unreadable file"
    if not snapshot.broken:
        yield f"{name}, version {plain(snapshot.version) or 'unknown'}, revision {snapshot.revision}."
        yield f"  {amount_text(snapshot.size)} stored; data of {and_words(_owners(snapshot), 20)}."
    else:
        yield f"{name}: it is damaged, {plain(snapshot.broken)}."
    status = stock.status_of(snapshot)
    if status.state is not CheckState.BROKEN:
        yield f"  It was {check_words(status, now)}."
    if status.fault:
        yield f"  The check found: {plain(status.fault)}."
    if snapshot.exclude:
        yield f"  Excluded: {list_phrase(map(plain, snapshot.exclude))}."
    notes = [note for note in stock.notes_of(snapshot) if note != plain(snapshot.broken)]
    if phrases := _notes(notes, stock.expiry.get(snapshot.set_id, "")):
        yield f"  Notes: {', '.join(phrases)}."
    yield f"  File: {plain(snapshot.path)}"


def _owners(snapshot: Snapshot) -> list[str]:
    system = ["the system"] if "archive.tgz" in (snapshot.sums or {}) else []
    return [*system, *snapshot.users]


def progress_words(progress: JobProgress) -> str:
    """How far a job is: `Unpacking, step 2 of 3, 40 percent, 2 minutes left`."""
    phase = progress.phase
    phrases = [plain(phase.title) if phase else "Starting"]
    if phase and len(progress.phases) > 1:
        phrases.append(f"step {progress.phases.index(phase) + 1} of {len(progress.phases)}")
    if progress.total:
        phrases.append(f"{progress.percent} percent")
    elif phase and phase.done:
        phrases.append(f"{amount_text(phase.done)} so far")
    if progress.left is not None and progress.left >= 1:
        phrases.append(f"{rough_span_phrase(progress.left)} left")
    return ", ".join(phrases)


def job_words(view: JobView, now: float) -> str:
    """A job on one line."""
    state = "undone" if view.result.undone else view.state.value
    what = plain(view.short)
    started = ago_phrase(now - view.started)
    if view.is_running:
        return f"Job {plain(view.name)}: running, started {started}, {what}, {_far(view)}."
    reason = f": {plain(view.error)}" if view.error else ""
    return f"Job {plain(view.name)}: {state}, {what}, started {started}{reason}."


def _far(view: JobView) -> str:
    stall = f", {plain(view.stall)}" if view.stall else ""
    return f"{progress_words(view.progress)}{stall}"


def ending_lines(view: JobView) -> Iterator[str]:
    """How a job ended, and what can be done next."""
    faults = view.result.bad_verdicts
    damage = " It found damage." if faults else ""
    yield f"Job {plain(view.name)} {_ENDINGS[view.state]}{damage}"
    if view.error:
        yield from (f"The reason: {plain(line)}" for line in view.error.split("\n") if line)
    if (count := view.result.check_count).snapshots:
        yield f"{count.sound} of {count_phrase(count.snapshots, 'snapshot')} are sound."
    for fault in faults[:20]:
        yield f"  {plain(fault.snap)}: {plain(fault.fault)}"
    yield from _result_lines(view)


_ENDINGS = {
    JobState.RUNNING: "is running.",
    JobState.INTERRUPTED: "was interrupted: its process is gone. The next operation ends it safely.",
    JobState.DONE: "is done.",
    JobState.PARTIAL: "is done, but something was skipped.",
    JobState.FAILED: "failed.",
    JobState.CANCELLED: "was stopped and undone.",
    JobState.REFUSED: "was refused; nothing was begun.",
    JobState.ROLLED_BACK: "was interrupted and rolled back.",
}


def _result_lines(view: JobView) -> Iterator[str]:
    yield from (f"{plain(text)}." for text in filter(None, [view.result.outcome]))
    yield from (f"Skipped: {plain(text)}." for text in view.result.left_out)
    number, verb = view.result.set_id, view.short.partition(" ")[0]
    if number and verb in ("save", "import-snapshot"):
        there = "is identical to" if view.result.duplicate else "is"
        yield f"It {there} set {number}."
    if until := view.result.undo_until:
        yield f"What was replaced is kept until {moment_words(until)}. To undo it, type: undo {view.id}"


def counts_words(stock: InventoryData) -> str:
    """What of a place needs attention: `2 failed, 3 verified too long ago, 1 never verified`."""
    labels = {
        CheckState.BROKEN: "damaged",
        CheckState.FAILED: "failed",
        CheckState.OLD: "verified too long ago",
        CheckState.NEVER: "never verified",
    }
    phrases = [f"{stock.counts[state]} {text}" for state, text in labels.items() if stock.counts[state]]
    return ", ".join(phrases) or "all verified"


def ordered(stock: InventoryData, terms: Sequence[str], *, problems: bool) -> list[SnapshotSet]:
    """The sets that all the words fit, the newest first, or those that need attention."""
    wanted = [word.lower() for word in terms]
    sets = [
        set_
        for set_ in reversed(stock.sets)
        if any(all(word in stock.haystacks[member.path] for word in wanted) for member in set_.snapshots)
    ]
    order = {state: number for number, state in enumerate(CheckState)}
    if problems:
        sets.sort(key=lambda set_: order[stock.totals[set_.set_id].status.state])
    return sets
