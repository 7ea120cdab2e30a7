"""What stands beside the payload of a copy: all that is to be known of it without reading it.

Two lines: a JSON object as snapd's Go writes JSON, and the SHA-256 of that line. `README.md` describes it.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from backend.errors import IntegrityError
from backend.format.gojson import Struct, Writable, dumps, loads
from backend.format.metadata import parse_metadata, set_content_hash, set_content_hashes, snapshot_json
from backend.format.names import is_snap_name
from backend.model import Json, Number, Snapshot, SnapshotSet

LARGEST = 4 << 20
_FORMAT = Number("1")
_SUM = re.compile("[0-9a-f]{64}")
_MOST_SNAPSHOTS = 10_000


class Payload(NamedTuple):
    """An export, and the object that it is stored as: bytes and SHA-256 (hex) of both.

    They are equal where nothing is encrypted.
    """

    size: int
    sha256: str
    stored_size: int
    stored_sha256: str


class Manifest(NamedTuple):
    """A copy of a set: `host` is the name of the machine, for people; `content_hash` is snapd's, in hex.

    `verified` is when every archive of it had last been verified there (seconds since the epoch), 0.0 where
    that was never. `pin` is the note of whoever pinned the set, None where nobody did. `versions` are those
    of the programs that made it, by name.
    """

    host: str
    set: SnapshotSet
    content_hash: str
    payload: Payload
    recipients: tuple[str, ...] = ()
    verified: float = 0.0
    pin: str | None = None
    versions: Mapping[str, str] = {}

    @property
    def snaps(self) -> tuple[str, ...]:
        """The snaps whose data it holds."""
        return tuple(snapshot.snap for snapshot in self.set.snapshots)


def content_hash_of(group: SnapshotSet) -> str:
    """Return the content hash by which a set is known in repositories, in hex."""
    return set_content_hash(group.snapshots, newer=True).hex()


def manifest_json(manifest: Manifest) -> bytes:
    """Write a manifest."""
    payload = Struct(
        [
            ("size", manifest.payload.size),
            ("sha256", manifest.payload.sha256),
            ("stored-size", manifest.payload.stored_size),
            ("stored-sha256", manifest.payload.stored_sha256),
        ]
    )
    snapshots: list[Writable] = [
        loads(snapshot_json(snapshot._replace(path="")).encode()) for snapshot in manifest.set.snapshots
    ]
    fields: list[tuple[str, Writable]] = [
        ("format", 1),
        ("host", manifest.host),
        ("set", manifest.set.set_id),
        ("content-hash", manifest.content_hash),
        ("payload", payload),
        ("snapshots", snapshots),
        ("recipients", list(manifest.recipients)),
        ("verified", int(manifest.verified)),
        ("versions", dict(manifest.versions)),
    ]
    if manifest.pin is not None:
        fields.append(("pin", manifest.pin))
    line = dumps(Struct(fields)).encode()
    return b"%s\n%s\n" % (line, sha256(line).hexdigest().encode())


def parse_manifest(raw: bytes) -> Manifest:
    """Return what a manifest says.

    Raises:
        IntegrityError: it is damaged, or none, or of a later version.
    """
    fields = _object(loads(_line(raw)))
    if fields.get("format") != _FORMAT:
        raise IntegrityError("the manifest is of a later version of snapstow")
    set_id = _number(fields, "set")
    listed = fields.get("snapshots")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_SNAPSHOTS:
        raise _wrong("snapshots")
    snapshots = tuple(_snapshot(value, set_id) for value in listed)
    content_hash = _sum(fields, "content-hash")
    if bytes.fromhex(content_hash) not in set_content_hashes(snapshots):
        raise IntegrityError("the manifest does not describe the set that it names")
    return Manifest(
        host=_text(fields, "host"),
        set=SnapshotSet(set_id, snapshots),
        content_hash=content_hash,
        payload=_payload(_object(fields.get("payload"))),
        recipients=_texts(fields.get("recipients", [])),
        verified=float(_number(fields, "verified")),
        pin=_text(fields, "pin") if "pin" in fields else None,
        versions={name: str(version) for name, version in _object(fields.get("versions", {})).items()},
    )


class Summary(NamedTuple):
    """What a list of copies shows: the snaps, the bytes of their archives, and of the payload as stored.

    `content_hash` is the one that the manifest names, in hex.
    """

    snaps: tuple[str, ...]
    size: int
    stored_size: int
    content_hash: str


def summarise(raw: bytes) -> Summary:
    """Return what a list shows of a manifest, in a twentieth of the time that all of it takes.

    Raises:
        IntegrityError: it is damaged, or none, or of a later version.
    """
    try:
        fields = json.loads(_line(raw))
        if fields["format"] != 1:
            raise IntegrityError("the manifest is of a later version of snapstow")
        snapshots = fields["snapshots"]
        names = tuple(snapshot["snap"] for snapshot in snapshots)
        size = sum(int(snapshot.get("size", 0)) for snapshot in snapshots)
        stored_size = int(fields["payload"]["stored-size"])
        content_hash = str(fields["content-hash"])
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise IntegrityError("the manifest is damaged: it is not what a manifest is") from None
    if not all(isinstance(name, str) and is_snap_name(name) for name in names) or not names:
        raise _wrong("snapshots")
    if not 0 <= size < 2**63 or not 0 <= stored_size < 2**63:
        raise _wrong("size")
    return Summary(names, size, stored_size, content_hash)


def _line(raw: bytes) -> bytes:
    """The line that says it all; IntegrityError where it is not the one that was written."""
    line, _, rest = raw.partition(b"\n")
    if len(raw) > LARGEST or rest != sha256(line).hexdigest().encode() + b"\n":
        raise IntegrityError("the manifest is damaged")
    return line


def _snapshot(value: Json, set_id: int) -> Snapshot:
    snapshot = parse_metadata(dumps(value).encode(), set_id)
    if snapshot.broken:
        raise IntegrityError(f"the manifest describes a snapshot that cannot be: {snapshot.broken}")
    return snapshot


def _payload(fields: Mapping[str, Json]) -> Payload:
    return Payload(
        size=_number(fields, "size"),
        sha256=_sum(fields, "sha256"),
        stored_size=_number(fields, "stored-size"),
        stored_sha256=_sum(fields, "stored-sha256"),
    )


def _wrong(key: str) -> IntegrityError:
    return IntegrityError(f'the manifest is damaged: "{key}" is missing, or not what it should be')


def _object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise IntegrityError("the manifest is damaged: it holds no object where one should be")
    return value


def _number(fields: Mapping[str, Json], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, Number) or not re.fullmatch("[0-9]{1,18}", value.literal):
        raise _wrong(key)
    return int(value.literal)


def _text(fields: Mapping[str, Json], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise _wrong(key)
    return value


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _wrong("recipients")
    return tuple(map(str, value))


def _sum(fields: Mapping[str, Json], key: str) -> str:
    text = _text(fields, key)
    if not _SUM.fullmatch(text):
        raise _wrong(key)
    return text
