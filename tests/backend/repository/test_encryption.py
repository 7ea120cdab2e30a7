"""Streams in age's format: written for others to read, read with keys of all kinds, and refused where cut."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import (
    Cancelled,
    IntegrityError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
)
from backend.repository import encryption
from backend.repository.encryption import decrypt, decrypt_bytes, encrypt, encrypt_bytes
from tests.support import TOP
from tests.support.agekeys import KeyPair, age_key, ssh_key
from tests.support.descriptors import descriptors

PLAIN = b"".join(b"%08d" % number for number in range(40_000))
CHUNK = 64 << 10

pytestmark = pytest.mark.needs("age", "ssh-keygen")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyPair]:
    folder = tmp_path_factory.mktemp("keys")
    return {
        "x25519": age_key(folder),
        "ed25519": ssh_key(folder, "ed25519"),
        "rsa": ssh_key(folder, "rsa"),
        "ecdsa": ssh_key(folder, "ecdsa"),
        "pem": ssh_key(folder, "rsa", "-m", "PEM"),
        "locked": ssh_key(folder, "ed25519", passphrase="open sesame"),
        "locked pem": ssh_key(folder, "rsa", "-m", "PEM", passphrase="open sesame"),
    }


@pytest.fixture(params=[False, True], ids=["library", "program"])
def program(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


# -- there and back


@pytest.mark.parametrize("kind", ["x25519", "ed25519", "rsa", "pem"])
@pytest.mark.parametrize("size", [0, 1, CHUNK, len(PLAIN)])
def test_bytes_come_back_with_each_kind_of_key(
    keys: dict[str, KeyPair], kind: str, size: int, *, program: bool
) -> None:
    pair = keys[kind]
    sealed = encrypt_bytes(PLAIN[:size], [pair.recipient], program=program)
    assert sealed.startswith(b"age-encryption.org/v1\n")
    assert decrypt_bytes(sealed, pair.identity, program=program) == PLAIN[:size]
    assert decrypt_bytes(sealed, pair.identity, program=not program) == PLAIN[:size]


def test_each_of_several_recipients_reads_by_itself(keys: dict[str, KeyPair], *, program: bool) -> None:
    pairs = [keys[kind] for kind in ("x25519", "ed25519", "rsa", "locked")]
    sealed = encrypt_bytes(PLAIN, [pair.recipient for pair in pairs], program=program)
    assert all(decrypt_bytes(sealed, p.identity, program=program) == PLAIN for p in pairs[:-1])


def test_a_file_of_several_identities_opens_with_any_of_them(
    keys: dict[str, KeyPair], tmp_path: Path, *, program: bool
) -> None:
    other = age_key(tmp_path)
    both = tmp_path / "both"
    both.write_text(f"# two\n\n{Path(other.identity).read_text()}{Path(keys['x25519'].identity).read_text()}")
    both.chmod(0o600)
    sealed = encrypt_bytes(PLAIN, [keys["x25519"].recipient], program=program)
    assert decrypt_bytes(sealed, str(both), program=program) == PLAIN


@given(data=st.binary(max_size=3 * CHUNK), cuts=st.lists(st.integers(1, 2 * CHUNK), max_size=6))
def test_pieces_of_any_size_make_the_same_stream(
    keys: dict[str, KeyPair], data: bytes, cuts: list[int]
) -> None:
    pieces = _cut(data, cuts)
    sealed = bytearray()
    encrypt(lambda _size: next(pieces, b""), sealed.extend, [keys["x25519"].recipient])
    sealed_pieces = _cut(bytes(sealed), cuts)
    plain = bytearray()
    decrypt(lambda _size: next(sealed_pieces, b""), plain.extend, keys["x25519"].identity)
    assert bytes(plain) == data


def _cut(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    start = 0
    for cut in cuts:
        if piece := data[start : start + cut]:
            yield piece
        start += cut
    if rest := data[start:]:
        yield rest


def test_encryption_goes_on_without_the_library(
    keys: dict[str, KeyPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    sealed = encrypt_bytes(PLAIN, [keys["x25519"].recipient])
    assert decrypt_bytes(sealed, keys["x25519"].identity) == PLAIN


def test_encryption_without_library_and_program_names_both(
    keys: dict[str, KeyPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InvalidInputError, match=r"pip install 'snapstow\[repo\]'.*apt install age"):
        encrypt_bytes(PLAIN, [keys["x25519"].recipient])


# -- damage


def test_a_stream_cut_anywhere_is_refused(keys: dict[str, KeyPair], *, program: bool) -> None:
    pair = keys["x25519"]
    sealed = encrypt_bytes(PLAIN, [pair.recipient])
    lengths = [0, 10, 30, 150, len(sealed) - CHUNK, len(sealed) - 1]
    lengths.append(_end_of_chunk(sealed, 2))
    for length in lengths:
        with pytest.raises(IntegrityError, match="it was changed or cut"):
            decrypt_bytes(sealed[:length], pair.identity, program=program)


def test_a_longer_stream_is_refused(keys: dict[str, KeyPair], *, program: bool) -> None:
    pair = keys["x25519"]
    with pytest.raises(IntegrityError, match="it was changed or cut"):
        decrypt_bytes(encrypt_bytes(PLAIN, [pair.recipient]) + b"z", pair.identity, program=program)


def test_a_changed_byte_is_never_taken_for_what_was_stored(
    keys: dict[str, KeyPair], *, program: bool
) -> None:
    pair = keys["x25519"]
    sealed = encrypt_bytes(PLAIN, [pair.recipient])
    step = 40_000 if program else 997
    for place in (*range(0, 400, 40 if program else 3), *range(400, len(sealed), step)):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises((IntegrityError, NotAllowedError)):
            decrypt_bytes(bytes(damaged), pair.identity, program=program)


def test_something_else_than_an_encrypted_stream_is_refused(
    keys: dict[str, KeyPair], *, program: bool
) -> None:
    with pytest.raises(IntegrityError, match="or never was"):
        decrypt_bytes(b"hello\n" * 100, keys["x25519"].identity, program=program)


def test_bytes_before_a_cut_may_come_out_and_the_call_still_fails(keys: dict[str, KeyPair]) -> None:
    pair = keys["x25519"]
    sealed = encrypt_bytes(PLAIN * 8, [pair.recipient])
    plain = bytearray()
    pieces = _cut(sealed[:-1], [])
    with pytest.raises(IntegrityError):
        decrypt(lambda _size: next(pieces, b""), plain.extend, pair.identity)
    assert 0 < len(plain) < len(PLAIN * 8)
    assert (PLAIN * 8).startswith(bytes(plain))


def _end_of_chunk(sealed: bytes, number: int) -> int:
    """Where the last but so many chunks end: the payload is nonce, then chunks of 64 KiB with their tags."""
    payload = len(sealed) - len(PLAIN) - 16 * -(-len(PLAIN) // CHUNK)
    return payload + number * (CHUNK + 16)


# -- keys


def test_other_keys_do_not_open(keys: dict[str, KeyPair], tmp_path: Path, *, program: bool) -> None:
    sealed = encrypt_bytes(PLAIN, [keys["x25519"].recipient])
    for pair in (keys["ed25519"], age_key(tmp_path)):
        with pytest.raises(NotAllowedError, match=f"with {pair.identity}: it was encrypted for other keys"):
            decrypt_bytes(sealed, pair.identity, program=program)


@pytest.mark.parametrize(
    "text",
    ["", "hello", "age1abc", "ssh-dss AAAAB3NzaC1kc3MAAACBAP", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAA"],
)
def test_a_recipient_that_is_no_key_is_refused(text: str, *, program: bool) -> None:
    with pytest.raises(InvalidInputError, match="cannot encrypt") as caught:
        encrypt_bytes(PLAIN, [text], program=program)
    assert "\n" not in str(caught.value)


def test_a_key_of_an_unknown_kind_is_refused(keys: dict[str, KeyPair], *, program: bool) -> None:
    with pytest.raises(InvalidInputError, match=r'cannot encrypt for "ecdsa.*expected a public key'):
        encrypt_bytes(PLAIN, [keys["x25519"].recipient, keys["ecdsa"].recipient], program=program)


def test_no_recipient_at_all_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no recipient"):
        encrypt_bytes(PLAIN, [])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610])
def test_an_identity_that_others_can_read_is_refused(tmp_path: Path, mode: int, *, program: bool) -> None:
    pair = age_key(tmp_path)
    sealed = encrypt_bytes(PLAIN, [pair.recipient])
    os.chmod(pair.identity, mode)
    with pytest.raises(NotAllowedError, match=f"other users can read it; run: chmod 600 {pair.identity}"):
        decrypt_bytes(sealed, pair.identity, program=program)


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [("locked", "ssh-keygen -p"), ("locked pem", "ssh-keygen -p"), ("ecdsa", "it holds no")],
)
def test_an_identity_that_cannot_be_used_says_the_way_out(
    keys: dict[str, KeyPair], kind: str, way_out: str, *, program: bool
) -> None:
    sealed = encrypt_bytes(PLAIN, [keys["rsa"].recipient])
    with pytest.raises(NotAllowedError, match=way_out) as caught:
        decrypt_bytes(sealed, keys[kind].identity, program=program)
    assert keys[kind].identity in str(caught.value)


@pytest.mark.parametrize("armored", [False, True])
def test_an_identity_that_a_passphrase_protects_says_the_way_out(
    keys: dict[str, KeyPair], tmp_path: Path, *, armored: bool, program: bool
) -> None:
    """It is made with a key here: the program asks nobody but a terminal for a passphrase."""
    path = tmp_path / "identity.age"
    options = ["-a"] if armored else []
    command = ["age", *options, "-r", keys["x25519"].recipient, "-o", str(path), keys["x25519"].identity]
    subprocess.run(command, check=True)
    path.chmod(0o600)
    with pytest.raises(NotAllowedError, match=f"a passphrase protects it.*age -d -o FILE {path}"):
        decrypt_bytes(b"", str(path), program=program)


def test_identities_that_are_none_are_refused_without_a_word_of_them(
    tmp_path: Path, *, program: bool
) -> None:
    for number, text in enumerate(["", "# empty\n", "AGE-SECRET-KEY-1SECRET\n", "\xff\0secret"]):
        path = tmp_path / str(number)
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(NotAllowedError, match="it holds no private key") as caught:
            decrypt_bytes(
                encrypt_bytes(b"", [age_key(tmp_path, f"k{number}").recipient]), str(path), program=program
            )
        assert "secret" not in str(caught.value).lower().replace("age-secret-key-1…", "")


def test_a_missing_identity_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"there is no identity {tmp_path}/none"):
        decrypt_bytes(b"", f"{tmp_path}/none")
    with pytest.raises(NotAllowedError, match="no identity is configured"):
        decrypt_bytes(b"", "")


# -- both ends


class BrokenError(SnapshotError):
    """Raised by an end of a stream."""


@pytest.mark.parametrize(
    "failure", [BrokenError("the source broke"), OSError(5, "I/O"), Cancelled(), KeyboardInterrupt()]
)
@pytest.mark.parametrize("at", [0, 3])
def test_a_failure_of_the_source_is_raised_as_it_is_and_the_stream_stays_cut(
    keys: dict[str, KeyPair], failure: BaseException, at: int, *, program: bool
) -> None:
    before = descriptors()
    pair = keys["x25519"]
    pieces = iter([PLAIN] * at)
    sealed = bytearray()

    def read(_size: int) -> bytes:
        if piece := next(pieces, None):
            return piece
        raise failure

    with pytest.raises(type(failure)) as caught:
        encrypt(read, sealed.extend, [pair.recipient], program=program)
    assert caught.value is failure
    with pytest.raises(IntegrityError):
        decrypt_bytes(bytes(sealed), pair.identity)
    assert descriptors() == before


@pytest.mark.parametrize("failure", [BrokenError("the sink broke"), OSError(28, "No space"), Cancelled()])
@pytest.mark.parametrize("turn", ["encrypt", "decrypt"])
def test_a_failure_of_the_sink_is_raised_as_it_is(
    keys: dict[str, KeyPair], failure: BaseException, turn: str, *, program: bool
) -> None:
    before = descriptors()
    pair = keys["x25519"]

    def write(_piece: bytes) -> None:
        raise failure

    if turn == "encrypt":
        pieces = iter([PLAIN] * 20)
        act: Callable[..., None] = partial(encrypt, recipients=[pair.recipient])
    else:
        pieces = iter([encrypt_bytes(PLAIN * 20, [pair.recipient])])
        act = partial(decrypt, identity=pair.identity)
    with pytest.raises(type(failure)) as caught:
        act(lambda _size: next(pieces, b""), write, program=program)
    assert caught.value is failure
    assert descriptors() == before


def test_pieces_that_come_out_are_about_a_mebibyte(keys: dict[str, KeyPair], *, program: bool) -> None:
    lengths: list[int] = []
    pieces = iter([PLAIN] * 20)
    encrypt(
        lambda _size: next(pieces, b""),
        lambda piece: lengths.append(len(piece)),
        [keys["x25519"].recipient],
        program=program,
    )
    assert len(lengths) <= 8
    assert max(lengths) <= encryption.PIECE + 2 * CHUNK


MEMORY = """
import sys
from backend.repository.encryption import decrypt, encrypt
from tests.support.memory import peak_memory
recipient, identity, size, program = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True"
left, piece, sealed = size, bytes(1 << 20), open(sys.argv[5], "wb+")
def read(_size):
    global left
    left -= len(piece)
    return piece if left >= 0 else b""
encrypt(read, sealed.write, [recipient], program=program)
sealed.seek(0)
before = peak_memory()
decrypt(sealed.read, lambda piece: None, identity, program=program)
print(before, peak_memory())
"""


def test_memory_does_not_grow_with_the_stream(
    keys: dict[str, KeyPair], tmp_path: Path, *, program: bool
) -> None:
    def peak(size: int) -> int:
        pair = keys["x25519"]
        order = [pair.recipient, pair.identity, str(size), str(program), str(tmp_path / "sealed")]
        ran = subprocess.run([sys.executable, "-c", MEMORY, *order], capture_output=True, check=True, cwd=TOP)
        return max(map(int, ran.stdout.split()))

    assert peak(96 << 20) - peak(4 << 20) < 8 << 20


def test_a_child_that_dies_is_told_of(
    keys: dict[str, KeyPair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "age"
    fake.write_text("#!/bin/sh\nhead -c 10 >&2\nkill -9 $$\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(SnapshotError, match="cannot encrypt: age ended early"):
        encrypt_bytes(PLAIN * 10, [keys["x25519"].recipient], program=True)
