"""The plan of a restore in words: pure functions from what is known to lines."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from backend import Restore
from backend.restore import EntryPlan, RestorePlan, Verdict
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Line, said
from tui.session.paths import PathListing
from tui.session.restore_preview import WORST, Target, View
from tui.text import age_text, counted, moment_text, plain, size_text

DAY = 24 * 3600
WINDOWS = (DAY, 7 * DAY, 0)
PLACE = "place"
REVISION = "revision"
UNDO = "undo window"
DEVICES = "devices"
_FITTING = 6

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
    known = {0: "none", DAY: "24 h", 7 * DAY: "7 days"}
    return known.get(seconds) or age_text(seconds)


def lines_of(
    view: View, wanted: Restore, opened: frozenset[Hashable], fitting: PathListing | None = None
) -> list[Line]:
    """The plan, line by line: where to, a part for each snap, then what can be chosen.

    `fitting` is how the path that is being typed can go on.
    """
    lines = [*_place_lines(view, wanted, fitting)]
    for snap in view.snaps:
        taken = not wanted.snaps or snap in wanted.snaps
        marked = taken if len(view.snaps) > 1 else None
        plans = [plan for plan in view.plans if plan.snapshot.snap == snap]
        lines.append(Line(SnapKey(snap), _snap_text(view, snap, plans), marked))
        if taken:
            for number, plan in enumerate(plans):
                lines += _plan_lines(view, plan, number, opened)
    lines += _room_lines(view)
    lines += _choices(view, wanted)
    return lines


def _snap_text(view: View, snap: str, plans: Sequence[RestorePlan]) -> Content:
    of_snap = [snapshot for snapshot in view.snapshots if snapshot.snap == snap]
    about = f" {of_snap[0].version} rev {of_snap[0].revision}"
    targets = {entry.revision for plan in plans for entry in plan.entries if entry.revision.number}
    into = "".join(f" into rev {target}" for target in targets if target != of_snap[0].revision)
    words = Content.assemble((plain(snap) or "(unreadable)", "bold"), (plain(about + into), DIM), "  ")
    if not plans:
        return words
    verdict = next(verdict for verdict in WORST if verdict in {plan.verdict for plan in plans})
    return Content.assemble(words, verdict_text(verdict, complete=view.complete))


def verdict_text(verdict: Verdict, *, complete: bool = True) -> Content:
    """A verdict with its glyph; one that may still change is not told."""
    if not complete and verdict is not Verdict.BLOCKED:
        return Content.styled("… looking", DIM)
    glyph, style = _LOOKS[verdict]
    return Content.styled(f"{glyph} {verdict.value}", style)


def _plan_lines(view: View, plan: RestorePlan, number: int, opened: frozenset[Hashable]) -> Iterator[Line]:
    snap = plan.snapshot.snap
    for reason in plan.blocked:
        yield Line(
            (snap, number, reason), Content(plain(reason)), depth=2, head=Content.styled("blocked  ", BAD)
        )
    for entry in plan.entries:
        yield from _entry_lines(plan, entry, opened)
    is_away = snap in view.away and not plan.to
    away = ["the snap is not installed; its data will wait for it"] if is_away else []
    for note in (*plan.notes, *away):
        yield Line((snap, number, note), Content(plain(note)), depth=2, head=Content.styled("note     ", DIM))
    if plan.verdict is Verdict.BLOCKED:
        text = Content(way_out(plan, several=len(view.snaps) > 1))
        yield Line((snap, number, "way out"), text, depth=2, head=Content.styled("way out  ", "bold"))


def way_out(plan: RestorePlan, *, several: bool) -> str:
    """What can be done about a blocked part."""
    snap = plain(plan.snapshot.snap) or "it"
    leave = f", or leave {snap} out with Space" if several else ""
    if plan.snapshot.broken:
        return f"its file is damaged: restore another set of it or import a sound copy{leave}"
    if plan.to and plan.blocked:
        return "choose another directory, or put that one right and look again with F5"
    if any(entry.is_damaged for entry in plan.entries):
        return f"its archive cannot be unpacked: restore another set of it{leave}"
    if any(entry.blocked for entry in plan.entries):
        return f"put that path right and look again with F5, or restore beside{leave}"
    return f"install the snap, or the revision, that these data belong to, or restore beside{leave}"


def _entry_lines(plan: RestorePlan, entry: EntryPlan, opened: frozenset[Hashable]) -> Iterator[Line]:
    snap, owner = plan.snapshot.snap, _owner(entry)
    key = ("entry", snap, entry.entry)
    for word, style, reason in (("skip     ", WARN, entry.skipped), ("blocked  ", BAD, entry.blocked)):
        if reason:
            text = Content(f"{owner}: {plain(reason)}")
            yield Line((*key, word), text, depth=2, head=Content.styled(word, style))
            return
    does = [f"replaces {_names(entry, entry.replaced)}"] if entry.replaced else []
    made = [path for path in entry.made if not plan.to or path != entry.parent]
    does += [f"makes {_names(entry, made)}"] if made else []
    text = Content(f"{'; '.join(does) or 'changes nothing'}{_size(entry)}, in {plain(entry.parent)}")
    yield Line(key, text, depth=2, head=Content.styled(f"{owner:<8} ", "bold"))
    if entry.lost.files:
        yield from _loss_lines(snap, entry, opened)
    if entry.contents and entry.devices_met:
        yield from _device_lines(plan, entry, opened)


def _owner(entry: EntryPlan) -> str:
    return plain(entry.entry if entry.owner == "system" and entry.entry != "archive.tgz" else entry.owner)


def _size(entry: EntryPlan) -> str:
    """What it holds, once that is counted; before that, what it declares."""
    if entry.contents:
        return f"; {counted(entry.contents.files, 'file')}, {size_text(entry.contents.bytes).strip()}"
    return f"; at most {size_text(entry.needed).strip()}" if entry.needed else ""


def _names(entry: EntryPlan, paths: Sequence[str]) -> str:
    """Paths as seen from the directory that is restored into."""
    own = entry.parent
    return ", ".join("the directory" if p == own else plain(p.removeprefix(f"{own}/")) for p in paths)


def _loss_lines(snap: str, entry: EntryPlan, opened: frozenset[Hashable]) -> Iterator[Line]:
    lost, key = entry.lost, LossKey(snap, entry.entry)
    parts = [
        f"{counted(count, 'file')} {what}, {size_text(size).strip()}"
        for count, size, what in (
            (lost.newer_files, lost.newer_bytes, "newer than the snapshot"),
            (lost.excluded_files, lost.excluded_bytes, "left out of it"),
        )
        if count
    ]
    is_open = key in opened
    more = "" if is_open else " (l lists)"
    text = Content.assemble(("; ".join(parts), WARN), (more, DIM))
    yield Line(key, text, depth=2, head=Content.styled("loses    ", WARN))
    if is_open:
        yield from _named(key, [_names(entry, (path,)) for path in lost.examples], lost.files)


def _named(key: LossKey, names: Sequence[str], count: int) -> Iterator[Line]:
    for name in names:
        yield Line((key, name), Content(name), depth=7)
    if rest := count - len(names):
        yield Line((key, ""), Content.styled(f"and {rest} more", DIM), depth=7)


def _device_lines(plan: RestorePlan, entry: EntryPlan, opened: frozenset[Hashable]) -> Iterator[Line]:
    assert entry.contents is not None
    key = LossKey(plan.snapshot.snap, entry.entry, "devices")
    more = "" if key in opened else " (l lists)"
    told, style = (", restored as well", "") if plan.devices else (" left out", WARN)
    text = Content.assemble((f"{counted(entry.devices_met, 'device node')}{told}", style), (more, DIM))
    head = Content.styled("with     " if plan.devices else "loses    ", style)
    yield Line(key, text, depth=2, head=head)
    if key in opened:
        yield from _named(key, [plain(name) for name in entry.contents.devices], entry.devices_met)


def _room_lines(view: View) -> Iterator[Line]:
    for room in view.rooms:
        short = room.missing > 0
        where = f" at {plain(room.place)}" if len(view.rooms) > 1 or short else ""
        text = f"needs at most {size_text(room.needed).strip()}, {size_text(room.free).strip()} free{where}"
        style = BAD if short else ""
        yield Line(
            ("room", room.place), Content.styled(text, style), head=Content.styled("Room     ", "bold")
        )
        if short:
            advice = Content("free some space there, or leave snaps out with Space")
            head = Content.styled("way out  ", "bold")
            yield Line(("room", room.place, "way out"), advice, depth=2, head=head)


def _choices(view: View, wanted: Restore) -> Iterator[Line]:
    if len(view.users) > 1:
        yield Line("users", Content.styled("Data of", "bold"))
        for user in view.users:
            yield Line(UserKey(user), said(user), not wanted.users or user in wanted.users, depth=2)
    if view.complete and view.verdict is Verdict.BLOCKED:
        return
    yield Line(UNDO, _undo_text(view, wanted), head=_head("Undo"))
    yield Line(DEVICES, Content("restore device nodes as well"), wanted.devices)


def _head(word: str) -> Content:
    return Content.styled(f"{word:<9}", "bold")


def _place_lines(view: View, wanted: Restore, fitting: PathListing | None) -> Iterator[Line]:
    options = [("in place", not wanted.to), ("beside, into a directory", bool(wanted.to))]
    yield Line(PLACE, Content.assemble(*_options(options)), head=_head("Place"))
    if wanted.to and fitting is not None and fitting.goes_on:
        names = [f"{plain(one.name)}{'/' * one.is_directory}" for one in fitting.entries[:_FITTING]]
        more = ["…"] if len(fitting.entries) > _FITTING else []
        yield Line("fits", Content.styled(f"Tab completes: {'  '.join(names + more)}", DIM), depth=2)
    if len(view.targets) > 1:
        yield Line(
            REVISION,
            Content.assemble(*_options(target_options(view.targets, wanted))),
            head=_head("Revision"),
        )


def _options(options: Sequence[tuple[str, bool]], more: str = "") -> Iterator[tuple[str, str]]:
    """What can be chosen on a line, the chosen one in brackets, and what else is to be said there."""
    for words, is_it in options:
        yield (f"({plain(words)})" if is_it else f" {plain(words)} ", "bold" if is_it else DIM)
    yield (more, "")
    yield ("  Space changes", DIM)


def target_options(targets: Sequence[Target], wanted: Restore) -> list[tuple[str, bool]]:
    """The revisions in words, each with whether it is chosen."""
    return [(target.words, target.revision == wanted.revision) for target in targets]


def _undo_text(view: View, wanted: Restore) -> Content:
    if wanted.to:
        return Content(f"nothing is replaced; remove {plain(wanted.to)} to take it back")
    options = [(window_text(one), one == wanted.undo_window) for one in windows(wanted.undo_window)]
    kept = ""
    if view.complete and wanted.undo_window:
        until = moment_text(time.time() + wanted.undo_window)
        kept = f"  holds {size_text(view.held).strip()} until {until}"
    return Content.assemble(*_options(options, kept))


def windows(chosen: int) -> tuple[int, ...]:
    """The undo windows to choose from."""
    return WINDOWS if chosen in WINDOWS else (chosen, *WINDOWS)


def is_final(view: View, wanted: Restore) -> bool:
    """Whether the number of the set has to be typed: files would be lost, or it cannot be taken back."""
    return not wanted.to and (bool(view.lost) or not wanted.undo_window)


def answer_text(view: View, wanted: Restore) -> str:
    """What the button says it does."""
    without = f" without {counted(view.devices_left_out, 'device node')}" if view.devices_left_out else ""
    if wanted.to:
        return f"Restore beside{without}"
    loss = f", losing {counted(view.lost, 'file')}" if view.lost else ""
    undo = f", undo for {window_text(wanted.undo_window)}" if wanted.undo_window else ", for good: no undo"
    return f"Restore{without}{loss}{undo}"
