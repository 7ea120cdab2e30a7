"""Streams in the format of age (age-encryption.org/v1), so that the program `age` can read what we store.

By the library pyrage where it is installed, else by the program. Only public keys are needed to encrypt.
"""

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from threading import Thread
from typing import IO, Any

from backend.errors import IntegrityError, InvalidInputError, NotAllowedError, NotFoundError, SnapshotError
from backend.fs import files

_PIECE = 1 << 20
_LONGEST_IDENTITY = 64 << 10
_OTHERS = 0o077
_NEEDS_AGE = (
    "encrypted copies need pyrage (pip install 'snapstow[repo]') or the program age (apt install age)"
)
_RECIPIENT = re.compile(r"age1[a-z0-9]{50,3000}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]{20,3000}(?: .*)?")
_LOCKED = "age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----"

Read = Callable[[int], bytes]
Write = Callable[[bytes], object]


def demand_recipient(text: str) -> None:
    """Refuse what cannot be encrypted for: it takes keys of age (age1…), ssh-ed25519 and ssh-rsa.

    Raises:
        InvalidInputError: it is none of these.
    """
    if not _RECIPIENT.fullmatch(text):
        raise InvalidInputError(
            f'cannot encrypt for "{text:.40}": expected a public key (age1…, ssh-ed25519 … or ssh-rsa …)'
        )


def encrypt(read: Read, write: Write, recipients: Sequence[str], *, program: bool = False) -> None:
    """Encrypt all that `read` yields (empty at the end) for recipients; what either raises is raised here.

    `program` has it done by age even where pyrage is installed.

    Raises:
        InvalidInputError: a recipient is no key, or nothing that encrypts is installed.
    """
    for recipient in recipients:
        demand_recipient(recipient)
    library = None if program else _library()
    if library is None:
        _run_age([option for key in recipients for option in ("-r", key)], read, write)
        return
    keys = [_recipient(library, text) for text in recipients]
    _translated(library, partial(library.encrypt_io, recipients=keys), read, write)


def decrypt(read: Read, write: Write, identity: str, *, program: bool = False) -> None:
    """Decrypt all that `read` yields by the keys in a file; what is written may be cut until this returns.

    Raises:
        IntegrityError: it was changed or cut.
        NotAllowedError: the keys do not open it, or the file with them cannot be used.
        NotFoundError: there is no such file.
        InvalidInputError: nothing that decrypts is installed.
    """
    text = _identity_text(identity)
    library = None if program else _library()
    if library is None:
        _run_age(["-d", "-i", identity], read, write)
        return
    keys = _identities(library, text, identity)
    _translated(library, partial(library.decrypt_io, identities=keys), read, write)


def encrypt_bytes(data: bytes, recipients: Sequence[str]) -> bytes:
    """Encrypt something small; raises what `encrypt` does."""
    sealed = BytesIO()
    encrypt(BytesIO(data).read, sealed.write, recipients)
    return sealed.getvalue()


def decrypt_bytes(data: bytes, identity: str) -> bytes:
    """Decrypt something small; raises what `decrypt` does."""
    plain = BytesIO()
    decrypt(BytesIO(data).read, plain.write, identity)
    return plain.getvalue()


# -- keys


def _identity_text(path: str) -> str:
    """What is in a file of private keys; refused where others could read it, or where it is locked itself."""
    if not path:
        raise NotAllowedError("it is encrypted, and no identity is configured that reads it")
    with files.os_errors_as("cannot read the identity"):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            raise NotFoundError(f"there is no identity {path}") from None
        if stat.S_IMODE(mode) & _OTHERS:
            raise NotAllowedError(f"the identity {path} can be read by others; run: chmod 600 {path}")
        text = files.read_whole(path, _LONGEST_IDENTITY).decode("utf-8", "replace")
    if text.startswith(_LOCKED):
        raise NotAllowedError(
            f"the identity {path} has a passphrase; decrypt it into a private file: age -d {path}"
        )
    return text


def _recipient(library: Any, text: str) -> Any:
    kind = library.x25519 if text.startswith("age1") else library.ssh
    try:
        return kind.Recipient.from_str(text)
    except library.RecipientError as refusal:
        raise InvalidInputError(f'cannot encrypt for "{text:.40}": {refusal}') from refusal


def _identities(library: Any, text: str, path: str) -> list[Any]:
    try:
        if "PRIVATE KEY-----" in text:
            return [library.ssh.Identity.from_buffer(text.encode())]
        lines = [line.strip() for line in text.splitlines()]
        keys = [library.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except library.IdentityError as refusal:
        locked = "decrypted first" in str(refusal)
        way_out = "it has a passphrase; make a copy without one: ssh-keygen -p" if locked else str(refusal)
        raise NotAllowedError(f"the identity {path} cannot be used: {way_out}") from None
    if not keys:
        raise NotAllowedError(f"there is no private key in {path}")
    return keys


# -- by the library


def _library() -> Any:
    try:
        import pyrage  # type: ignore[import-untyped] # it has no types
    except ImportError:
        return None
    return pyrage


class _Ends:
    """Both ends of a stream as the library wants them; keeps what they raise, which it makes a text of."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write
        self._piece = memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Yield the next bytes of the source."""
        if not self._piece:
            self._piece = memoryview(self._kept(self._read, _PIECE))
        piece, self._piece = self._piece[:size], self._piece[size:]
        return bytes(piece)

    def write(self, data: bytes) -> int:
        """Hand on what came out."""
        self._kept(self._write, bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def _kept(self, call: Callable[[Any], Any], argument: object) -> Any:
        try:
            return call(argument)
        except BaseException as failure:
            self.failure = failure
            raise


def _translated(library: Any, turn: Callable[..., None], read: Read, write: Write) -> None:
    """Have the library turn one stream into another, with errors of ours."""
    ends = _Ends(read, write)
    try:
        turn(ends, ends)
    except (library.EncryptError, library.DecryptError, OSError) as refusal:
        if ends.failure is not None:
            raise ends.failure from None
        raise _refusal(str(refusal)) from refusal


def _refusal(text: str) -> SnapshotError:
    if "No matching keys" in text or "no identity matched" in text:
        return NotAllowedError(
            "it was encrypted for other keys than those of the identity that is configured"
        )
    return IntegrityError("it cannot be decrypted: it was changed or cut")


# -- by the program


def _run_age(options: Sequence[str], read: Read, write: Write) -> None:
    """Have `age` turn one stream into another."""
    failures: list[BaseException] = []

    def feed(process: "subprocess.Popen[bytes]") -> None:
        """Give it the source."""
        try:
            while piece := read(_PIECE):
                _pipe(process.stdin).write(piece)
            _pipe(process.stdin).close()
        except BrokenPipeError:
            return
        except BaseException as failure:  # noqa: BLE001 - it is raised in the other thread
            failures.append(failure)
            process.kill()

    with _age(options) as process:
        feeder = Thread(target=feed, args=(process,), name="age")
        feeder.start()
        try:
            while piece := _pipe(process.stdout).read(_PIECE):
                write(piece)
        finally:
            _pipe(process.stdout).close()
            code = process.wait()
            feeder.join()
        if failures:
            raise failures[0]
        if code:
            raise _refusal(_pipe(process.stderr).read().decode(errors="replace"))


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


@contextmanager
def _age(options: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = subprocess.Popen(
            ["age", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError:
        raise InvalidInputError(_NEEDS_AGE) from None
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
