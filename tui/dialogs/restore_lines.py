"""The plan of a restore in words: pure functions from what is known to lines."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from backend import Restore
from backend.restore import RestorePlan, RestorePreview, RevisionChoice, Verdict, worst_verdict
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Line, said
from tui.phrases import count_phrase, span_phrase
from tui.session.paths import PathListing
from tui.text import moment_text, plain, size_text
from tui.views.restore_plan import LineKind, PlanContext, PlanLine, snap_lines, space_lines

DAY = 24 * 3600
WINDOWS = (DAY, 7 * DAY, 0)
PLACE = "place"
REVISION = "revision"
UNDO = "undo window"
DEVICES = "devices"
_FITTING = 6

_WITH_KEYS = PlanContext(leave_out_key=" with Space", refresh_key=" with F5")
_HEADS = {
    LineKind.BLOCKED: ("blocked", BAD),
    LineKind.SKIPPED: ("skip", WARN),
    LineKind.RESTORES: ("restores", "bold"),
    LineKind.LOSES_FILES: ("loses", WARN),
    LineKind.LOSES_DEVICES: ("loses", WARN),
    LineKind.MAKES_DEVICES: ("with", ""),
    LineKind.TOO_LONG: ("loses", WARN),
    LineKind.NOTE: ("note", DIM),
    LineKind.WAY_OUT: ("to fix", "bold"),
    LineKind.SPACE: ("Space", "bold"),
    LineKind.NO_SPACE: ("Space", "bold"),
    LineKind.CONFLICT: ("conflict", BAD),
    LineKind.REPLACES: ("replace", WARN),
    LineKind.CREATES: ("create", GOOD),
    LineKind.KEEPS: ("keep", DIM),
}
_FOLDED = {
    LineKind.LOSES_FILES: "",
    LineKind.LOSES_DEVICES: " skipped",
    LineKind.MAKES_DEVICES: ", restored too",
}
_LOOKS = {Verdict.READY: ("✓", GOOD), Verdict.WITH_LOSS: ("!", WARN), Verdict.BLOCKED: ("✗", BAD)}


@dataclass(frozen=True)
class SnapKey:
    """The line of a snap of the set."""

    snap: str


@dataclass(frozen=True)
class UserKey:
    """The line of a user whose data the set holds."""

    user: str


@dataclass(frozen=True)
class LossKey:
    """The line of what would be lost by one archive; `what` tells its lines apart."""

    snap: str
    entry: str
    what: str = "files"


def window_text(seconds: int) -> str:
    """How long what was replaced is kept."""
    return span_phrase(seconds) if seconds else "none"


def lines_of(
    preview: RestorePreview,
    restore: Restore,
    unfolded: frozenset[Hashable],
    completions: PathListing | None = None,
) -> list[Line]:
    """The plan, line by line: where to, a part for each snap, then what can be chosen.

    `completions` is how the path that is being typed can go on.
    """
    lines = [*target_lines(restore.target_dir, completions)]
    if len(preview.revisions) > 1:
        options = options_content(revision_options(preview.revisions, restore))
        lines.append(Line(REVISION, options, head=head_content("Revision")))
    for snap in preview.snaps:
        taken = not restore.snaps or snap in restore.snaps
        plans = [plan for plan in preview.plans if plan.snapshot.snap == snap]
        marked = taken if len(preview.snaps) > 1 else None
        lines.append(Line(SnapKey(snap), _snap_text(preview, snap, plans), marked))
        for number, plan in enumerate(plans) if taken else ():
            for line in snap_lines(preview, plan, _WITH_KEYS):
                lines += drawn(line, number, unfolded)
    for line in space_lines(preview, _WITH_KEYS):
        lines += drawn(line, 0, unfolded)
    lines += _choices(preview, restore)
    return lines


def _snap_text(preview: RestorePreview, snap: str, plans: Sequence[RestorePlan]) -> Content:
    snapshot = next(snapshot for snapshot in preview.snapshots if snapshot.snap == snap)
    about = f" {snapshot.version} rev {snapshot.revision}"
    revisions = {entry.revision for plan in plans for entry in plan.entries if entry.revision.number}
    into = "".join(f" into rev {revision}" for revision in revisions if revision != snapshot.revision)
    name = Content.assemble((plain(snap) or "(unreadable)", "bold"), (plain(about + into), DIM), "  ")
    if not plans:
        return name
    return Content.assemble(name, verdict_text(worst_verdict(plans), complete=preview.losses_known))


def verdict_text(verdict: Verdict, *, complete: bool = True) -> Content:
    """A verdict with its glyph; one that may still change is not told."""
    if not complete and verdict is not Verdict.BLOCKED:
        return Content.styled("… checking", DIM)
    glyph, style = _LOOKS[verdict]
    return Content.styled(f"{glyph} {verdict.value}", style)


def drawn(line: PlanLine, number: int, unfolded: frozenset[Hashable] = frozenset()) -> Iterator[Line]:
    """A line of the plan, with what it keeps folded; `number` tells lines of the same text apart."""
    head, style = _HEADS[line.kind]
    if line.kind is LineKind.RESTORES and line.entry is not None:
        head = plain(line.entry.owner)
    depth = 0 if line.kind in (LineKind.SPACE, LineKind.NO_SPACE) else 2
    key: Hashable = (line.kind, line.snap, number, line.text)
    text = Content(line.text)
    if line.entry is not None and line.kind in _FOLDED:
        key = LossKey(line.snap, line.entry.entry, line.kind.value)
        hint = "" if key in unfolded else " (l lists)"
        text = Content.assemble((f"{line.text}{_FOLDED[line.kind]}", style), (hint, DIM))
    elif line.is_loss or line.kind in (LineKind.NO_SPACE, LineKind.CONFLICT):
        text = Content.styled(line.text, WARN if line.is_loss else BAD)
    yield Line(key, text, depth=depth, head=Content.styled(f"{head:<8} ", style))
    if key in unfolded:
        for detail in line.details:
            yield Line((key, detail), Content(detail), depth=7)


def _choices(preview: RestorePreview, restore: Restore) -> Iterator[Line]:
    if len(preview.users) > 1:
        yield Line("users", Content.styled("Data of", "bold"))
        for user in preview.users:
            yield Line(UserKey(user), said(user), not restore.users or user in restore.users, depth=2)
    if preview.losses_known and preview.verdict is Verdict.BLOCKED:
        return
    yield Line(UNDO, _undo_text(preview, restore), head=head_content("Undo"))
    yield Line(DEVICES, Content("restore device nodes too"), restore.devices)


def head_content(word: str) -> Content:
    """A word before what can be chosen."""
    return Content.styled(f"{word:<9}", "bold")


def target_lines(target_dir: str, completions: PathListing | None) -> Iterator[Line]:
    """Where to: in place or another directory, and how the path of that can go on."""
    places = [("in place", not target_dir), ("into another directory", bool(target_dir))]
    yield Line(PLACE, options_content(places), head=head_content("Target"))
    if target_dir and completions is not None and completions.goes_on:
        names = [f"{plain(entry.name)}{'/' * entry.is_directory}" for entry in completions.entries[:_FITTING]]
        more = ["…"] if len(completions.entries) > _FITTING else []
        yield Line("fits", Content.styled(f"Tab completes: {'  '.join(names + more)}", DIM), depth=2)


def options_content(options: Sequence[tuple[str, bool]], more: str = "") -> Content:
    """What can be chosen on a line, the chosen one in brackets, and what else is to be said there."""
    parts = [(f"({plain(text)})", "bold") if is_it else (f" {plain(text)} ", DIM) for text, is_it in options]
    return Content.assemble(*parts, more, ("  Space changes", DIM))


def revision_options(choices: Sequence[RevisionChoice], restore: Restore) -> list[tuple[str, bool]]:
    """The revisions in words, each with whether it is chosen."""
    return [(_revision_text(choice), choice.revision == restore.revision) for choice in choices]


def _revision_text(choice: RevisionChoice) -> str:
    installed = " installed" if choice.is_installed else ""
    saved = " as saved" if choice.was_saved and not choice.is_installed else ""
    return f"{choice.number}{installed}{saved}"


def _undo_text(preview: RestorePreview, restore: Restore) -> Content:
    if restore.target_dir:
        return Content(f"nothing is replaced; to undo, remove {plain(restore.target_dir)}")
    held = size_text(preview.replaced_bytes).strip() if preview.losses_known else ""
    return window_content(restore.undo_window, held)


def window_content(chosen: int, held: str = "") -> Content:
    """The undo windows to choose from; until when the chosen one lasts, and what it holds."""
    options = [(window_text(window), window == chosen) for window in windows(chosen)]
    until = f"until {moment_text(time.time() + chosen)}" if chosen else ""
    return options_content(options, until and f"  {held and f'holds {held} '}{until}")


def windows(chosen: int) -> tuple[int, ...]:
    """The undo windows to choose from."""
    return WINDOWS if chosen in WINDOWS else (chosen, *WINDOWS)


def is_final(preview: RestorePreview, restore: Restore) -> bool:
    """Whether the number of the set has to be typed: files would be lost, or it cannot be undone."""
    return not restore.target_dir and (bool(preview.lost_files) or not restore.undo_window)


def answer_text(preview: RestorePreview, restore: Restore) -> str:
    """What the button says it does."""
    left_out = (
        count_phrase(number, what)
        for number, what in ((preview.devices_left_out, "device node"), (preview.too_long, "too long path"))
        if number
    )
    without = " and ".join(left_out)
    without = without and f" without {without}"
    if restore.target_dir:
        return f"Restore into the directory{without}"
    loss = f", losing {count_phrase(preview.lost_files, 'file')}" if preview.lost_files else ""
    undo = f", undo for {window_text(restore.undo_window)}" if restore.undo_window else ", no undo"
    return f"Restore{without}{loss}{undo}"
