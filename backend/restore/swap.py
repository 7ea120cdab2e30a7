"""Directories put in place and rolled back by renames alone, recoverable after a crash at any instant.

Beside the data lies a private directory `.snapstow`, with a slot for each job. New data wait in the slot
until they are whole, then change places with the live data, which wait there for their undo. Which
directory is which is told by device and inode, never by its name, so the state of a half-done swap can be
read from the disk alone.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice
from typing import Any

from backend.errors import BlockedError, ConflictError, IntegrityError
from backend.format.names import snapshot_id
from backend.fs import files
from backend.fs.files import DIRECTORY, Identity
from backend.fs.mounts import mount_names, mounts_below
from backend.fs.removal import Leftover
from backend.restore.move import Exchange, Move
from backend.restore.slots import HOLDER, TRASH, Slot, holder_name, remove_if_empty, slot_name
from backend.steps import DataMoved, FileId, FilesMoved, Moved, MovedSlot, Stamp, Step, parse_step

_TARGET = re.compile("common|x?[1-9][0-9]{0,18}")
_KEPT = re.compile("[0-9]{1,9}")
_LINE = 1000
_DAMAGED = "cannot understand what a restore did: the record is damaged"


def _note_nothing() -> None:
    """Nobody keeps a journal."""


@dataclass
class RestoreState:
    """What a restore did, so that it can be undone or cleaned up; serialisable.

    `made` are the parent directories it had to make, topmost first. One of `revert` and `clean_up` ends it.
    """

    slots: list[Slot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    done: bool = False
    stamp: Stamp | None = None

    def commit(self, exchange: Exchange = files.exchange) -> None:
        """Put everything in place; when one cannot be, all are rolled back before the error leaves."""
        try:
            self.put_in_place(exchange)
        except BaseException:
            self.take_back(exchange)
            raise

    def put_in_place(self, exchange: Exchange = files.exchange) -> None:
        """Put everything in place that is not yet; what is, stays when one cannot be."""
        for move in self.moves:
            move.carry_out(exchange)
        self._sync()

    @property
    def is_as_before(self) -> bool:
        """Whether nothing that it was to put in place is there, but what was there before."""
        return all(move.live == move.before for move in self.moves)

    @property
    def is_begun(self) -> bool:
        """Whether anything that it was to put in place is there."""
        return any(move.after is not None and move.live == move.after for move in self.moves)

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put everything back as it was before; the slots keep the other data.

        Raises:
            ConflictError: something could not be put back; everything else is.
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

    def revert(self, note: Callable[[], None] = _note_nothing) -> tuple[Leftover, ...]:
        """Take everything back and remove what is left of the attempt, made directories included.

        `note` is called in between: from then on nothing of it can be put in place any more. Returns what
        could not be removed.
        """
        if self.done:
            return ()
        self.take_back()
        note()
        left = self.clean_up()
        for folder in reversed(self.made):
            _remove_made(folder)
        return left

    def clean_up(self) -> tuple[Leftover, ...]:
        """Remove what was replaced, so that nothing can be undone; returns what could not be removed."""
        if self.done:
            return ()
        self.done = True
        return tuple(left for slot in self.slots for left in slot.remove())

    def demand_unmounted(self, *, back: bool = False) -> None:
        """Refuse to move, or to move `back`, anything that something is mounted at or below.

        Raises:
            BlockedError: there is such a mount; it is named.
        """
        below = {parent: mounts_below(parent) for parent in {move.slot.parent for move in self.moves}}
        for move in self.moves:
            place = f"{move.slot.parent}/{move.name}"
            points = [point for point in below[move.slot.parent] if f"{point}/".startswith(f"{place}/")]
            if points and move.live not in (None, move.before if back else move.after):
                raise BlockedError(
                    f"cannot replace {place}: mounted there: {mount_names(points)}; unmount that first"
                )

    @property
    def present(self) -> tuple[str, ...]:
        """The slots that are there."""
        return tuple(slot.path for slot in self.slots if os.path.lexists(slot.path))

    def turned(self) -> "RestoreState":
        """Return the state that undoes this one; what is live now is what it will keep."""
        moves = [replace(move, before=move.live, after=move.before) for move in self.moves]
        return RestoreState(list(self.slots), moves, list(self.made))

    def reversed(self) -> "RestoreState":
        """Return the state of one that was put in place and rolled back since."""
        moves = [replace(move, before=move.after, after=move.before) for move in self.moves]
        return RestoreState(list(self.slots), moves, list(self.made))

    def steps(self) -> Iterator[Step]:
        """What is noted before all is put in place: the files, directory by directory, then the rest."""
        numbers = {slot: number for number, slot in enumerate(self.slots)}
        files_moved = (_moved(move, numbers) for move in self.moves if move.kept)
        for (slot, folder), moves in groupby(files_moved, lambda move: (move.slot, _folder_of(move.name))):
            while some := tuple(islice(moves, _LINE)):
                yield FilesMoved(slot, folder, some)
        yield self._step([move for move in self.moves if not move.kept])

    def _step(self, moves: Sequence[Move]) -> DataMoved:
        numbers = {slot: number for number, slot in enumerate(self.slots)}
        return DataMoved(
            slots=tuple(map(_recorded, self.slots)),
            moves=tuple(_moved(move, numbers) for move in moves),
            made=tuple(self.made),
            done=self.done,
            stamp=self.stamp,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping that `from_json` takes."""
        mapping: dict[str, Any] = self._step(self.moves).to_json()["moves"]
        return mapping

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RestoreState":
        """Return the state that a mapping made by `to_json` describes.

        Raises:
            IntegrityError: it describes none.
        """
        step = parse_step({"moves": document})
        if not isinstance(step, DataMoved):
            raise IntegrityError(_DAMAGED)
        return cls.from_steps(step)

    @classmethod
    def from_steps(cls, step: DataMoved, files_moved: Sequence[FilesMoved] = ()) -> "RestoreState":
        """Return the state that the steps tell which were made of one.

        Raises:
            IntegrityError: they tell of none.
        """
        try:
            devices = [_device_of(slot.parent) for slot in step.slots]
            slots = [_slot(slot, now) for slot, now in zip(step.slots, devices, strict=True)]
            moves = [
                Move(
                    slot=slots[moved.slot],
                    name=_target_name(moved, slots[moved.slot]),
                    before=_identity(moved.before, devices[moved.slot]),
                    after=_identity(moved.after, devices[moved.slot]),
                    kept=_kept_name(moved.kept),
                )
                for moved in chain(chain.from_iterable(files.moves for files in files_moved), step.moves)
            ]
        except (IndexError, TypeError, ValueError) as damage:
            raise IntegrityError(_DAMAGED) from damage
        return cls(slots, moves, list(step.made), step.done, step.stamp)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def _moved(move: Move, numbers: Mapping[Slot, int]) -> Moved:
    return Moved(numbers[move.slot], move.name, move.before, move.after, move.kept)


def _device_of(parent: str) -> int | None:
    """The number that the device of a directory has now: another one, perhaps, than before a restart."""
    try:
        return os.stat(parent).st_dev
    except OSError:
        return None


def _known(pair: FileId, device: int | None) -> Identity:
    """A recorded directory; all of a slot and its parent are on one device, which is `device` where known."""
    return Identity(pair[0] if device is None else device, pair[1])


def _identity(pair: FileId | None, device: int | None) -> Identity | None:
    return _known(pair, device) if pair else None


def _recorded(slot: Slot) -> MovedSlot:
    holder = "" if slot.holder == HOLDER else slot.holder
    return MovedSlot(slot.parent, slot.parent_id, slot.name, slot.slot_id, holder)


def _slot(recorded: MovedSlot, device: int | None) -> Slot:
    return Slot(
        parent=recorded.parent,
        parent_id=_known(recorded.parent_id, device),
        name=slot_name(recorded.name),
        slot_id=_known(recorded.slot_id, device),
        holder=holder_name(recorded.holder or HOLDER),
    )


def _kept_name(name: str) -> str:
    if name and not _KEPT.fullmatch(name):
        raise ValueError(name)
    return name


def _target_name(moved: Moved, slot: Slot) -> str:
    """What a snap's directory has to hold is known; anywhere else it may be any name, or path if `kept`."""
    name = moved.name
    first, *below = name.split("/") if moved.kept else [name]
    if slot.holder == HOLDER and not _TARGET.fullmatch(first):
        raise ValueError(name)
    if slot.holder == TRASH and snapshot_id(name) is None:
        raise ValueError(name)
    if first == slot.holder or any(part in ("", ".", "..") for part in (first, *below)):
        raise ValueError(name)
    if "/" in first or "\0" in name:
        raise ValueError(name)
    return name


def _remove_made(folder: str) -> None:
    """Remove a directory that was made, if it is empty; never one that a link on the way leads to."""
    above, _, name = folder.rpartition("/")
    try:
        with files.opened("/", DIRECTORY) as top, files.opened_below(top, above) as fd:
            remove_if_empty(name, fd)
    except OSError:
        pass  # somebody took it away, or put a link there
