"""The JSON members of an export: `content.json`, its content hash, and `export.json`, a list of its files."""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import NamedTuple

from backend.errors import IntegrityError, InvalidInputError
from backend.format.gojson import Struct, Writable, dumps, loads, members, quoted
from backend.model import Json, Number

CONTENT, MANIFEST = "content.json", "export.json"


class ExportManifest(NamedTuple):
    """What `export.json` says: `format` and `files` are None where it does not say."""

    format: int | None
    date: str
    files: tuple[str, ...] | None


def content_json(digest: bytes) -> bytes:
    """The member `content.json` of an export."""
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
