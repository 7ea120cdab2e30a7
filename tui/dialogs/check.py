"""The dialog before a check: of what, and how thoroughly."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from textual.content import Content

from backend import Check, Snapshot, SnapshotSet, command_line
from tui.dialogs.base import CHOOSE
from tui.dialogs.lines import DIM, Line, LineList, choice_content, chosen_of, label, styled
from tui.dialogs.operation import Proposing, Refuser
from tui.phrases import count_phrase
from tui.session.inventory import InventoryData
from tui.text import amount_text

DAY = 24 * 3600
AGES = (1, 7, 30, 90)
CHOSEN, ALL, OLD = "chosen", "all", "old"
LEVEL, AGE = "level", "age"
QUICK, FULL, STRUCTURE = "quick", "full", "structure"
_LEVELS = {
    QUICK: "metadata valid, nothing missing; fast, but proves little",
    FULL: "every byte matches snapd's own hashes",
    STRUCTURE: "full, and every archive is read as a restore would read it",
}


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
    return status.state.is_verified and status.at >= since and enough


def operations_of(wanted: Wanted, parts: Sequence[tuple[SnapshotSet, tuple[str, ...]]]) -> list[Check]:
    """The checks that do it: one for each chosen set, or one for all."""
    everything = Check(structure=wanted.level == STRUCTURE, quick=wanted.level == QUICK)
    if wanted.scope == CHOSEN:
        return [replace(everything, set_id=part.set_id, snaps=snaps) for part, snaps in parts]
    return [replace(everything, older_than=wanted.days * DAY if wanted.scope == OLD else 0)]


class AskCheck(Proposing[list[Check] | None]):
    """Lets scope and level be chosen; answers with the checks, or None."""

    KEYS = (CHOOSE,)
    ANSWER = "Check"

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
        self.lines.focus()
        self.redraw()

    # -- showing

    def _taken(self, wanted: Wanted) -> list[Snapshot]:
        return scope_of(wanted, [part for part, _ in self._parts], self._stock, self._now)

    def redraw(self) -> None:
        """Show everything as it is now."""
        taken, operations = self._taken(self._wanted), operations_of(self._wanted, self._parts)
        self.show_lines(list(self._lines()))
        self.show_command("; ".join(command_line(each, self._location_options) for each in operations))
        waits = self.refusal or ("" if taken else "nothing is in this scope")
        self.answer_with(f"Check {count_phrase(len(taken), 'snapshot')}", waits)
        if self._place is not None:
            self.propose(self._place, *operations)

    def _lines(self) -> Iterator[Line]:
        for scope, text in self._scopes():
            yield Line(scope, text, scope == self._wanted.scope, is_choice=True)
        if self._wanted.scope == OLD:
            days = [(count_phrase(days, "day"), days == self._wanted.days) for days in AGES]
            yield Line(AGE, choice_content(days), depth=2, head=styled("for ", DIM))
        levels = [(level, level == self._wanted.level) for level in _LEVELS]
        yield Line(LEVEL, choice_content(levels), head=label("Level"), gap=True)
        yield Line("meaning", styled(_LEVELS[self._wanted.level], DIM), head=label(""))
        yield Line("reads", styled(self._amount()), head=label("Reads"))

    def _scopes(self) -> Iterator[tuple[str, Content]]:
        if self._parts:
            sets = ", ".join(f"#{part.set_id}" for part, _ in self._parts[:12])
            yield CHOSEN, Content(f"selected: {sets}{', …' if self._parts[12:] else ''}")
        yield ALL, Content(f"all: {count_phrase(len(self._stock.sets), 'set')}")
        count = len(self._taken(self._wanted._replace(scope=OLD)))
        days = count_phrase(self._wanted.days, "day")
        yield OLD, Content(f"not verified for {days}: {count_phrase(count, 'snapshot')}")

    def _amount(self) -> str:
        if self._wanted.level == QUICK:
            return "almost nothing; nothing is changed"
        size = sum(snapshot.size for snapshot in self._taken(self._wanted) if not snapshot.broken)
        return f"{amount_text(size)}; nothing is changed"

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a scope, a level, the days."""
        self._wanted = _changed(self._wanted, message.key, message.choice)
        self.redraw()

    # -- answering

    def confirm(self) -> None:
        """Answer with what was chosen."""
        if self.refusal or not self._taken(self._wanted):
            self.say(self.refusal or "nothing is in this scope")
        else:
            self.dismiss(operations_of(self._wanted, self._parts))


def _changed(wanted: Wanted, key: Hashable, choice: int | None) -> Wanted:
    if key == LEVEL:
        return wanted._replace(level=chosen_of(tuple(_LEVELS), wanted.level, choice))
    if key == AGE:
        return wanted._replace(days=chosen_of(AGES, wanted.days, choice))
    return wanted._replace(scope=str(key)) if key in (CHOSEN, ALL, OLD) else wanted
