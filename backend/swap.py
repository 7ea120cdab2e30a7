"""Directories put in place and taken back by renames alone, recoverable after a crash at any instant.

Beside the data lies a private directory `.snapstow`, with a slot for each job. New data wait in the slot
until they are whole, then change places with the live data, which wait there for their undo. Which
directory is which is told by device and inode, never by its name, so the state of a half-done swap can be
read from the disk alone.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backend import files
from backend.errors import BlockedError, ConflictError
from backend.files import DIRECTORY, Identity

HOLDER = ".snapstow"
_ASIDE = ".aside"

Exchange = Callable[[str, int, str, int], bool]


@dataclass(frozen=True)
class Slot:
    """A job's private directory below `<parent>/.snapstow`, and which directories they were."""

    parent: str
    parent_id: Identity
    name: str
    slot_id: Identity

    @contextmanager
    def opened(self) -> Iterator[tuple[int, int]]:
        """Descriptors of the parent and the slot; BlockedError when they are not the ones recorded."""
        with (
            _same(self.parent, self.parent_id) as parent,
            files.opened(HOLDER, DIRECTORY, parent) as holder,
            files.opened(self.name, DIRECTORY, holder) as slot,
        ):
            _check_private(holder, f"{self.parent}/{HOLDER}")
            if _identity_of(slot) != self.slot_id:
                raise BlockedError(f"{self.path} is not the directory that was recorded")
            yield parent, slot

    @property
    def path(self) -> str:
        """Where the slot lies."""
        return f"{self.parent}/{HOLDER}/{self.name}"

    def remove(self) -> None:
        """Remove the slot with all it holds, and `.snapstow` when it was the last one."""
        with _same(self.parent, self.parent_id) as parent:
            if files.identity(HOLDER, parent) is None:
                return
            with files.opened(HOLDER, DIRECTORY, parent) as holder:
                _check_private(holder, f"{self.parent}/{HOLDER}")
                if files.identity(self.name, holder) == self.slot_id:
                    files.remove_tree(self.name, holder)
            try:
                os.rmdir(HOLDER, dir_fd=parent)
            except OSError:
                pass  # another job's slot is still there


@dataclass(frozen=True)
class Move:
    """`name` in the slot's parent is to become `after`; it was `before`. None is: nothing there."""

    slot: Slot
    name: str
    before: Identity | None
    after: Identity | None

    def carry_out(self, exchange: Exchange = files.exchange) -> None:
        """Put `after` in place; done already is fine. ConflictError when something else is there."""
        self._settle(self.after, self.before, exchange)

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put `before` back; never done is fine. ConflictError when something else is there."""
        self._settle(self.before, self.after, exchange)

    def _settle(self, wanted: Identity | None, other: Identity | None, exchange: Exchange) -> None:
        with self.slot.opened() as (parent, slot):
            live = files.identity(self.name, parent)
            if live == wanted:
                pass
            elif live is None:
                self._bring(wanted, parent, slot)
            elif live != other:
                raise ConflictError(
                    f"cannot change {self.slot.parent}/{self.name}: it was replaced by someone else meanwhile"
                )
            elif wanted is None:
                files.rename_new(self.name, parent, self.name, slot)
            else:
                self._trade(wanted, parent, slot, exchange)
            if files.identity(_ASIDE, slot) and not files.identity(self.name, slot):
                files.rename_new(_ASIDE, slot, self.name, slot)
            os.fsync(slot)
            os.fsync(parent)

    def _bring(self, wanted: Identity | None, parent: int, slot: int) -> None:
        for kept in (self.name, _ASIDE):
            if files.identity(kept, slot) == wanted:
                files.rename_new(kept, slot, self.name, parent)
                return
        raise ConflictError(
            f"cannot restore {self.slot.parent}/{self.name}: what was kept is not in {self.slot.path}"
        )

    def _trade(self, wanted: Identity | None, parent: int, slot: int, exchange: Exchange) -> None:
        if files.identity(_ASIDE, slot) == wanted:
            files.rename_new(self.name, parent, self.name, slot)
            self._bring(wanted, parent, slot)
        elif files.identity(self.name, slot) != wanted:
            self._bring(wanted, parent, slot)
        elif not exchange(self.name, slot, self.name, parent):
            files.rename_new(self.name, parent, _ASIDE, slot)
            files.rename_new(self.name, slot, self.name, parent)


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
        except BaseException:
            self.take_back(exchange)
            raise

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put everything back as it was before; the slots keep the other data."""
        for move in reversed(self.moves):
            move.take_back(exchange)

    def revert(self) -> None:
        """Take everything back and remove what is left of the attempt, made directories included."""
        if self.done:
            return
        self.take_back()
        self.clean_up()
        for folder in reversed(self.made):
            try:
                os.rmdir(folder)
            except OSError:
                pass  # someone put something there, or took it away

    def clean_up(self) -> None:
        """Remove what was replaced; afterwards nothing can be taken back."""
        if self.done:
            return
        for slot in self.slots:
            try:
                slot.remove()
            except FileNotFoundError:
                pass  # the snap was removed with all its directories
        self.done = True

    def turned(self) -> "RestoreState":
        """The state that undoes this one; what is live now is what it will keep."""
        moves = [
            Move(move.slot, move.name, files.identity(f"{move.slot.parent}/{move.name}"), move.before)
            for move in self.moves
        ]
        return RestoreState(list(self.slots), moves, list(self.made))

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that `from_json` takes."""
        return {
            "slots": [[s.parent, *s.parent_id, s.name, *s.slot_id] for s in self.slots],
            "moves": [
                [self.slots.index(m.slot), m.name, list(m.before or ()), list(m.after or ())]
                for m in self.moves
            ],
            "made": self.made,
            "done": self.done,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RestoreState":
        """The state that a mapping made by `to_json` describes."""
        slots = [
            Slot(parent, Identity(dev, ino), name, Identity(slot_dev, slot_ino))
            for parent, dev, ino, name, slot_dev, slot_ino in document["slots"]
        ]
        moves = [
            Move(slots[index], name, _identity(before), _identity(after))
            for index, name, before, after in document["moves"]
        ]
        return cls(slots, moves, list(document["made"]), bool(document["done"]))


def make_slot(parent: str, fd: int, name: str) -> Slot:
    """Make a private slot below an open parent directory; BlockedError where `.snapstow` is not ours."""
    try:
        os.mkdir(HOLDER, 0o700, dir_fd=fd)
    except FileExistsError:
        pass
    with files.opened(HOLDER, DIRECTORY, fd) as holder:
        _check_private(holder, f"{parent}/{HOLDER}")
        os.mkdir(name, 0o700, dir_fd=holder)
        os.fsync(holder)
        with files.opened(name, DIRECTORY, holder) as slot:
            found = _identity_of(slot)
    os.fsync(fd)
    if found.device != _identity_of(fd).device:
        raise BlockedError(f"cannot restore into {parent}: {HOLDER} there lies on another file system")
    return Slot(parent, _identity_of(fd), name, found)


def find_slot(parent: str, name: str) -> Slot | None:
    """The slot of that name below `parent`, or None where there is none of ours."""
    try:
        with (
            files.opened(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd,
            files.opened(HOLDER, DIRECTORY, fd) as holder,
        ):
            _check_private(holder, f"{parent}/{HOLDER}")
            found = files.identity(name, holder)
            return Slot(parent, _identity_of(fd), name, found) if found else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check_private(holder: int, path: str) -> None:
    found = os.fstat(holder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise BlockedError(f"{path} is not a private directory of ours: it will not be touched")


@contextmanager
def _same(path: str, wanted: Identity) -> Iterator[int]:
    with files.opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as fd:
        if _identity_of(fd) != wanted:
            raise BlockedError(f"{path} is not the directory that was recorded")
        yield fd


def _identity_of(fd: int) -> Identity:
    found = os.fstat(fd)
    return Identity(found.st_dev, found.st_ino)


def _identity(pair: Sequence[int]) -> Identity | None:
    return Identity(*pair) if pair else None
