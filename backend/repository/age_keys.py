"""The keys of age: public ones to encrypt for, and files of private ones that read it back."""

import os
import re
import stat
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Sequence

from backend.errors import InvalidInputError, NotAllowedError, NotFoundError
from backend.fs import files

_LONGEST_IDENTITY = 64 << 10
_OTHERS = 0o077
_RECIPIENT = re.compile(r"age1[a-z0-9]{50,3000}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]{20,3000}(?: [ -~]*)?")
_PASSPHRASE_OF_AGE = ("age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----")
_SSH_KEY = re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END")
_SSH_MAGIC = b"openssh-key-v1\0"
_UNPROTECTED = _SSH_MAGIC + b"\0\0\0\4none"
_ENCRYPTED_PEM = re.compile("^Proc-Type: 4,ENCRYPTED|^-----BEGIN ENCRYPTED PRIVATE KEY-----", re.MULTILINE)


class AgeRefusal(Exception):  # noqa: N818 - it is told on as one of our errors
    """What turns streams gave up; the text is its own."""


def demand_recipients(recipients: Sequence[str]) -> None:
    """Accept keys that can be encrypted for: those of age (age1…), ssh-ed25519 and ssh-rsa.

    Raises:
        InvalidInputError: one is none of these, or there is none at all.
    """
    if not recipients:
        raise InvalidInputError("cannot encrypt for nobody: no recipient is configured")
    for text in recipients:
        if not _RECIPIENT.fullmatch(text):
            raise unusable_recipient(text)


def unusable_recipient(text: str) -> InvalidInputError:
    """Say that nothing can be encrypted for a key."""
    return InvalidInputError(
        f'cannot encrypt for "{text:.40}": expected a public key (age1…, ssh-ed25519 … or ssh-rsa …)'
    )


def unusable_identity(path: str) -> NotAllowedError:
    """Say that a file holds no private key that can be used."""
    return NotAllowedError(
        f"cannot decrypt with {path}: it holds no private key of age (AGE-SECRET-KEY-1…), ssh-ed25519 or "
        "ssh-rsa"
    )


def identity_text(path: str) -> str:
    """Read a file of private keys.

    Raises:
        NotFoundError: it is not there.
        NotAllowedError: others can read it, or it is protected by a passphrase; the text says what to do.
    """
    if not path:
        raise NotAllowedError("cannot decrypt: no identity is configured")
    with files.os_errors_as("cannot read the identity"):
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            raise NotFoundError(f"cannot decrypt: there is no identity {path}") from None
        if stat.S_IMODE(mode) & _OTHERS:
            raise NotAllowedError(
                f"cannot decrypt with {path}: other users can read it; run: chmod 600 {path}"
            )
        text = files.read_whole(path, _LONGEST_IDENTITY).decode("utf-8", "replace")
    _demand_no_passphrase(text, path)
    return text


def is_ssh_key(text: str) -> bool:
    """Whether a file of private keys is one of ssh."""
    return "PRIVATE KEY-----" in text


def secret_keys(text: str) -> list[str]:
    """Return the private keys of age in a file of them."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _demand_no_passphrase(text: str, path: str) -> None:
    if text.startswith(_PASSPHRASE_OF_AGE):
        raise NotAllowedError(
            f"cannot decrypt with {path}: a passphrase protects it; "
            f"decrypt it into a private file and name that: age -d -o FILE {path}"
        )
    if is_ssh_key(text) and _is_protected(text):
        raise NotAllowedError(
            f"cannot decrypt with {path}: a passphrase protects it; "
            "make a private copy without one and name that: ssh-keygen -p -f COPY"
        )


def _is_protected(text: str) -> bool:
    """Whether a private key of ssh has a passphrase."""
    if not (match := _SSH_KEY.search(text)):
        return _ENCRYPTED_PEM.search(text) is not None
    try:
        body = b64decode(match[1])
    except NoBase64:
        return False
    return body.startswith(_SSH_MAGIC) and not body.startswith(_UNPROTECTED)
