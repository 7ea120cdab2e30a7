"""Objects wherever rclone reaches: SFTP, WebDAV and many more, by the program `rclone`."""

import json
import os
import subprocess
from calendar import timegm
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import strptime
from typing import IO, Any

from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.repository.object_store import (
    AlreadyStoredError,
    StoredObject,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
)

_PIECE = 1 << 20
_LONGEST_REASON = 200
_NOT_THERE = 3, 4  # rclone's exit codes for a directory, and a file, that is not there
_SILENT = ("connection refused", "no such host", "i/o timeout", "connection reset", "couldn't connect")
_REFUSED = ("permission denied", "access denied", "401 ", "403 ", "unable to authenticate")


class RcloneStore:
    """The objects below `REMOTE:PATH`, a remote of rclone's own configuration.

    It cannot write where nothing must be yet: it looks first, which two at once can get past.
    """

    def __init__(self, target: str, program: str = "rclone") -> None:
        self._target = target.rstrip("/")
        self._program = program
        self.url = f"rclone:{self._target}"

    def upload(self, key: str, size: int) -> "_PipedUpload":  # noqa: ARG002 - rclone needs it exactly or not
        """Begin to write an object."""
        return _PipedUpload(self, key)

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet.

        Raises:
            AlreadyStoredError: it is there.
        """
        with suppress(NotFoundError):
            self.size(key)
            raise AlreadyStoredError(f"there is an object {key} in {self.url} already")
        with self.running("rcat", "--size", str(len(data)), self._path(key), feed=True) as process:
            upload = pipe(process.stdin)
            with suppress(BrokenPipeError):
                upload.write(data)
                upload.close()
        self._demand(process, f"write {key}")

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        self.size(key)
        with self.running("cat", self._path(key)) as process:
            while piece := pipe(process.stdout).read(_PIECE):
                yield piece
        self._demand(process, f"read {key}")

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        length = min(length, self.size(key) - start)
        if length <= 0:
            return b""
        return self._output(f"read {key}", "cat", f"--offset={start}", f"--count={length}", self._path(key))

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        name = key.rpartition("/")[2]
        for entry in self._entries("lsjson", "--files-only", self._path(key)):
            if entry.get("Name") == name:
                return int(entry["Size"])
        raise NotFoundError(f"there is no object {key} in {self.url}")

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        folder = prefix.rpartition("/")[0]
        with suppress(NotFoundError):
            for entry in self._entries("lsjson", "--files-only", "-R", self._path(folder)):
                key = f"{folder}/{entry['Path']}" if folder else str(entry["Path"])
                if key.startswith(prefix):
                    yield StoredObject(key, int(entry["Size"]), _seconds(str(entry["ModTime"])))

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with suppress(NotFoundError):
            self._output(f"remove {key}", "deletefile", self._path(key))

    def close(self) -> None:
        """Nothing runs between calls."""

    # -- the program

    @contextmanager
    def running(self, *arguments: str, feed: bool = False) -> "Iterator[subprocess.Popen[bytes]]":
        """The program at work, ended when this is left; its last words are kept."""
        environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        try:
            process = subprocess.Popen(
                [self._program, "--retries", "3", "--contimeout", "15s", *arguments],
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except FileNotFoundError:
            raise InvalidInputError(
                f"{self.url} needs the program rclone; install it with: apt install rclone"
            ) from None
        with process:
            try:
                yield process
                process.last_words = pipe(process.stderr).read()  # type: ignore[attr-defined]
            except BaseException:
                process.kill()
                raise

    def _path(self, key: str) -> str:
        return f"{self._target}/{key}" if not self._target.endswith(":") else f"{self._target}{key}"

    def _output(self, action: str, *arguments: str) -> bytes:
        with self.running(*arguments) as process:
            output = pipe(process.stdout).read()
        self._demand(process, action)
        return output

    def _entries(self, *arguments: str) -> Sequence[dict[str, Any]]:
        entries = json.loads(self._output("list objects", *arguments) or b"[]")
        return [entry for entry in entries or [] if isinstance(entry, dict)]

    def _demand(self, process: "subprocess.Popen[bytes]", action: str) -> None:
        """Raise why the program gave up, if it did."""
        if process.returncode:
            text = getattr(process, "last_words", b"").decode(errors="replace")
            raise refusal(f"cannot {action} in {self.url}", process.returncode, text)


class _PipedUpload:
    """An upload through the program; what is left of one that was stopped is removed."""

    def __init__(self, store: RcloneStore, key: str) -> None:
        self._store = store
        self._key = key
        self._running = store.running("rcat", store._path(key), feed=True)
        self._process = self._running.__enter__()
        self._is_open = True

    def write(self, data: bytes) -> int:
        """Send some bytes."""
        try:
            pipe(self._process.stdin).write(data)
        except BrokenPipeError:
            self._end()
            raise StoreError(f"cannot write {self._key} in {self._store.url}: rclone ended early") from None
        return len(data)

    def finish(self) -> None:
        """Let the object appear."""
        with suppress(BrokenPipeError):
            pipe(self._process.stdin).close()
        self._end()

    def abort(self) -> None:
        """End the program, and remove what it may have written."""
        if self._is_open:
            self._is_open = False
            self._process.kill()
            with suppress(SnapshotError, ValueError):
                self._running.__exit__(None, None, None)
            with suppress(SnapshotError):
                self._store.delete(self._key)

    def _end(self) -> None:
        self._is_open = False
        self._running.__exit__(None, None, None)
        self._store._demand(self._process, f"write {self._key}")


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for."""
    assert stream is not None
    return stream


def refusal(action: str, code: int, text: str) -> SnapshotError:
    """What the program's end means, in one sentence."""
    lines = [line.partition(": ")[2] or line for line in text.strip().splitlines()] or [
        f"rclone ended with {code}"
    ]
    reason = lines[-1][:_LONGEST_REASON]
    lower = text.lower()
    if code in _NOT_THERE or "object not found" in lower or "directory not found" in lower:
        return NotFoundError(f"{action}: it is not there")
    if any(mark in lower for mark in _REFUSED):
        return StoreRefusedError(f"{action}: {reason}")
    if any(mark in lower for mark in _SILENT):
        return StoreUnreachableError(f"{action}: {reason}")
    return StoreError(f"{action}: {reason}")


def _seconds(text: str) -> float:
    """When a listing says that an object was written, to the second."""
    try:
        moment = timegm(strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
        zone = text[-6:]
        if zone[0] in "+-":
            moment -= (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    except ValueError:
        return 0.0
    return float(moment)
