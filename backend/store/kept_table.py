"""A small table in a file of our state folder (SQLite), read and written as a whole.

SQLite reaches files by their path alone, which others may change below a root of theirs: it works in memory.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from stat import S_ISREG

from backend.fs import beneath, files, locks

_LARGEST = 512 << 20


class KeptTable:
    """A file of ours with one table; one that is damaged is put aside when there is something to write."""

    def __init__(self, path: str, table: str, create: str, version: int) -> None:
        self._path = path
        self._table = table
        self._create = create
        self._version = version

    @contextmanager
    def opened(self, *, write: bool) -> Iterator[sqlite3.Connection | None]:
        """The database, or None where it cannot be had; what fails inside is forgotten.

        With `write`, what was changed inside is kept.
        """
        with ExitStack() as stack:
            database = self._alone(stack) if write else self._loaded(write=False)
            if database is None:
                yield None
                return
            stack.enter_context(closing(database))
            try:
                yield database
                if write:
                    files.write_whole(self._path, database.serialize())
            except (sqlite3.OperationalError, OSError):
                return
            except sqlite3.DatabaseError:
                self._put_aside(write=write)

    def _alone(self, stack: ExitStack) -> sqlite3.Connection | None:
        """The database to write to, which nobody else does meanwhile."""
        lock = locks.FileLock(f"{self._path}.lock", "the table is being written", is_optional=True)
        try:
            stack.enter_context(lock.held(wait=True))
        except OSError:
            return None
        return self._loaded(write=True)

    def _loaded(self, *, write: bool) -> sqlite3.Connection | None:
        content = self._content(write=write)
        if content is None:
            return None
        database = sqlite3.connect(":memory:")
        try:
            if content:
                database.deserialize(content)
            if database.execute("PRAGMA user_version").fetchone()[0] != self._version:
                with database:
                    database.execute(f"DROP TABLE IF EXISTS {self._table}")
                    database.execute(self._create)
                    database.execute(f"PRAGMA user_version = {self._version}")
        except sqlite3.OperationalError:
            database.close()
            return None
        except sqlite3.DatabaseError:
            database.close()
            return self._loaded(write=True) if self._put_aside(write=write) else None
        return database

    def _content(self, *, write: bool) -> bytes | None:
        """What is in the file: nothing where there is none yet to write to; None where it cannot be had."""
        try:
            return files.read_whole(self._path, _LARGEST)
        except FileNotFoundError:
            return b"" if write and os.path.isdir(os.path.dirname(self._path)) else None
        except OSError:
            return None

    def _put_aside(self, *, write: bool) -> bool:
        """Make room for a new one where this one is damaged; True where that is done."""
        try:
            if not write or not S_ISREG(beneath.lstat(self._path).st_mode):
                return False
            beneath.rename(self._path, f"{self._path}.damaged")
        except OSError:
            return False
        return True
