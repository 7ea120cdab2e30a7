"""Restoring beside: into a directory of its own, where nothing is replaced.

All of it is made in a private directory next to where it goes, and appears by a rename once it is whole.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from backend.errors import BlockedError, InvalidInputError, NotFoundError
from backend.format.gojson import quoted
from backend.fs import files
from backend.fs.directories import owners_are_kept
from backend.fs.files import DIRECTORY
from backend.host.layout import Layout
from backend.model import ARCHIVE, Snapshot
from backend.progress import Progress
from backend.restore import slots
from backend.restore.move import Move
from backend.restore.plan import EntryPlan
from backend.restore.slots import HOLDER, Slot
from backend.restore.swap import RestoreState
from backend.steps import SlotsMade

_PASSED = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SYSTEM = ("/var/snap", "/var/lib/snapd", "/var/lib/snapstow", "/snap")
_OWN = ("snap", ".snap")


def directory(target_dir: str) -> str:
    """The directory to restore into, spelled in one way; InvalidInputError unless the path is absolute."""
    if not target_dir.startswith("/") or "\0" in target_dir:
        raise InvalidInputError(f"cannot restore into {quoted(target_dir)}: not an absolute path")
    return f"/{os.path.normpath(target_dir).lstrip('/')}"


def fault(target_dir: str, layout: Layout, *, occupied: bool = False) -> str:
    """Why nothing may be restored into `target_dir`, or nothing.

    It may be missing in a directory that is there, or be empty, or hold anything where it may be `occupied`.
    No symbolic link may lead to it, and it may not lie where snapd, or a snap, keeps its data.
    """
    parent, name = os.path.split(target_dir)
    beginning = f"cannot restore into {target_dir}"
    if name.startswith(HOLDER):
        return f"{beginning}: names that begin with {HOLDER} are used for what is not whole yet"
    try:
        with opened(parent) as fd:
            there = _is_there(name, fd, occupied=occupied)
            with files.opened(name if there else ".", _PASSED, fd) as ground:
                return _unfit(beginning, target_dir if there else parent, ground) or _taken(
                    beginning, ground, layout
                )
    except BlockedError as reason:
        return f"{beginning}: {reason}"
    except OSError as cause:
        return f"{beginning}: {cause.strerror}"


def _is_there(name: str, parent: int, *, occupied: bool) -> bool:
    """Whether the directory is there, empty unless `occupied`. BlockedError where something else is."""
    try:
        status = os.lstat(name or ".", dir_fd=parent)
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(status.st_mode):
        raise BlockedError("it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise BlockedError("it is there already, and not a directory")
    with files.opened(name or ".", DIRECTORY, parent) as fd, os.scandir(fd) as entries:
        if not occupied and next(entries, None) is not None:
            raise BlockedError("it is there already, and not empty")
    return True


def _unfit(beginning: str, ground: str, fd: int) -> str:
    """Why nothing can be made in an open directory, or nothing."""
    is_open = os.access(f"/proc/self/fd/{fd}", os.W_OK | os.X_OK)
    return "" if is_open else f"{beginning}: no right to write to {ground}"


def _taken(beginning: str, fd: int, layout: Layout) -> str:
    """Whose place it is that an open directory lies in, or nothing."""
    reserved = dict(_reserved(layout))
    for ancestor in _ancestors(fd):
        if place := reserved.get(ancestor):
            return f"{beginning}: {place} holds data of snaps, or of snapd; choose a directory outside of it"
    return ""


def _reserved(layout: Layout) -> Iterator[tuple[files.Identity, str]]:
    """The directories of snapd and of the snaps, the system's and everybody's."""
    try:
        users, unsaved = layout.users_with_data()
    except NotFoundError:
        users, unsaved = [], []
    homes = dict.fromkeys(user.home for user in (*users, *layout.accounts.everyone()))
    places = [layout.below(place) for place in _SYSTEM] + [data.path for data in unsaved]
    for place in (*places, *(f"{home.rstrip('/')}/{name}" for home in homes for name in _OWN)):
        try:
            status = os.stat(place)
        except OSError:
            continue
        yield files.Identity(status.st_dev, status.st_ino), place


def _ancestors(fd: int) -> Iterator[files.Identity]:
    """An open directory and all above it."""
    with ExitStack() as stack:
        last = None
        while True:
            status = os.fstat(fd)
            here = files.Identity(status.st_dev, status.st_ino)
            if here == last:
                return
            yield here
            last = here
            fd = stack.enter_context(files.opened("..", _PASSED, fd))


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A directory reached through no symbolic link; BlockedError for one, or where a directory is missing."""
    with ExitStack() as stack:
        fd = stack.enter_context(files.opened("/", _PASSED))
        reached = ""
        for name in filter(None, path.split("/")):
            reached = f"{reached}/{name}"
            if (kind := _kind(name, fd)) != stat.S_IFDIR:
                what = {0: "there is no directory", stat.S_IFLNK: "a symbolic link is not followed:"}
                raise BlockedError(f"{what.get(kind, 'not a directory:')} {reached}")
            fd = stack.enter_context(files.opened(name, _PASSED, fd))
        yield fd


def _kind(name: str, directory: int) -> int:
    try:
        return stat.S_IFMT(os.lstat(name, dir_fd=directory).st_mode)
    except FileNotFoundError:
        return 0


class DirectoryTarget:
    """The ground of a restore into `target_dir`; what it does on the way is kept in `state`."""

    needs_snapd_stopped = False

    def __init__(self, target_dir: str, state: RestoreState) -> None:
        self._target_dir = target_dir
        self._state = state
        self._target_dirp = target_dir if os.path.lexists(target_dir) else os.path.dirname(target_dir)
        self._slot: Slot | None = None
        self._has_owners = False

    def step(self, tag: str, entries: Sequence[EntryPlan]) -> SlotsMade:
        """What has to be noted before anything is made. BlockedError where two archives have one place."""
        parents = [entry.parent for entry in entries]
        if twice := {parent for parent in parents if parents.count(parent) > 1}:
            raise BlockedError(f"cannot restore into {min(twice)}: two snapshots of the set go there")
        return SlotsMade(tag, (self._target_dirp,), f"{HOLDER}-{tag}")

    def keeps_owners(self, plan: EntryPlan) -> bool:
        """Whether what is unpacked belongs to whom the archive says, or to its user."""
        return self._has_owners and (plan.entry == ARCHIVE or plan.user is not None)

    @property
    def loss(self) -> str:
        """What could not be kept of all that was unpacked, or nothing."""
        return "" if self._has_owners or os.geteuid() else owners_lost(self._target_dir)

    @contextmanager
    def landing(self, snapshot: Snapshot, plan: EntryPlan, tag: str, _job: Progress) -> Iterator[int]:
        """The directory to unpack an archive into; when it is left, revisions have the names they are to."""
        if self._slot is None:
            self._slot = self._make_slot(tag)
        with ExitStack() as stack:
            _, fd = stack.enter_context(self._slot.opened())
            names = os.path.relpath(plan.parent, self._target_dirp).split("/")
            for name in names[:-1]:
                fd = stack.enter_context(_made(name, 0o755, fd))
            is_users = plan.entry != ARCHIVE
            fd = stack.enter_context(_made(names[-1], 0o700 if is_users else 0o755, fd))
            if plan.user is not None and self._has_owners:
                os.fchown(fd, plan.user.uid, plan.user.gid)
            yield fd
            saved, wanted = str(snapshot.revision), str(plan.revision)
            if saved != wanted and files.identity(saved, fd) is not None:
                files.rename_new(saved, fd, wanted, fd)

    def _make_slot(self, tag: str) -> Slot:
        with opened(self._target_dirp) as passed, files.opened(".", DIRECTORY, passed) as top:
            slot = slots.make_slot(self._target_dirp, top, tag, f"{HOLDER}-{tag}")
        self._state.slots.append(slot)
        with slot.opened() as (_, fd):
            self._has_owners = owners_are_kept(fd)
        return slot

    def settle(self) -> None:
        """Note what is to appear. BlockedError where the place is not free any more."""
        for slot in self._state.slots:
            with slot.opened() as (top, fd):
                if self._target_dirp == self._target_dir and set(os.listdir(top)) != {slot.holder}:
                    raise BlockedError(f"cannot restore into {self._target_dir}: it is not empty any more")
                names = sorted(os.listdir(fd))
                self._state.moves += [Move(slot, name, None, files.identity(name, fd)) for name in names]


def owners_lost(target_dir: str) -> str:
    """Say that everything in a directory belongs to whom its file system lets it belong."""
    return f"owners could not be kept: the file system of {target_dir} takes none"


@contextmanager
def _made(name: str, mode: int, parent: int) -> Iterator[int]:
    """A directory that is made unless it is there."""
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        pass
    with files.opened(name, DIRECTORY, parent) as fd:
        yield fd
