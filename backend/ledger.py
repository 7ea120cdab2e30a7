"""What was verified, when and how (SQLite).

A verdict holds for one archive of one file, while that is the same and declares the same hash: a good
copy says nothing of another file with damaged bytes.
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
_KEEP = """INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (file, entry) DO UPDATE SET identity = excluded.identity, hash = excluded.hash,
        level = excluded.level, at = excluded.at, fault = excluded.fault
    WHERE NOT (level = 'structure' AND fault != '' AND excluded.level = 'full' AND excluded.fault = ''
        AND identity = excluded.identity AND hash = excluded.hash)"""
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
        self._path = f"{own}/ledger.sqlite"

    def record(self, snapshots: Iterable[Snapshot], verdicts: Iterable[EntryVerdict], level: Level) -> None:
        """Keep what a check found. Bytes whose structure is at fault stay so until that is checked again."""
        known = {snapshot.path: snapshot for snapshot in snapshots}
        rows = []
        for verdict in verdicts:
            snapshot = known.get(verdict.path)
            if snapshot is not None and verdict.entry:
                declared = (snapshot.sums or {}).get(verdict.entry, "")
                name, identity = os.path.basename(snapshot.path), _identity(snapshot.path)
                row = (name, identity, verdict.entry, declared, level.value, time.time(), verdict.fault)
                rows.append(row)
        with self._opened(write=True) as database:
            if database is not None:
                with database:
                    database.executemany(_KEEP, rows)

    def standing(self, snapshots: Iterable[Snapshot], now: float | None = None) -> dict[str, Checked]:
        """What is known of each snapshot, by path. A file that changed since was never checked."""
        now = time.time() if now is None else now
        known: dict[str, list[tuple[str, ...]]] = {}
        with self._opened(write=False) as database:
            rows = (
                database.execute("SELECT file, identity, entry, hash, level, at, fault FROM verdicts")
                if database
                else ()
            )
            for name, *rest in rows:
                known.setdefault(name, []).append(tuple(rest))
        return {one.path: _standing(one, known.get(os.path.basename(one.path), []), now) for one in snapshots}

    @contextmanager
    def _opened(self, *, write: bool) -> Iterator[sqlite3.Connection | None]:
        database = self._connect(write=write)
        if database is None:
            yield None
            return
        with closing(database):
            try:
                yield database
            except sqlite3.Error:
                return

    def _connect(self, *, write: bool) -> sqlite3.Connection | None:
        if not os.path.isdir(self._own) or not (write or os.path.exists(self._path)):
            return None
        try:
            database = sqlite3.connect(self._path, timeout=2)
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
