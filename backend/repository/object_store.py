"""What a repository asks of a place that keeps objects: the least that every real one can do.

No locks, no renames, no attributes, no conditional updates: each is missing or broken on a store that people
use. An object is whole when it is listed.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from backend.errors import NotAllowedError, SnapshotError, UnreachableError


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
    a secret in them.
    """

    @property
    def url(self) -> str:
        """Where it is, without a secret."""

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

    def close(self) -> None:
        """Let go of connections and processes."""
