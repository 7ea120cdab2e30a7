"""What SQLite refuses, as errors of ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import NoSpaceError, SnapshotError


@contextmanager
def database_errors_as(action: str, place: str = "the file system") -> Iterator[None]:
    """Turn what SQLite refuses into an error that begins with what could not be done.

    Raises:
        NoSpaceError: there is no room at `place`.
        SnapshotError: it failed for another reason.
    """
    try:
        yield
    except sqlite3.Error as cause:
        if "full" in str(cause):
            raise NoSpaceError(f"cannot {action}", place) from cause
        raise SnapshotError(f"cannot {action}: {cause}") from cause
