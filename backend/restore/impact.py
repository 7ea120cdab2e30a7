"""What a restore would take away: live data that the snapshot cannot give back."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from backend.errors import InvalidInputError
from backend.format import excludes
from backend.format.metadata import unix_time
from backend.fs import files
from backend.fs.files import DIRECTORY
from backend.host.layout import Layout
from backend.job import Job
from backend.model import ARCHIVE, Snapshot

_NAMED = 20


class Losses(NamedTuple):
    """Live files newer than the snapshot, and files that were excluded from it; sizes in bytes.

    `examples` are paths, at most twenty. `live_files` and `live_bytes` (on disk, holes left out) are all that
    would be replaced, and so what an undo would hold.
    """

    newer_files: int = 0
    newer_bytes: int = 0
    excluded_files: int = 0
    excluded_bytes: int = 0
    examples: tuple[str, ...] = ()
    live_files: int = 0
    live_bytes: int = 0

    @property
    def files(self) -> int:
        """How many files would be lost in all."""
        return self.newer_files + self.excluded_files

    def with_file(self, size: int, *, excluded: bool, named: tuple[str, ...]) -> "Losses":
        """The same with one more file."""
        examples = self.examples + named
        if excluded:
            files, total = self.excluded_files + 1, self.excluded_bytes + size
            return self._replace(excluded_files=files, excluded_bytes=total, examples=examples)
        files, total = self.newer_files + 1, self.newer_bytes + size
        return self._replace(newer_files=files, newer_bytes=total, examples=examples)


def losses(
    snapshot: Snapshot, layout: Layout, entry: str, replaced: Sequence[str], job: Job | None = None
) -> Losses:
    """What replacing the directories `replaced` by an entry of a snapshot would lose.

    Excluded is what the options recorded in the snapshot, and the patterns that the installed snap ships,
    leave out; a file both newer and excluded counts once, as excluded. Directories without rights are
    passed over. Cancelled when the job is stopped.
    """
    since = unix_time(snapshot.time)
    lost = Losses()
    live_files = live_bytes = 0
    for top in replaced:
        excluded = _excluded(snapshot, layout, entry, os.path.basename(top))
        for path, found in _files_below(top, job or Job()):
            live_files += 1
            live_bytes += _on_disk(found)
            is_excluded = excluded(path)
            if not is_excluded and found.st_mtime <= since:
                continue
            named = (f"{top}/{path}",) if len(lost.examples) < _NAMED else ()
            lost = lost.with_file(found.st_size, excluded=is_excluded, named=named)
    return lost._replace(live_files=live_files, live_bytes=live_bytes)


def _on_disk(found: os.stat_result) -> int:
    return min(found.st_size, found.st_blocks * 512) if stat.S_ISREG(found.st_mode) else 0


def _excluded(snapshot: Snapshot, layout: Layout, entry: str, top: str) -> Callable[[str], bool]:
    """Whether the patterns leave out a path below the directory `top` of an entry."""
    patterns = list(snapshot.exclude or ())
    try:
        installed = layout.installed(snapshot.snap)
        patterns += excludes.read_manifest(installed.exclude_manifest) if installed else []
    except InvalidInputError:
        pass  # patterns that cannot be read left nothing out
    role = "common" if top == "common" else str(snapshot.revision)
    matcher = excludes.compiled(excludes.expand(patterns, snapshot.revision, entry == ARCHIVE))
    if matcher is None:
        return lambda _path: False
    return lambda path: matcher.match(f"{role}/{path}") is not None


def _looked(fd: int, job: Job) -> Iterator[tuple[str, os.stat_result]]:
    for name in os.listdir(fd):
        job.check()
        try:
            yield name, os.lstat(name, dir_fd=fd)
        except OSError:
            continue  # it vanished just now


def _files_below(top: str, job: Job) -> Iterator[tuple[str, os.stat_result]]:
    """All files that are not directories below `top`, by relative path; links are not followed."""
    folders = [""]
    while folders:
        folder = folders.pop()
        job.check()
        try:
            with files.opened(f"{top}/{folder}" if folder else top, DIRECTORY) as fd:
                looked = list(_looked(fd, job))
        except OSError:
            continue
        for name, found in looked:
            path = f"{folder}/{name}" if folder else name
            if stat.S_ISDIR(found.st_mode):
                folders.append(path)
            else:
                yield path, found
