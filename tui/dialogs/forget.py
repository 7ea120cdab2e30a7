"""The dialog before sets are forgotten: what goes, for how long it is kept, what is left."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Forget, Snapshot, SnapshotSet, command_line
from backend.store import Room, room_of
from tui.dialogs.answers import Answer
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.forget_lines import Loss, freed_text, kept_texts, left_lines, loss_lines
from tui.dialogs.lines import BAD, DIM, WARN, Line, styled
from tui.dialogs.status_text import status_text
from tui.phrases import count_phrase
from tui.session.inventory import InventoryData
from tui.text import amount_text, moment_text, plain

_DAY = Forget.undo_window


def losses(sets: Sequence[SnapshotSet], stock: InventoryData) -> list[Loss]:
    """Of what a forget would take the last copy, or else the last verified one."""
    going = {snapshot.path: snapshot for set_ in sets for snapshot in set_.snapshots}
    staying = [snapshot for set_ in stock.sets for snapshot in set_.snapshots if snapshot.path not in going]
    owners_of_loss: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for snap, entry in sorted({(s.snap, entry) for s in going.values() for entry in s.entries}):
        gone = _usable(going.values(), snap, entry, stock)
        left = _usable(staying, snap, entry, stock)
        verified_goes = any(stock.status_of(snapshot).state.is_verified for snapshot in gone)
        if gone and not left:
            owners_of_loss.setdefault((snap, ()), []).append(_owner(entry))
        elif verified_goes and not any(stock.status_of(snapshot).state.is_verified for snapshot in left):
            sets_left = tuple(sorted({snapshot.set_id for snapshot in left}))
            owners_of_loss.setdefault((snap, sets_left), []).append(_owner(entry))
    return [Loss(snap, tuple(owners), left) for (snap, left), owners in owners_of_loss.items()]


def _usable(snapshots: Iterable[Snapshot], snap: str, entry: str, stock: InventoryData) -> list[Snapshot]:
    return [
        snapshot
        for snapshot in snapshots
        if snapshot.snap == snap
        and entry in (snapshot.sums or {})
        and not stock.status_of(snapshot).state.is_bad
    ]


def _owner(entry: str) -> str:
    return "system" if entry == "archive.tgz" else entry.removeprefix("user/").removesuffix(".tgz")


def forgets(sets: Sequence[SnapshotSet], stock: InventoryData, undo_window: int = _DAY) -> tuple[Forget, ...]:
    """The operations that forget these sets, or parts of sets; pinned ones as well."""
    whole = {set_.set_id: len(set_.snapshots) for set_ in stock.sets}
    return tuple(
        Forget(
            part.set_id,
            ()
            if len(part.snapshots) == whole.get(part.set_id)
            else tuple(snapshot.snap for snapshot in part.snapshots),
            undo_window=undo_window,
            pinned=part.set_id in stock.pins,
        )
        for part in sets
    )


class Measured(Message):
    """What a forget frees is known, and why nothing of it can be kept, or nothing."""

    def __init__(self, room: Room, fault: str) -> None:
        super().__init__()
        self.room = room
        self.fault = fault


def _no_fault() -> str:
    """Everything can be kept."""
    return ""


class AskForget(Dialog[tuple[Forget, ...]]):
    """Asks whether sets are to be forgotten; answers with the operations, or with none.

    What is kept for an undo needs no more than Enter. What is not, or is pinned, needs a set's number, or the
    word `forget` for several. `location_options` are the options that name the place in a command, `fault_of`
    says why nothing can be kept there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "at_once", "At once", show=False, tooltip="Keep nothing for an undo, or keep it")
    ]
    KEYS = (Answer("ctrl+n", "^N", "keep it or not"),)
    ANSWER = "Forget"
    LEAVES = "Keep"
    NO = ()

    def __init__(
        self,
        sets: list[SnapshotSet],
        stock: InventoryData,
        location_options: Sequence[str] = (),
        fault_of: Callable[[], str] = _no_fault,
    ) -> None:
        several = len(sets) != 1
        super().__init__(
            f"Forget {count_phrase(len(sets), 'set')}" if several else f"Forget #{sets[0].set_id}"
        )
        self._sets = sets
        self._stock = stock
        self._location_options = location_options
        self._fault_of = fault_of
        self._proof = "forget" if several else str(sets[0].set_id)
        self._lost = losses(sets, stock)
        self._pinned = [part.set_id for part in sets if part.set_id in stock.pins]
        self._room: Room | None = None
        self._fault = ""
        self._is_at_once = False

    def fields(self) -> Iterable[Widget]:
        """Where the word is typed."""
        box = Input(id="proof", compact=True, max_length=20, classes="short")
        yield Field(f"Type {self._proof} to forget", box, classes="-gap")

    def on_mount(self) -> None:
        """Look what it frees, and whether it can be kept."""
        self.lines.focus()
        self._measure()
        self.redraw()

    @work(thread=True)
    def _measure(self) -> None:
        self.post_message(Measured(room_of([*self._going]), self._fault_of()))

    def on_measured(self, message: Measured) -> None:
        """Show what it frees, and whether it is kept."""
        if self.is_open:
            self._room, self._fault = message.room, message.fault
            self.redraw()

    def action_at_once(self) -> None:
        """Keep nothing, or keep it after all."""
        if self._fault:
            self.say(f"nothing can be kept: {self._fault}")
        else:
            self._is_at_once = not self._is_at_once
            self.redraw()

    @property
    def _is_final(self) -> bool:
        """Whether nothing is kept."""
        return self._is_at_once or bool(self._fault)

    @property
    def _operations(self) -> tuple[Forget, ...]:
        return forgets(self._sets, self._stock, 0 if self._is_final else _DAY)

    @property
    def _going(self) -> Iterator[Snapshot]:
        return (snapshot for set_ in self._sets for snapshot in set_.snapshots)

    def redraw(self) -> None:
        """Show everything as it is known by now."""
        now, room = time.time(), self._room
        self.sum_up(self._sum(room, now))
        texts = kept_texts(self._going, room) if room else ()
        kept = [Line(text, styled(f"! {text}", WARN)) for text in texts]
        left = left_lines(self._sets, self._stock, now, {loss.snap for loss in self._lost})
        self.show_lines([*self._pin_lines(), *loss_lines(self._lost), *kept, *left, *self._lines(now)])
        self.show_command(
            " && ".join(command_line(each, self._location_options) for each in self._operations)
        )
        self._ask_proof()

    def _sum(self, room: Room | None, now: float) -> Content:
        if room is None:
            return styled("looking what it frees, and whether it can be kept")
        if not self._is_final:
            until, freed = moment_text(now + _DAY), amount_text(room.freed)
            return styled(f"kept until {until}, u undoes it until then; {freed} are free then")
        freed = freed_text(self._sets, room)
        reason = f" (nothing is kept: {self._fault})" if self._fault else ""
        return Content.assemble(f"{freed}; ", ("this cannot be undone", BAD), reason)

    def _pin_lines(self) -> Iterator[Line]:
        for number in self._pinned:
            yield Line(("pin", number), styled(f"! #{number} is {self._stock.pins[number]}", WARN))

    def _ask_proof(self) -> None:
        """Have a word typed where Enter alone would be too little."""
        is_wanted = self._is_final or bool(self._pinned)
        self.show_field("proof", shown=is_wanted)
        if is_wanted:
            self.query_one("#proof", Input).focus()
        self.weigh()

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
        status = self._stock.status_of(snapshot)
        name = plain(snapshot.snap) or "(unreadable)"
        users = f"  {', '.join(map(plain, snapshot.users))}" if snapshot.users else ""
        about = f"{name} {plain(snapshot.version)}  {amount_text(self._size_of(snapshot))}{users}  "
        return Content.assemble(about, status_text(status, now))

    @property
    def _is_typed(self) -> bool:
        return self.query_one("#proof", Input).value.strip().removeprefix("#") == self._proof

    @on(Input.Changed)
    def weigh(self) -> None:
        """Say what Enter does, and for what it waits."""
        does = "Forget permanently" if self._is_final else self.ANSWER
        self.answer_with(does, self._waits)

    @property
    def _waits(self) -> str:
        if self._room is None:
            return "looking whether it can be kept…"
        is_wanted = self._is_final or bool(self._pinned)
        return f"type {self._proof} first" if is_wanted and not self._is_typed else ""

    def confirm(self) -> None:
        """Forget, if all is known and the word was typed."""
        if not self._waits:
            self.dismiss(self._operations)
        elif self._room is not None:
            how = "permanently" if self._is_final else "what is pinned"
            self.say(f"type {self._proof} to forget {how}, or Esc to keep")
