"""The place a session works at: its engine, what starts jobs there, and how a command names it."""

import os
from collections.abc import Iterator
from dataclasses import replace

from backend import (
    Checked,
    CheckState,
    Job,
    JobState,
    Ledger,
    PlaceEngine,
    Reader,
    Snapshot,
    SnapshotError,
    SnapshotSet,
    free_space,
)
from tui.starting import runner_of
from tui.stock import Part, Stock

_FEW = 400


class Place:
    """One root and everything a screen needs of it. `words` are the options that name it in a command."""

    def __init__(self, engine: PlaceEngine, words: tuple[str, ...], *, read_only: bool = False) -> None:
        self.engine = engine
        self.words = words
        self.read_only = read_only
        self.runner = runner_of(engine)
        self._ledger = Ledger(engine.journal.folder)

    def stock(self) -> Stock:
        """Look at everything; reads the disk, so never from the event loop. Raises SnapshotError."""
        return self._worked_out(self.engine.sets())

    def stocks(self) -> Iterator[Stock]:
        """The same, the newest sets first where there are many, then all. Raises SnapshotError."""
        if self._are_many():
            yield self._worked_out(self.engine.store.newest_sets(_FEW), complete=False)
        yield self.stock()

    def _are_many(self) -> bool:
        try:
            return len(self.engine.store.names()) > 2 * _FEW
        except SnapshotError:
            return False  # snapd may still list what cannot be read

    def parts(self, snapshot: Snapshot) -> dict[str, Part]:
        """The archives of a snapshot by entry; none where it cannot be read."""
        standings = self._ledger.standing_of_parts(snapshot)
        try:
            with Reader.open(snapshot.path) as reader:
                return {
                    entry: Part(
                        reader.stored_size(entry),
                        _unpacked(reader, entry),
                        standings.get(entry, Checked(CheckState.NEVER)),
                    )
                    for entry in snapshot.entries
                }
        except (SnapshotError, OSError):
            return {}

    def learned(self, stock: Stock, job: Job) -> Stock | None:
        """The stock with the unpacked bytes of what was not looked at before; None where nothing is new.

        Reads the end of every archive, so never from the event loop. Raises Cancelled.
        """
        if not any([*self._ledger.learn_unpacked(stock.by_path.values(), job)]):
            return None
        unpacked = self._ledger.unpacked(stock.by_path.values())
        return replace(stock, unpacked=unpacked).worked_out()

    def _worked_out(self, sets: list[SnapshotSet], *, complete: bool = True) -> Stock:
        snapshots = [snapshot for one in sets for snapshot in one.snapshots]
        layout = self.engine.layout
        return Stock(
            tuple(sets),
            self._ledger.standing(snapshots),
            free_space(layout.snapshots),
            self._ledger.unpacked(snapshots),
            self._imported() if complete else frozenset(),
            layout.state.auto_sets(),
            complete,
        ).worked_out()

    def _imported(self) -> frozenset[int]:
        """The sets that jobs of this place read from a file."""
        return frozenset(
            number
            for record in self.engine.journal.records()
            if record.operation.get("verb") == "import-snapshot" and record.state is JobState.DONE
            if isinstance(number := record.result.get("set_id"), int) and not record.result.get("duplicate")
        )

    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the stock may have changed."""
        stamps = []
        for path in (self.engine.layout.snapshots, f"{self.engine.journal.folder}/ledger.sqlite"):
            try:
                stamps.append(os.stat(path).st_mtime_ns)
            except OSError:
                stamps.append(0)
        return tuple(stamps)

    def refusal(self, verb: str) -> str:
        """Why a verb cannot be had here, or nothing."""
        if self.read_only:
            return f"cannot {verb}: this session is read-only"
        return self.engine.refusal(verb) or ""


def _unpacked(reader: Reader, entry: str) -> int | None:
    """The bytes that an archive unpacks to, where it is certain of them."""
    size, is_certain = reader.declared(entry)
    return size if is_certain else None
