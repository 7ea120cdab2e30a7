"""Steps about the data of snaps: restores, extracts, undos."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.steps.base import FileId, Step


@dataclass(frozen=True)
class RestoreBegun(Step):
    """A restore or an extraction of these snaps has begun."""

    set_id: int
    snaps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"set_id": self.set_id, "snaps": list(self.snaps)}


@dataclass(frozen=True)
class UndoBegun(Step):
    """The undo of an earlier `job` has begun, which was about these snaps."""

    job: int
    set_id: int
    snaps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"of": self.job, "set_id": self.set_id, "snaps": list(self.snaps)}


@dataclass(frozen=True)
class SlotsMade(Step):
    """Private directories of that name are made below these parents, in a `holder` (empty: the usual one)."""

    tag: str
    parents: tuple[str, ...]
    holder: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        holder = {"holder": self.holder} if self.holder else {}
        return {"slot": self.tag, "parents": list(self.parents), **holder}


@dataclass(frozen=True)
class DirectoryMade(Step):
    """A parent directory is made that was missing."""

    path: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"made": self.path}


class MovedSlot(NamedTuple):
    """A private directory that takes part in moves; an empty `holder` is the usual one."""

    parent: str
    parent_id: FileId
    name: str
    slot_id: FileId
    holder: str = ""


class Moved(NamedTuple):
    """`name` below the parent of the slot with that number was `before` and becomes `after`; None: nothing.

    In the slot it has the name `kept`, or the same name without it.
    """

    slot: int
    name: str
    before: FileId | None
    after: FileId | None
    kept: str = ""


class Stamp(NamedTuple):
    """What tells whether trees were changed: the number of their entries, the sum of their change times."""

    entries: int
    changed: int


@dataclass(frozen=True)
class DataMoved(Step):
    """Data trade places with what is live: these moves, and those of the `FilesMoved` before it.

    `made` are the parent directories that had to be made. `stamp` is that of all that is put in place, None
    where the version before wrote none.
    """

    slots: tuple[MovedSlot, ...]
    moves: tuple[Moved, ...]
    made: tuple[str, ...] = ()
    done: bool = False
    stamp: Stamp | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        slots = [
            [slot.parent, *slot.parent_id, slot.name, *slot.slot_id, *([slot.holder] if slot.holder else [])]
            for slot in self.slots
        ]
        moves = [
            [
                move.slot,
                move.name,
                list(move.before or ()),
                list(move.after or ()),
                *([move.kept] if move.kept else []),
            ]
            for move in self.moves
        ]
        stamp = {"stamp": list(self.stamp)} if self.stamp else {}
        return {
            "moves": {"slots": slots, "moves": moves, "made": list(self.made), "done": self.done, **stamp}
        }


@dataclass(frozen=True)
class FilesMoved(Step):
    """Files in one directory, `folder` below the parent of a slot, trade places by the `DataMoved` after it.

    Their identities are those on the device of the slot. It lasts with the next step.
    """

    slot: int
    folder: str
    moves: tuple[Moved, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        files = [
            [move.name.rpartition("/")[2], int(move.kept), _inode(move.before), _inode(move.after)]
            for move in self.moves
        ]
        return {"files": files, "slot": self.slot, "folder": self.folder}


def _inode(identity: FileId | None) -> int:
    return identity[1] if identity else 0


@dataclass(frozen=True)
class DataCommitted(Step):
    """All data are in place: from here on the job is complete."""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"committed": True}


@dataclass(frozen=True)
class SlotsDiscarded(Step):
    """Everything is as before, and what is in the slots is not needed any more: it is removed."""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"discarded": True}


@dataclass(frozen=True)
class UndoPromised(Step):
    """What is replaced is kept for an undo, for a day at least, whatever the operation asked for."""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"promised": True}
