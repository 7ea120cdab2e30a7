"""Manifests: what is written can be read, and whatever is changed is told."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError
from backend.model import SnapshotSet
from backend.repository.manifest import (
    LARGEST,
    Manifest,
    Payload,
    content_hash_of,
    manifest_json,
    parse_manifest,
    summarise,
)
from tests.support.builders import snapshot_of

SNAPSHOTS = tuple(
    snapshot_of(7, snap, {"archive.tgz": snap.encode(), "user/alice.tgz": b"hers"}) for snap in ("bar", "foo")
)
GROUP = SnapshotSet(7, SNAPSHOTS)
MANIFEST = Manifest(
    "web1",
    GROUP,
    content_hash_of(GROUP),
    Payload(10_240, "a" * 64, 10_500, "b" * 64),
    recipients=("age1abc",),
    verified=1_764_000_000.0,
    pin="before <31> & é",
    versions={"snapstow": "0.1"},
)
RAW = manifest_json(MANIFEST)


def sealed(document: object) -> bytes:
    """A manifest with any content, and the right sum of that."""
    line = json.dumps(document).encode()
    return line + b"\n" + sha256(line).hexdigest().encode() + b"\n"


def test_manifest_comes_back_as_it_was() -> None:
    assert parse_manifest(RAW) == MANIFEST
    sizes = sum(snapshot.size for snapshot in SNAPSHOTS)
    assert summarise(RAW) == (("bar", "foo"), sizes, 10_500, MANIFEST.content_hash)
    assert parse_manifest(manifest_json(MANIFEST._replace(pin=None))).pin is None


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed(at: int, bits: int) -> None:
    changed = RAW[:at] + bytes([RAW[at] ^ bits]) + RAW[at + 1 :]
    for read in (parse_manifest, summarise):
        with pytest.raises(IntegrityError):
            read(changed)


@given(st.integers(0, len(RAW) - 1))
def test_no_cut_manifest_is_believed(length: int) -> None:
    for read in (parse_manifest, summarise):
        with pytest.raises(IntegrityError):
            read(RAW[:length])


DOCUMENT = json.loads(RAW.partition(b"\n")[0])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(DOCUMENT)), VALUES)
def test_values_of_any_kind_are_read_or_refused(key: str, value: object) -> None:
    raw = sealed({**DOCUMENT, key: value})
    for read in (parse_manifest, summarise):
        try:
            read(raw)
        except IntegrityError:
            pass


@given(VALUES)
def test_documents_of_any_kind_are_read_or_refused(document: object) -> None:
    for read in (parse_manifest, summarise):
        with pytest.raises(IntegrityError):
            read(sealed(document))


@pytest.mark.parametrize("key", ["host", "set", "content-hash", "payload", "snapshots", "verified"])
def test_missing_key_is_a_damage(key: str) -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(sealed({name: value for name, value in DOCUMENT.items() if name != key}))


def test_set_that_is_not_the_one_named_is_told() -> None:
    with pytest.raises(IntegrityError, match="does not describe the set that it names"):
        parse_manifest(sealed({**DOCUMENT, "content-hash": "0" * 64}))


def test_later_version_is_told() -> None:
    for read in (parse_manifest, summarise):
        with pytest.raises(IntegrityError, match="later version"):
            read(sealed({**DOCUMENT, "format": 2}))


def test_endless_manifest_is_refused() -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(sealed({**DOCUMENT, "host": "x" * LARGEST}))
    nested = b'{"format":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for read in (parse_manifest, summarise):
        with pytest.raises(IntegrityError):
            read(nested + b"\n" + sha256(nested).hexdigest().encode() + b"\n")
