"""What was verified, when and how (SQLite): remembered by content, so it follows a copy of a set.

An archive is known by its declared hash and size. A verdict also notes the file it was found in, since a
good copy says nothing of another file with damaged bytes.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from typing import NamedTuple

from backend.model import Snapshot
from backend.reader import EntryVerdict

_VERSION = 1
_TABLE = """CREATE TABLE verdicts (
    file TEXT, identity TEXT, entry TEXT, hash TEXT, level TEXT, at REAL, fault TEXT,
    PRIMARY KEY (file, entry))"""
OLD = 30 * 24 * 3600


class Level(Enum):
    """How an archive was verified."""

    HASH = "full"
    STRUCTURE = "structure"


class CheckState(Enum):
    """What is known of a snapshot's soundness, worst first."""

    BROKEN = "BROKEN"
    FAILED = "FAILED"
    NEVER = "NEVER"
    OLD = "OLD"
    OK = "OK"


class Checked(NamedTuple):
    """The standing of one snapshot: `at` is the oldest verdict in seconds since the epoch, 0 for never."""

    state: CheckState
    at: float = 0.0
    level: str = ""
    fault: str = ""


class Ledger:
    """The verdicts kept in our state folder for a root; where it cannot be kept, nothing is remembered."""

    def __init__(self, own: str) -> None:
        self._own = own

    def record(self, snapshots: Iterable[Snapshot], verdicts: Iterable[EntryVerdict], level: Level) -> None:
        """Keep what a check found."""
        paths = {(snapshot.set_id, snapshot.snap): snapshot for snapshot in snapshots}
        rows = []
        for verdict in verdicts:
            snapshot = paths.get((verdict.set_id, verdict.snap))
            if snapshot is None or not verdict.entry:
                continue
            declared = (snapshot.sums or {}).get(verdict.entry, "")
            name = os.path.basename(snapshot.path)
            rows.append(
                (
                    name,
                    _identity(snapshot.path),
                    verdict.entry,
                    declared,
                    level.value,
                    time.time(),
                    verdict.fault,
                )
            )
        with self._opened() as database:
            if database is not None:
                with database:
                    database.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def standing(self, snapshots: Iterable[Snapshot], now: float | None = None) -> dict[str, Checked]:
        """What is known of each snapshot, by path. A file that changed since was never checked."""
        now = time.time() if now is None else now
        known: dict[str, list[tuple[str, ...]]] = {}
        with self._opened() as database:
            rows = (
                database.execute("SELECT file, identity, entry, hash, level, at, fault FROM verdicts")
                if database
                else ()
            )
            for name, *rest in rows:
                known.setdefault(name, []).append(tuple(rest))
        return {one.path: _standing(one, known.get(os.path.basename(one.path), []), now) for one in snapshots}

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        database = self._connect()
        if database is None:
            yield None
            return
        with closing(database):
            try:
                yield database
            except sqlite3.Error:
                return

    def _connect(self) -> sqlite3.Connection | None:
        if not os.path.isdir(self._own):
            return None
        try:
            database = sqlite3.connect(f"{self._own}/ledger.sqlite", timeout=2)
            if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                with database:
                    database.execute("DROP TABLE IF EXISTS verdicts")
                    database.execute(_TABLE)
                    database.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error:
            return None
        return database


def _identity(path: str) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    return f"{found.st_size} {found.st_ino} {found.st_mtime_ns}"


def _standing(snapshot: Snapshot, rows: list[tuple[str, ...]], now: float) -> Checked:
    if snapshot.broken:
        return Checked(CheckState.BROKEN, fault=snapshot.broken)
    identity = _identity(snapshot.path)
    sums = snapshot.sums or {}
    found = {row[1]: row for row in rows if row[0] == identity and sums.get(row[1]) == row[2]}
    if fault := next((row[5] for row in found.values() if row[5]), ""):
        at = min(float(row[4]) for row in found.values() if row[5])
        return Checked(CheckState.FAILED, at, fault=fault)
    if not sums or found.keys() != sums.keys():
        return Checked(CheckState.NEVER)
    at = min(float(row[4]) for row in found.values())
    levels = {row[3] for row in found.values()}
    level = Level.STRUCTURE.value if levels == {Level.STRUCTURE.value} else Level.HASH.value
    return Checked(CheckState.OLD if now - at > OLD else CheckState.OK, at, level)
