"""Objects as files below a directory: a disk that is plugged in, or a share that is mounted.

A file appears under its name when it is whole and synced. No link is followed below the directory.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from backend.errors import InvalidInputError, NotFoundError
from backend.fs import beneath, files
from backend.fs.directories import make_directory
from backend.repository.object_store import (
    AlreadyStoredError,
    StoredObject,
    StoreUnreachableError,
)

_PIECE = 1 << 20
_PART = re.compile(r"\.[A-Za-z0-9._-]+\.[A-Za-z0-9]{12}~")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PRIVATE = 0o700
_ABANDONED_AFTER = 48 * 3600


class DirectoryStore:
    """The objects below the directory `top`, which has to be there: else it may not be mounted."""

    def __init__(self, top: str) -> None:
        self._top = top
        self.url = f"file://{top}"

    # -- writing

    def upload(self, key: str, size: int) -> "_FileUpload":
        """Begin to write an object; NoSpaceError where a file of that size has no room."""
        with self._errors(f"write {key}"):
            folder, name = self._parent(key, make=True)
            try:
                return _FileUpload(folder, name, size)
            except BaseException:
                os.close(folder)
                raise

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet.

        Raises:
            AlreadyStoredError: it is there.
        """
        upload = self.upload(key, len(data))
        try:
            upload.write(data)
            with self._errors(f"write {key}"):
                upload.finish_new()
        except FileExistsError:
            raise AlreadyStoredError(f"there is an object {key} already") from None
        finally:
            upload.abort()

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with self._errors(f"remove {key}"), suppress(FileNotFoundError):
            folder, name = self._parent(key, make=False)
            try:
                os.unlink(name, dir_fd=folder)
                files.sync_open_directory(folder)
            finally:
                os.close(folder)

    # -- reading

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        with self._opened(key) as fd, self._errors(f"read {key}"):
            while piece := os.read(fd, _PIECE):
                yield piece

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        with self._opened(key) as fd, self._errors(f"read {key}"):
            parts = []
            while length and (part := os.pread(fd, length, start)):
                parts.append(part)
                start += len(part)
                length -= len(part)
            return b"".join(parts)

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        with self._opened(key) as fd:
            return os.fstat(fd).st_size

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        folder, _, _rest = prefix.rpartition("/")
        with self._errors("list objects"), self._held() as top:
            try:
                start = self._walked(top, [*filter(None, folder.split("/"))], make=False)
            except FileNotFoundError:
                return
            yield from (stored for stored in _objects(start, folder) if stored.key.startswith(prefix))

    def sweep(self, now: float) -> None:
        """Remove what uploads left that died long ago."""
        with self._errors("clean up"), self._held() as top:
            _sweep(os.dup(top), now - _ABANDONED_AFTER)

    def close(self) -> None:
        """Nothing is held."""

    # -- ways

    @contextmanager
    def _held(self) -> Iterator[int]:
        try:
            fd = beneath.open_path(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreUnreachableError(f"there is no directory {self._top}: is it mounted?") from None
        try:
            yield fd
        finally:
            os.close(fd)

    def _parent(self, key: str, *, make: bool) -> tuple[int, str]:
        """The open directory of an object, and its name in it."""
        *folders, name = _segments(key)
        with self._held() as top:
            return self._walked(top, folders, make=make), name

    def _walked(self, top: int, folders: list[str], *, make: bool) -> int:
        fd = os.dup(top)
        try:
            for folder in folders:
                if make:
                    with suppress(FileExistsError):
                        make_directory(folder, fd, _PRIVATE)
                        files.sync_open_directory(fd)
                below = os.open(folder, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = below
        except BaseException:
            os.close(fd)
            raise
        return fd

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        with self._errors(f"read {key}"):
            try:
                folder, name = self._parent(key, make=False)
                try:
                    fd = os.open(name, _FILE, dir_fd=folder)
                finally:
                    os.close(folder)
            except FileNotFoundError:
                raise NotFoundError(f"there is no object {key}") from None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotFoundError(f"{key} is not a file")
            yield fd
        finally:
            os.close(fd)

    def _errors(self, action: str) -> AbstractContextManager[None]:
        return files.os_errors_as(f"cannot {action} in {self._top}")


class _FileUpload:
    """A file without its name yet, in an open directory that it owns."""

    def __init__(self, folder: int, name: str, size: int) -> None:
        self._folder = folder
        self._name = name
        self._part = f".{name}.{files.random_name()}~"
        _demand_room(folder, size)
        self._fd = os.open(self._part, files.NEW_FILE, 0o600, dir_fd=folder)

    def write(self, data: bytes) -> int:
        """Store some bytes."""
        with files.os_errors_as(f"cannot write {self._name}"):
            files.write_all(self._fd, data)
        return len(data)

    def finish(self) -> None:
        """Give the file its name, for good."""
        with files.os_errors_as(f"cannot write {self._name}"):
            os.fsync(self._fd)
            os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            files.sync_open_directory(self._folder)
        self._close()

    def finish_new(self) -> None:
        """Give it a name that nothing has; FileExistsError where something has it."""
        os.fsync(self._fd)
        files.rename_new(self._part, self._folder, self._name, self._folder)
        files.sync_open_directory(self._folder)

    def abort(self) -> None:
        """Remove it, where it did not get its name."""
        if self._fd < 0:
            return
        with suppress(OSError):
            os.unlink(self._part, dir_fd=self._folder)
        self._close()

    def _close(self) -> None:
        os.close(self._fd)
        os.close(self._folder)
        self._fd = -1


def _demand_room(folder: int, size: int) -> None:
    room = os.fstatvfs(folder)
    if size > room.f_bavail * room.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _segments(key: str) -> list[str]:
    """The names on the way to an object; InvalidInputError for a key that could lead elsewhere."""
    segments = key.split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidInputError(f"{key!r:.80} cannot be the key of an object")
    return segments


def _objects(folder: int, path: str) -> Iterator[StoredObject]:
    """Every file below an open directory, which is closed; nothing of what could not be an object."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not _SEGMENT.fullmatch(entry.name):
                    continue
                key = f"{path}/{entry.name}" if path else entry.name
                if entry.is_dir(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield from _objects(os.open(entry.name, _DIRECTORY, dir_fd=folder), key)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        yield StoredObject(key, status.st_size, status.st_mtime)
    finally:
        os.close(folder)


def _sweep(folder: int, latest: float) -> None:
    try:
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                status = os.lstat(name, dir_fd=folder)
                if stat.S_ISDIR(status.st_mode) and _SEGMENT.fullmatch(name):
                    _sweep(os.open(name, _DIRECTORY, dir_fd=folder), latest)
                elif _PART.fullmatch(name) and status.st_mtime < latest:
                    os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)
