"""Which names are valid, and the file name of a snapshot.

Pure text: nothing here looks at a disk.
"""

import re
from typing import NamedTuple

from backend.errors import InvalidInputError
from backend.format.gojson import quoted
from backend.model import Revision, Snapshot

METADATA = "meta.json"
METADATA_HASH = "meta.sha3_384"


LARGEST_ID = 2**63 - 1

_SNAP = re.compile(r"(?=[a-z0-9-]{2,40}(?:_|\Z))(?=[0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*(?:_[a-z0-9]{1,10})?")
_VERSION = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9:.+~-]{0,30}[a-zA-Z0-9+~])?)?")
_USER = re.compile(r"(?!\.\.?\Z)[^\x00-\x1f/-][^\x00-\x1f/]*")


class FileName(NamedTuple):
    """What the file name of a snapshot says about it."""

    set_id: int
    snap: str
    version: str
    revision: Revision


def snapshot_id(name: str) -> int | None:
    """The set id of a file that snapd counts as a snapshot, or None where it does not.

    `name` may be a path. The id is unsigned: a file called `-1_x.zip` is in set 2**64-1.
    """
    first, _, rest = name.rstrip("/").rpartition("/")[2].partition("_")
    signed = first[:1] in ("+", "-")
    number = _digits(first[1:] if signed else first, LARGEST_ID + 1)
    if number is None or not rest.endswith(".zip") or rest == ".zip":
        return None
    if first[0] == "-":
        return -number % 2**64
    return number if number <= LARGEST_ID else None


def parse_filename(name: str) -> FileName | None:
    """The parts of a base name that `filename` could have written, or None; the version may be empty."""
    parts = name.removesuffix(".zip").rsplit("_", 2)
    first, _, snap = parts[0].partition("_")
    if not name.endswith(".zip") or len(parts) != 3 or not is_snap_name(snap) or not is_version(parts[1]):
        return None
    digits = parts[2].removeprefix("x")
    set_id, number = _digits(first), _digits(digits)
    if not set_id or not number or first[0] == "0" or digits[0] == "0":
        return None
    return FileName(set_id, snap, parts[1], Revision(number if digits == parts[2] else -number))


def filename(snapshot: Snapshot) -> str:
    """Return the base name of the file of a snapshot.

    Raises:
        InvalidInputError: a part of it is not valid.
    """
    name = f"{snapshot.set_id}_{snapshot.snap}_{snapshot.version}_{snapshot.revision}.zip"
    if parse_filename(name) != (snapshot.set_id, snapshot.snap, snapshot.version, snapshot.revision):
        raise InvalidInputError(f"cannot name a snapshot file {quoted(name)}: invalid name")
    return name


def is_snap_name(name: str) -> bool:
    """Whether this is the instance name of a snap: `name` or `name_key`."""
    return _SNAP.fullmatch(name) is not None


def is_version(text: str) -> bool:
    """Whether this is the version of a snap; none at all is legal."""
    return _VERSION.fullmatch(text) is not None


def is_user_name(name: str) -> bool:
    """Whether a user name may be used in paths and commands: no slash, no control byte, no leading dash."""
    return _USER.fullmatch(name) is not None


def revision_from_text(text: str) -> Revision:
    """The revision a text stands for: `42`, `x1` or `unset`; InvalidInputError for anything else.

    Leading zeros and a plus sign are accepted, as snapd does: compare `str()` where the spelling matters.
    """
    if text == "unset":
        return Revision()
    number = _digits(text.removeprefix("x").removeprefix("+"))
    if not number:
        raise InvalidInputError(f"invalid snap revision: {quoted(text)}")
    return Revision(-number if text[0] == "x" else number)


def _digits(text: str, largest: int = LARGEST_ID) -> int | None:
    """The number that ASCII digits write, however many zeros precede it; None where it is none or larger."""
    if not (text.isascii() and text.isdigit()):
        return None
    kept = text.lstrip("0")
    number = int(kept or "0") if len(kept) < 20 else largest + 1
    return number if number <= largest else None
