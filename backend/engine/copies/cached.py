"""Copies downloaded to be looked into: kept for a day in the user's cache, for nobody else."""

import os
import time
from contextlib import suppress

from backend.engine.copies.pulling import Download
from backend.fs import files, locks
from backend.fs.directories import make_directories
from backend.fs.space import require_space
from backend.host.user_directories import user_directory
from backend.progress import Progress
from backend.repository import Copy, Repository
from backend.transfer.exporter import export_to_file

_KEPT = 24 * 3600
_PRIVATE = 0o700
_SUFFIX = ".snapshot"


def cached_export(repository: Repository, copy: Copy, progress: Progress) -> str:
    """Return the path of a copy as an export file, which is downloaded and verified unless it is there.

    Raises:
        IntegrityError: it is not what was stored.
        NotAllowedError: it is encrypted, and cannot be read here.
        StoreUnreachableError, StoreRefusedError, StoreError: the store did not give it.
        SnapshotError: it cannot be kept.
        Cancelled: the job was stopped.
    """
    folder = os.path.join(user_directory("XDG_CACHE_HOME", ".cache"), "snapstow", "copies")
    path = os.path.join(folder, f"{copy.name.digest}-{copy.name.nonce}{_SUFFIX}")
    with files.os_errors_as("cannot keep the copy"):
        make_directories(os.path.dirname(folder))
        make_directories(folder, _PRIVATE)
        lock = locks.FileLock(f"{path}.lock", "another command downloads that copy", is_optional=True)
        with lock.held(wait=True):
            _sweep(folder, path)
            if not os.path.exists(path):
                size = copy.manifest.payload.size
                require_space([(folder, size)], "cannot look into the copy")
                with progress.step("Downloading", size):
                    export_to_file(Download(repository, copy), path, progress)
            os.utime(path)
    return path


def _sweep(folder: str, wanted: str) -> None:
    """Remove what nobody looked into for a day."""
    latest = time.time() - _KEPT
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(FileNotFoundError):
            if not path.startswith(wanted) and os.stat(path).st_mtime < latest:
                os.unlink(path)
