"""The place a session works at: its engine, what starts jobs there, and how a command names it."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from backend import (
    Action,
    Engine,
    Finding,
    Forget,
    Import,
    Operation,
    Progress,
    Restore,
    Save,
    Snapshot,
    SnapshotError,
    SnapshotSet,
    Undo,
)
from backend.archive import Reader
from backend.engine import Availability, reopen_engine, runner_of, worker_command
from backend.fs import free_space
from backend.jobs import JobState
from backend.restore import RestorePlanner
from backend.store import CheckState, CheckStatus, VerificationLog
from tui.session.copies import copies_elsewhere
from tui.session.inventory import InventoryData, Part
from tui.session.job_records import JobRecords
from tui.session.snapd_changes import Changes
from tui.session.starts import Starts
from tui.text import guard_text, pin_text

_FEW = 400


class EngineSummary(NamedTuple):
    """By what changes are made, in a few words, and in sentences; how long automatic snapshots are kept.

    `retention` is in snapd's spelling, empty where it may not be read.
    """

    text: str = ""
    about: tuple[str, ...] = ()
    retention: str = ""


class Place:
    """One root and everything a screen needs of it; `location_options` name it in a command.

    Without `previews` no content of files is shown. Where it `follows`, the engine may become another one.
    `clock` tells in seconds how long ago something on the screens was.
    """

    def __init__(
        self,
        engine: Engine,
        location_options: tuple[str, ...],
        *,
        read_only: bool = False,
        previews: bool = True,
        follows: bool = True,
    ) -> None:
        self.engine = engine
        self.follows = follows
        self.location_options = location_options
        self.read_only = read_only
        self.previews = previews
        self.runner = runner_of(engine)
        self.changes = Changes(location_options)
        self.jobs = JobRecords(engine.journal)
        self.starts = Starts()
        self.clock: Callable[[], float] = time.monotonic
        self._ledger = VerificationLog(engine.journal.folder)

    # -- by what changes are made

    def successor(self, availability: Availability) -> Engine | None:
        """The engine to work through instead, where the present one is superseded; for threads."""
        return reopen_engine(self.engine) if self.follows and availability.is_superseded else None

    def adopt(self, engine: Engine) -> str:
        """Work through another engine of the same place from now on; says so."""
        self.engine = engine
        self.runner.command = worker_command(engine)
        return engine.introduction

    def engine_summary(self) -> EngineSummary:
        """By what changes are made here, and why; asks snapd, so never from the event loop."""
        try:
            version = self.engine.daemon.version
            about = tuple(self.engine.about())
        except SnapshotError as trouble:
            return EngineSummary("through snapd", (str(trouble),))
        summary = f"through snapd {_short(version)}" if version else "files"
        try:
            return EngineSummary(summary, about, self.engine.daemon.retention())
        except SnapshotError:
            return EngineSummary(summary, about)

    def in_the_way(self, operations: Sequence[Operation]) -> str:
        """What snapd is doing that operations would have to wait for, or nothing; for threads."""
        try:
            changes = (
                self.engine.daemon.in_the_way(operation) for operation in operations if can_wait(operation)
            )
            change = next(filter(None, changes), None)
        except SnapshotError:
            return ""  # which the operation itself will tell of
        return change.title if change else ""

    def refusal_of(self, operation: Operation) -> str:
        """Why an operation with these very options cannot be had here, or nothing; for threads."""
        if self.read_only and not operation.action.only_reads:
            return _read_only(operation.action)
        try:
            return self.engine.refusal_of(operation)
        except SnapshotError as trouble:
            return str(trouble)

    def restore_planner(self) -> RestorePlanner:
        """Plans restores here, as seen from now on."""
        return RestorePlanner(self.engine, self.refusal_of)

    def findings(self) -> list[Finding]:
        """What doctor finds here and can be put right, or be looked at; none where it cannot look.

        Reads every snapshot's metadata, so never from the event loop.
        """
        try:
            return self.engine.findings()
        except SnapshotError:
            return []

    # -- what there is

    def inventory(self) -> InventoryData:
        """Look at everything; reads the disk, so never from the event loop. Raises SnapshotError."""
        return self._worked_out(self.engine.sets())

    def inventories(self) -> Iterator[InventoryData]:
        """The same, the newest sets first where there are many, then all. Raises SnapshotError."""
        if newest := self.engine.newest_sets(_FEW):
            yield self._worked_out(newest, complete=False)
        yield self.inventory()

    def parts(self, snapshot: Snapshot) -> dict[str, Part]:
        """The archives of a snapshot by entry; none where it cannot be read."""
        statuses = self._ledger.statuses_of_parts(snapshot)
        try:
            with Reader.open(snapshot.path) as reader:
                return {
                    entry: Part(
                        reader.stored_size(entry),
                        _unpacked(reader, entry),
                        statuses.get(entry, CheckStatus(CheckState.NEVER)),
                    )
                    for entry in snapshot.entries
                }
        except (SnapshotError, OSError):
            return {}

    def with_unpacked_sizes(self, inventory: InventoryData, progress: Progress) -> InventoryData | None:
        """The inventory with the unpacked bytes of what was not looked at before; None where nothing is new.

        Reads the end of every archive, so never from the event loop. Raises Cancelled.
        """
        if not any([*self._ledger.learn_unpacked(inventory.by_path.values(), progress)]):
            return None
        unpacked = self._ledger.unpacked(inventory.by_path.values())
        return replace(inventory, unpacked=unpacked).worked_out()

    def _worked_out(self, sets: list[SnapshotSet], *, complete: bool = True) -> InventoryData:
        snapshots = [snapshot for group in sets for snapshot in group.snapshots]
        layout = self.engine.layout
        return InventoryData(
            sets=tuple(sets),
            statuses=self._ledger.statuses(snapshots),
            free=free_space(layout.snapshots),
            unpacked=self._ledger.unpacked(snapshots),
            imported=self._imported() if complete else frozenset(),
            expiry=layout.state.auto_sets(),
            complete=complete,
            guards={number: guard_text(guarded) for number, guarded in self.engine.guards().items()},
            knows_expiry=layout.state.readable,
            pins=self._pins(sets),
            elsewhere=copies_elsewhere(self.engine, sets),
        ).worked_out()

    def _pins(self, sets: list[SnapshotSet]) -> dict[int, str]:
        """What is pinned, in words; where nobody can tell, `doctor` says so, and nothing is let go."""
        try:
            return {number: pin_text(pin.note) for number, pin in self.engine.pins.by_set(sets).items()}
        except SnapshotError:
            return {}

    def _imported(self) -> frozenset[int]:
        """The sets that jobs of this place read from a file."""
        return frozenset(
            record.result.set_id
            for record in self.jobs.records()
            if record.verb == Import.verb and record.state is JobState.DONE and not record.result.duplicate
        )

    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the inventory may have changed."""
        stamps = []
        folder = self.engine.journal.folder
        ours = ("ledger.sqlite", "pins.json", "repositories")
        for path in (self.engine.layout.snapshots, *(f"{folder}/{name}" for name in ours)):
            try:
                stamps.append(os.stat(path).st_mtime_ns)
            except OSError:
                stamps.append(0)
        return tuple(stamps)

    def availability(self) -> Availability:
        """Look at the socket once: what can be done here now; for threads."""
        availability = self.engine.availability()
        if not self.read_only:
            return availability
        changes = [action for action in Action if not action.only_reads]
        return availability._replace(refusals={action: _read_only(action) for action in changes})

    def refusal(self, action: Action) -> str:
        """Why an action cannot be done here, or nothing; looks at the socket."""
        return _read_only(action) if self.read_only else self.engine.refusal(action)


def _read_only(action: Action) -> str:
    return f"cannot {action.value.removesuffix('-snapshot')}: this session is read-only"


def _short(version: str) -> str:
    """A version without what a distribution adds to it."""
    return version.partition("-")[0].partition("+")[0].partition("~")[0]


def can_wait(operation: Operation) -> bool:
    """Whether an operation may wait for snapd, and is not told to do so already."""
    return isinstance(operation, Save | Restore | Undo | Forget) and not operation.wait


def waiting(operation: Operation) -> Operation:
    """The same operation, told to wait where it can."""
    if isinstance(operation, Save | Restore | Undo | Forget):
        return replace(operation, wait=True)
    return operation


def _unpacked(reader: Reader, entry: str) -> int | None:
    """The bytes that an archive unpacks to, where it is certain of them."""
    size, is_certain = reader.declared(entry)
    return size if is_certain else None
