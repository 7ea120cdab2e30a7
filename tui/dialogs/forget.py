"""The dialog before sets are forgotten: what goes for good, what is left, and a word to be typed."""

import time
from collections.abc import Iterable, Iterator, Sequence

from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Forget, Snapshot, SnapshotSet, command_line
from backend.store import CheckState, CheckStatus, Room, room_of
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.forget_lines import Loss, freed_text, kept_texts, left_lines, loss_lines
from tui.dialogs.lines import BAD, DIM, WARN, Line, styled
from tui.dialogs.status_text import status_text
from tui.phrases import count_phrase
from tui.session.inventory import InventoryData
from tui.text import amount_text, plain

_BAD = (CheckState.BROKEN, CheckState.FAILED)
_VERIFIED = (CheckState.OK, CheckState.OLD)


def losses(sets: Sequence[SnapshotSet], stock: InventoryData) -> list[Loss]:
    """Of what a forget would take the last copy, or else the last verified one."""
    going = {snapshot.path: snapshot for set_ in sets for snapshot in set_.snapshots}
    staying = [snapshot for set_ in stock.sets for snapshot in set_.snapshots if snapshot.path not in going]
    owners_of_loss: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for snap, entry in sorted({(s.snap, entry) for s in going.values() for entry in s.entries}):
        gone = _usable(going.values(), snap, entry, stock)
        left = _usable(staying, snap, entry, stock)
        verified_goes = any(_state(snapshot, stock) in _VERIFIED for snapshot in gone)
        if gone and not left:
            owners_of_loss.setdefault((snap, ()), []).append(_owner(entry))
        elif verified_goes and not any(_state(snapshot, stock) in _VERIFIED for snapshot in left):
            sets_left = tuple(sorted({snapshot.set_id for snapshot in left}))
            owners_of_loss.setdefault((snap, sets_left), []).append(_owner(entry))
    return [Loss(snap, tuple(owners), left) for (snap, left), owners in owners_of_loss.items()]


def _usable(snapshots: Iterable[Snapshot], snap: str, entry: str, stock: InventoryData) -> list[Snapshot]:
    return [
        snapshot
        for snapshot in snapshots
        if snapshot.snap == snap and entry in (snapshot.sums or {}) and _state(snapshot, stock) not in _BAD
    ]


def _state(snapshot: Snapshot, stock: InventoryData) -> CheckState:
    if snapshot.broken:
        return CheckState.BROKEN
    return stock.statuses.get(snapshot.path, CheckStatus(CheckState.NEVER)).state


def _owner(entry: str) -> str:
    return "system" if entry == "archive.tgz" else entry.removeprefix("user/").removesuffix(".tgz")


def forgets(sets: Sequence[SnapshotSet], stock: InventoryData) -> list[Forget]:
    """The operations that forget these sets, or parts of sets."""
    whole = {set_.set_id: len(set_.snapshots) for set_ in stock.sets}
    return [
        Forget(
            part.set_id,
            ()
            if len(part.snapshots) == whole.get(part.set_id)
            else tuple(snapshot.snap for snapshot in part.snapshots),
        )
        for part in sets
    ]


class Measured(Message):
    """What a forget really frees is known."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.room = room


class AskForget(Dialog[bool]):
    """Asks for a set's number, or the word `forget` for several; answers True once it was typed.

    `location_options` are the options that name the place in a command.
    """

    ANSWER = "Forget permanently"
    LEAVES = "Keep"
    NO = False

    def __init__(
        self, sets: list[SnapshotSet], stock: InventoryData, location_options: Sequence[str] = ()
    ) -> None:
        several = len(sets) != 1
        super().__init__(
            f"Forget {count_phrase(len(sets), 'set')}" if several else f"Forget #{sets[0].set_id}"
        )
        self._sets = sets
        self._stock = stock
        self._location_options = location_options
        self._proof = "forget" if several else str(sets[0].set_id)
        self._lost = losses(sets, stock)
        self._room: Room | None = None

    def fields(self) -> Iterable[Widget]:
        """Where the word is typed."""
        box = Input(id="proof", compact=True, max_length=20, classes="short")
        yield Field(f"Type {self._proof} to forget", box, classes="-gap")

    def on_mount(self) -> None:
        """Show all; the word has to be typed."""
        self._measure()
        self.redraw()
        operations = forgets(self._sets, self._stock)
        self.show_command(
            " && ".join(command_line(operation, self._location_options) for operation in operations)
        )
        self.query_one("#proof", Input).focus()
        self.weigh()

    @work(thread=True)
    def _measure(self) -> None:
        self.post_message(Measured(room_of([*self._going])))

    def on_measured(self, message: Measured) -> None:
        """Show what it really frees."""
        if self.is_open:
            self._room = message.room
            self.redraw()

    @property
    def _going(self) -> Iterator[Snapshot]:
        return (snapshot for set_ in self._sets for snapshot in set_.snapshots)

    def redraw(self) -> None:
        """Show everything as it is known by now."""
        now, room = time.time(), self._room
        freed = freed_text(self._sets, room) if room else "measuring what it frees"
        self.sum_up(Content.assemble(f"{freed}; ", ("this cannot be undone", BAD)))
        texts = kept_texts(self._going, room) if room else ()
        kept = [Line(text, styled(f"! {text}", WARN)) for text in texts]
        left = left_lines(self._sets, self._stock, now, {loss.snap for loss in self._lost})
        self.show_lines([*loss_lines(self._lost), *kept, *left, *self._lines(now)])

    def _lines(self, now: float) -> Iterator[Line]:
        for set_ in self._sets:
            text = f"#{set_.set_id}  {amount_text(sum(map(self._size_of, set_.snapshots)))}"
            whole = next((known for known in self._stock.sets if known.set_id == set_.set_id), set_)
            rest = len(whole.snapshots) - len(set_.snapshots)
            kept = f"  ({count_phrase(rest, 'other snap')} of it kept)" if rest else ""
            yield Line(set_.set_id, Content.assemble((text, "bold"), (kept, DIM)))
            for snapshot in set_.snapshots:
                yield Line(snapshot.path, self._snapshot_text(snapshot, now), depth=1)

    def _size_of(self, snapshot: Snapshot) -> int:
        return self._room.sizes[snapshot.path] if self._room else snapshot.size

    def _snapshot_text(self, snapshot: Snapshot, now: float) -> Content:
        status = self._stock.statuses.get(snapshot.path, CheckStatus(CheckState.NEVER))
        name = plain(snapshot.snap) or "(unreadable)"
        users = f"  {', '.join(map(plain, snapshot.users))}" if snapshot.users else ""
        about = f"{name} {plain(snapshot.version)}  {amount_text(self._size_of(snapshot))}{users}  "
        return Content.assemble(about, status_text(status, now))

    @property
    def _is_typed(self) -> bool:
        return self.query_one("#proof", Input).value.strip().removeprefix("#") == self._proof

    @on(Input.Changed)
    def weigh(self) -> None:
        """Enter forgets once the word is right."""
        self.answer_with(self.ANSWER, "" if self._is_typed else f"type {self._proof} first")

    def confirm(self) -> None:
        """Forget, if the word was typed."""
        if self._is_typed:
            self.dismiss(True)
        else:
            self.say(f"type {self._proof} to forget permanently, or Esc to keep")
