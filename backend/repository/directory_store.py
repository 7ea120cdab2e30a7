"""Objects as files below a directory: a disk that is plugged in, or a share that is mounted.

A file appears under its name when it is whole and synced. No link is followed below the directory.
"""

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from backend.errors import NotFoundError, SnapshotError
from backend.fs import beneath, files
from backend.fs.directories import make_directories, make_directory
from backend.repository.object_store import (
    PIECE,
    AlreadyStoredError,
    StoredObject,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
    demand_key,
    is_segment,
    write_whole,
)

_PART = re.compile(r"\.[A-Za-z0-9_][A-Za-z0-9._-]*\.[A-Za-z0-9]{12}~")
_TOP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC  # where people put it, through links as well
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
_TRIES = 5  # another process may remove a directory that became empty just before it is written into
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.EMLINK, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_SILENT = (
    *(errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNRESET, errno.ESHUTDOWN),
)


class DirectoryStore:
    """The objects below the directory `top`, which has to be there: else it may not be mounted."""

    looks_before_create = False

    def __init__(self, top: str) -> None:
        self._top = top
        self.url = f"file://{top}"

    def prepare(self) -> None:
        """Make the directory where it is missing, for nobody but us."""
        with self._errors(f"make {self._top}"):
            make_directories(self._top, _PRIVATE)

    # -- writing

    def upload(self, key: str, size: int) -> "FileUpload":
        """Begin to write an object; StoreError where a file of that size has no room."""
        demand_key(key)
        with self._errors(f"write {key}"):
            for _ in range(_TRIES - 1):
                with suppress(FileNotFoundError):
                    return self._begun(key, size)
            return self._begun(key, size)

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet.

        Raises:
            AlreadyStoredError: it is there.
        """
        write_whole(self.upload(key, len(data)), data)

    def delete(self, key: str) -> None:
        """Remove an object, and the directories that hold nothing without it."""
        *folders, name = demand_key(key).split("/")
        with self._errors(f"remove {key}"), self._held() as top, suppress(FileNotFoundError):
            with files.opened_below(top, "/".join(folders)) as folder:
                os.unlink(name, dir_fd=folder)
                files.sync_open_directory(folder)
            _remove_empty(top, folders)

    def sweep(self, older_than: float) -> None:
        """Remove what uploads left that died, and that nobody wrote to for so many seconds."""
        latest = time.time() - older_than
        with self._errors("clean up"), self._held() as top:
            for path, entry in _files(top, ""):
                if _PART.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < latest:
                    with suppress(FileNotFoundError), files.opened_below(top, path) as folder:
                        os.unlink(entry.name, dir_fd=folder)

    # -- reading

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        with self._errors(f"read {key}"), self._opened(key) as fd:
            while piece := os.read(fd, PIECE):
                yield piece

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        parts = []
        with self._errors(f"read {key}"), self._opened(key) as fd:
            while length and (part := os.pread(fd, length, start)):
                parts.append(part)
                start += len(part)
                length -= len(part)
        return b"".join(parts)

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        with self._errors(f"look at {key}"), self._opened(key) as fd:
            return os.fstat(fd).st_size

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        with self._errors("list objects"), self._held() as top:
            for path, entry in _files(top, prefix.rpartition("/")[0]):
                key = f"{path}/{entry.name}" if path else entry.name
                if key.startswith(prefix) and is_segment(entry.name):
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        yield StoredObject(key, status.st_size, status.st_mtime)

    def close(self) -> None:
        """Nothing is held."""

    # -- ways

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The directory itself, open."""
        try:
            fd = beneath.open_path(self._top, _TOP)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreUnreachableError(f"there is no directory {self._top}: is it mounted?") from None
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """The file of an object, open."""
        with self._held() as top:
            try:
                fd = beneath.open_below(top, demand_key(key), _FILE)
            except (FileNotFoundError, NotADirectoryError):
                raise NotFoundError(f"there is no object {key} in {self.url}") from None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotFoundError(f"there is no object {key} in {self.url}")
            yield fd
        finally:
            os.close(fd)

    def _begun(self, key: str, size: int) -> "FileUpload":
        *folders, name = key.split("/")
        with self._held() as top:
            folder = _made(top, folders)
        try:
            _demand_room(folder, size)
            return FileUpload(folder, name, partial(self._errors, f"write {key}"))
        except BaseException:
            os.close(folder)
            raise

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """Turn what the system refuses into one sentence."""
        try:
            yield
        except OSError as cause:
            raise _refusal(f"cannot {action} in {self.url}", cause) from cause


class FileUpload:
    """A file without its name yet, in an open directory that is its own to close."""

    def __init__(self, folder: int, name: str, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._errors = errors
        self._folder = folder
        self._name = name
        self._part = f".{name}.{files.random_name()}~"
        self._fd = os.open(self._part, files.NEW_FILE, _PRIVATE_FILE, dir_fd=folder)
        with suppress(OSError):  # whatever the umask is; a file system without rights has none to change
            os.fchmod(self._fd, _PRIVATE_FILE)

    def write(self, data: bytes) -> int:
        """Store some bytes."""
        with self._errors():
            files.write_all(self._fd, data)
        return len(data)

    def finish(self) -> None:
        """Give the file its name, for good.

        Raises:
            AlreadyStoredError: another one has it.
        """
        with self._errors():
            os.fsync(self._fd)
            self._take_name()
            files.sync_open_directory(self._folder)
        self._close()

    def abort(self) -> None:
        """Remove the file, if it did not get its name."""
        if self._fd < 0:
            return
        with suppress(OSError):
            os.unlink(self._part, dir_fd=self._folder)
        self._close()

    def _take_name(self) -> None:
        """Replace nothing, and let nobody come between: by a link, as NFS has it, else by a renaming."""
        here = self._folder
        try:
            os.link(self._part, self._name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        except OSError as refusal:
            if refusal.errno not in _NO_LINKS:
                raise
            files.rename_new(self._part, here, self._name, here)
        else:
            os.unlink(self._part, dir_fd=here)

    def _close(self) -> None:
        os.close(self._fd)
        os.close(self._folder)
        self._fd = -1


def _refusal(action: str, cause: OSError) -> SnapshotError:
    """What a failure of the system means, in one sentence."""
    if isinstance(cause, FileExistsError):
        return AlreadyStoredError(f"{action}: it is there already")
    if cause.errno in _FULL:
        return StoreError(f"{action}: no space is left there")
    if cause.errno in _REFUSED:
        return StoreRefusedError(f"{action}: {cause.strerror}")
    if cause.errno in _SILENT:
        return StoreUnreachableError(f"{action}: {cause.strerror}: is it still mounted?")
    return StoreError(f"{action}: {cause.strerror or cause}")


def _demand_room(folder: int, size: int) -> None:
    """OSError (ENOSPC) where so many bytes have no room."""
    room = os.fstatvfs(folder)
    if size > room.f_bavail * room.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _made(top: int, folders: list[str]) -> int:
    """The directory at a path, open; those that are missing are made, for nobody but us."""
    fd = os.dup(top)
    try:
        for name in folders:
            if files.identity(name, fd) is None:
                with suppress(FileExistsError):
                    make_directory(name, fd, _PRIVATE)
                    files.sync_open_directory(fd)
            below = os.open(name, files.DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
    except BaseException:
        os.close(fd)
        raise
    return fd


def _remove_empty(top: int, folders: list[str]) -> None:
    """Remove the directories at the end of a path that hold nothing."""
    for depth in range(len(folders) - 1, -1, -1):
        with files.opened_below(top, "/".join(folders[:depth])) as above:
            try:
                os.rmdir(folders[depth], dir_fd=above)
            except OSError:
                return


def _files(top: int, path: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every regular file at and below a path, which may be missing, with the path of its directory."""
    paths = [path]
    while paths:
        path = paths.pop()
        with suppress(FileNotFoundError), files.opened_below(top, path) as fd, os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield path, entry
                elif entry.is_dir(follow_symlinks=False) and is_segment(entry.name):
                    paths.append(f"{path}/{entry.name}" if path else entry.name)
