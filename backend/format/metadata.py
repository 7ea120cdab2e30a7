"""How the model is spelled: metadata, content hashes and the JSON members of an export, to the byte.

What comes in is never trusted: it becomes a checked value, a broken snapshot or one of our errors. File
names, times and epochs have modules of their own; their names can be had here too.
"""

import re
from collections.abc import Iterable

from backend.errors import IntegrityError, InvalidInputError
from backend.format.gojson import Struct, Writable, dumps, loads, members, quoted, raw_utf8
from backend.format.names import (
    LARGEST_ID,
    is_snap_name,
    is_user_name,
    is_version,
    revision_from_text,
)
from backend.format.timestamps import ZERO_TIME, canonical_time, is_zero_time, unix_time
from backend.model import Epoch, Json, Number, Revision, Snapshot

_MOST_EPOCHS = 10
_DEFAULT_EPOCH: Json = {"read": [Number("0")], "write": [Number("0")]}  # nearly every snapshot's
_EPOCH_KEYS = frozenset(("read", "write"))


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


def parse_metadata(raw: bytes, set_id: int) -> Snapshot:
    """The snapshot described by a `meta.json`, as a member of set `set_id` (the stored id is stale).

    Raises IntegrityError where the bytes cannot be decoded. Decoded but not valid gives a snapshot whose
    `broken` says why.
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
    """The bytes of `meta.json`, with the newline at the end."""
    return f"{snapshot_json(snapshot)}\n".encode()


def snapshot_json(snapshot: Snapshot) -> str:
    """Write a snapshot as snapd lists it, on one line without a newline."""
    return dumps(_struct(snapshot))


def content_hash(snapshot: Snapshot, *, newer: bool = False) -> bytes:
    """Hash (SHA-256) what a snapshot holds, whatever its set, time and options.

    `newer` hashes the spelling of control characters that Go uses since 1.22.
    """
    bare = snapshot._replace(set_id=0, time=ZERO_TIME, auto=False, exclude=None)
    from hashlib import sha256

    return sha256(f"{dumps(_struct(bare), newer=newer)}\n".encode()).digest()


def set_content_hash(snapshots: Iterable[Snapshot], *, newer: bool = False) -> bytes:
    """Hash (SHA-256) what a set holds; snapshots of one name count in the order given."""
    ordered = sorted(snapshots, key=lambda snapshot: raw_utf8(snapshot.snap))
    from hashlib import sha256

    return sha256(b"".join([content_hash(snapshot, newer=newer) for snapshot in ordered])).digest()


def set_content_hashes(snapshots: Iterable[Snapshot]) -> tuple[bytes, bytes]:
    """Both hashes a set may have been exported with: the older spelling's, and the newer's."""
    given = tuple(snapshots)
    return set_content_hash(given), set_content_hash(given, newer=True)


def set_time(snapshots: Iterable[Snapshot]) -> str:
    """Return the earliest time among snapshots; the zero time without any."""
    return min((snapshot.time for snapshot in snapshots), key=unix_time, default=ZERO_TIME)


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


def parse_epoch(value: Json) -> Epoch:
    """The epoch a JSON value stands for; IntegrityError with snapd's own words where it is none."""
    if value is None or value == _DEFAULT_EPOCH:
        return Epoch()
    if isinstance(value, str):
        return _epoch_from_text(value)
    if isinstance(value, dict):
        return _epoch_from_object(members(value, _EPOCH_KEYS))
    raise IntegrityError(f"cannot parse epoch: {quoted(dumps(value))} is neither a text nor an object")


def _epoch_from_text(text: str) -> Epoch:
    if text in ("", "0"):
        return Epoch()
    if text == "0*":
        raise IntegrityError("0* is an invalid epoch")
    number = _number_of_epoch(text.removesuffix("*"), text)
    return Epoch((number - 1, number) if text.endswith("*") else (number,), (number,))


def _epoch_from_object(lists: dict[str, Json]) -> Epoch:
    if not lists:
        return Epoch()
    given = {name: _epoch_numbers(item) for name, item in lists.items()}
    write = given["write"] if "write" in given else given["read"][-1:]
    read = given.get("read", write)
    if set(read).isdisjoint(write):
        raise IntegrityError("epoch read and write lists must have a non-empty intersection")
    return Epoch(read, write)


def _epoch_numbers(value: Json) -> tuple[int, ...]:
    if value is None or value == []:
        raise IntegrityError("epoch list cannot be explicitly empty")
    if not isinstance(value, list):
        raise IntegrityError("epoch read/write attributes must be lists of epoch numbers")
    if len(value) > _MOST_EPOCHS:
        raise IntegrityError(f"epoch list must not have more than {_MOST_EPOCHS} entries")
    numbers = tuple(_epoch_number(item) for item in value)
    if list(numbers) != sorted(set(numbers)):
        raise IntegrityError("epoch list must be a strictly increasing sequence")
    return numbers


def _epoch_number(value: Json) -> int:
    if isinstance(value, Number):
        return _number_of_epoch(value.literal, value.literal)
    return _number_of_epoch("", dumps(value))


def _number_of_epoch(text: str, shown: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise IntegrityError(f"epoch numbers must be base 10 with no zero padding, but got {quoted(shown)}")
    if len(text) > 10 or (number := int(text)) >= 2**32:
        raise IntegrityError(f"epoch numbers must be less than 2³², but got {quoted(shown)}")
    return number
