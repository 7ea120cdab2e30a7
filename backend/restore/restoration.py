"""Restoring: put in place, as one unit, what a plan says.

Carrying plans out reads every archive once: it is unpacked out of the way while it is hashed, and all is put
where it belongs only once every hash has agreed. What is done on the way is noted before it is done.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Protocol

from backend.archive.tar.program import Tar
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import BlockedError, ConflictError, IntegrityError, NotAllowedError
from backend.fs import files
from backend.fs import safe_open as parents
from backend.fs.beneath import PASSED
from backend.fs.directories import Owner, make_directory, private_name
from backend.fs.files import DIRECTORY
from backend.fs.removal import remove_tree
from backend.fs.space import require_space
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.model import Snapshot, User
from backend.progress import Progress
from backend.restore.into_directory import DirectoryTarget
from backend.restore.move import Move
from backend.restore.plan import EntryPlan, RestorePlan, Source
from backend.restore.slots import Slot, make_slot
from backend.restore.staging import PLACING, Landing, Load, unpack_all
from backend.restore.swap import RestoreState
from backend.restore.transaction import Transaction
from backend.steps import (
    DirectoryMade,
    RestoreBegun,
    SlotsMade,
)

LANDING = "landing"


class RestoreTarget(Protocol):
    """Where archives are unpacked, and how what was unpacked gets to its place."""

    @property
    def needs_snapd_stopped(self) -> bool:
        """Whether snapd must not run while things are put in place."""

    @property
    def loss(self) -> str:
        """What could not be kept of all that was unpacked, or nothing."""

    def step(self, tag: str, entries: Sequence[EntryPlan]) -> SlotsMade:
        """What has to be noted before anything is made."""

    def keeps_owners(self, plan: EntryPlan) -> bool:
        """Whether what is unpacked belongs to whom the archive says, or to its user."""

    def landing(
        self, snapshot: Snapshot, plan: EntryPlan, tag: str, progress: Progress
    ) -> AbstractContextManager[int]:
        """An open directory to unpack an archive into; what was unpacked is taken over when it is left."""

    def settle(self) -> None:
        """All archives are unpacked: note what is left to be noted before things are put in place."""


class InPlaceTarget:
    """The ground of a restore that replaces live data; what it does on the way is kept in `state`."""

    needs_snapd_stopped = True
    loss = ""

    def __init__(self, layout: Layout, state: RestoreState) -> None:
        self._layout = layout
        self._state = state

    def step(self, tag: str, entries: Sequence[EntryPlan]) -> SlotsMade:
        """What has to be noted before anything is made."""
        return SlotsMade(tag, tuple(sorted({entry.parent for entry in entries})))

    def keeps_owners(self, plan: EntryPlan) -> bool:  # noqa: ARG002 - the other ground looks at it
        """Always."""
        return True

    @contextmanager
    def landing(self, snapshot: Snapshot, plan: EntryPlan, tag: str, progress: Progress) -> Iterator[int]:
        """A directory beside the live data, out of whose owner's reach the content is moved afterwards."""
        with ExitStack() as stack:
            make = self.maker(owner_of_home(plan.user), progress)
            parent = stack.enter_context(
                parents.open_data_parent(plan.parent, plan.user, make, links=self._layout.is_machine)
            )
            slot = make_slot(plan.parent, parent, tag)
            self._state.slots.append(slot)
            _, slot_fd = stack.enter_context(slot.opened())
            landing = stack.enter_context(opened_landing(slot_fd, plan.user))
            yield landing
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
            self._state.moves.append(Move(slot, target, before, after))

    def maker(self, owner: Owner | None, progress: Progress, mode: int = 0o755) -> parents.Make:
        """Makes a missing parent directory as its owner would have it."""

        def make(fd: int, name: str, _path: str) -> None:
            # without links, so that it can be removed again without following any
            """Make one missing directory, noted before, with its owner and mode from the first."""
            above = os.readlink(f"/proc/self/fd/{fd}").rstrip("/")
            room = private_name()
            for path in (f"{above}/{room}", f"{above}/{room}/{name}", f"{above}/{name}"):
                progress.record_step(DirectoryMade(path))
                self._state.made.append(path)
            make_directory(name, fd, mode, owner=owner, room=room)
            files.sync_open_directory(fd)

        return make

    def settle(self) -> None:
        """Everything was noted when it was taken over."""


def owner_of_home(user: User | None) -> Owner | None:
    """Whose a directory becomes that is made for a user in the home; None where it is left ours."""
    if user is None or os.geteuid() != 0:
        return None
    with files.opened(user.home, PASSED) as fd:
        home = os.fstat(fd)
    return Owner(home.st_uid, home.st_gid)


@contextmanager
def opened_landing(slot: int, user: User | None, name: str = LANDING) -> Iterator[int]:
    """A directory in the slot that belongs to the one tar runs as; what is not moved out of it is removed."""
    os.mkdir(name, 0o700, dir_fd=slot)
    with files.opened(name, DIRECTORY, slot) as fd:
        if user is not None and os.geteuid() == 0:
            os.fchown(fd, user.uid, user.gid)
        yield fd
    remove_tree(name, slot)
    files.sync_open_directory(slot)


class Restoration:
    """Carries plans out as one unit: everything is put in place, or nothing.

    Where `target_dir` is given, into that, and nothing is replaced. With `devices`, device nodes are
    restored as well; otherwise they are left out. What is, is told in `left_out`.
    """

    def __init__(
        self,
        parts: Sequence[tuple[Source, RestorePlan]],
        layout: Layout,
        *,
        devices: bool = False,
        target_dir: str = "",
    ) -> None:
        self._parts = parts
        self._layout = layout
        self._devices = devices
        self._target_dir = target_dir
        self.state = RestoreState()
        self.left_out: list[str] = []
        self._vetters: dict[tuple[str, str], ExtractionFilter] = {}

    def run(self, progress: Progress) -> RestoreState:
        """Do it. BlockedError and NoSpaceError before anything is made; IntegrityError, any other failure,
        and a stop, with what was made removed. The state's slots hold what was replaced.
        """
        self._refuse()
        self._ground = self._prepared()
        work = [(source, plan, entry) for source, plan in self._parts for entry in plan.active]
        tag = f"{progress.name}-{files.random_name()}"
        step = self._ground.step(tag, [entry for _, _, entry in work])
        snapshots = [plan.snapshot for _, plan in self._parts]
        set_id = max((s.set_id for s in snapshots), default=0)
        progress.record_step(RestoreBegun(set_id, tuple(s.snap for s in snapshots)))
        progress.record_step(step)
        transaction = Transaction(self.state, progress, "cannot restore", [s.snap for s in snapshots])
        with transaction.reverting():
            self._stage(work, tag, progress)
            self.left_out += [self._ground.loss] if self._ground.loss else []
            self._commit(transaction, progress)
        return self.state

    def _prepared(self) -> RestoreTarget:
        return (
            DirectoryTarget(self._target_dir, self.state)
            if self._target_dir
            else InPlaceTarget(self._layout, self.state)
        )

    def _refuse(self) -> None:
        plans = [plan for _, plan in self._parts]
        if reasons := [reason for plan in plans for reason in plan.reasons]:
            is_forbidden = any(entry.forbidden for plan in plans for entry in plan.entries)
            raise (NotAllowedError if is_forbidden else BlockedError)("\n".join(dict.fromkeys(reasons)))
        entries = [entry for _, plan in self._parts for entry in plan.active]
        require_space([(entry.parent, entry.needed) for entry in entries], "cannot restore")

    def _stage(
        self, work: Sequence[tuple[Source, RestorePlan, EntryPlan]], tag: str, progress: Progress
    ) -> None:
        loads = [
            Load(
                source,
                entry.entry,
                landing=partial(self._landing, source.snapshot, entry, tag),
                purpose=f"cannot restore {source.snapshot.snap} into {entry.parent}",
            )
            for source, _, entry in work
        ]
        unpack_all(loads, progress)
        for source, _, entry in work:
            vetter = self._vetters[source.snapshot.path, entry.entry]
            self.left_out += [*vetter.devices.texts(entry.parent), *vetter.too_long.texts(entry.parent)]

    @contextmanager
    def _landing(
        self, snapshot: Snapshot, plan: EntryPlan, tag: str, progress: Progress
    ) -> Iterator[Landing]:
        with self._ground.landing(snapshot, plan, tag, progress) as directory:
            owners = self._ground.keeps_owners(plan)
            vetter = ExtractionFilter(snapshot.revision, devices=self._devices and owners)
            self._vetters[snapshot.path, plan.entry] = vetter
            tar = Tar(plan.user if owners else None, machine=self._layout.is_machine, owners=owners)
            yield Landing(directory, tar, vetter)

    def _commit(self, transaction: Transaction, progress: Progress) -> None:
        with progress.step(PLACING):
            self._put_in_place(transaction, progress)

    def _put_in_place(self, transaction: Transaction, progress: Progress) -> None:
        for slot in self.state.slots:
            with slot.opened() as (_, fd):
                files.sync_filesystem(fd)
        if self._ground.needs_snapd_stopped and daemon_answers(self._layout.socket):
            raise ConflictError("cannot restore: snapd was started meanwhile; nothing was changed")
        with progress.uncancellable():
            self._ground.settle()
            transaction.commit()
