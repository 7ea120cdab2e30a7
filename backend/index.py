"""What was read from snapshot files before, trusted only while the file is the same.

A row holds for one name, size, inode and modification and change time in nanoseconds. The index is a
convenience: where it cannot be kept, everything is read anew. Small stores do without it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backend import files
from backend.gojson import dumps, loads
from backend.model import Epoch, Revision, Snapshot

if TYPE_CHECKING:
    import sqlite3

_WORTHWHILE = 64
_VERSION = 1
_SETTLED_NS = 2_000_000_000


class Index:
    """The remembered snapshots of one folder; `snapshot` answers None for what must be read."""

    def __init__(self, folder: str, database: "sqlite3.Connection | None") -> None:
        self._folder = folder
        self._database = database
        self._new: list[tuple[str, str, str]] = []
        self._rows: dict[str, tuple[str, str]] = {}
        self._keys: dict[str, str] = {}
        self._seen: set[str] = set()

    @classmethod
    @contextmanager
    def opened(cls, own: str, folder: str) -> Iterator["Index"]:
        """The index kept in the state folder `own`, saved again when the block is left."""
        index = cls(folder, None)
        if os.path.isdir(own) and _is_large(folder):
            index = cls(folder, _connect(f"{own}/index.sqlite"))
            index._load()
        try:
            yield index
        finally:
            index._save()

    def snapshot(self, name: str) -> Snapshot | None:
        """The snapshot in that file as read before, or None when it may have changed."""
        if self._database is None:
            return None
        key = self._keys[name] = _key(f"{self._folder}/{name}")
        row = self._rows.get(name)
        self._seen.add(name)
        return _decode(row[1], f"{self._folder}/{name}") if row is not None and row[0] == key else None

    def remember(self, name: str, snapshot: Snapshot) -> Snapshot:
        """Keep what was just read from a file; gives it back."""
        if self._database is not None and not snapshot.hidden and self._keys.get(name):
            self._new.append((name, self._keys[name], _encode(snapshot)))
        return snapshot

    def _load(self) -> None:
        import sqlite3

        try:
            assert self._database is not None
            rows = self._database.execute("SELECT name, key, snapshot FROM snapshots")
            self._rows = {name: (key, text) for name, key, text in rows}
        except (sqlite3.Error, AssertionError):
            self._rows, self._database = {}, None

    def _save(self) -> None:
        if self._database is None:
            return
        import sqlite3

        gone = [(name,) for name in self._rows.keys() - self._seen]
        try:
            if self._new:
                self._database.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", self._new)
            if gone and not any(os.path.lexists(f"{self._folder}/{name}") for (name,) in gone[:1]):
                self._database.executemany("DELETE FROM snapshots WHERE name = ?", gone)
            if self._new or gone:
                self._database.commit()
        except sqlite3.Error:
            pass  # read-only or full: the next listing reads the files again
        finally:
            self._database.close()


def _is_large(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _, _ in zip(entries, range(_WORTHWHILE), strict=False)) == _WORTHWHILE
    except OSError:
        return False


def _connect(path: str) -> "sqlite3.Connection | None":
    import sqlite3

    try:
        with files.opened(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW):
            pass
        database = sqlite3.connect(path, timeout=1)
        if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            database.execute("DROP TABLE IF EXISTS snapshots")
            database.execute("CREATE TABLE snapshots (name TEXT PRIMARY KEY, key TEXT, snapshot TEXT)")
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.commit()
    except (OSError, sqlite3.Error):
        return None
    return database


def _key(path: str) -> str:
    """What tells this content from any other; empty where it may still be changing unseen."""
    import time

    found = os.lstat(path)
    if time.time_ns() - found.st_ctime_ns < _SETTLED_NS:
        return ""
    return f"{found.st_size} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}"


def _encode(snapshot: Snapshot) -> str:
    plain = snapshot._replace(conf=None, path="")
    conf = None if snapshot.conf is None else dumps(snapshot.conf)
    return json.dumps([*plain[:8], conf, *plain[9:]])


def _decode(text: str, path: str) -> Snapshot:
    fields = json.loads(text)
    fields[3] = Revision(*fields[3])
    fields[5] = Epoch(tuple(fields[5][0]), tuple(fields[5][1]))
    if fields[8] is not None:
        fields[8] = loads(fields[8].encode())
    if fields[11] is not None:
        fields[11] = tuple(fields[11])
    fields[14] = path
    return Snapshot(*fields)
