"""Copies that stand where a file is expected: downloaded and verified, then a file like any other."""

import os

from backend.engine import cached_export, opened_repository
from tui.cli.context import Context
from tui.cli.progress import interruptible


def local_file(context: Context, name: str) -> str:
    """Return the file that an argument names; of a copy, `REPO:ID`, its export in the cache.

    Raises:
        InvalidInputError: no such repository is configured.
        NotFoundError: there is no such copy.
        SnapshotError: it cannot be had.
    """
    if not name or os.path.isabs(name):
        return name
    repository, _, copy = name.partition(":")
    with opened_repository(context.engine, repository) as opened:
        return interruptible(
            context,
            lambda progress: cached_export(opened, opened.find(copy, opened.copies(progress)), progress),
        )
