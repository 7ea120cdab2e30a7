"""Taking marked files and folders out of archives, and putting them in place as one unit.

What is wanted is unpacked out of the way while its archive is hashed. Once every hash has agreed, each path
is put where it belongs, one rename each. What that replaces waits in the same slot for its undo. Every step
is noted first.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from backend.archive.gzip.blocks import inflate
from backend.archive.reader import Reader
from backend.archive.tar.program import Tar
from backend.archive.tar.selection import SelectedOnly, Selecting, Selection, select_members
from backend.archive.tar.stream import DIRECTORY as DIRECTORY_MEMBER
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import BlockedError, ConflictError
from backend.fs import files
from backend.fs import safe_open as parents
from backend.fs.directories import Owner, owners_are_kept
from backend.fs.files import DIRECTORY
from backend.fs.lengths import shortened
from backend.fs.space import Budget
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.model import ARCHIVE, Snapshot, User
from backend.progress import Progress
from backend.restore import into_directory as beside
from backend.restore import restoration as restore
from backend.restore import slots
from backend.restore.extract_targets import ExtractAction, ExtractTarget
from backend.restore.move import Move
from backend.restore.plan import Verdict
from backend.restore.slots import HOLDER, Slot
from backend.restore.staging import PLACING, Landing, Load, unpack_all
from backend.restore.swap import RestoreState
from backend.restore.transaction import Transaction
from backend.steps import RestoreBegun, SlotsMade

_NAMED = 20


@dataclass(frozen=True)
class ExtractPart:
    """What becomes of what was marked in one archive; `parent` is the directory that its landings are below.

    `owner` is the user (empty: the system) whose data they become, `user` that account where it is known.
    `stored` are the bytes to read. One that is `blocked` stops the whole, `is_damaged` where its hash is why.
    """

    snapshot: Snapshot
    entry: str
    parent: str = ""
    owner: str = ""
    user: User | None = None
    landings: tuple[ExtractTarget, ...] = ()
    stored: int = 0
    blocked: str = ""
    is_damaged: bool = False

    @property
    def size(self) -> int:
        """The bytes of data that are put in place, holes left out."""
        return sum(landing.data for landing in self.landings if landing.is_taken)

    @property
    def conflicts(self) -> list[str]:
        """What cannot land, and why."""
        return [
            f"{self.parent}/{shortened(landing.name)}: {landing.reason}"
            for landing in self.landings
            if landing.action is ExtractAction.REFUSE
        ]


@dataclass(frozen=True)
class ExtractPlan:
    """What an extraction would do; `notes` are things to know that stop nothing.

    Where `target_dir` is given, all lands below it and no snap's data are touched.
    """

    parts: tuple[ExtractPart, ...]
    target_dir: str = ""
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    @property
    def reasons(self) -> list[str]:
        """Why it is blocked; conflicts one by one."""
        blocked = [part.blocked for part in self.parts if part.blocked]
        return [*self.blocked, *blocked, *(conflict for part in self.parts for conflict in part.conflicts)]

    @property
    def verdict(self) -> Verdict:
        """Whether it can be done, and whether something newer is replaced, or something left out, by it."""
        if self.reasons:
            return Verdict.BLOCKED
        landings = [landing for part in self.parts for landing in part.landings]
        newer = any(landing.is_older and landing.action is ExtractAction.REPLACE for landing in landings)
        return (
            Verdict.WITH_LOSS if newer or any(landing.is_left_out for landing in landings) else Verdict.READY
        )

    def count(self, action: ExtractAction) -> int:
        """Count the paths that share a fate."""
        return sum(landing.action is action for part in self.parts for landing in part.landings)

    @property
    def stored(self) -> int:
        """The bytes that are read and verified."""
        return sum(part.stored for part in self.parts)

    @property
    def size(self) -> int:
        """The bytes that are put in place."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class MarkedArchive:
    """What is marked in an archive that was not read yet: `marks` are paths in it.

    `settled` says what becomes of what was selected there.
    """

    source: Reader
    part: ExtractPart
    marks: tuple[bytes, ...]
    settled: Callable[[Selection], ExtractPart]


class Extraction:
    """Carries out what is marked as one unit: everything is put in place, or nothing.

    What could not be kept of what was put in place is told in `left_out`, what became of each archive in
    `parts`.
    """

    def __init__(self, archives: Sequence[MarkedArchive], layout: Layout, *, target_dir: str = "") -> None:
        self._archives = archives
        self._target_dir = target_dir
        self._layout = layout
        self._slots: dict[str, Slot] = {}
        self._has_owners = not target_dir
        self._budget = Budget({archive.part.parent for archive in archives}, "cannot extract")
        self.parts = [archive.part for archive in archives]
        self.state = RestoreState()
        self.left_out: list[str] = []

    def run(self, progress: Progress) -> RestoreState:
        """Do it; the state's slots hold what was replaced.

        Raises:
            BlockedError, NotFoundError, NoSpaceError: it cannot be done as it was marked.
            IntegrityError: an archive is not what was written.
            Cancelled: the job was stopped. As after any failure, what was made is removed.
        """
        self._look_for_owners()
        tag = f"{progress.name}-{files.random_name()}"
        self._holder = f"{HOLDER}-{tag}" if self._target_dir else HOLDER
        snapshots = [part.snapshot for part in self.parts]
        set_id = max((snapshot.set_id for snapshot in snapshots), default=0)
        snaps = tuple(sorted({snapshot.snap for snapshot in snapshots}))
        progress.record_step(RestoreBegun(set_id, snaps))
        places = sorted({part.parent for part in self.parts})
        progress.record_step(SlotsMade(tag, tuple(places), self._holder))
        transaction = Transaction(self.state, progress, "cannot extract", snaps)
        with transaction.reverting():
            unpack_all([self._load(number, tag) for number in range(len(self._archives))], progress)
            self._commit(transaction, progress)
        return self.state

    def _load(self, number: int, tag: str) -> Load:
        archive, part = self._archives[number], self.parts[number]
        selecting = _Selecting(archive.marks, partial(self._budget.take, part.parent))
        return Load(
            archive.source,
            part.entry,
            landing=partial(self._landing, number, tag, selecting),
            purpose=f"cannot extract from {part.snapshot.snap} into {part.parent}",
            selecting=selecting,
        )

    @contextmanager
    def _landing(
        self, number: int, tag: str, selecting: "_Selecting", progress: Progress
    ) -> Iterator[Landing]:
        """A directory to unpack a part into, out of whose owner's reach things are moved afterwards."""
        archive, part = self._archives[number], self.parts[number]
        with self._opened(part, progress) as parent:
            slot = self._slots.get(part.parent)
            if slot is None:
                slot = self._slots[part.parent] = slots.make_slot(part.parent, parent, tag, self._holder)
                self.state.slots.append(slot)
            user, name = self._user(part), f"{restore.LANDING}{number}"
            with slot.opened() as (_, fd), restore.opened_landing(fd, user, name) as landing:
                tar = Tar(user, machine=self._layout.is_machine, owners=self._keeps_owners(part))
                vetter = ExtractionFilter(part.snapshot.revision)
                yield Landing(landing, tar, vetter)
                selection = selecting.complete(archive, tar, landing, progress)
                part = self.parts[number] = archive.settled(selection)
                _demand_unblocked(part)
                _make_way(part, selection, landing)
                for wanted in part.landings:
                    if wanted.moves:
                        self._take_over(wanted, slot, (parent, fd, landing))

    @contextmanager
    def _opened(self, part: ExtractPart, progress: Progress) -> Iterator[int]:
        """The directory that a part lands in, made where it is missing."""
        target = restore.InPlaceTarget(self._layout, self.state)
        if self._target_dir:
            make = target.maker(None, progress)
            give = make if part.entry == ARCHIVE else target.maker(self._owner(part), progress, 0o700)
            with _made_beside(self._target_dir, part, make, give) as fd:
                yield fd
        else:
            make = target.maker(restore.owner_of_home(part.user), progress)
            links = self._layout.is_machine
            with parents.open_data_parent(part.parent, part.user, make, links=links) as fd:
                yield fd

    def _keeps_owners(self, part: ExtractPart) -> bool:
        is_known = part.entry == ARCHIVE or part.user is not None
        return not self._target_dir or (self._has_owners and is_known)

    def _user(self, part: ExtractPart) -> User | None:
        """Whom tar runs as."""
        return part.user if self._keeps_owners(part) else None

    def _owner(self, part: ExtractPart) -> Owner | None:
        """Whose the directory of a part becomes beside: its user's, where that can be."""
        return Owner(part.user.uid, part.user.gid) if part.user and self._has_owners else None

    def _look_for_owners(self) -> None:
        """Find out whether files can be given to others where they are to land."""
        target_dir = self._target_dir
        if not target_dir or os.geteuid() != 0:
            return
        with (
            files.os_errors_as(f"cannot extract into {target_dir}"),
            beside.opened(parents.nearest(target_dir)) as passed,
            files.opened(".", DIRECTORY, passed) as fd,
        ):
            self._has_owners = owners_are_kept(fd)
        if not self._has_owners:
            self.left_out.append(beside.owners_lost(target_dir))

    def _take_over(self, wanted: ExtractTarget, slot: Slot, fds: tuple[int, int, int]) -> None:
        """Move one thing out of the reach of its owner, and note what it will replace."""
        parent, slot_fd, landing = fds
        kept = str(len(self.state.moves) + 1)
        folder, _, name = wanted.source.rpartition("/")
        with files.opened_below(landing, folder) as fd:
            files.rename_new(name, fd, kept, slot_fd)
        before = _before(wanted, slot, parent)
        self.state.moves.append(
            Move(slot=slot, name=wanted.name, before=before, after=files.identity(kept, slot_fd), kept=kept)
        )

    def _commit(self, transaction: Transaction, progress: Progress) -> None:
        with progress.step(PLACING):
            self._put_in_place(transaction, progress)

    def _put_in_place(self, transaction: Transaction, progress: Progress) -> None:
        for slot in self.state.slots:
            with slot.opened() as (_, fd):
                files.sync_filesystem(fd)
        if not self._target_dir and daemon_answers(self._layout.socket):
            raise ConflictError("cannot extract: snapd was started meanwhile; nothing was changed")
        with progress.uncancellable():
            transaction.commit()


def key_of(snapshot: Snapshot) -> str:
    """What distinguishes a snapshot from the others of an operation: an export holds several in one file."""
    return f"{snapshot.path}\0{snapshot.snap}"


class _Selecting:
    """Makes the judge of what is marked in an archive, and completes what it left out."""

    def __init__(self, marks: tuple[bytes, ...], take: Callable[[int], object]) -> None:
        self._marks = marks
        self._take = take

    def __call__(self, vetter: ExtractionFilter) -> Selecting:
        """Judge by a vetter."""
        self._judge = Selecting(vetter, self._marks, self._take)
        return self._judge

    def complete(self, archive: MarkedArchive, tar: Tar, landing: int, progress: Progress) -> Selection:
        """Return what was selected; hard links to what is not marked are unpacked by reading once more."""
        if self._judge.is_whole:
            return self._judge.selection()
        source, entry, revision = archive.source, archive.part.entry, archive.part.snapshot.revision
        selection = select_members(
            lambda: inflate(source.stream(entry)), self._marks, revision, progress.quiet()
        )
        wanted = selection.needed(selection.links)
        with (
            ExtractionFilter(revision) as vetter,
            source.verified(entry, progress.quiet()) as read,
        ):
            tar.unpack(landing, inflate(read), SelectedOnly(vetter, wanted), progress.quiet())
        return selection


def _make_way(part: ExtractPart, selection: Selection, landing: int) -> None:
    """Make a landing fit for moving: directories that stay behind are opened, helpers of links removed."""
    if os.geteuid() != 0:
        _open_up(part, selection, landing)
    for path in selection.needed(selection.links) - set(selection.members):
        folder, _, name = path.rpartition(b"/")
        with files.opened_below(landing, os.fsdecode(folder)) as fd:
            os.unlink(name, dir_fd=fd)


def _open_up(part: ExtractPart, selection: Selection, landing: int) -> None:
    """Let things be moved out of directories of ours that stay behind."""
    taken = {os.fsencode(target.source) for target in part.landings if target.is_taken}
    for path, member in sorted(selection.members.items()):
        if member.kind == DIRECTORY_MEMBER and path and path not in taken:
            folder, _, name = path.rpartition(b"/")
            with suppress(FileNotFoundError), files.opened_below(landing, os.fsdecode(folder)) as fd:
                os.chmod(name, 0o700, dir_fd=fd)


def _demand_unblocked(part: ExtractPart) -> None:
    for reason in (part.blocked, *part.conflicts):
        if reason:
            raise BlockedError(reason)


def _before(wanted: ExtractTarget, slot: Slot, parent: int) -> files.Identity | None:
    """What will be replaced; ConflictError unless it is as the plan has it."""
    folder, _, name = wanted.name.rpartition("/")
    changed = f"cannot extract to {slot.parent}/{shortened(wanted.name)}: it changed since it was looked at"
    try:
        with files.opened_below(parent, folder) as fd:
            there = os.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        there = None
    except OSError as cause:
        if cause.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise ConflictError(changed) from cause
    if (there is None) != (wanted.action is ExtractAction.MAKE):
        raise ConflictError(changed)
    if there is None:
        return None
    if stat.S_ISDIR(there.st_mode) or (stat.S_ISLNK(there.st_mode) and wanted.kind != "link"):
        raise ConflictError(changed)
    return files.Identity(there.st_dev, there.st_ino)


@contextmanager
def _made_beside(target_dir: str, part: ExtractPart, make: parents.Make, give: parents.Make) -> Iterator[int]:
    """Reach the directory that a part lands in through no link.

    Where it is missing it is made by `give`, any other on the way by `make`.
    """
    top, name = os.path.split(target_dir)
    below = os.path.relpath(part.parent, target_dir)
    with ExitStack() as stack:
        fd = stack.enter_context(beside.opened(top))
        fd = stack.enter_context(files.opened(".", DIRECTORY, fd))
        path = top.rstrip("/")
        for step in filter(None, (name, *(below.split("/") if below != "." else ()))):
            path = f"{path}/{step}"
            if files.identity(step, fd) is None:
                is_theirs = path == part.parent and path != target_dir
                (give if is_theirs else make)(fd, step, path)
            fd = stack.enter_context(files.opened(step, DIRECTORY, fd))
        yield fd


def skipped_texts(parts: Sequence[ExtractPart]) -> list[str]:
    """What does not come back although it was marked, in words: the first of each archive, and how many."""
    texts = []
    for part in parts:
        left_out = [landing for landing in part.landings if landing.is_left_out]
        texts += [
            f"{part.parent}/{shortened(landing.name)} was not extracted: {landing.reason}"
            for landing in left_out[:_NAMED]
        ]
        if len(left_out) > _NAMED:
            texts.append(f"{part.parent}: {len(left_out) - _NAMED} more not extracted")
    return texts
