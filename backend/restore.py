"""Restoring: look first, then put in place as one unit.

The plan says what would be replaced, made and skipped. Carrying it out verifies every hash, unpacks beside
the live data, and only then trades places. What it does on the way is noted before it is done.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, Protocol

from backend import files, hashing, parents, swap
from backend.archive import Tar
from backend.errors import (
    BlockedError,
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
)
from backend.estimate import free_space
from backend.files import DIRECTORY
from backend.gzipblocks import inflate
from backend.job import Job
from backend.layout import Layout
from backend.losses import Losses, losses
from backend.model import ARCHIVE, Revision, Snapshot, User, user_of
from backend.snapdstate import daemon_answers
from backend.swap import Move, RestoreState, Slot
from backend.vetting import Vetter

MARGIN = 5 << 20


class Source(Protocol):
    """An opened snapshot whose archives can be read any number of times."""

    @property
    def snapshot(self) -> Snapshot:
        """Its metadata."""

    def stream(self, entry: str) -> hashing.Read:
        """A reader of the compressed bytes of an entry, from its beginning."""

    def stored_size(self, entry: str) -> int:
        """The compressed bytes of an entry."""

    def unpacked_size(self, entry: str) -> int:
        """About how many bytes an entry takes when unpacked, as it declares; not verified."""

    def fingerprint(self, entry: str, job: Job) -> str:
        """What tells the bytes of an entry again; IntegrityError unless they are what was written."""


class Verdict(Enum):
    """What a plan comes to."""

    READY = "READY"
    WITH_LOSS = "READY WITH LOSS"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True)
class EntryPlan:
    """What will become of one archive.

    `replaced` and `made` are paths; `needed` is in bytes, 0 where it is not known. An entry with a `skipped`
    reason is left out; one with a `blocked` reason stops the whole restore.
    """

    entry: str
    parent: str = ""
    user: User | None = None
    revision: Revision = Revision()
    replaced: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    needed: int = 0
    lost: Losses = Losses()
    skipped: str = ""
    blocked: str = ""


@dataclass(frozen=True)
class RestorePlan:
    """What a restore of one snapshot would do; `notes` are things to know that stop nothing."""

    snapshot: Snapshot
    entries: tuple[EntryPlan, ...]
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether it can be done, and whether something would be lost by it."""
        if self.blocked or any(entry.blocked for entry in self.entries):
            return Verdict.BLOCKED
        return Verdict.WITH_LOSS if any(entry.lost.files for entry in self.entries) else Verdict.READY

    @property
    def reasons(self) -> list[str]:
        """Why it is blocked."""
        return [*self.blocked, *(entry.blocked for entry in self.entries if entry.blocked)]

    @property
    def active(self) -> list[EntryPlan]:
        """The entries that will be restored."""
        return [entry for entry in self.entries if not entry.skipped]


def plan_restore(
    source: Source, layout: Layout, current: Revision, users: Sequence[str] = (), *, look: bool = False
) -> RestorePlan:
    """What restoring a snapshot would do when `current` is the installed revision (0: not installed).

    With `users`, only their archives and the system's are taken. With `look`, live data are walked to tell
    what would be lost. Changes nothing.
    """
    snapshot = source.snapshot
    if snapshot.broken:
        return RestorePlan(snapshot, (), blocked=(f"cannot open snapshot: {snapshot.broken}",))
    revision = current if current.number else snapshot.revision
    plans = []
    for entry in snapshot.entries:
        name = user_of(entry)
        if name is not None and users and name not in users:
            continue
        plan = _place(snapshot, layout, entry, replace(EntryPlan(entry), revision=revision))
        if not plan.skipped and not plan.blocked:
            plan = _look_at_target(plan)
            plan = replace(plan, needed=source.unpacked_size(entry))
            if look:
                plan = replace(plan, lost=losses(snapshot, layout, plan.entry, plan.replaced))
        plans.append(plan)
    absent = [f'user "{name}" has no data in this snapshot' for name in users if name not in snapshot.users]
    return RestorePlan(snapshot, tuple(plans), tuple(absent))


def _place(snapshot: Snapshot, layout: Layout, entry: str, plan: EntryPlan) -> EntryPlan:
    """Where an entry goes and to whom it belongs, or why it is skipped (texts of spec §3.9)."""
    if entry == ARCHIVE:
        return replace(plan, parent=layout.system_parent(snapshot.snap))
    name = user_of(entry)
    if name is None:
        return replace(plan, skipped=f'Skipping restore of unknown entry "{entry}".')
    try:
        user = layout.find_users([name])[0]
    except NotFoundError as unknown:
        return replace(plan, skipped=f'Skipping restore of user "{name}": {unknown}.')
    if user.name != name:
        return replace(plan, skipped=f'Skipping restore of user "{name}": user: unknown user {name}.')
    try:
        parent = layout.user_parent(user, snapshot.snap)
    except InvalidInputError as reason:
        return replace(plan, skipped=f'Skipping restore of user "{name}": {reason}.')
    if fault := _home_fault(user):
        return replace(plan, skipped=f'Skipping restore of "{parent}/{plan.revision}"{fault}.')
    return replace(plan, parent=parent, user=user)


def _home_fault(user: User) -> str:
    """Why nothing can be put into a user's home, or nothing."""
    try:
        is_directory = stat.S_ISDIR(os.stat(user.home).st_mode)
    except FileNotFoundError:
        return f' as "{user.home}" doesn\'t exist'
    except OSError as cause:
        return f": {cause.strerror}"
    return "" if is_directory else f' as "{user.home}" is not a directory'


def _look_at_target(plan: EntryPlan) -> EntryPlan:
    replaced = []
    made = [] if os.path.lexists(plan.parent) else [plan.parent]
    for name in (str(plan.revision), "common"):
        path = f"{plan.parent}/{name}"
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            made.append(path)
            continue
        except (NotADirectoryError, PermissionError) as cause:
            return replace(plan, blocked=f"cannot restore into {plan.parent}: {cause.strerror}")
        if not stat.S_ISDIR(found.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a directory"
            return replace(plan, blocked=f"cannot replace {path}: it is {kind}")
        if found.st_dev != os.stat(plan.parent).st_dev:
            return replace(plan, blocked=f"cannot replace {path}: another file system is mounted there")
        replaced.append(path)
    return replace(plan, replaced=tuple(replaced), made=tuple(made))


class Restoration:
    """Carries plans out as one unit: everything is put in place, or nothing.

    With `devices`, device nodes are restored as well; otherwise they are left out and listed in `left_out`.
    """

    def __init__(
        self, parts: Sequence[tuple[Source, RestorePlan]], layout: Layout, *, devices: bool = False
    ) -> None:
        self._parts = parts
        self._layout = layout
        self._devices = devices
        self.state = RestoreState()
        self.left_out: list[str] = []
        self._fingerprints: dict[tuple[str, str], str] = {}

    def run(self, job: Job) -> RestoreState:
        """Do it. BlockedError, NoSpaceError, IntegrityError before anything is touched; any other failure,
        and a stop, after everything was taken back. The state's slots hold what was replaced.
        """
        self._refuse()
        work = [(source, plan, entry) for source, plan in self._parts for entry in plan.active]
        self._verify(work, job)
        tag = f"{job.name}-{files.random_name()}"
        snapshots = [plan.snapshot for _, plan in self._parts]
        about = {
            "set_id": max((s.set_id for s in snapshots), default=0),
            "snaps": [s.snap for s in snapshots],
        }
        job.keep(about)
        job.keep({"slot": tag, "parents": sorted({entry.parent for _, _, entry in work})})
        try:
            self._stage(work, tag, job)
            self._commit(job)
        except BaseException:
            self.state.revert()
            raise
        return self.state

    def _refuse(self) -> None:
        reasons = [reason for _, plan in self._parts for reason in plan.reasons]
        if reasons:
            raise BlockedError("\n".join(reasons))
        needed: dict[int, tuple[str, int]] = {}
        for _, plan in self._parts:
            for entry in plan.active:
                place = parents.nearest(entry.parent)
                device = os.stat(place).st_dev
                needed[device] = (place, needed.get(device, (place, MARGIN))[1] + entry.needed)
        for place, amount in needed.values():
            if (free := free_space(place)) < amount:
                raise NoSpaceError("cannot restore", place, amount, free)

    def _verify(self, work: Sequence[tuple[Source, RestorePlan, EntryPlan]], job: Job) -> None:
        total = sum(source.stored_size(entry.entry) for source, _, entry in work)
        with job.step("Checking before anything is unpacked", total):
            calls = [partial(_fingerprint, source, entry.entry, job) for source, _, entry in work]
            for (source, _, entry), taken in zip(work, hashing.in_parallel(calls), strict=True):
                self._fingerprints[source.snapshot.path, entry.entry] = taken

    def _stage(self, work: Sequence[tuple[Source, RestorePlan, EntryPlan]], tag: str, job: Job) -> None:
        with job.step("Unpacking beside the live data", sum(entry.needed for _, _, entry in work)):
            for source, plan, entry in work:
                job.enter(f"{plan.snapshot.snap}, {entry.user.name if entry.user else 'system'}")
                with files.speaking(f"cannot restore {plan.snapshot.snap} into {entry.parent}"):
                    self._unpack(source, plan.snapshot, entry, tag, job)

    def _unpack(self, source: Source, snapshot: Snapshot, plan: EntryPlan, tag: str, job: Job) -> None:
        with ExitStack() as stack:
            parent = stack.enter_context(
                parents.opened_parent(
                    plan.parent, plan.user, self._maker(plan.user, job), links=self._layout.is_machine
                )
            )
            slot = swap.make_slot(plan.parent, parent, tag)
            self.state.slots.append(slot)
            _, slot_fd = stack.enter_context(slot.opened())
            landing = stack.enter_context(_landing(slot_fd, plan.user))
            read = hashing.HashedRead(source.stream(plan.entry), hashlib.sha256())
            vetter = Vetter(snapshot.revision, devices=self._devices)
            tar = Tar(plan.user, machine=self._layout.is_machine)
            with _about(snapshot, plan.entry):
                tar.unpack(landing, inflate(read), vetter, job)
            if read.finish()[0] != self._fingerprints[snapshot.path, plan.entry]:
                raise IntegrityError(
                    f'snapshot "{snapshot.path}" entry "{plan.entry}" changed while it was read'
                )
            self.left_out += [f"{plan.parent}/{name}" for name in vetter.devices]
            if more := vetter.devices_met - len(vetter.devices):
                self.left_out.append(f"{plan.parent}: {more} more")
            names = {str(snapshot.revision): str(plan.revision), "common": "common"}
            self._take_over(slot, (parent, slot_fd, landing), names)

    def _take_over(self, slot: Slot, fds: tuple[int, int, int], names: Mapping[str, str]) -> None:
        """Move what was unpacked out of its owner's reach and note what it will replace."""
        parent, slot_fd, landing = fds
        for name, target in names.items():
            if files.identity(name, landing) is None:
                continue
            if not stat.S_ISDIR(os.lstat(name, dir_fd=landing).st_mode):
                raise IntegrityError(f'cannot unpack archive: "{name}" is not a directory')
            files.rename_new(name, landing, target, slot_fd)
            before, after = files.identity(target, parent), files.identity(target, slot_fd)
            self.state.moves.append(Move(slot, target, before, after))
        files.remove_tree(_LANDING, slot_fd)
        os.fsync(slot_fd)

    def _maker(self, user: User | None, job: Job) -> parents.Make:
        """Makes a missing parent directory as its owner would have it (spec §3.9 step 3)."""

        def make(fd: int, name: str, _path: str) -> None:
            # without links, so that it can be removed again without following any
            path = f"{os.readlink(f'/proc/self/fd/{fd}').rstrip('/')}/{name}"
            job.keep({"made": path})
            os.mkdir(name, 0o755, dir_fd=fd)
            self.state.made.append(path)
            if user is not None and os.geteuid() == 0:
                owner = os.stat(user.home)
                with files.opened(name, DIRECTORY, fd) as made:
                    os.fchown(made, owner.st_uid, owner.st_gid)
            os.fsync(fd)

        return make

    def _commit(self, job: Job) -> None:
        for slot in self.state.slots:
            with slot.opened() as (_, fd):
                files.sync_filesystem(fd)
        if daemon_answers(self._layout.socket):
            raise ConflictError("cannot restore: snapd was started meanwhile; nothing was changed")
        with job.shielded():
            job.keep({"moves": self.state.to_json()})
            self.state.commit()
            job.keep({"committed": True})


_LANDING = "landing"


def _fingerprint(source: Source, entry: str, job: Job) -> str:
    with _about(source.snapshot, entry):
        return source.fingerprint(entry, job)


@contextmanager
def _about(snapshot: Snapshot, entry: str) -> Iterator[None]:
    """Say of a bad archive which one it is."""
    try:
        yield
    except IntegrityError as fault:
        told = f'snapshot "{snapshot.path}"'
        raise IntegrityError(
            f'{told} entry "{entry}": {fault}' if told not in str(fault) else str(fault)
        ) from fault


@contextmanager
def _landing(slot: int, user: User | None) -> Iterator[int]:
    """A directory in the slot that belongs to the one tar runs as."""
    os.mkdir(_LANDING, 0o700, dir_fd=slot)
    with files.opened(_LANDING, DIRECTORY, slot) as fd:
        if user is not None and os.geteuid() == 0:
            os.fchown(fd, user.uid, user.gid)
        yield fd


def recovered(steps: Sequence[Mapping[str, Any]]) -> tuple[RestoreState, bool]:
    """What a restore that died had done, from the steps it noted, and whether it was complete.

    IntegrityError when the steps cannot be understood.
    """
    state = RestoreState()
    slots: dict[str, str] = {}
    try:
        for step in steps:
            if "slot" in step:
                slots = dict.fromkeys(map(str, step["parents"]), str(step["slot"]))
            if "made" in step:
                state.made.append(str(step["made"]))
            if "moves" in step:
                state = RestoreState.from_json(step["moves"])
        if not state.slots:
            found = (swap.find_slot(parent, name) for parent, name in slots.items())
            state.slots = [slot for slot in found if slot]
    except (KeyError, TypeError, ValueError) as damage:
        raise IntegrityError("cannot understand what a restore did: the record is damaged") from damage
    return state, any("committed" in step for step in steps)
