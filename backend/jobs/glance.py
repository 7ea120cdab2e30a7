"""A look at a journal that costs less than to read it."""

import os
from typing import TYPE_CHECKING

from backend.fs import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from backend.jobs.journal import Journal
    from backend.store.store import Store

_GLANCE = 16 << 10


def may_name_guards(state_dir: str) -> bool:
    """Whether a journal may name guards, the safety snapshots of restores; no where it cannot be read."""
    try:
        with os.scandir(f"{state_dir}/jobs") as jobs:
            return any(b'"guard"' in _beginning(f"{job.path}/steps.jsonl") for job in jobs)
    except OSError:
        return False


def waiting_texts(state_dir: str, journal: "Callable[[], Journal]", store: "Store") -> list[str]:
    """A sentence about each job that died amid replacing data; the journal is read only if one may have."""
    if not may_have_died(state_dir):
        return []
    from backend.jobs.data_endings import waiting_jobs, waiting_text

    return [waiting_text(record) for record in waiting_jobs(journal(), store)]


def may_have_died(state_dir: str) -> bool:
    """Whether a journal has a job without an end, which runs or was interrupted; no where it has none."""
    try:
        with os.scandir(f"{state_dir}/jobs") as jobs:
            return any(not os.path.lexists(f"{job.path}/result.json") for job in jobs)
    except OSError:
        return False


def _beginning(path: str) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with files.opened(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK) as fd:
            return os.read(fd, _GLANCE)
    except OSError:
        return b""
