"""What a restore would do, in lines: looked up outside the event loop, told by pure functions."""

import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual.content import Content

from backend import EntryPlan, NotFoundError, Restore, RestorePlan, Snapshot, Verdict, free_space
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Line, counted, said
from tui.place import Place
from tui.present import age_text, plain, size_text

DAY = 24 * 3600
WINDOWS = (DAY, 7 * DAY, 0)
MARGIN = 5 << 20  # the engine wants as much to be left over

_LOOKS = {Verdict.READY: ("✓", GOOD), Verdict.WITH_LOSS: ("!", WARN), Verdict.BLOCKED: ("✗", BAD)}
_WORST = (Verdict.BLOCKED, Verdict.WITH_LOSS, Verdict.READY)


class Room(NamedTuple):
    """The bytes that a restore needs at a place, at most, and those that are free there."""

    place: str
    needed: int
    free: int


class View(NamedTuple):
    """What a restore would do, as far as it is known.

    Not `complete` while losses are still being looked for. `away` names snaps that are not installed;
    `refused` is why nothing can be restored here at all.
    """

    snapshots: tuple[Snapshot, ...] = ()
    plans: tuple[RestorePlan, ...] = ()
    rooms: tuple[Room, ...] = ()
    away: frozenset[str] = frozenset()
    refused: str = ""
    complete: bool = False

    @property
    def snaps(self) -> tuple[str, ...]:
        """The snaps of the set."""
        return tuple(dict.fromkeys(snapshot.snap for snapshot in self.snapshots))

    @property
    def users(self) -> tuple[str, ...]:
        """The users whose data the set holds."""
        return tuple(dict.fromkeys(name for snapshot in self.snapshots for name in snapshot.users))

    @property
    def verdict(self) -> Verdict:
        """The worst of all parts; blocked as well where there is no room, or no right."""
        if self.refused or any(room.needed > room.free for room in self.rooms):
            return Verdict.BLOCKED
        verdicts = {plan.verdict for plan in self.plans} or {Verdict.BLOCKED}
        return next(verdict for verdict in _WORST if verdict in verdicts)

    @property
    def lost(self) -> int:
        """How many files would be lost."""
        return sum(entry.lost.files for plan in self.plans for entry in plan.entries)


class Plans:
    """Makes plans snap by snap and remembers those made; to be used outside the event loop."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[tuple[Restore, bool], tuple[RestorePlan, ...]] = {}

    def views(self, wanted: Restore) -> Iterator[View]:
        """The plan as it becomes known, complete at the end. Raises SnapshotError, OSError."""
        engine = self._place.engine
        snapshots = tuple(snapshot for one in engine.sets(wanted.set_id) for snapshot in one.snapshots)
        if not snapshots:
            raise NotFoundError(f"there is no set #{wanted.set_id}")
        refused = self._place.refusal("restore")
        view = View(snapshots, refused=refused)
        view = view._replace(away=frozenset(s for s in view.snaps if _is_away(self._place, s)))
        for look in (False, True):
            plans: list[RestorePlan] = []
            for snap in wanted.snaps or view.snaps:
                plans += self._plan(Restore(wanted.set_id, (snap,), wanted.users), look=look)
                if look:
                    yield view
            view = view._replace(plans=tuple(plans), rooms=_rooms(plans), complete=look)
            yield view

    def _plan(self, part: Restore, *, look: bool) -> tuple[RestorePlan, ...]:
        if (part, look) not in self._known:
            self._known[part, look] = tuple(self._place.engine.plan(part, look=look))
        return self._known[part, look]


def _is_away(place: Place, snap: str) -> bool:
    return bool(snap) and place.engine.layout.revision(snap) is None


def _rooms(plans: Iterable[RestorePlan]) -> tuple[Room, ...]:
    """What is needed and free on each file system that the plans write to."""
    needed: dict[int, Room] = {}
    for entry in (entry for plan in plans for entry in plan.active if entry.parent):
        path = entry.parent
        while not os.path.exists(path):
            path = os.path.dirname(path)
        device = os.stat(path).st_dev
        room = needed.get(device) or Room(path, MARGIN, free_space(path))
        needed[device] = room._replace(needed=room.needed + entry.needed)
    return tuple(needed.values())


# -- in words


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
    """The line of what would be lost in one archive."""

    snap: str
    entry: str


UNDO = "undo window"
DEVICES = "devices"


def window_text(seconds: int) -> str:
    """How long what was replaced is kept."""
    known = {0: "none", DAY: "24 h", 7 * DAY: "7 days"}
    return known.get(seconds) or age_text(seconds)


def lines_of(view: View, wanted: Restore, opened: frozenset[Hashable]) -> list[Line]:
    """The plan, line by line: a part for each snap, then what can be chosen."""
    lines = []
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
    verdict = next(verdict for verdict in _WORST if verdict in {plan.verdict for plan in plans})
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
        yield from _entry_lines(snap, entry, opened)
    away = ["the snap is not installed; its data will wait for it"] if snap in view.away else []
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
    if any(entry.blocked for entry in plan.entries):
        return f"put that path right and look again with F5{leave}"
    return f"install the snap, or the revision, that these data belong to{leave}"


def _entry_lines(snap: str, entry: EntryPlan, opened: frozenset[Hashable]) -> Iterator[Line]:
    owner = plain(entry.user.name) if entry.user else _owner(entry.entry)
    key = ("entry", snap, entry.entry)
    for word, style, reason in (("skip     ", WARN, entry.skipped), ("blocked  ", BAD, entry.blocked)):
        if reason:
            text = Content(f"{owner}: {plain(reason)}")
            yield Line((*key, word), text, depth=2, head=Content.styled(word, style))
            return
    does = [f"replaces {_names(entry, entry.replaced)}"] if entry.replaced else []
    does += [f"makes {_names(entry, entry.made)}"] if entry.made else []
    size = f", at most {size_text(entry.needed).strip()}" if entry.needed else ""
    text = Content(f"{'; '.join(does) or 'changes nothing'}{size}, in {plain(entry.parent)}")
    yield Line(key, text, depth=2, head=Content.styled(f"{owner:<8} ", "bold"))
    if entry.lost.files:
        yield from _loss_lines(snap, entry, opened)


def _owner(entry: str) -> str:
    return "system" if entry == "archive.tgz" else plain(entry.removeprefix("user/").removesuffix(".tgz"))


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
            (lost.excluded_files, lost.excluded_bytes, "never in it"),
        )
        if count
    ]
    is_open = key in opened
    more = "" if is_open else " (l lists)"
    text = Content.assemble(("; ".join(parts), WARN), (more, DIM))
    yield Line(key, text, depth=2, head=Content.styled("loses    ", WARN))
    if is_open:
        for path in lost.examples:
            yield Line((key, path), Content(_names(entry, (path,))), depth=7)
        if rest := lost.files - len(lost.examples):
            yield Line((key, ""), Content.styled(f"and {rest} more", DIM), depth=7)


def _room_lines(view: View) -> Iterator[Line]:
    for room in view.rooms:
        short = room.needed > room.free
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
    text = Content.assemble(("Undo     ", "bold"), *_windows(wanted.undo_window), ("  Space changes", DIM))
    yield Line(UNDO, text)
    yield Line(DEVICES, Content("restore device nodes as well"), wanted.devices)


def _windows(chosen: int) -> Iterator[tuple[str, str]]:
    for seconds in windows(chosen):
        is_it = seconds == chosen
        yield (
            f"({window_text(seconds)})" if is_it else f" {window_text(seconds)} ",
            "bold" if is_it else DIM,
        )


def windows(chosen: int) -> tuple[int, ...]:
    """The undo windows to choose from."""
    return WINDOWS if chosen in WINDOWS else (chosen, *WINDOWS)


def is_final(view: View, wanted: Restore) -> bool:
    """Whether the number of the set has to be typed: something would be lost, or cannot be taken back."""
    return view.verdict is Verdict.WITH_LOSS or not wanted.undo_window


def answer_text(view: View, wanted: Restore) -> str:
    """What the button says it does."""
    loss = f", losing {counted(view.lost, 'file')}" if view.lost else ""
    undo = f", undo for {window_text(wanted.undo_window)}" if wanted.undo_window else ", for good: no undo"
    return f"Restore{loss}{undo}"
