"""The plan of a restore in sentences."""

from collections.abc import Iterator

from backend import Restore
from backend.restore import EntryPlan, RestorePlan, Verdict
from tui.plain.words import and_words, size_words, span_words
from tui.session.restore_preview import View
from tui.text import counted, plain

_NAMED = 5


def plan_lines(view: View, wanted: Restore) -> Iterator[str]:
    """What a restore would replace, lose and keep, and whether it can be had."""
    for plan in view.plans:
        yield from _snap_lines(plan, is_away=plan.snapshot.snap in view.away)
    for room in view.rooms:
        if room.missing:
            missing = size_words(room.missing)
            yield f"There is not enough room at {plain(room.place)}: {missing} more is needed."
    if view.refused:
        yield f"It is refused: {plain(view.refused)}."
    yield _verdict(view, wanted)


def _snap_lines(plan: RestorePlan, *, is_away: bool) -> Iterator[str]:
    name = plain(plan.snapshot.snap) or "Unreadable"
    for reason in plan.reasons:
        yield f"{name} cannot be restored: {plain(reason)}."
    for entry in plan.entries:
        if entry.skipped:
            yield f"{name}, left out: {plain(entry.skipped)}."
        elif not entry.blocked:
            yield from _entry_lines(name, entry)
    if is_away:
        yield f"{name} is not installed. Its data will wait for it."
    yield from (f"{name}, to be known: {plain(note)}." for note in plan.notes)


def _entry_lines(name: str, entry: EntryPlan) -> Iterator[str]:
    does = [f"replaces {_paths(entry, entry.replaced)}"] if entry.replaced else []
    does += [f"makes {_paths(entry, entry.made)}"] if entry.made else []
    whose = f"data of user {plain(entry.user.name)}" if entry.user else "data of the system"
    size = f", at most {size_words(entry.needed)}" if entry.needed else ""
    yield f"{name}, {whose}: {' and '.join(does) or 'changes nothing'} in {plain(entry.parent)}{size}."
    lost = entry.lost
    if lost.files:
        parts = [f"{counted(lost.newer_files, 'file')} newer than the set"] if lost.newer_files else []
        parts += [f"{counted(lost.excluded_files, 'file')} left out of it"] if lost.excluded_files else []
        yield f"  Lost by it: {' and '.join(parts)}, {size_words(lost.newer_bytes + lost.excluded_bytes)}."
        yield from (f"    {_paths(entry, (path,))}" for path in lost.examples[:_NAMED])
        if more := lost.files - len(lost.examples[:_NAMED]):
            yield f"    and {counted(more, 'other')}"


def _paths(entry: EntryPlan, paths: tuple[str, ...]) -> str:
    """Paths as seen from the directory that is restored into."""
    return and_words(path.removeprefix(f"{entry.parent}/") for path in paths)


def _verdict(view: View, wanted: Restore) -> str:
    if view.verdict is Verdict.BLOCKED:
        return "The plan is blocked: this restore cannot be had, and nothing is changed."
    loss = f", with a loss of {counted(view.lost, 'file')}" if view.lost else ", and nothing is lost"
    kept = f"is kept for {span_words(wanted.undo_window)}, and undo brings it back"
    undo = kept if wanted.undo_window else "is gone for good"
    return f"The plan can be carried out{loss}. What is replaced {undo}."
