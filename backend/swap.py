"""Directories put in place and taken back by renames alone, recoverable after a crash at any instant.

Beside the data lies a private directory `.snapstow`, with a slot for each job. New data wait in the slot
until they are whole, then change places with the live data, which wait there for their undo. Which
directory is which is told by device and inode, never by its name, so the state of a half-done swap can be
read from the disk alone.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from backend import files
from backend.errors import BlockedError, ConflictError, IntegrityError
from backend.files import DIRECTORY, Identity

HOLDER = ".snapstow"
_ASIDE = ".aside"
_NO_WAY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_NOWHERE = Identity(0, 0)
_SLOT = re.compile("[A-Za-z0-9-]{1,200}")
_TARGET = re.compile("common|x?[1-9][0-9]{0,18}")
_KEPT = re.compile("[0-9]{1,9}")
_HOLDER = re.compile(r"\.snapstow(-[A-Za-z0-9-]{1,200})?")

Exchange = Callable[[str, int, str, int], bool]


@dataclass(frozen=True)
class Slot:
    """A job's private directory below `<parent>/.snapstow`, and which directories they were.

    Where the parent is not a snap's, `holder` is a name that no other job uses.
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

    def remove(self) -> None:
        """Remove the slot with all it holds, and `.snapstow` when it was the last one.

        Where nothing of ours is there any more, nothing is done.
        """
        try:
            with files.opened(self.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as parent:
                with _private(self.parent, parent, self.holder) as holder:
                    if files.identity(self.name, holder) == self.slot_id:
                        files.remove_tree(self.name, holder)
                _remove_if_empty(self.holder, parent)
        except (FileNotFoundError, NotADirectoryError, BlockedError):
            pass  # the snap was removed with all its directories, or somebody put others there


@dataclass(frozen=True)
class Move:
    """`name` in the slot's parent is to become `after`; it was `before`. None is: nothing there.

    Where `kept` is given, that is the name in the slot, and `name` may be a path: it is walked down from the
    parent without following a link, and only the whole state's commit makes it last.
    """

    slot: Slot
    name: str
    before: Identity | None
    after: Identity | None
    kept: str = ""

    @property
    def live(self) -> Identity | None:
        """What is in place now."""
        folder, _, name = self.name.rpartition("/")
        if not folder:
            return files.identity(f"{self.slot.parent}/{name}")
        try:
            with (
                files.opened(self.slot.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as parent,
                files.opened_below(parent, folder) as fd,
            ):
                return files.identity(name, fd)
        except OSError as cause:
            if cause.errno not in _NO_WAY:
                raise
            return None

    def carry_out(self, exchange: Exchange = files.exchange) -> None:
        """Put `after` in place; done already is fine. ConflictError when something else is there."""
        self._settle(self.after, self.before, exchange)

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put `before` back; never done is fine, and so is a slot that is gone once `before` is back.

        ConflictError when something else is there, unless nothing was: then it is nobody's of ours.
        """
        live = self.live
        if self.before is None and live != self.after:
            return
        if live != self.before or os.path.lexists(self.slot.path):
            self._settle(self.before, self.after, exchange)

    def _settle(self, wanted: Identity | None, other: Identity | None, exchange: Exchange) -> None:
        with self.slot.opened() as (parent, slot), self._folder(parent) as folder:
            live = files.identity(self._name, folder)
            if live == wanted:
                pass
            elif live is None:
                self._bring(wanted, folder, slot)
            elif live != other:
                raise ConflictError(
                    f"cannot change {self.slot.parent}/{self.name}: it was replaced by someone else meanwhile"
                )
            elif wanted is None:
                files.rename_new(self._name, folder, self._waiting, slot)
            else:
                self._trade(wanted, folder, slot, exchange)
            self._put_aside_away(slot)
            if not self.kept:
                os.fsync(slot)
                os.fsync(folder)

    @contextmanager
    def _folder(self, parent: int) -> Iterator[int]:
        """The directory that `name` is in; ConflictError where it is gone or a link."""
        path = self.name.rpartition("/")[0]
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(files.opened_below(parent, path)) if path else parent
            except OSError as cause:
                if cause.errno not in _NO_WAY:
                    raise
                where = f"{self.slot.parent}/{self.name}"
                raise ConflictError(f"cannot change {where}: its directory was replaced meanwhile") from cause
            yield folder

    @property
    def _name(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def _waiting(self) -> str:
        """What it is called in the slot."""
        return self.kept or self.name

    @property
    def _aside(self) -> str:
        """What the one is called for a moment while it gives way to the other."""
        return f"{self.kept}{_ASIDE}"

    def _put_aside_away(self, slot: int) -> None:
        """Give what a trade left aside its name; what another move of this slot left there is not ours."""
        aside = files.identity(self._aside, slot)
        if aside and aside in (self.before, self.after) and not files.identity(self._waiting, slot):
            files.rename_new(self._aside, slot, self._waiting, slot)

    def _bring(self, wanted: Identity | None, folder: int, slot: int) -> None:
        for kept in (self._waiting, self._aside):
            if files.identity(kept, slot) == wanted:
                files.rename_new(kept, slot, self._name, folder)
                return
        raise ConflictError(
            f"cannot restore {self.slot.parent}/{self.name}: what was kept is not in {self.slot.path}"
        )

    def _trade(self, wanted: Identity | None, folder: int, slot: int, exchange: Exchange) -> None:
        if files.identity(self._aside, slot) == wanted:
            files.rename_new(self._name, folder, self._waiting, slot)
            self._bring(wanted, folder, slot)
        elif files.identity(self._waiting, slot) != wanted:
            self._bring(wanted, folder, slot)
        elif not exchange(self._waiting, slot, self._name, folder):
            files.rename_new(self._name, folder, self._aside, slot)
            files.rename_new(self._waiting, slot, self._name, folder)


@dataclass
class RestoreState:
    """What a restore did, so that it can be taken back or cleaned up; serialisable (spec §3.10).

    `made` are the parent directories it had to make, topmost first. One of `revert` and `clean_up` ends it.
    """

    slots: list[Slot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    done: bool = False

    def commit(self, exchange: Exchange = files.exchange) -> None:
        """Put everything in place; when one cannot be, all are taken back before the error leaves."""
        try:
            for move in self.moves:
                move.carry_out(exchange)
            self._sync()
        except BaseException:
            self.take_back(exchange)
            raise

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put everything back as it was before; the slots keep the other data.

        What cannot be put back (ConflictError) does not keep the others from it.
        """
        failure: Exception | None = None
        for move in reversed(self.moves):
            try:
                move.take_back(exchange)
            except (OSError, BlockedError, ConflictError) as cause:
                failure = failure or cause
        self._sync()
        if failure is not None:
            raise failure

    def _sync(self) -> None:
        """Make what was put in place deep inside last: all at once, as there may be many."""
        for slot in {move.slot for move in self.moves if move.kept}:
            try:
                with slot.opened() as (_, fd):
                    files.sync_filesystem(fd)
            except (OSError, BlockedError):
                continue  # it is gone: there is nothing to make last

    def revert(self) -> None:
        """Take everything back and remove what is left of the attempt, made directories included."""
        if self.done:
            return
        self.take_back()
        self.clean_up()
        for folder in reversed(self.made):
            _remove_made(folder)

    def clean_up(self) -> None:
        """Remove what was replaced; afterwards nothing can be taken back."""
        if self.done:
            return
        for slot in self.slots:
            slot.remove()
        self.done = True

    def turned(self) -> "RestoreState":
        """The state that undoes this one; what is live now is what it will keep."""
        moves = [replace(move, before=move.live, after=move.before) for move in self.moves]
        return RestoreState(list(self.slots), moves, list(self.made))

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that `from_json` takes."""
        return {
            "slots": [_recorded(slot) for slot in self.slots],
            "moves": [
                [self.slots.index(m.slot), m.name, list(m.before or ()), list(m.after or ())]
                + ([m.kept] if m.kept else [])
                for m in self.moves
            ],
            "made": self.made,
            "done": self.done,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RestoreState":
        """The state that a mapping made by `to_json` describes; IntegrityError for what is none."""
        try:
            devices = [_device_of(str(slot[0])) for slot in document["slots"]]
            slots = [_slot(slot, now) for slot, now in zip(document["slots"], devices, strict=True)]
            moves = [
                Move(
                    slots[at],
                    _target_name(name, slots[at], *kept),
                    _identity(before, devices[at]),
                    _identity(after, devices[at]),
                    *map(_kept_name, kept),
                )
                for at, name, before, after, *kept in document["moves"]
            ]
            return cls(slots, moves, [str(path) for path in document["made"]], bool(document["done"]))
        except (KeyError, IndexError, TypeError, ValueError) as damage:
            raise IntegrityError("cannot understand what a restore did: the record is damaged") from damage


def _device_of(parent: str) -> int | None:
    """The number that the device of a directory has now: another one, perhaps, than before a restart."""
    try:
        return os.stat(parent).st_dev
    except OSError:
        return None


def _known(pair: Sequence[int], device: int | None) -> Identity:
    """A recorded directory; all of a slot and its parent are on one device, which is `device` where known."""
    return Identity(pair[0] if device is None else device, pair[1])


def _identity(pair: Sequence[int], device: int | None = None) -> Identity | None:
    return _known(pair, device) if pair else None


def _recorded(slot: Slot) -> list[Any]:
    own = [] if slot.holder == HOLDER else [slot.holder]
    return [slot.parent, *slot.parent_id, slot.name, *slot.slot_id, *own]


def _slot(recorded: Sequence[Any], device: int | None) -> Slot:
    parent, dev, ino, name, slot_dev, slot_ino, *own = recorded
    holder = _holder_name(*own) if own else HOLDER
    parent_id, slot_id = _known((dev, ino), device), _known((slot_dev, slot_ino), device)
    return Slot(str(parent), parent_id, _slot_name(name), slot_id, holder)


def _holder_name(name: str) -> str:
    if not _HOLDER.fullmatch(name):
        raise ValueError(name)
    return name


def _slot_name(name: str) -> str:
    if not _SLOT.fullmatch(name):
        raise ValueError(name)
    return name


def _kept_name(name: str) -> str:
    if not _KEPT.fullmatch(name):
        raise ValueError(name)
    return name


def _target_name(name: str, slot: Slot, kept: str = "") -> str:
    """What a snap's directory has to hold is known; anywhere else it may be any name, or path if `kept`."""
    first, *below = name.split("/") if kept else [name]
    if slot.holder == HOLDER and not _TARGET.fullmatch(first):
        raise ValueError(name)
    if first == slot.holder or any(part in ("", ".", "..") for part in (first, *below)):
        raise ValueError(name)
    if "/" in first or "\0" in name:
        raise ValueError(name)
    return name


def _remove_made(folder: str) -> None:
    """Remove a directory that was made, if it is empty; never one that a link on the way leads to."""
    *above, name = folder.strip("/").split("/")
    fd = os.open("/", DIRECTORY)
    try:
        for part in above:
            below = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        _remove_if_empty(name, fd)
    except OSError:
        pass  # somebody took it away, or put a link there
    finally:
        os.close(fd)


def _remove_if_empty(name: str, directory: int) -> None:
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
        os.fsync(holding)
        with files.opened(name, DIRECTORY, holding) as slot:
            found = _identity_of(slot)
    os.fsync(fd)
    if found.device != _identity_of(fd).device:
        raise BlockedError(f"cannot restore into {parent}: {holder} there lies on another file system")
    return Slot(parent, _identity_of(fd), name, found, holder)


def find_slot(parent: str, name: str, holder: str = HOLDER) -> Slot | None:
    """The slot of that name below `parent`, or None where there is no `.snapstow` of ours.

    One that was not made yet, or is removed already, has an identity that no directory has.
    """
    try:
        with (
            files.opened(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd,
            _private(parent, fd, _holder_name(holder)) as holding,
        ):
            found = files.identity(_slot_name(name), holding)
            return Slot(parent, _identity_of(fd), name, found or _NOWHERE, holder)
    except (FileNotFoundError, NotADirectoryError, BlockedError):
        return None


@contextmanager
def _private(parent: str, fd: int, name: str) -> Iterator[int]:
    """The open `.snapstow` of an open directory; BlockedError unless it is a directory that is ours alone."""
    found = os.lstat(name, dir_fd=fd)
    ours = stat.S_ISDIR(found.st_mode) and _is_private(found)
    if ours:
        with files.opened(name, DIRECTORY, fd) as holder:
            if _is_private(os.fstat(holder)):
                yield holder
                return
    raise BlockedError(f"{parent}/{name} is not a private directory of ours: it will not be touched")


def _is_private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


@contextmanager
def _same(path: str, wanted: Identity) -> Iterator[int]:
    with files.opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd:
        if _identity_of(fd) != wanted:
            raise BlockedError(f"{path} is not the directory that was recorded")
        yield fd


def _identity_of(fd: int) -> Identity:
    found = os.fstat(fd)
    return Identity(found.st_dev, found.st_ino)
