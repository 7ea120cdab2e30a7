"""The engine that works on the files below a root directory.

Where a snapd answers for that root it only reads: two owners of the same data would corrupt them.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backend.errors import (
    BlockedError,
    ConflictError,
    DuplicateSetError,
    NotFoundError,
    SnapshotError,
)
from backend.layout import Layout
from backend.model import Snapshot, SnapshotSet
from backend.snapdstate import daemon_answers
from backend.store import Store

if TYPE_CHECKING:
    from backend.engine import Estimate, Finding, UndoOffer
    from backend.job import Job
    from backend.journal import Journal
    from backend.layout import InstalledSnap
    from backend.model import User
    from backend.operation import Check, Export, Forget, Import, Restore, Result, Save, Undo
    from backend.reader import EntryVerdict, Reader
    from backend.restore import RestorePlan

READING = frozenset(("saved", "check-snapshot", "export-snapshot", "estimate", "jobs", "doctor", "plan"))
SNAP_VERBS = frozenset(("save", "restore", "forget", "import-snapshot"))
_BATCH = 64


class DirectEngine:
    """Snapshots of the root that `layout` describes; `own` is our state folder for it."""

    name = "files"

    def __init__(self, layout: Layout, own: str) -> None:
        self.layout = layout
        self.store = Store(layout, own)
        self._own = own
        away = f"the state folder of this root cannot be written; its journal is kept in {own}"
        self.warning = "" if own == layout.own_state else away

    @cached_property
    def journal(self) -> "Journal":
        """The jobs of this place."""
        from backend.journal import Journal

        return Journal(self._own)

    @property
    def root(self) -> dict[str, Any]:
        """How a journal names the root it is about."""
        return self.store.root

    # -- what can be had

    def refusal(self, action: str) -> str | None:
        """Why `action` cannot be had here: anything that changes data, while snapd runs for this root."""
        if action in READING or not daemon_answers(self.layout.socket):
            return None
        way_out = f"use snap {action}, or stop snapd first" if action in SNAP_VERBS else "stop snapd first"
        return (
            f"cannot {action}: snapd is running for {self.layout.root}, and two programs must not change its "
            f"snapshots at once; {way_out}"
        )

    def _demand(self, action: str) -> None:
        if reason := self.refusal(action):
            raise ConflictError(reason)

    # -- looking

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one, by id, holding the named snaps only."""
        return self.store.list_sets(set_id, snaps)

    def estimate(self, snaps: Sequence[str], users: Sequence[str], job: "Job") -> "list[Estimate]":
        """What a save of the snaps (all installed ones without any) would read, by owner."""
        from backend.engine import Estimate
        from backend.estimate import measure

        estimates = []
        people = self._users(users)[0]
        for snap in self._installed(snaps):
            sizes = {}
            files = 0
            for owner in (None, *people):
                layout = self.layout
                parent = layout.user_place(owner, snap.name) if owner else layout.system_parent(snap.name)
                if not parent:
                    continue
                found = measure([f"{parent}/{snap.revision}", f"{parent}/common"], job)
                files += found.files
                if found.files or owner is None:
                    sizes[owner.name if owner else "system"] = found.apparent
            estimates.append(Estimate(snap.name, sum(sizes.values()), sizes, files))
        return estimates

    def plan(self, restore: "Restore", *, look: bool = True) -> "list[RestorePlan]":
        """What a restore would do, a plan for each snapshot; with `look`, live data are walked for losses."""
        from backend.reader import Reader
        from backend.restore import RestorePlan

        plans = []
        for snapshot in self._selected(restore.set_id, restore.snaps):
            if snapshot.broken:
                plans.append(RestorePlan(snapshot, (), blocked=(f"cannot open snapshot: {snapshot.broken}",)))
                continue
            with Reader.open(snapshot.path, layout=self.layout) as reader:
                plans.append(self._plan(reader, restore, look=look))
        return plans

    def _plan(self, reader: "Reader", restore: "Restore", *, look: bool) -> "RestorePlan":
        from dataclasses import replace

        from backend.ledger import Ledger
        from backend.model import Revision
        from backend.restore import plan_restore

        snapshot = reader.snapshot
        installed = self.layout.installed(snapshot.snap)
        current = installed.revision if installed else Revision()
        plan = plan_restore(reader, self.layout, current, restore.users, look=look)
        refusals = _mismatches(snapshot, installed)
        notes = (*plan.notes, *self._configuration_notes(snapshot))
        if fault := Ledger(self.journal.folder).standing([snapshot])[snapshot.path].fault:
            notes = (*notes, f"its last check failed: {fault}")
        return replace(plan, blocked=(*plan.blocked, *refusals), notes=notes)

    def _configuration_notes(self, snapshot: Snapshot) -> list[str]:
        notes = ["configuration is not restored by this engine"] if snapshot.conf else []
        if not snapshot.conf and self.layout.state.config(snapshot.snap):
            notes.append(
                "the snapshot holds no configuration: snapd would delete the present one, we keep it"
            )
        return notes

    def _selected(self, set_id: int, snaps: Sequence[str]) -> list[Snapshot]:
        """The snapshots of a set (spec §4.2); NotFoundError when there is none."""
        found = [snapshot for group in self.store.list_sets(set_id) for snapshot in group.snapshots]
        if not found:
            raise NotFoundError("no snapshot set with the given ID")
        chosen = [snapshot for snapshot in found if not snaps or snapshot.snap in snaps]
        if not chosen:
            raise NotFoundError("no snapshot for the requested snaps found in the set with the given ID")
        return chosen

    def _installed(self, snaps: Sequence[str]) -> "list[InstalledSnap]":
        """The named snaps, each once; without any, all that are installed and active (spec §4.3)."""
        named = list(dict.fromkeys(snaps))
        installed = []
        for name in named or self.layout.installed_names():
            snap = self.layout.installed(name)
            if snap is None:
                raise NotFoundError(f'snap "{name}" is not installed')
            if named or snap.active:
                installed.append(snap)
        return installed

    def _users(self, names: Sequence[str]) -> "tuple[list[User], list[str]]":
        if names:
            return self.layout.find_users(names), []
        return self.layout.users_with_data()

    # -- doing

    def save(self, operation: "Save", job: "Job") -> "Result":
        """Save each snap; those that succeed are published together, the others are told in `left_out`.

        When none succeeds, the error of the first is raised. A stop leaves nothing behind.
        """
        from backend.gzipblocks import Level
        from backend.operation import Result
        from backend.saving import SaveOptions, save_set

        self._demand("save")
        level = Level.FAST if operation.fast else Level.AUTO
        options = SaveOptions(
            operation.exclude or None, level, operation.accept_changed, operation.ignore_space
        )
        options.validate()
        snaps = self._installed(operation.snaps)
        users, strays = self._users(operation.users)
        if not snaps:
            raise NotFoundError("cannot save: no snaps are installed")
        if not self.layout.state.readable:
            job.note(f"configuration and snap-ids are not recorded: {self.layout.state.why_not}")
        made = save_set(self.store, snaps, users, options, job)
        stray = [f"data in {path} were not saved: they belong to no known user" for path in strays]
        return Result(made.set_id, tuple(one.snap for one in made.snapshots), (*stray, *made.left_out))

    def check(self, operation: "Check", job: "Job") -> "Result":
        """Verify a set, or every set; every bad part is in the result."""
        from backend.operation import Result
        from backend.reader import EntryVerdict

        if operation.set_id:
            chosen = self._selected(operation.set_id, operation.snaps)
        else:
            chosen = [s for group in self.store.list_sets(snaps=operation.snaps) for s in group.snapshots]
        verdicts: list[EntryVerdict] = []
        with ExitStack() as locks, job.step("Checking", sum(snapshot.size for snapshot in chosen)):
            if operation.set_id:
                locks.enter_context(self._reading(operation.set_id))
            for start in range(0, len(chosen), _BATCH):
                some = chosen[start : start + _BATCH]
                found = self._check_some(some, operation, job)
                self._remember(some, found, structure=operation.structure)
                verdicts += found
        return Result(operation.set_id, tuple(s.snap for s in chosen), verdicts=tuple(verdicts))

    def _remember(
        self, snapshots: Sequence[Snapshot], verdicts: "list[EntryVerdict]", *, structure: bool
    ) -> None:
        from backend.ledger import Ledger, Level

        level = Level.STRUCTURE if structure else Level.HASH
        Ledger(self.journal.folder).record(snapshots, verdicts, level)

    def _check_some(self, chosen: Sequence[Snapshot], operation: "Check", job: "Job") -> "list[EntryVerdict]":
        from backend.reader import EntryVerdict, Reader, check

        verdicts = []
        with ExitStack() as stack:
            readers = []
            for snapshot in chosen:
                try:
                    readers.append(stack.enter_context(Reader.open(snapshot.path)))
                except (OSError, SnapshotError) as fault:
                    reason = snapshot.broken or (fault.strerror if isinstance(fault, OSError) else str(fault))
                    text = f"cannot open snapshot: {reason}"
                    verdicts.append(EntryVerdict(snapshot.set_id, snapshot.snap, "", 0, text))
            return verdicts + check(readers, operation.users, job, structure=operation.structure)

    @contextmanager
    def _reading(self, set_id: int) -> Iterator[None]:
        """Keep a set from being forgotten while it is read, where we may keep locks at all."""
        if os.access(self.journal.folder, os.W_OK):
            with self.store.set_lock(set_id, shared=True):
                yield
        else:
            yield

    def restore(self, operation: "Restore", job: "Job") -> "Result":
        """Restore a set as one unit: all of it, or, after any failure or a stop, nothing."""
        from backend.operation import Result
        from backend.reader import Reader
        from backend.restore import Restoration

        self._demand("restore")
        chosen = self._selected(operation.set_id, operation.snaps)
        if broken := [s for s in chosen if s.broken]:
            raise BlockedError(
                "\n".join(f'snap "{s.snap}": cannot open snapshot: {s.broken}' for s in broken)
            )
        with ExitStack() as stack:
            stack.enter_context(self._reading(operation.set_id))
            for name in sorted({snapshot.snap for snapshot in chosen}):
                stack.enter_context(self.store.snap_lock(name, "restore"))
            readers = [stack.enter_context(Reader.open(s.path, layout=self.layout)) for s in chosen]
            parts = [(reader, self._plan(reader, operation, look=False)) for reader in readers]
            left_out = [text for _, plan in parts for text in _skipped(plan)]
            for text in [*left_out, *(note for _, plan in parts for note in plan.notes)]:
                job.note(text)
            restoration = Restoration(parts, self.layout, devices=operation.devices)
            state = restoration.run(job)
        left_out += [f"{path} was not restored: it is a device node" for path in restoration.left_out]
        until = time.time() + operation.undo_window if operation.undo_window else 0.0
        if not until:
            state.clean_up()
        snaps = tuple(snapshot.snap for snapshot in chosen)
        undo_job = int(job.name) if until and job.name.isdigit() else 0
        return Result(operation.set_id, snaps, tuple(left_out), undo_job=undo_job, undo_until=until)

    def undo_offers(self) -> "list[UndoOffer]":
        """The restores that can be taken back, the newest first."""
        from backend import recovery

        return recovery.undo_offers(self.journal, self.store)

    def undo(self, operation: "Undo", job: "Job") -> "Result":
        """Take a restore back, whole; what it takes away can be had again by undoing the undo."""
        from backend import recovery

        self._demand("undo")
        return recovery.undo(self.journal, self.store, operation, job)

    def forget(self, operation: "Forget", job: "Job") -> "Result":
        """Remove a set, or the named snaps of it; broken snapshots as well."""
        from backend.operation import Result

        self._demand("forget")
        chosen = self._selected(operation.set_id, operation.snaps)
        with self.store.set_lock(operation.set_id, shared=False), self.store.lock():
            freed = self.store.forget(chosen, job)
        return Result(operation.set_id, tuple(snapshot.snap for snapshot in chosen), freed=freed)

    def export(self, operation: "Export", job: "Job", stream: int | None = None) -> "Result":
        """Write a set to a file, whole or not at all, or to an open stream."""
        from backend.export import SnapshotExport, export_to_file
        from backend.operation import Result

        with (
            self._reading(operation.set_id),
            SnapshotExport(self.store, operation.set_id, skip_broken=operation.skip_broken) as export,
            job.step(f"Exporting snapshot set #{operation.set_id}", export.size),
        ):
            if stream is not None:
                export.stream_to(stream, job)
            else:
                export_to_file(export, operation.file, job)
            return Result(operation.set_id, left_out=tuple(export.left_out))

    def take_in(self, operation: "Import", job: "Job", stream: int | None = None) -> "Result":
        """Import a set; one that is here already is answered with the existing id."""
        from backend.imports import import_set, opened_import
        from backend.operation import Result

        self._demand("import-snapshot")
        with ExitStack() as stack:
            source = stack.enter_context(opened_import(operation.file)) if stream is None else stream
            stack.enter_context(job.step("Importing", os.fstat(source).st_size or None))
            try:
                imported = import_set(self.store, source, job, accept_hash=operation.accept_hash)
            except DuplicateSetError as known:
                if known.expires:
                    job.note(
                        f"set #{known.set_id} is an automatic one: snapd will remove it on {known.expires}"
                    )
                return Result(known.set_id, known.snaps, duplicate=True)
        return Result(imported.set_id, tuple(snapshot.snap for snapshot in imported.snapshots))

    # -- what a crash left

    def findings(self) -> "list[Finding]":
        """What an earlier crash left, what is hidden, what undo holds."""
        from backend import recovery

        return recovery.findings(self.journal, self.store)

    def repair(self, job: "Job") -> "list[Finding]":
        """Clean up what `findings` offers to repair; refuses while snapd runs."""
        from backend import recovery

        self._demand("repair")
        return recovery.repair(self.journal, self.store, job)

    def tidy(self, job: "Job") -> list[str]:
        """End jobs of ours that died and undo data that expired; says what was done."""
        from backend import recovery

        if daemon_answers(self.layout.socket):
            return []
        return recovery.tidy(self.journal, self.store, job)


def _mismatches(snapshot: Snapshot, installed: "InstalledSnap | None") -> list[str]:
    """Why the installed snap must not get these data (spec §4.4)."""
    if installed is None:
        return []
    refusals = []
    if installed.described and not installed.epoch.can_read(snapshot.epoch):
        refusals.append(
            f'cannot restore snapshot for "{snapshot.snap}": current snap (epoch {installed.epoch}) '
            f"cannot read snapshot data (epoch {snapshot.epoch})"
        )
    if installed.snap_id and snapshot.snap_id and installed.snap_id != snapshot.snap_id:
        refusals.append(
            f'cannot restore snapshot for "{snapshot.snap}": current snap (ID {installed.snap_id[:7]}…) '
            f"does not match snapshot (ID {snapshot.snap_id[:7]}…)"
        )
    return refusals


def _skipped(plan: "RestorePlan") -> list[str]:
    return [entry.skipped for entry in plan.entries if entry.skipped]
