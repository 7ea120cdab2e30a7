"""A set on its way into a repository: hashed, encrypted and uploaded as it comes, in one stream."""

import hashlib
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import NamedTuple

from backend.archive.hashing import PIECE, AsideHash
from backend.errors import IntegrityError, SnapshotError
from backend.format.metadata import set_time
from backend.format.timestamps import unix_time
from backend.progress import Progress
from backend.repository.copies import Copy
from backend.repository.encryption import encrypt, encrypt_bytes
from backend.repository.manifest import Manifest, Payload, manifest_json
from backend.repository.names import MANIFEST, PAYLOAD, CopyName, ObjectKey
from backend.repository.object_store import AlreadyStoredError, StoreError
from backend.repository.repository import Repository

_SEALED = 1.001  # how much longer age makes a stream, at most


class Source(NamedTuple):
    """An export as it comes: `read` up to so many bytes, of `size` in all."""

    read: Callable[[int], bytes]
    size: int


def send(repository: Repository, manifest: Manifest, source: Source, progress: Progress) -> Copy:
    """Store an export as a copy; `manifest` tells all but what becomes of its payload.

    The bytes of the export are counted on
    `progress`. Nothing is listed before all of it is stored and was seen to be there.

    Raises:
        IntegrityError: the export has another length than it was to have.
        StoreUnreachableError, StoreRefusedError, StoreError: the store did not take it.
        Cancelled: the job was stopped.
    """
    sealed = bool(repository.config.recipients)
    saved = unix_time(set_time(manifest.set.snapshots))
    name = CopyName.new(repository.host, saved, manifest.set.set_id, manifest.content_hash)
    key = ObjectKey(name, PAYLOAD, sealed)
    payload = _store_payload(repository, key, source, progress)
    raw = manifest_json(manifest._replace(payload=payload, recipients=repository.config.recipients))
    try:
        with progress.uncancellable():
            _publish(repository, key, raw, payload.stored_size)
    except BaseException:
        for half in (key._replace(kind=MANIFEST), key):
            with suppress(SnapshotError):
                repository.store.delete(str(half))
        raise
    copy = Copy(name, sealed, payload.stored_size, time.time()).described(raw)
    repository.add(copy)
    return copy


def _store_payload(repository: Repository, key: ObjectKey, source: Source, progress: Progress) -> Payload:
    """Upload an export, and see that it had the bytes it was to have."""
    expected = int(source.size * _SEALED) + PIECE if key.sealed else source.size
    upload = repository.store.upload(str(key), expected)
    with closing(AsideHash(hashlib.sha256())) as stored, closing(AsideHash(hashlib.sha256())) as plain:

        def read(size: int) -> bytes:
            """Yield the next bytes of the export."""
            piece = source.read(size)
            plain.update(piece)
            progress.advance(len(piece))
            return piece

        def store(piece: bytes) -> None:
            """Upload some bytes."""
            stored.update(piece)
            upload.write(piece)

        try:
            if key.sealed:
                encrypt(read, store, repository.config.recipients)
            else:
                while piece := source.read(PIECE):
                    progress.advance(len(piece))
                    store(piece)
            digest, length = (plain if key.sealed else stored).finish()
            _demand_size(length, source.size)
            upload.finish()
        except BaseException:
            upload.abort()
            raise
        stored_digest, stored_size = stored.finish()
        return Payload(length, digest, stored_size, stored_digest)


def _demand_size(length: int, size: int) -> None:
    if length != size:
        raise IntegrityError(f"unexpected size, got: {length} but wanted {size}")


def _publish(repository: Repository, key: ObjectKey, raw: bytes, size: int) -> None:
    """Make a stored payload of `size` bytes a copy, if all of it is there."""
    _demand_stored(repository, key, size)
    entry = key._replace(kind=MANIFEST)
    stored = encrypt_bytes(raw, repository.config.recipients) if key.sealed else raw
    try:
        repository.store.create(str(entry), stored)
    except AlreadyStoredError:
        # Nobody else has that name: a first try was not answered, but carried out.
        if repository.read_small(entry) != stored:
            raise
    # Whoever cleaned up meanwhile may have taken the payload for what is left of an upload.
    _demand_stored(repository, key, size)


def _demand_stored(repository: Repository, key: ObjectKey, size: int) -> None:
    """StoreError unless the whole payload is in the repository."""
    stored = repository.store.size(str(key))
    if stored != size:
        raise StoreError(
            f"{repository.config.name} holds {stored} B of the {size} B that were sent: no copy was made"
        )
