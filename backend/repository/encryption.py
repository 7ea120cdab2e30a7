"""Streams in the format of age (age-encryption.org/v1), which the program `age` reads and writes as well.

By the library pyrage where it is installed, else by that program. Only public keys are needed to encrypt.
Decrypting tells of a change or a cut only where it meets it: what came out before is genuine, but may be the
beginning of a longer stream. Whoever takes it keeps it from sight until the call returned.
"""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any

from backend.errors import IntegrityError, InvalidInputError, NotAllowedError, SnapshotError
from backend.repository.age_keys import (
    AgeRefusal,
    demand_recipients,
    identity_text,
    is_ssh_key,
    secret_keys,
    unusable_identity,
    unusable_recipient,
)

PIECE = 1 << 20
_OTHER_KEYS = ("No matching keys", "no identity matched")
_BAD_KEYS = ("malformed recipient", "malformed SSH recipient", "unknown recipient")
_BAD_IDENTITY = 'reading "'

Read = Callable[[int], bytes]
Write = Callable[[bytes], object]
Turn = Callable[[Read, Write], None]


def encrypt(read: Read, write: Write, recipients: Sequence[str], *, program: bool = False) -> None:
    """Encrypt all that `read` yields (empty at the end) for recipients, in pieces of about a mebibyte.

    What `read` or `write` raises is raised here, and then nothing that was written can be decrypted to its
    end. With `program` it is done by age even where pyrage is installed; `read` is then called in a thread.

    Raises:
        InvalidInputError: a recipient is no key, or nothing that encrypts is installed.
    """
    demand_recipients(recipients)
    library = None if program else _library()
    if library is None:
        turn = _program([option for key in recipients for option in ("-r", key)])
    else:
        keys = [_recipient(library, text) for text in recipients]
        turn = partial(_turned, library, partial(library.encrypt_io, recipients=keys))
    try:
        turn(read, write)
    except AgeRefusal as refusal:
        if any(mark in str(refusal) for mark in _BAD_KEYS):
            raise InvalidInputError(f"cannot encrypt: {refusal}") from None
        raise SnapshotError(f"cannot encrypt: {refusal}") from None


def decrypt(read: Read, write: Write, identity: str, *, program: bool = False) -> None:
    """Decrypt all that `read` yields with the keys in a file, in pieces of about a mebibyte.

    What `read` or `write` raises is raised here. What was written is all of it only once this returned.

    Raises:
        IntegrityError: it was changed or cut, or is nothing that was encrypted.
        NotAllowedError: the keys do not open it, or the file with them cannot be used.
        NotFoundError: there is no such file.
        InvalidInputError: nothing that decrypts is installed.
    """
    text = identity_text(identity)
    library = None if program else _library()
    if library is None:
        turn = _program(["-d", "-i", identity])
    else:
        keys = _identities(library, text, identity)
        turn = partial(_turned, library, partial(library.decrypt_io, identities=keys))
    try:
        turn(read, write)
    except AgeRefusal as refusal:
        raise _undecryptable(str(refusal), identity) from None


def encrypt_bytes(data: bytes, recipients: Sequence[str], *, program: bool = False) -> bytes:
    """Encrypt something small; raises what `encrypt` does."""
    sealed = BytesIO()
    encrypt(BytesIO(data).read, sealed.write, recipients, program=program)
    return sealed.getvalue()


def decrypt_bytes(data: bytes, identity: str, *, program: bool = False) -> bytes:
    """Decrypt something small; raises what `decrypt` does."""
    plain = BytesIO()
    decrypt(BytesIO(data).read, plain.write, identity, program=program)
    return plain.getvalue()


def _undecryptable(text: str, identity: str) -> SnapshotError:
    if any(mark in text for mark in _OTHER_KEYS):
        return NotAllowedError(
            f"cannot decrypt with {identity}: it was encrypted for other keys, or its beginning is damaged"
        )
    if text.startswith(_BAD_IDENTITY):
        return unusable_identity(identity)
    return IntegrityError("cannot decrypt: it was changed or cut after it was encrypted, or never was")


def _program(options: Sequence[str]) -> Turn:
    """Have it done by the program, with these options."""
    from backend.repository.age_program import run_age

    return partial(run_age, options)


# -- by the library


def _library() -> Any:
    try:
        import pyrage
    except ImportError:
        return None
    return pyrage


def _recipient(library: Any, text: str) -> Any:
    kind = library.x25519 if text.startswith("age1") else library.ssh
    try:
        return kind.Recipient.from_str(text)
    except library.RecipientError:
        raise unusable_recipient(text) from None


def _identities(library: Any, text: str, path: str) -> list[Any]:
    try:
        if is_ssh_key(text):
            return [library.ssh.Identity.from_buffer(text.encode())]
        keys = [library.x25519.Identity.from_str(key) for key in secret_keys(text)]
    except library.IdentityError:
        raise unusable_identity(path) from None
    if not keys:
        raise unusable_identity(path)
    return keys


class _Ends:
    """Both ends of a stream as the library wants them; keeps what they raise, which it makes a text of."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write
        self._incoming = memoryview(b"")
        self._outgoing = bytearray()
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Yield the next bytes of the source."""
        if not self._incoming:
            self._incoming = memoryview(self._kept(self._read, PIECE))
        piece, self._incoming = self._incoming[:size], self._incoming[size:]
        return bytes(piece)

    def write(self, data: bytes) -> int:
        """Hand on what came out, in larger pieces than it comes."""
        self._outgoing += data
        if len(self._outgoing) >= PIECE:
            self.hand_on()
        return len(data)

    def flush(self) -> None:
        """Nothing is handed on earlier for it."""

    def hand_on(self) -> None:
        """Hand on what is waiting."""
        piece, self._outgoing = bytes(self._outgoing), bytearray()
        self._kept(self._write, piece)

    def _kept(self, call: Callable[[Any], Any], argument: object) -> Any:
        try:
            return call(argument)
        except BaseException as failure:
            self.failure = failure
            raise


def _turned(library: Any, turn: Callable[..., None], read: Read, write: Write) -> None:
    """Have the library turn one stream into another.

    Raises:
        AgeRefusal: it gave up.
    """
    ends = _Ends(read, write)
    try:
        turn(ends, ends)
    except (library.EncryptError, library.DecryptError, OSError) as refusal:
        if ends.failure is not None:
            raise ends.failure from None
        raise AgeRefusal(str(refusal)) from refusal
    ends.hand_on()
