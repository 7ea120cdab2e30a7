"""Objects wherever rclone reaches: SFTP, WebDAV and many more, by the program `rclone`.

It writes under the name that an object will have: while an upload is on its way, or after it died, what there
is of it is listed. Whoever lists relies on manifests, which are written last.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.repository.object_store import (
    PIECE,
    AlreadyStoredError,
    StoredObject,
    StoreError,
    demand_key,
    write_whole,
)
from backend.repository.rclone_program import Rclone, Run

_REMOTE = re.compile(r"[A-Za-z0-9_.+@][A-Za-z0-9_.+@ -]*")


class RcloneStore:
    """The objects below `REMOTE:PATH`, a remote of rclone's own configuration."""

    looks_before_create = True

    def __init__(self, target: str, rclone: Rclone) -> None:
        self._base = target if target.endswith((":", "/")) else f"{target}/"
        self._rclone = rclone
        self.url = f"rclone:{target}"

    def prepare(self) -> None:
        """Directories are made as they are needed."""

    # -- writing

    def upload(self, key: str, size: int) -> "PipedUpload":  # noqa: ARG002 - only one that is exact is of use
        """Begin to write an object."""
        run = self._run(f"write {key}", "rcat", self._path(key), feeds=True)
        return PipedUpload(self, key, run)

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet, as far as can be seen.

        Raises:
            AlreadyStoredError: it is there.
        """
        if self._entry(key) is not None:
            raise AlreadyStoredError(f"cannot write {key} in {self.url}: it is there already")
        run = self._run(f"write {key}", "rcat", f"--size={len(data)}", self._path(key), feeds=True)
        write_whole(PipedUpload(self, key, run), data)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with suppress(NotFoundError):
            self._run(f"remove {key}", "deletefile", self._path(key)).output()

    def sweep(self, older_than: float) -> None:
        """Leftovers cannot be told from objects."""

    # -- reading

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        with self._run(f"read {key}", "cat", self._path(key)) as run:
            while piece := run.read(PIECE):
                yield piece
            run.finish()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        if length <= 0:
            return b""
        options = (f"--offset={start}", f"--count={length}")
        return self._run(f"read {key}", "cat", *options, self._path(key)).output()

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        entry = self._entry(key)
        if entry is None:
            raise NotFoundError(f"cannot look at {key} in {self.url}: it is not there")
        return int(entry["Size"])

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        folder = prefix.rpartition("/")[0]
        options = ("--recursive", "--files-only", "--no-mimetype", "--use-server-modtime")
        try:
            entries = self._listed(*options, f"{self._base}{folder}")
        except NotFoundError:
            return
        for entry in entries:
            key = f"{folder}/{entry['Path']}" if folder else str(entry["Path"])
            if key.startswith(prefix):
                yield StoredObject(key, int(entry["Size"]), _seconds(entry))

    def close(self) -> None:
        """Nothing runs between calls."""

    # -- the program

    def _path(self, key: str) -> str:
        return f"{self._base}{demand_key(key)}"

    def _run(self, action: str, *arguments: str, feeds: bool = False) -> Run:
        return self._rclone.run(f"cannot {action} in {self.url}", arguments, feeds=feeds)

    def _entry(self, key: str) -> dict[str, Any] | None:
        """What is told of the object of a key; None where there is none."""
        try:
            entries = self._listed("--stat", "--no-mimetype", "--use-server-modtime", self._path(key))
        except NotFoundError:
            return None
        return entries[0] if entries and not entries[0].get("IsDir") else None

    def _listed(self, *arguments: str) -> list[dict[str, Any]]:
        text = self._run("list objects", "lsjson", *arguments).output()
        try:
            listing = json.loads(text or b"[]") or []
        except ValueError:
            raise StoreError(f"cannot list objects in {self.url}: rclone's list cannot be read") from None
        return [listing] if isinstance(listing, dict) else list(listing)


class PipedUpload:
    """An upload through the program; what there is of one that was stopped is removed."""

    def __init__(self, store: RcloneStore, key: str, run: Run) -> None:
        self._store = store
        self._key = key
        self._run = run
        self._is_open = True

    def write(self, data: bytes) -> int:
        """Send some bytes."""
        self._run.write(data)
        return len(data)

    def finish(self) -> None:
        """Let the object appear."""
        self._run.finish()
        self._is_open = False

    def abort(self) -> None:
        """End the program, and remove what it may have written."""
        if not self._is_open:
            return
        self._is_open = False
        self._run.kill()
        with suppress(SnapshotError):
            self._store.delete(self._key)


def open_rclone_store(config: RepositoryConfig) -> RcloneStore:
    """Open the place that an rclone:REMOTE:PATH names; asks nobody yet.

    Raises:
        InvalidInputError: rclone is missing, or the remote is none of its configuration.
    """
    target = config.url.partition(":")[2]
    if not _REMOTE.fullmatch(target.partition(":")[0]):
        raise InvalidInputError(
            f"repository {config.name}: write rclone:REMOTE:PATH with the name of a remote that "
            "`rclone config` made; options and secrets belong there"
        )
    return RcloneStore(target.rstrip("/"), Rclone(config.ca_file))


def _seconds(entry: dict[str, Any]) -> float:
    """When an object was written; never, where the list does not tell."""
    try:
        return datetime.fromisoformat(str(entry["ModTime"])).timestamp()
    except (KeyError, ValueError):
        return 0.0
