"""The dialog before a check: of what, and how thoroughly."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Button

from backend import Check, Snapshot, SnapshotSet, command_line
from backend.store import CheckState
from tui.dialogs.base import DIM, Line, LineList, said
from tui.dialogs.operation import Proposing, Refuser
from tui.phrases import count_phrase
from tui.session.inventory import InventoryData
from tui.text import size_text

DAY = 24 * 3600
AGES = (1, 7, 30, 90)
CHOSEN, ALL, OLD = "chosen", "all", "old"
QUICK, FULL, STRUCTURE = "quick", "full", "structure"
_LEVELS = {
    QUICK: ("quick", "metadata valid, nothing missing; fast, but proves little"),
    FULL: ("full", "every byte matches snapd's own hashes"),
    STRUCTURE: ("structure", "full, and every archive is read as a restore would read it"),
}
_SOUND = (CheckState.OK, CheckState.OLD)


class Wanted(NamedTuple):
    """What was chosen: the scope, the level, and for not verified for so long, the days."""

    scope: str
    level: str = FULL
    days: int = 30


def scope_of(
    wanted: Wanted, chosen: Sequence[SnapshotSet], stock: InventoryData, now: float
) -> list[Snapshot]:
    """The snapshots that a check would take; broken ones are told of, not read."""
    if wanted.scope == CHOSEN:
        return [snapshot for set_ in chosen for snapshot in set_.snapshots]
    everything = [snapshot for set_ in stock.sets for snapshot in set_.snapshots]
    if wanted.scope == ALL:
        return everything
    since = now - wanted.days * DAY
    return [snapshot for snapshot in everything if not _is_fresh(snapshot, stock, since, wanted.level)]


def _is_fresh(snapshot: Snapshot, stock: InventoryData, since: float, level: str) -> bool:
    status = stock.status_of(snapshot)
    enough = status.level == STRUCTURE or level != STRUCTURE
    return status.state in _SOUND and status.at >= since and enough


def operations_of(wanted: Wanted, parts: Sequence[tuple[SnapshotSet, tuple[str, ...]]]) -> list[Check]:
    """The checks that do it: one for each chosen set, or one for all."""
    everything = Check(structure=wanted.level == STRUCTURE, quick=wanted.level == QUICK)
    if wanted.scope == CHOSEN:
        return [replace(everything, set_id=part.set_id, snaps=snaps) for part, snaps in parts]
    return [replace(everything, older_than=wanted.days * DAY if wanted.scope == OLD else 0)]


class AskCheck(Proposing[list[Check] | None]):
    """Lets scope and level be chosen; answers with the checks, or None. Enter checks what was chosen."""

    KEYS = "Space select · y copy · Tab next · Esc leave"
    ANSWER = "Check"
    WAITS = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        chosen: Sequence[tuple[SnapshotSet, tuple[str, ...]]],
        stock: InventoryData,
        location_options: Sequence[str],
        place: Refuser | None = None,
    ) -> None:
        super().__init__("Check")
        self._place = place
        self._parts = tuple(chosen)
        self._stock = stock
        self._location_options = location_options
        self._now = time.time()
        self._wanted = Wanted(CHOSEN if chosen else ALL)

    def on_mount(self) -> None:
        """Show what can be chosen; Enter starts at once."""
        self.say("")
        self._show()
        self.query_one("#yes", Button).focus()

    # -- showing

    def _taken(self, wanted: Wanted) -> list[Snapshot]:
        return scope_of(wanted, [part for part, _ in self._parts], self._stock, self._now)

    def _show(self) -> None:
        taken = self._taken(self._wanted)
        size = (
            sum(snapshot.size for snapshot in taken if not snapshot.broken)
            if self._wanted.level != QUICK
            else 0
        )
        amount = f"{size_text(size).strip()} to read" if size else "almost nothing to read"
        self.sum_up(f"{count_phrase(len(taken), 'snapshot')}, {amount}. Nothing is changed.")
        self.show_lines(list(self._lines()))
        commands = [
            command_line(operation, self._location_options)
            for operation in operations_of(self._wanted, self._parts)
        ]
        self.show_command("; ".join(commands))
        button = self.query_one("#yes", Button)
        button.label = Content(f"Check {count_phrase(len(taken), 'snapshot')}")
        button.refresh(layout=True)
        button.disabled = not taken or bool(self.refusal)
        if self._place is not None:
            self.propose(self._place, *operations_of(self._wanted, self._parts))

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._show()

    def _lines(self) -> Iterator[Line]:
        yield Line("of what", said("Scope", "bold"))
        if self._parts:
            sets = ", ".join(f"#{part.set_id}" for part, _ in self._parts[:12])
            more = ", …" if self._parts[12:] else ""
            yield self._choice(CHOSEN, f"selected: {sets}{more}")
        yield self._choice(ALL, f"all: {count_phrase(len(self._stock.sets), 'set')}")
        days = self._wanted.days
        count = len(self._taken(self._wanted._replace(scope=OLD)))
        text = f"not verified for {count_phrase(days, 'day')}: {count_phrase(count, 'snapshot')}"
        yield self._choice(OLD, text, "  Space changes the days")
        yield Line("how", said("Level", "bold"))
        for level, (name, meaning) in _LEVELS.items():
            marked = level == self._wanted.level
            yield Line(level, Content.assemble(f"{name:<10}", (meaning, DIM)), marked)

    def _choice(self, scope: str, text: str, hint: str = "") -> Line:
        return Line(scope, Content.assemble(text, (hint, DIM)), scope == self._wanted.scope)

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a scope or a level; the last scope again goes through the days."""
        self._wanted = _changed(self._wanted, message.key)
        self._show()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The same as choosing."""
        self.on_line_list_marked(LineList.Marked(message.key))

    # -- answering

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was chosen."""
        self.dismiss(operations_of(self._wanted, self._parts))


def _changed(wanted: Wanted, key: Hashable) -> Wanted:
    if key == OLD and wanted.scope == OLD:
        around = AGES.index(wanted.days) + 1
        return wanted._replace(days=AGES[around % len(AGES)])
    if key in (CHOSEN, ALL, OLD):
        return wanted._replace(scope=str(key))
    return wanted._replace(level=str(key)) if key in _LEVELS else wanted
