"""Whether what was put in place is still as it was staged, told by a look at the times of its files."""

import os
import stat
from collections.abc import Iterator

from backend.errors import BlockedError, ConflictError
from backend.fs.walk import TreeWalk
from backend.restore.move import Move
from backend.restore.slots import Slot
from backend.restore.swap import RestoreState
from backend.steps import Stamp


def stamp_of(state: RestoreState) -> Stamp | None:
    """The stamp of all that is put in place, wherever it is now; None where that cannot be told.

    It stays the same when the trees are renamed, and changes with whatever is changed, made or removed below.
    """
    try:
        times = list(_change_times(state))
    except (OSError, BlockedError, ConflictError):
        return None
    return Stamp(len(times), sum(times))


def is_as_staged(state: RestoreState) -> bool:
    """Whether nothing was changed in what was put in place since it was staged; no where nobody can tell."""
    return state.stamp is not None and state.stamp == stamp_of(state)


def _change_times(state: RestoreState) -> Iterator[int]:
    moves: dict[Slot, list[Move]] = {}
    for move in state.moves:
        if move.after is not None:
            moves.setdefault(move.slot, []).append(move)
    for slot, some in moves.items():
        with slot.opened() as (parent, fd):
            for move in some:
                with move.located(parent, fd) as (name, folder):
                    yield from _tree_times(name, folder)


def _tree_times(name: str, folder: int) -> Iterator[int]:
    """Of the top what a rename leaves as it is; of all below it when it was changed last."""
    top = os.lstat(name, dir_fd=folder)
    if not stat.S_ISDIR(top.st_mode):
        yield top.st_mtime_ns + top.st_size
        return
    yield top.st_mtime_ns
    for directory, entries in TreeWalk(name, folder).steps():
        for entry in entries or ():
            yield entry.stat(follow_symlinks=False).st_ctime_ns
            if entry.is_dir(follow_symlinks=False):
                directory.pending.append(entry.name)
