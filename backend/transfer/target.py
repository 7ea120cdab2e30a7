"""What a stream is written to: an open file, or a pipe whose reader may have stopped to read."""

import os
import stat
from contextlib import suppress
from functools import cached_property
from typing import Self

from backend.archive.hashing import Hasher
from backend.fs import files
from backend.progress import Progress

_PIECE = 1 << 20
_PATIENCE = 200  # milliseconds
_NEVER_WAITING = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Target:
    """A file or pipe that is open elsewhere, and a hash of what passes; every byte is counted.

    A context manager: a pipe may be open once more until it is left.
    """

    def __init__(self, fd: int, hasher: Hasher | None = None) -> None:
        self._fd = fd
        self._hasher = hasher
        self._kind = stat.S_IFMT(os.fstat(fd).st_mode)
        self._is_file = self._kind == stat.S_IFREG

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.__dict__.get("_pipe") is not None:
            os.close(self.__dict__.pop("_pipe"))

    def put(self, data: bytes, progress: Progress) -> None:
        """Write all of `data`; notices a stop while nobody reads at the other end of a pipe."""
        if self._is_file:
            files.write_all(self._fd, data)
        else:
            self._push(data, progress)
        if self._hasher is not None:
            self._hasher.update(data)
        progress.advance(len(data))

    def copy(self, source: int, size: int, progress: Progress) -> int:
        """Copy a file of `size` bytes; returns the bytes copied."""
        if self._is_file and self._hasher is None:
            return files.copy_range(source, 0, self._fd, size, advance=progress.advance)
        copied = 0
        while copied < size and (piece := os.pread(source, min(_PIECE, size - copied), copied)):
            self.put(piece, progress)
            copied += len(piece)
        return copied

    def _push(self, data: bytes, progress: Progress) -> None:
        from select import POLLOUT, poll

        room = poll()
        room.register(self._fd, POLLOUT)
        rest = memoryview(data)
        while rest:
            while not room.poll(_PATIENCE):
                progress.raise_if_cancelled()
            rest = rest[self._write(rest) :]

    def _write(self, data: memoryview) -> int:
        """Write what there is room for; returns the bytes."""
        from select import PIPE_BUF

        if self._pipe is None:
            return os.write(self._fd, data[:PIPE_BUF])
        try:
            return os.write(self._pipe, data)
        except BlockingIOError:
            return 0  # another writer was faster

    @cached_property
    def _pipe(self) -> int | None:
        """The same pipe, open so that no write waits; whoever shares `fd` sees nothing of that."""
        if self._kind == stat.S_IFIFO:
            with suppress(OSError):
                pipe = os.open(f"/proc/self/fd/{self._fd}", _NEVER_WAITING)
                files.widen_pipe(pipe)
                return pipe
        return None
