"""The folder of tables of contents: found again while their file is the same, and dropped with it.

What lies there can be made anew at any time. Every file of archives has a folder of its own, in which
`source` names it; tables under way are locked by their process.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from backend.fs import beneath, files, locks
from backend.fs.directories import make_directories
from backend.fs.files import Fingerprint, opened, random_name, read_whole, write_whole

CAP = 512 << 20
_SOURCE = "source"
_TABLE = ".toc"
_DRAFT = ".part"
_LONGEST = 8192
_LETTERS = 24
_FOLDER = re.compile("[0-9a-f]{24}")
_OURS = re.compile(r"[A-Za-z0-9-]+\.(toc|part)(-journal|-wal|-shm)?|source\.[A-Za-z0-9]{12}~")


class Key(NamedTuple):
    """What a table is about: a file, its `Fingerprint`, which a later one does not have, an archive in it."""

    path: str
    stamp: str
    archive: str


class PendingToc:
    """A table under way at `path`; `keep` it or `drop` it."""

    def __init__(self, path: str, final: str, stack: ExitStack) -> None:
        self.path = path
        self._final = final
        self._stack = stack

    def keep(self) -> None:
        """Let it be found."""
        with self._stack:
            try:
                beneath.rename(self.path, self._final)
            except OSError:
                _remove(self.path)

    def drop(self) -> None:
        """Remove it."""
        with self._stack:
            _remove(self.path)


class TocCache:
    """The tables kept in the state folder, `cap` bytes at most; none where that cannot be written."""

    def __init__(self, state_dir: str, cap: int = CAP) -> None:
        is_kept = state_dir and beneath.is_ours_alone(state_dir)  # SQLite reaches files by their path alone
        self._folder = f"{state_dir}/index" if is_kept else ""
        self.cap = cap

    def find(self, key: Key) -> str | None:
        """Where the table is kept, if it is; it counts as used now."""
        path = self._path(key)
        if not (_is_own(self._folder) and _is_own(os.path.dirname(path))):
            return None
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            with opened(path, flags) as fd:
                if os.fstat(fd).st_uid != os.geteuid():
                    return None
                os.utime(fd)
        except OSError:
            return None
        return path

    def drop(self, key: Key) -> None:
        """Remove a table."""
        _remove(self._path(key))

    def begin(self, key: Key) -> PendingToc | None:
        """A new table; None where none can be kept."""
        if not self._folder:
            return None
        final = self._path(key)
        above = os.path.dirname(final)
        path = f"{above}/{random_name()}{_DRAFT}"
        with ExitStack() as stack:
            try:
                make_directories(self._folder, 0o700)
                if not _is_own(self._folder):
                    return None
                make_directories(above, 0o700)
                if not _is_own(above):
                    return None
                if not os.path.exists(f"{above}/{_SOURCE}"):
                    write_whole(f"{above}/{_SOURCE}", os.fsencode(key.path))
                stack.enter_context(locks.locked(stack.enter_context(opened(path, files.NEW_FILE))))
            except OSError:
                return None
            return PendingToc(path, final, stack.pop_all())
        raise AssertionError

    def _path(self, key: Key) -> str:
        archive = _short(f"{key.stamp} {key.archive}")
        return f"{self._folder}/{_short(key.path)}/{_short(key.stamp)}-{archive}{_TABLE}"

    def sweep(self) -> None:
        """Remove tables whose file is gone or another one, and the longest unused ones beyond the cap."""
        kept = []
        for folder in self._folders():
            kept += list(_swept(folder))
        room = self.cap
        for _, size, path in sorted(kept, reverse=True):
            room -= size
            if room < 0:
                _remove(path)

    def _folders(self) -> list[str]:
        if not _is_own(self._folder):
            return []
        paths = (f"{self._folder}/{name}" for name in _names(self._folder) if _FOLDER.fullmatch(name))
        return [path for path in paths if _is_own(path)]


def _is_own(path: str) -> bool:
    """Whether it is a directory of ours, and no link: in a root of somebody else's there may be one."""
    try:
        status = beneath.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _swept(folder: str) -> Iterator[tuple[float, int, str]]:
    """When last used, size and path of the tables in a folder that are worth keeping."""
    stamp = _present_stamp(folder)
    left = 0
    for name in _names(folder):
        path = f"{folder}/{name}"
        if name.endswith(_DRAFT) and locks.is_locked(path):
            left += 1
        elif name.endswith(_TABLE) and (stamp is None or name.startswith(f"{_short(stamp)}-")):
            left += 1
            try:
                status = os.lstat(path)
            except OSError:
                continue
            yield status.st_mtime, status.st_size, path
        elif _OURS.fullmatch(name):
            _remove(path)
    if not left:
        _remove(f"{folder}/{_SOURCE}")
        try:
            beneath.rmdir(folder)
        except OSError:
            pass


def _present_stamp(folder: str) -> str | None:
    """What identifies the file of a folder now: empty where it is gone, None where that cannot be known."""
    try:
        source = os.fsdecode(read_whole(f"{folder}/{_SOURCE}", _LONGEST))
    except OSError:
        return ""
    try:
        return str(Fingerprint.of(os.lstat(source)))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return ""
    except OSError:
        return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove(path: str) -> None:
    try:
        beneath.unlink(path)
    except OSError:
        pass


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LETTERS]
