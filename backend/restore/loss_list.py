"""Every file that a restore would lose, in order and searchable, however many they are."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from backend.fs.database import database_errors_as
from backend.host.layout import Layout
from backend.progress import Progress
from backend.restore.impact import lost_files
from backend.restore.plan import RestorePlan

_STEPS = 10_000
_TABLES = """
    CREATE TABLE read (left_out INTEGER, size INTEGER, modified REAL, snap TEXT, path BLOB);
    CREATE TABLE listed (number INTEGER PRIMARY KEY, left_out INTEGER, size INTEGER, modified REAL, snap TEXT,
        path BLOB);
    CREATE TABLE hits (number INTEGER PRIMARY KEY, listed INTEGER);
"""
_SORT = """
    INSERT INTO listed (left_out, size, modified, snap, path)
    SELECT * FROM read ORDER BY left_out, size DESC, path;
"""
_SEARCH = "INSERT INTO hits (listed) SELECT number FROM listed WHERE holds(path, ?) ORDER BY number"
_ALL = "SELECT left_out, size, modified, snap, path FROM listed WHERE number > ? ORDER BY number LIMIT ?"
_HITS = """
    SELECT left_out, size, modified, snap, path FROM hits JOIN listed ON listed.number = hits.listed
    WHERE hits.number > ? ORDER BY hits.number LIMIT ?
"""


class LostFile(NamedTuple):
    """A live file that a restore would lose: newer than the snapshot, or `is_left_out` of it."""

    path: str
    size: int
    modified: float
    snap: str
    is_left_out: bool


class LossList:
    """The files that restores would lose: newer ones first, then what is left out, each by size.

    They are kept in a file without a name that goes with the list; in memory is what is asked for. Methods
    may be called from any thread, one at a time.
    """

    def __init__(self) -> None:
        # Without a name: a file of SQLite's own, removed as soon as it is opened.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.create_function("holds", 2, _holds, deterministic=True)
        self._database.executescript(_TABLES)
        self._lock = threading.Lock()
        self._is_searched = False

    @classmethod
    def read(cls, plans: Iterable[RestorePlan], layout: Layout, progress: Progress) -> Self:
        """Walk the live data that plans would replace.

        Raises:
            Cancelled: the job was stopped.
            SnapshotError: the list cannot be kept, for there is no room.
        """
        losses = cls()
        try:
            with losses._using(progress):
                losses._fill(_rows(plans, layout, progress))
        except BaseException:
            losses.close()
            raise
        return losses

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._database.close()

    def search(self, text: str, progress: Progress) -> int:
        """Keep to the paths that hold a text, whatever its case, or with none to all of them; how many.

        Raises:
            Cancelled: the job was stopped.
        """
        with self._using(progress):
            self._database.execute("DELETE FROM hits")
            self._is_searched = bool(text)
            if text:
                self._database.execute(_SEARCH, (text.casefold(),))
            table = "hits" if text else "listed"
            return int(self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def page(self, start: int, count: int) -> list[LostFile]:
        """At most `count` of the files, from that number on."""
        with self._using(Progress()):
            rows = self._database.execute(_HITS if self._is_searched else _ALL, (start, count))
            return [
                LostFile(os.fsdecode(path), size, modified, snap, bool(left_out))
                for left_out, size, modified, snap, path in rows
            ]

    def _fill(self, rows: Iterator[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO read VALUES (?, ?, ?, ?, ?)", rows)
        self._database.execute(_SORT)
        self._database.execute("DELETE FROM read")
        self._database.execute("COMMIT")

    @contextmanager
    def _using(self, progress: Progress) -> Iterator[None]:
        """The database for one thread at a time; what takes long there notices a stop."""
        with self._lock, database_errors_as("list what would be lost", "the directory for temporary files"):
            self._database.set_progress_handler(lambda: progress.stopping, _STEPS)
            try:
                yield
            except sqlite3.OperationalError:
                progress.raise_if_cancelled()
                raise
            finally:
                self._database.set_progress_handler(None, 0)


def _rows(plans: Iterable[RestorePlan], layout: Layout, progress: Progress) -> Iterator[tuple[object, ...]]:
    for plan in plans:
        for entry in plan.active:
            for file in lost_files(plan, entry, layout, progress):
                path = os.fsencode(file.path)
                yield file.is_excluded, file.size, file.modified, plan.snapshot.snap, path


def _holds(path: bytes, text: str) -> bool:
    return text in os.fsdecode(path).casefold()
