"""How the model is spelled: metadata, content hashes and the JSON members of an export, to the byte.

What comes in is never trusted: it becomes a checked value, a broken snapshot or one of our errors. File
names, times and epochs have modules of their own; their names can be had here too.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backend.epochs import parse_epoch
from backend.errors import IntegrityError, InvalidInputError
from backend.gojson import Struct, Writable, dumps, loads, members, quoted, raw_utf8
from backend.gotime import ZERO_TIME, canonical_time, is_zero_time, time_text, unix_time
from backend.model import Json, Number, Revision, Snapshot
from backend.names import (
    LARGEST_ID,
    FileName,
    filename,
    is_snap_name,
    is_user_name,
    is_version,
    parse_filename,
    revision_from_text,
    snapshot_id,
)

__all__ = [
    "CONTENT",
    "LARGEST_ID",
    "MANIFEST",
    "NEWER_SPELLING_SINCE",
    "ZERO_TIME",
    "ExportManifest",
    "FileName",
    "canonical_time",
    "content_hash",
    "content_json",
    "export_json",
    "filename",
    "is_snap_name",
    "is_user_name",
    "is_version",
    "is_zero_time",
    "metadata_json",
    "parse_content_json",
    "parse_epoch",
    "parse_export_json",
    "parse_filename",
    "parse_metadata",
    "parse_revision",
    "revision_from_text",
    "set_content_hash",
    "set_content_hashes",
    "set_time",
    "snapshot_id",
    "snapshot_json",
    "time_text",
    "unix_time",
]

CONTENT, MANIFEST = "content.json", "export.json"
INVALID = "invalid snapshot"
NEWER_SPELLING_SINCE = (2, 68)  # the release of snapd that writes control characters as Go does since 1.22

_KEYS = frozenset(
    (
        *("set", "time", "snap", "revision", "snap-id", "epoch", "summary", "version"),
        *("conf", "sha3-384", "size", "options", "broken", "auto"),
    )
)
_SUM = re.compile("[0-9a-f]{96}")
_INTEGER = re.compile("-?[0-9]{1,20}")


class ExportManifest(NamedTuple):
    """What `export.json` says: `format` and `files` are None where it does not say."""

    format: int | None
    date: str
    files: tuple[str, ...] | None


def parse_metadata(raw: bytes, set_id: int) -> Snapshot:
    """The snapshot described by a `meta.json`, as a member of set `set_id` (the stored id is stale).

    Raises IntegrityError where the bytes cannot be decoded (spec §2.5.1). Decoded but not valid (spec §3.7,
    and every name, hash and size besides) gives a snapshot whose `broken` says why.
    """
    fields = _decoded(loads(raw))
    _integer(fields, "set", 0, 2**64 - 1)
    snapshot = Snapshot(
        set_id=set_id,
        time=_time(fields),
        snap=_string(fields, "snap"),
        revision=parse_revision(fields["revision"]) if "revision" in fields else Revision(),
        snap_id=_string(fields, "snap-id"),
        epoch=parse_epoch(fields.get("epoch")),
        summary=_string(fields, "summary"),
        version=_string(fields, "version"),
        conf=_object(fields, "conf"),
        sums=_sums(fields),
        size=_integer(fields, "size", -(2**63), 2**63 - 1),
        exclude=_excludes(fields),
        broken=_string(fields, "broken"),
        auto=_bool(fields, "auto"),
    )
    reason = _invalid(snapshot)
    return snapshot._replace(broken=reason) if reason else snapshot


def parse_revision(value: Json) -> Revision:
    """The revision in a `meta.json`: a text, or a bare integer; IntegrityError for anything else."""
    if isinstance(value, Number) and _INTEGER.fullmatch(value.literal):
        number = int(value.literal)
        if abs(number) <= LARGEST_ID:
            return Revision(number)
    if isinstance(value, str):
        try:
            return revision_from_text(value)
        except InvalidInputError:
            pass
    raise IntegrityError(f"invalid snap revision: {quoted(dumps(value))}")


def metadata_json(snapshot: Snapshot) -> bytes:
    """The bytes of `meta.json`, with the newline at the end (spec §2.5)."""
    return f"{snapshot_json(snapshot)}\n".encode()


def snapshot_json(snapshot: Snapshot) -> str:
    """The snapshot as snapd lists it, on one line without a newline."""
    return dumps(_struct(snapshot))


def content_hash(snapshot: Snapshot, *, newer: bool = False) -> bytes:
    """SHA-256 of what a snapshot holds, whatever its set, time and options (spec §3.14).

    `newer` hashes the spelling of control characters that Go uses since 1.22.
    """
    bare = snapshot._replace(set_id=0, time=ZERO_TIME, auto=False, exclude=None)
    from hashlib import sha256

    return sha256(f"{dumps(_struct(bare), newer=newer)}\n".encode()).digest()


def set_content_hash(snapshots: Iterable[Snapshot], *, newer: bool = False) -> bytes:
    """SHA-256 of what a set holds; snapshots of one name count in the order given."""
    ordered = sorted(snapshots, key=lambda snapshot: raw_utf8(snapshot.snap))
    from hashlib import sha256

    return sha256(b"".join([content_hash(snapshot, newer=newer) for snapshot in ordered])).digest()


def set_content_hashes(snapshots: Iterable[Snapshot]) -> tuple[bytes, bytes]:
    """Both hashes a set may have been exported with: the older spelling's, and the newer's."""
    given = tuple(snapshots)
    return set_content_hash(given), set_content_hash(given, newer=True)


def set_time(snapshots: Iterable[Snapshot]) -> str:
    """The earliest time among snapshots, or the zero time without any."""
    return min((snapshot.time for snapshot in snapshots), key=unix_time, default=ZERO_TIME)


def content_json(digest: bytes) -> bytes:
    """The member `content.json` of an export (spec §3.17)."""
    text = b2a_base64(digest, newline=False).decode()
    return dumps(Struct([("content-hash", text)])).encode()


def parse_content_json(raw: bytes) -> bytes | None:
    """The hash in a `content.json`, or None where it holds none; IntegrityError when it is damaged."""
    value = loads(raw)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise IntegrityError("cannot parse content.json: not an object")
    text = members(value, ("content-hash",)).get("content-hash")
    if text is None:
        return None
    if not isinstance(text, str):
        raise IntegrityError("cannot parse content.json: the hash is not a text")
    try:
        return a2b_base64(text, strict_mode=True) or None
    except (Base64Error, ValueError):
        raise IntegrityError("cannot parse content.json: illegal base64 data") from None


def export_json(date: str, files: Sequence[str]) -> bytes:
    """The member `export.json`: `date` as of `time_text`, the names of the zips in stream order."""
    listed: Writable = list(files) or None
    return dumps(Struct([("format", 1), ("date", date), ("files", listed)])).encode()


def parse_export_json(raw: bytes) -> ExportManifest:
    """What an `export.json` says; unknown keys are ignored.

    IntegrityError when it is no JSON, InvalidInputError when it is of another format or shape.
    """
    value = loads(raw)
    if not isinstance(value, dict):
        raise InvalidInputError("cannot read export.json: not an object")
    fields = members(value, ("format", "date", "files"))
    form, date, files = fields.get("format"), fields.get("date"), fields.get("files")
    if form is not None and form != Number("1"):
        raise InvalidInputError(f"cannot read export.json: unknown format {quoted(dumps(form))}")
    if not isinstance(date, str | None):
        raise InvalidInputError("cannot read export.json: the date is not a text")
    return ExportManifest(None if form is None else 1, date or "", _files(files))


def _files(value: Json) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidInputError("cannot read export.json: the files are not a list of names")
    return tuple(map(str, value))


def _struct(snapshot: Snapshot) -> Struct:
    epoch = Struct([("read", snapshot.epoch.read or (0,)), ("write", snapshot.epoch.write or (0,))])
    excluded: Writable = {"exclude": snapshot.exclude} if snapshot.exclude else {}
    fields: list[tuple[str, Writable, bool]] = [
        ("set", snapshot.set_id, True),
        ("time", snapshot.time, True),
        ("snap", snapshot.snap, True),
        ("revision", str(snapshot.revision), True),
        ("snap-id", snapshot.snap_id, bool(snapshot.snap_id)),
        ("epoch", epoch, True),
        ("summary", snapshot.summary, True),
        ("version", snapshot.version, True),
        ("conf", snapshot.conf, bool(snapshot.conf)),
        ("sha3-384", snapshot.sums, True),
        ("size", snapshot.size, snapshot.size != 0),
        ("options", excluded, snapshot.exclude is not None),
        ("broken", snapshot.broken, bool(snapshot.broken)),
        ("auto", snapshot.auto, snapshot.auto),
    ]
    return Struct([(key, value) for key, value, written in fields if written])


def _decoded(value: Json) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise IntegrityError("cannot parse metadata: not an object")
    return members(value, _KEYS)


def _wrong(key: str, kind: str) -> IntegrityError:
    return IntegrityError(f'cannot parse metadata: "{key}" is not {kind}')


def _string(fields: dict[str, Json], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(key, "a text")
    return value


def _time(fields: dict[str, Json]) -> str:
    if fields.get("time") is None:
        return ZERO_TIME
    return canonical_time(_string(fields, "time"))


def _integer(fields: dict[str, Json], key: str, least: int, most: int) -> int:
    value = fields.get(key)
    if value is None:
        return 0
    if not isinstance(value, Number) or _INTEGER.fullmatch(value.literal) is None:
        raise _wrong(key, "an integer")
    number = int(value.literal)
    if not least <= number <= most:
        raise _wrong(key, "in range")
    return number


def _bool(fields: dict[str, Json], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool | None):
        raise _wrong(key, "true or false")
    return bool(value)


def _object(fields: dict[str, Json], key: str) -> dict[str, Json] | None:
    value = fields.get(key)
    if not isinstance(value, dict | None):
        raise _wrong(key, "an object")
    return value


def _sums(fields: dict[str, Json]) -> dict[str, str] | None:
    value = _object(fields, "sha3-384")
    if value is None:
        return None
    return {entry: _string(value, entry) for entry in value}


def _excludes(fields: dict[str, Json]) -> tuple[str, ...] | None:
    options = _object(fields, "options")
    if options is None:
        return None
    listed = members(options, ("exclude",)).get("exclude")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _wrong("exclude", "a list")
    return tuple(_string({"exclude": item}, "exclude") for item in listed)


def _invalid(snapshot: Snapshot) -> str:
    """Why a snapshot must not be touched, or nothing."""
    if not 0 < snapshot.set_id <= LARGEST_ID or is_zero_time(snapshot.time):
        return INVALID
    if not (snapshot.snap and snapshot.revision.number and snapshot.sums):
        return INVALID
    if not is_snap_name(snapshot.snap):
        return f"invalid snap name: {quoted(snapshot.snap)}"
    if not is_version(snapshot.version):
        return f"invalid snap version: {quoted(snapshot.version)}"
    if snapshot.size < 0:
        return f"invalid snapshot size: {snapshot.size}"
    return _invalid_entry(snapshot.sums)


def _invalid_entry(sums: dict[str, str]) -> str:
    for entry, declared_hash in sums.items():
        named = entry.startswith("user/") and entry.endswith(".tgz")
        if named and not is_user_name(entry[len("user/") : -len(".tgz")]):
            return f"invalid user name in snapshot entry {quoted(entry)}"
        if _SUM.fullmatch(declared_hash) is None:
            return f"invalid hash of snapshot entry {quoted(entry)}"
    return ""
