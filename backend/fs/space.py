"""Room on file systems: what is free, and what has to be so that something may be begun."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from backend.errors import NoSpaceError
from backend.fs.files import speaking
from backend.fs.safe_open import nearest

SPARE_ROOM = 5 << 20  # what anything that is begun leaves free at least

_ACTION = "cannot tell the free space"
_GONE = (FileNotFoundError, NotADirectoryError)


class Room(NamedTuple):
    """The bytes needed of a file system, SPARE_ROOM included, and those free on it; `place` lies there."""

    place: str
    needed: int
    free: int

    @property
    def missing(self) -> int:
        """The bytes by which there is too little; 0 where it suffices."""
        return max(0, self.needed - self.free)


def free_space(path: str) -> int:
    """The bytes that may still be written at `path`, or where its nearest existing ancestor lies."""
    path = os.path.abspath(path)
    with speaking(_ACTION):
        while True:
            try:
                facts = os.statvfs(path)
            except _GONE:
                path = os.path.dirname(path)
            else:
                return facts.f_bavail * facts.f_frsize


def rooms_for(amounts: Iterable[tuple[str, int]]) -> tuple[Room, ...]:
    """What it takes to write these amounts of bytes at these paths: a room for each file system.

    Paths need not exist. SnapshotError where the free space cannot be told.
    """
    rooms: dict[int, Room] = {}
    for path, amount in amounts:
        place = nearest(path)
        with speaking(_ACTION):
            device = os.stat(place).st_dev
        room = rooms.get(device) or Room(place, SPARE_ROOM, free_space(place))
        rooms[device] = room._replace(needed=room.needed + amount)
    return tuple(rooms.values())


def demand_room(amounts: Iterable[tuple[str, int]], action: str) -> None:
    """NoSpaceError, beginning with `action`, unless all of that fits and SPARE_ROOM is left over."""
    for room in rooms_for(amounts):
        if room.missing:
            raise NoSpaceError(action, *room)
