"""Sets that are not to go: pinned by people, kept in `pins.json` of our state folder.

A pin holds for the set with its number; where there is none, for one that holds the same and was saved before
it was pinned: so it survives a set's way out and in, and no later save of the same data inherits it.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from backend.errors import IntegrityError
from backend.format.metadata import set_content_hash, set_time
from backend.format.timestamps import unix_time
from backend.fs import files
from backend.model import SnapshotSet

_LARGEST = 16 << 20
_LONGEST_NOTE = 200


class Pin(NamedTuple):
    """A pin: `content` is snapd's content hash of the set in hex, empty where it has none that counts.

    `since` is in seconds since the epoch.
    """

    set_id: int
    content: str = ""
    note: str = ""
    since: float = 0.0


class Pins:
    """The pins of one state folder; `lock` makes the lock that is held while they change.

    `numbers` tells the numbers of all sets that are there.
    """

    def __init__(
        self,
        state_dir: str,
        lock: Callable[[], AbstractContextManager[object]],
        numbers: Callable[[], Iterable[int]],
    ) -> None:
        self._path = f"{state_dir}/pins.json"
        self._lock = lock
        self._numbers = numbers

    def read(self) -> list[Pin]:
        """Return all pins.

        Raises:
            IntegrityError: nobody can tell what is pinned: the file is damaged.
            SnapshotError: it cannot be read.
        """
        with files.os_errors_as("cannot read the pins"):
            try:
                raw = files.read_whole(self._path, _LARGEST)
            except FileNotFoundError:
                return []
        try:
            return [_pin(entry) for entry in json.loads(raw)["pins"]]
        except (ValueError, KeyError, TypeError, RecursionError) as damage:
            raise IntegrityError(f"cannot tell what is pinned: {self._path} is damaged") from damage

    def by_set(self, groups: Iterable[SnapshotSet]) -> dict[int, Pin]:
        """Return the pins of those sets that have one, by their numbers."""
        pins = self.read()
        if not pins:
            return {}
        present = set(self._numbers())
        by_number = {pin.set_id: pin for pin in pins}
        by_content = {pin.content: pin for pin in pins if pin.content and pin.set_id not in present}
        held = ((each, by_number.get(each.set_id) or by_content.get(_content(each))) for each in groups)
        return {each.set_id: pin for each, pin in held if pin and _is_held(pin, each)}

    def pin(self, group: SnapshotSet, note: str, now: float) -> Pin:
        """Pin a set, or change the note of its pin; `now` is in seconds since the epoch."""
        made = Pin(group.set_id, _content(group), " ".join(note.split())[:_LONGEST_NOTE], now)
        self._replace(group, [made])
        return made

    def unpin(self, group: SnapshotSet) -> bool:
        """Remove the pin of a set; return False where it had none."""
        return self._replace(group, [])

    def follow(self, group: SnapshotSet, former: int) -> None:
        """Let the pin of a set that had another number hold for the one it has. Call it holding the lock."""
        content = _content(group)
        pins = self.read()
        if content and (mine := [pin for pin in pins if (pin.set_id, pin.content) == (former, content)]):
            self._write([pin._replace(set_id=group.set_id) if pin in mine else pin for pin in pins])

    def _replace(self, group: SnapshotSet, made: Sequence[Pin]) -> bool:
        with files.os_errors_as("cannot keep the pins"), self._lock():
            pins, former = self.read(), self.by_set([group]).get(group.set_id)
            left = [pin for pin in pins if pin != former]
            if len(left) < len(pins) or made:
                self._write([*left, *made])
            return len(left) < len(pins)

    def _write(self, pins: Sequence[Pin]) -> None:
        from backend.fs.directories import make_directories

        document = {"pins": [pin._asdict() for pin in pins]}
        with files.os_errors_as("cannot keep the pins"):
            make_directories(os.path.dirname(self._path), 0o700)
            files.write_whole(self._path, json.dumps(document).encode() + b"\n")


def _is_held(pin: Pin, group: SnapshotSet) -> bool:
    """Whether a pin may be of a set: of its number, or of one that was there when it was made."""
    return pin.set_id == group.set_id or unix_time(set_time(group.snapshots)) <= pin.since


def _content(group: SnapshotSet) -> str:
    """The content hash of a set; nothing for one that cannot be trusted."""
    if any(snapshot.broken for snapshot in group.snapshots):
        return ""
    return set_content_hash(group.snapshots, newer=True).hex()


def _pin(entry: dict[str, object]) -> Pin:
    set_id, content, note, since = (entry[name] for name in Pin._fields)
    if type(set_id) is not int or not isinstance(content, str) or not isinstance(note, str):
        raise TypeError(entry)
    if not isinstance(since, int | float):
        raise TypeError(entry)
    return Pin(set_id, content, note, since)
