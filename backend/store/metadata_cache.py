"""What was read from snapshot files before, trusted only while the file is the same.

A row holds for one name, size, inode and modification and change time in nanoseconds. The index is a
convenience: where it cannot be kept, everything is read anew. Small stores do without it.
"""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from stat import S_ISREG
from typing import Any, TypeAlias

from backend.errors import SnapshotError
from backend.format.gojson import dumps, loads
from backend.fs import files
from backend.fs.files import Fingerprint
from backend.host.layout import Layout
from backend.host.user_directories import user_directory
from backend.model import Epoch, Revision, Snapshot

# The four numbers of `_key`, then the fields of the snapshot without those that the file's place gives.
Row: TypeAlias = list[Any]

_MACHINE_CACHE = "/var/cache/snapstow"
_WORTHWHILE = 64
_LARGEST = 256 << 20
_SETTLED_NS = 2_000_000_000
_FORMAT = b"snapstow index 2 %08x\n"
_START = len(_FORMAT % 0)
_KEY = 4
_ORDINARY_EPOCH = Epoch()


class MetadataCache:
    """The remembered snapshots of one folder; `snapshot` answers None for what must be read.

    `path` is where the rows lie, empty where none are kept; `present` are the names in the folder.
    """

    def __init__(self, folder: str, path: str, present: set[str], clock: Callable[[], int]) -> None:
        self._folder = folder
        self._path = path
        self._clock = clock
        self._rows = _load(path) if path else {}
        self._changed = False
        if not self._rows.keys() <= present:
            self._rows = {name: row for name, row in self._rows.items() if name in present}
            self._changed = True
        self._keys: dict[str, Row] = {}

    @classmethod
    @contextmanager
    def opened(
        cls, directory: Callable[[], str], folder: str, clock: Callable[[], int] = time.time_ns
    ) -> Iterator["MetadataCache"]:
        """The cache of a folder, saved again when the block is left.

        `directory` says where it is kept; it is asked only where a cache is worth its file, and made there.
        """
        present = _names(folder)
        kept_in = directory() if len(present) >= _WORTHWHILE else ""
        index = cls(folder, f"{kept_in}/index.json" if kept_in else "", present, clock)
        try:
            yield index
        finally:
            index._save()

    def snapshot(self, name: str) -> Snapshot | None:
        """The snapshot in that file as read before, or None when it may have changed."""
        if not self._path:
            return None
        path = f"{self._folder}/{name}"
        key = _key(path)
        row = self._rows.get(name)
        if row is None or row[:_KEY] != key:
            self._keys[name] = key
            return None
        return _decoded(row, path)

    def remember(self, name: str, snapshot: Snapshot) -> Snapshot:
        """Keep what was just read from a file, unless it may still be changing unseen; gives it back."""
        key = self._keys.pop(name, None)
        if key is not None and not snapshot.hidden and self._clock() - key[-1] >= _SETTLED_NS:
            self._rows[name] = [*key, *_encoded(snapshot)]
            self._changed = True
        return snapshot

    def _save(self) -> None:
        if not self._changed or not self._path:
            return
        from backend.fs.directories import make_directories

        content = json.dumps(self._rows, separators=(",", ":")).encode()
        try:
            make_directories(os.path.dirname(self._path), 0o700)
            files.write_whole(self._path, _FORMAT % zlib.crc32(content) + content)
        except OSError:
            pass  # no room, or no right: the next listing reads the files again


def cache_directory(layout: Layout, state_dir: str) -> str:
    """Return where what was read of a root is kept; empty where there is no place for it.

    That is its state folder once there is one; until then the machine's cache, or the user's own.
    """
    if os.path.isdir(state_dir):
        return state_dir
    if layout.is_machine and os.geteuid() == 0:
        return _MACHINE_CACHE
    try:
        return os.path.join(user_directory("XDG_CACHE_HOME", ".cache"), layout.own_name)
    except SnapshotError:
        return ""


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _load(path: str) -> dict[str, Row]:
    """The rows in a file of our own; none where it is damaged, or somebody else's."""
    try:
        with files.opened(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK) as fd:
            status = os.fstat(fd)
            if not S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > _LARGEST:
                return {}
            content = os.pread(fd, status.st_size, 0)
    except OSError:
        return {}
    start, content = content[:_START], content[_START:]
    if start != _FORMAT % zlib.crc32(content):
        return {}
    rows: dict[str, Row] = json.loads(content)
    return rows


def _key(path: str) -> Row:
    """What tells this content from any other; the change time comes last."""
    return list(Fingerprint.of(os.lstat(path)).within_file_system)


def _encoded(snapshot: Snapshot) -> Row:
    fields: Row = list(snapshot)
    fields[3] = snapshot.revision.number
    fields[5] = None if snapshot.epoch == _ORDINARY_EPOCH else snapshot.epoch
    fields[8] = None if snapshot.conf is None else dumps(snapshot.conf)
    fields[14] = ""
    return fields


def _decoded(row: Row, path: str) -> Snapshot:
    fields = row[_KEY:]
    fields[3] = Revision(fields[3])
    epoch = fields[5]
    fields[5] = _ORDINARY_EPOCH if epoch is None else Epoch(tuple(epoch[0]), tuple(epoch[1]))
    if fields[8] is not None:
        fields[8] = loads(fields[8].encode())
    if fields[11] is not None:
        fields[11] = tuple(fields[11])
    fields[14] = path
    return Snapshot._make(fields)
