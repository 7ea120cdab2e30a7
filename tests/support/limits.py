"""Limits of this process, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from resource import RLIMIT_FSIZE, getrlimit, setrlimit


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let no file grow above `limit` bytes."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)
