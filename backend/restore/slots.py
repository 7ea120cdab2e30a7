"""Private directories beside the data of snaps, one for each job, in which things wait.

They are told by device and inode, and touched only where they are ours alone.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.errors import BlockedError
from backend.fs import files
from backend.fs.files import DIRECTORY, Identity
from backend.fs.removal import Leftover, LeftoverError, remove_tree

HOLDER = ".snapstow"
TRASH = f"{HOLDER}-trash"  # where the slots of what was forgotten are, beside the snapshots
_NOWHERE = Identity(0, 0)
_SLOT = re.compile("[A-Za-z0-9-]{1,200}")
_HOLDER = re.compile(r"\.snapstow(-[A-Za-z0-9-]{1,200})?")

_EVERYBODY = 0o077
_WRITERS = 0o022  # nobody else enters what was made as 0700, but where a file system knows no modes


@dataclass(frozen=True)
class Slot:
    """A job's private directory below `<parent>/.snapstow`, and which directories they were.

    Where the parent is not a snap's, `holder` is a name that no other job uses, or the trash.
    """

    parent: str
    parent_id: Identity
    name: str
    slot_id: Identity
    holder: str = HOLDER

    @contextmanager
    def opened(self) -> Iterator[tuple[int, int]]:
        """Descriptors of the parent and the slot; BlockedError when they are not the ones recorded."""
        with (
            _same(self.parent, self.parent_id) as parent,
            _private(self.parent, parent, self.holder) as holder,
            files.opened(self.name, DIRECTORY, holder) as slot,
        ):
            if _identity_of(slot) != self.slot_id:
                raise BlockedError(f"{self.path} is not the directory that was recorded")
            yield parent, slot

    @property
    def path(self) -> str:
        """Where the slot lies."""
        return f"{self.parent}/{self.holder}/{self.name}"

    @property
    def _is_there(self) -> bool:
        """Whether it lies where it was made, in whatever directory that is now."""
        try:
            status = os.lstat(self.path)
        except OSError:
            return False
        return Identity(status.st_dev, status.st_ino) == self.slot_id

    def remove(self) -> tuple[Leftover, ...]:
        """Remove the slot with all it holds, and `.snapstow` when it was the last one; returns what is left.

        Where nothing of ours is there any more, nothing is done.
        """
        try:
            with files.opened(self.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as parent:
                with _private(self.parent, parent, self.holder) as holder:
                    if files.identity(self.name, holder) == self.slot_id:
                        remove_tree(self.name, holder)
                remove_if_empty(self.holder, parent)
        except BlockedError as reason:
            if self._is_there:
                return (Leftover(self.path, str(reason)),)
        except (FileNotFoundError, NotADirectoryError):
            pass  # the snap was removed with all its directories, or somebody put others there
        except LeftoverError as left:
            return left.leftovers
        except OSError as cause:
            return (Leftover(self.path, cause.strerror or str(cause)),)
        return ()


def holder_name(name: str) -> str:
    """A name that a private directory can have; ValueError for any other."""
    if not _HOLDER.fullmatch(name):
        raise ValueError(name)
    return name


def slot_name(name: str) -> str:
    """A name that a slot can have; ValueError for any other."""
    if not _SLOT.fullmatch(name):
        raise ValueError(name)
    return name


def remove_if_empty(name: str, directory: int) -> None:
    """Remove a directory from an open one if that can be; a failure is forgiven."""
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError:
        pass  # somebody put something there, or took it away


def make_slot(parent: str, fd: int, name: str, holder: str = HOLDER) -> Slot:
    """Make a private slot below an open parent directory; BlockedError where `.snapstow` is not ours."""
    try:
        os.mkdir(holder, 0o700, dir_fd=fd)
    except FileExistsError:
        pass
    with _private(parent, fd, holder) as holding:
        os.mkdir(name, 0o700, dir_fd=holding)
        files.sync_open_directory(holding)
        with files.opened(name, DIRECTORY, holding) as slot:
            identity = _identity_of(slot)
    files.sync_open_directory(fd)
    if identity.device != _identity_of(fd).device:
        raise BlockedError(f"cannot keep anything in {parent}/{holder}: it lies on another file system")
    return Slot(parent=parent, parent_id=_identity_of(fd), name=name, slot_id=identity, holder=holder)


def find_slot(parent: str, name: str, holder: str = HOLDER) -> Slot | None:
    """The slot of that name below `parent`, or None where there is no `.snapstow` of ours.

    One that was not made yet, or is removed already, has an identity that no directory has.
    """
    try:
        with (
            files.opened(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd,
            _private(parent, fd, holder_name(holder)) as holding,
        ):
            identity = files.identity(slot_name(name), holding)
            return Slot(
                parent=parent,
                parent_id=_identity_of(fd),
                name=name,
                slot_id=identity or _NOWHERE,
                holder=holder,
            )
    except (FileNotFoundError, NotADirectoryError, BlockedError):
        return None


@contextmanager
def _private(parent: str, fd: int, name: str) -> Iterator[int]:
    """The open `.snapstow` of an open directory; BlockedError unless it is a directory that is ours alone."""
    status = os.lstat(name, dir_fd=fd)
    closed_to = _EVERYBODY if name in (HOLDER, TRASH) else _WRITERS
    if stat.S_ISDIR(status.st_mode) and _is_private(status, closed_to):
        with files.opened(name, DIRECTORY, fd) as holder:
            if _is_private(os.fstat(holder), closed_to):
                yield holder
                return
    raise BlockedError(f"{parent}/{name} is not a private directory of ours: it will not be touched")


def holder_fault(parent: str) -> str:
    """Why no slot can be made below a directory, or nothing."""
    try:
        status = os.lstat(f"{parent}/{HOLDER}")
    except OSError:
        return ""
    is_ours = stat.S_ISDIR(status.st_mode) and _is_private(status, _EVERYBODY)
    return "" if is_ours else f"{parent}/{HOLDER} is not a private directory of ours: it will not be touched"


def _is_private(status: os.stat_result, closed_to: int) -> bool:
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & closed_to


@contextmanager
def _same(path: str, wanted: Identity) -> Iterator[int]:
    with files.opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd:
        if _identity_of(fd) != wanted:
            raise BlockedError(f"{path} is not the directory that was recorded")
        yield fd


def _identity_of(fd: int) -> Identity:
    status = os.fstat(fd)
    return Identity(status.st_dev, status.st_ino)
