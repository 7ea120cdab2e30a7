"""The plan of a restore in words: pure functions from what is known to lines."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from backend import Restore
from backend.restore import EntryPlan, Losses, RestorePlan, RestorePreview, RevisionChoice, Verdict
from tui.dialogs.answers import Piece
from tui.dialogs.lines import BAD, DIM, GOOD, WARN, Line, choice_content, key_hint, label, styled
from tui.phrases import count_phrase, span_phrase
from tui.session.paths import PathListing
from tui.text import amount_text, cells, moment_text, plain
from tui.views.restore_plan import (
    LineKind,
    PlanContext,
    PlanLine,
    effect_text,
    has_usual_place,
    held_amounts,
    loss_counts,
    skip_text,
    snap_lines,
    space_lines,
)

HOUR = 3600
DAY = 24 * HOUR
WINDOWS = (DAY, 7 * DAY, 0)
PLACE = "place"
REVISION = "revision"
UNDO = "undo window"
DEVICES = "devices"
_FITTING = 6
_OWNER = 8

_WITH_KEYS = PlanContext(leave_out_key=" with Space", refresh_key=" with F5")
_HEADS = {
    LineKind.BLOCKED: ("blocked", BAD),
    LineKind.SKIPPED: ("skipped", WARN),
    LineKind.LOSES_DEVICES: ("loses", WARN),
    LineKind.MAKES_DEVICES: ("with", DIM),
    LineKind.TOO_LONG: ("loses", WARN),
    LineKind.NOTE: ("note", DIM),
    LineKind.WAY_OUT: ("to fix", ""),
    LineKind.SPACE: ("Space", DIM),
    LineKind.NO_SPACE: ("Space", BAD),
    LineKind.CONFLICT: ("conflict", BAD),
    LineKind.REPLACES: ("replace", WARN),
    LineKind.CREATES: ("create", GOOD),
    LineKind.KEEPS: ("keep", DIM),
}
_FOLDED = {LineKind.LOSES_DEVICES: " skipped", LineKind.MAKES_DEVICES: ", restored too"}
_ELSEWHERE = (LineKind.RESTORES, LineKind.LOSES_FILES, LineKind.SKIPPED)
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
    """A line about what of one archive will not come back; `what` tells its lines apart."""

    snap: str
    entry: str
    what: str = ""


@dataclass(frozen=True)
class Fold:
    """What is shown at length: the names in `names`, and with `paths` every place, the usual ones as well."""

    names: frozenset[Hashable] = frozenset()
    paths: bool = False


def window_text(seconds: int) -> str:
    """How long what was replaced is kept: `24 h`, `7 d`."""
    if not seconds:
        return "none"
    if seconds > DAY and seconds % DAY == 0:
        return f"{seconds // DAY} d"
    return span_phrase(seconds) if seconds % HOUR else f"{seconds // HOUR} h"


def lines_of(
    preview: RestorePreview,
    restore: Restore,
    fold: Fold,
    completions: PathListing | None = None,
) -> list[Line]:
    """The plan, line by line: where to, each snap with whose data go where, what is lost, what it takes.

    `completions` is how the path that is being typed can go on.
    """
    lines = [*target_lines(restore.target_dir, completions)]
    if len(preview.revisions) > 1:
        options = choice_content(revision_options(preview.revisions, restore))
        lines.append(Line(REVISION, options, head=label("Revision")))
    widths = _widths(preview)
    for number, snap in enumerate(preview.snaps):
        taken = not restore.snaps or snap in restore.snaps
        plans = [plan for plan in preview.plans if plan.snapshot.snap == snap]
        marked = taken if len(preview.snaps) > 1 else None
        lines.append(Line(SnapKey(snap), _snap_text(preview, snap, plans), marked, gap=not number))
        for plan in plans if taken else ():
            lines += _plan_lines(preview, plan, fold, widths)
    return [*lines, *_user_lines(preview, restore), *_sections(preview, restore, fold)]


def _snap_text(preview: RestorePreview, snap: str, plans: Sequence[RestorePlan]) -> Content:
    snapshot = next(snapshot for snapshot in preview.snapshots if snapshot.snap == snap)
    onto = {entry.revision for plan in plans for entry in plan.entries if entry.revision.number}
    into = "".join(f" → {revision}" for revision in onto if revision != snapshot.revision)
    about = (f"   revision {snapshot.revision}{into}", DIM)
    blocked = any(preview.losses_known and plan.verdict is Verdict.BLOCKED for plan in plans)
    fault = ("   ✗ BLOCKED", BAD) if blocked else ""
    name = f"{plain(snap) or '(unreadable)'} {plain(snapshot.version)}"
    return Content.assemble((name, "bold"), about, fault)


def _widths(preview: RestorePreview) -> tuple[int, int, int]:
    """How wide the columns are: what becomes of a place, the files, their size."""
    rows = [(plan, entry) for plan in preview.plans for entry in plan.entries if entry.is_active]
    columns = [(effect_text(plan, entry), *held_amounts(entry)) for plan, entry in rows]
    first, second, third = (max((cells(row[at]) for row in columns), default=0) for at in range(3))
    return min(first, 34), second, third


def _plan_lines(
    preview: RestorePreview, plan: RestorePlan, fold: Fold, widths: tuple[int, int, int]
) -> Iterator[Line]:
    """Whose data go where, then what else is to be known of a snap."""
    for entry in plan.entries:
        yield from _entry_lines(plan, entry, widths, paths=fold.paths, several=len(preview.plans) > 1)
    for number, line in enumerate(snap_lines(preview, plan, _WITH_KEYS)):
        if line.kind not in _ELSEWHERE:
            yield from drawn(line, number, fold.names)


def _entry_lines(
    plan: RestorePlan, entry: EntryPlan, widths: tuple[int, int, int], *, paths: bool, several: bool
) -> Iterator[Line]:
    key = (SnapKey(plan.snapshot.snap), plan.snapshot.path, entry.entry)
    head = Content.styled(f"{plain(entry.owner):<{_OWNER}} ", DIM)
    if entry.skipped:
        yield Line(key, styled(f"skipped: {skip_text(entry)}", WARN), depth=2, head=head)
    elif entry.is_active:
        files, size = held_amounts(entry)
        effect = effect_text(plan, entry)
        columns = f"{effect}{' ' * (widths[0] - cells(effect))}"
        amounts = (f"  {files:>{widths[1]}}  {size:>{widths[2]}}", DIM)
        loses = several and entry.lost.files
        loss = (f"   loses {entry.lost.files:,}", WARN) if loses else ""
        yield Line(key, Content.assemble(columns, amounts, loss), depth=2, head=head)
        if paths or not has_usual_place(plan, entry):
            blank = Content(" " * (_OWNER + 1))
            yield Line((*key, "place"), styled(entry.parent, DIM), depth=2, head=blank)


def verdict_piece(verdict: Verdict, *, complete: bool = True) -> Piece:
    """A verdict with its sign; one that may still change is not told."""
    if not complete and verdict is not Verdict.BLOCKED:
        return Piece("… measuring", DIM)
    sign, style = _LOOKS[verdict]
    return Piece(f"{sign} {verdict.value}", f"bold {style.removeprefix('bold ')}")


def drawn(line: PlanLine, number: int, unfolded: frozenset[Hashable] = frozenset()) -> Iterator[Line]:
    """A line of the plan, with what it keeps folded; `number` tells lines of the same text apart."""
    head, style = _HEADS[line.kind]
    key: Hashable = (line.kind, line.snap, number, line.text)
    text = Content(line.text)
    if line.entry is not None and line.kind in _FOLDED:
        key = LossKey(line.snap, line.entry.entry, line.kind.value)
        hint = Content("   ") if key in unfolded else Content.assemble("   ", key_hint("l", "lists them"))
        text = Content.assemble((f"{line.text}{_FOLDED[line.kind]}", style), hint)
    elif line.is_loss or line.kind in (LineKind.NO_SPACE, LineKind.CONFLICT):
        text = Content.styled(line.text, WARN if line.is_loss else BAD)
    is_section = line.kind in (LineKind.SPACE, LineKind.NO_SPACE)
    shown = label(head, style) if is_section else Content.styled(f"{head:<{_OWNER}} ", style)
    yield Line(key, text, depth=0 if is_section else 2, head=shown)
    if key in unfolded:
        for detail in line.details:
            yield Line((key, detail), Content(detail), depth=7)


# -- below the snaps


def _user_lines(preview: RestorePreview, restore: Restore) -> Iterator[Line]:
    if len(preview.users) > 1:
        yield Line("users", Content.styled("Data of", DIM), gap=True)
        for user in preview.users:
            yield Line(UserKey(user), styled(user), not restore.users or user in restore.users)


def _sections(preview: RestorePreview, restore: Restore, fold: Fold) -> Iterator[Line]:
    """What is lost, the space, the undo, the device nodes."""
    shown = [*loss_lines([entry.lost for plan in preview.plans for entry in plan.active])]
    for line in space_lines(preview, _WITH_KEYS):
        shown += drawn(line, 0, fold.names)
    if not (preview.losses_known and preview.verdict is Verdict.BLOCKED):
        shown.append(Line(UNDO, _undo_text(preview, restore), head=label("Undo")))
        shown.append(Line(DEVICES, Content("restore device nodes too"), restore.devices))
    yield from (line._replace(gap=not number) for number, line in enumerate(shown))


def loss_lines(losses: Sequence[Losses]) -> Iterator[Line]:
    """What live data would be lost, counted, and the key that lists it."""
    hint = Content.assemble("   ", key_hint("l", "lists them"))
    heads = iter([label("Lost", f"bold {WARN}"), label("")])
    for count in loss_counts(losses):
        text = f"{count_phrase(count.files, 'file')} {count.what}, {amount_text(count.size)}"
        yield Line(("lost", count.what), Content.assemble((text, WARN), hint), head=next(heads))
        hint = Content("")


def target_lines(target_dir: str, completions: PathListing | None) -> Iterator[Line]:
    """Where to: in place or a directory, and how the path of that can go on."""
    yield Line(PLACE, choice_content([("in place", not target_dir), ("into a directory", bool(target_dir))]))
    if target_dir and completions is not None and completions.goes_on:
        names = [f"{plain(entry.name)}{'/' * entry.is_directory}" for entry in completions.entries[:_FITTING]]
        more = ["…"] if len(completions.entries) > _FITTING else []
        yield Line("fits", Content.styled(f"Tab completes: {'  '.join(names + more)}", DIM), depth=2)


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
    held = amount_text(preview.replaced_bytes) if preview.losses_known else ""
    return window_content(restore.undo_window, held)


def window_content(chosen: int, held: str = "") -> Content:
    """The undo windows to choose from; until when the chosen one lasts, and what it holds."""
    options = [(window_text(window), window == chosen) for window in windows(chosen)]
    until = f"until {moment_text(time.time() + chosen)}" if chosen else "it cannot be undone"
    holds = f"holds {held} " if held and chosen else ""
    return choice_content(options, Content.styled(f"{holds}{until}", DIM if chosen else WARN))


def windows(chosen: int) -> tuple[int, ...]:
    """The undo windows to choose from."""
    return WINDOWS if chosen in WINDOWS else (chosen, *WINDOWS)


def is_final(preview: RestorePreview, restore: Restore) -> bool:
    """Whether the number of the set has to be typed: files would be lost, or it cannot be undone."""
    return not restore.target_dir and (bool(preview.lost_files) or not restore.undo_window)


def answer_text(preview: RestorePreview) -> str:
    """What Enter does; what it leaves out is said there as well."""
    left_out = (
        count_phrase(number, what)
        for number, what in ((preview.devices_left_out, "device node"), (preview.too_long, "too long path"))
        if number
    )
    without = " and ".join(left_out)
    return f"Restore{without and f' without {without}'}"
