"""A copy read back: downloaded, decrypted and verified in one stream."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from backend.archive.hashing import AsideHash
from backend.errors import IntegrityError
from backend.progress import Progress
from backend.repository.copies import Copy
from backend.repository.encryption import decrypt
from backend.repository.manifest import Payload
from backend.repository.names import PAYLOAD, ObjectKey
from backend.repository.repository import Repository

_HELD_BACK = 64 << 10  # without its end nobody takes an export for whole


def receive(repository: Repository, copy: Copy, put: Callable[[bytes], object], progress: Progress) -> None:
    """Give the bytes of an export to `put`, the last of them only once all of it was verified.

    What came before that may be of a copy that was changed or cut: whoever takes it keeps it from sight. The
    bytes are counted on `progress`. What becomes known of the copy is remembered.

    Raises:
        IntegrityError: the copy is not what was stored.
        NotAllowedError: it is encrypted, and cannot be read here.
        NotFoundError: its payload is gone.
        StoreUnreachableError, StoreRefusedError, StoreError: the store did not give it.
        Cancelled: the job was stopped.
    """
    held: deque[bytes] = deque()
    size = 0

    def hold(piece: bytes) -> None:
        """Keep the end, and put what came before it."""
        nonlocal size
        held.append(piece)
        size += len(piece)
        while size - len(held[0]) >= _HELD_BACK:
            size -= len(held[0])
            put(held.popleft())

    with _remembered(repository, copy):
        _Reading(repository, copy, opens=copy.sealed).carry_out(hold, progress)
    for piece in held:
        put(piece)


def verify(repository: Repository, copy: Copy, progress: Progress) -> None:
    """Read a copy back and compare it with its manifest; its bytes are counted on `progress`.

    One that cannot be decrypted here is compared as it is stored.

    Raises:
        as `receive`.
    """
    opens = copy.sealed and bool(repository.config.identity)
    with _remembered(repository, copy):
        _Reading(repository, copy, opens=opens).carry_out(lambda _piece: None, progress)


class _Reading:
    """All of a payload, decrypted where it `opens`."""

    def __init__(self, repository: Repository, copy: Copy, *, opens: bool) -> None:
        self._payload: Payload = copy.manifest.payload
        self._pieces = repository.store.stream(str(ObjectKey(copy.name, PAYLOAD, copy.sealed)))
        self._identity = repository.config.identity
        self._opens = opens

    def carry_out(self, put: Callable[[bytes], object], progress: Progress) -> None:
        """Put it piece by piece; IntegrityError at its end where it was changed."""
        with closing(AsideHash(hashlib.sha256())) as stored, closing(AsideHash(hashlib.sha256())) as plain:

            def read(_size: int) -> bytes:
                """Yield the next bytes as they are stored."""
                piece = next(self._pieces, b"")
                stored.update(piece)
                return piece

            def keep(piece: bytes) -> None:
                """Put bytes of the export."""
                if self._opens:
                    plain.update(piece)
                progress.advance(len(piece))
                put(piece)

            if self._opens:
                decrypt(read, keep, self._identity)
                _demand("what was decrypted", plain.finish(), (self._payload.sha256, self._payload.size))
            while piece := read(0):
                if not self._opens:
                    keep(piece)
            _demand("its payload", stored.finish(), (self._payload.stored_sha256, self._payload.stored_size))


def _demand(what: str, actual: tuple[str, int], expected: tuple[str, int]) -> None:
    if actual[1] != expected[1]:
        raise IntegrityError(f"{what} has {actual[1]} B, and not the {expected[1]} B that were sent")
    if actual[0] != expected[0]:
        raise IntegrityError(f"{what} was changed: its hash does not match")


@contextmanager
def _remembered(repository: Repository, copy: Copy) -> Iterator[None]:
    """Remember that a copy is sound, or what is wrong with it, and say which copy that is."""
    try:
        yield
    except IntegrityError as fault:
        repository.record(copy, str(fault))
        where = f"copy {copy.name.short} in {repository.config.name}"
        raise IntegrityError(f"{where} is damaged: {fault}") from fault
    repository.record(copy, "")
