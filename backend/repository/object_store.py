"""What a repository asks of a place that keeps objects: the least that every real one can do.

No locks, no renames, no attributes, no conditional updates: each is missing or broken on a store that people
use. An object is whole when it is listed, but for stores that say otherwise.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from backend.errors import InvalidInputError, NotAllowedError, SnapshotError, UnreachableError

PIECE = 1 << 20
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


class StoreError(SnapshotError):
    """The store refused, or failed."""


class AlreadyStoredError(StoreError):
    """There is an object of that key already."""


class StoreUnreachableError(UnreachableError):
    """The store did not answer, or stopped to answer."""


class StoreRefusedError(NotAllowedError):
    """The store does not let these credentials do that."""


class StoredObject(NamedTuple):
    """An object as a listing tells it: `size` in bytes, `modified` in seconds since the epoch."""

    key: str
    size: int
    modified: float


class Upload(Protocol):
    """An object on its way; it is there once `finish` returned, and never before."""

    def write(self, data: bytes) -> int:
        """Take some bytes; returns how many."""

    def finish(self) -> None:
        """Make the object appear, whole."""

    def abort(self) -> None:
        """Let nothing appear; after `finish`, nothing happens."""


class ObjectStore(Protocol):
    """Objects below a prefix that its URL names. Keys are relative to it, and made of harmless characters.

    Methods raise StoreUnreachableError, StoreRefusedError or StoreError, whose texts are one sentence without
    a secret in them, and InvalidInputError for what is no key.
    """

    @property
    def url(self) -> str:
        """Where it is, without a secret."""

    @property
    def looks_before_create(self) -> bool:
        """Whether `create` only looks whether the object is there before it writes: two at once both may."""

    def prepare(self) -> None:
        """Make the place itself, where that can be done: a directory; a bucket has to be there."""

    def upload(self, key: str, size: int) -> Upload:
        """Begin to write an object of about `size` bytes (at least a good guess), in parts, as they come."""

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet, at once.

        Raises:
            AlreadyStoredError: it is there; a store that cannot tell replaces it.
        """

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes, in pieces of about a mebibyte; NotFoundError where it is not there."""

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object, shorter only where it ends; NotFoundError where it is not there."""

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`, in no order that can be relied on."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def sweep(self, older_than: float) -> None:
        """Remove what uploads left that died, and that nobody wrote to for so many seconds.

        A store that cannot list such leftovers removes none.
        """

    def close(self) -> None:
        """Let go of connections and processes."""


def write_whole(upload: Upload, data: bytes) -> None:
    """Write all of a small object by an upload that was begun; where that fails, nothing appears."""
    try:
        upload.write(data)
        upload.finish()
    finally:
        upload.abort()


def demand_key(key: str) -> str:
    """Return a key that leads nowhere but to an object below the prefix of any store.

    Raises:
        InvalidInputError: it could lead elsewhere, or a store may spell it differently.
    """
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidInputError(f"{key!r:.80} cannot be the key of an object")
    return key


def is_segment(name: str) -> bool:
    """Whether a name can be a part of a key, between two slashes."""
    return _SEGMENT.fullmatch(name) is not None
