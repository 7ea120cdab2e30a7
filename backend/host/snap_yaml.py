"""Version and epoch of an installed snap, from its snap.yaml."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backend.errors import InvalidInputError, SnapshotError
from backend.format.gojson import loads
from backend.format.metadata import parse_epoch
from backend.format.names import is_version
from backend.fs.files import os_errors_as, read_whole
from backend.model import Epoch, Json, Number

if TYPE_CHECKING:
    from yaml.events import Event

LARGEST_YAML = 1 << 20
_DEEPEST_YAML = 50


def read_description(path: str) -> tuple[str, Epoch] | None:
    """Version and epoch in the snap.yaml at `path`, or None where there is no such file.

    InvalidInputError when it is damaged, NotAllowedError or SnapshotError when it cannot be read.
    """
    with os_errors_as("cannot read the description of a snap"):
        try:
            raw = read_whole(path, LARGEST_YAML)
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        facts = _facts(raw)
        version, epoch = _as_text(facts.get("version")) or "", parse_epoch(_as_text(facts.get("epoch")))
    except (SnapshotError, ValueError) as error:
        raise InvalidInputError(f"cannot read {path}: {error}") from error
    if not (isinstance(version, str) and is_version(version)):
        raise InvalidInputError(f"cannot read {path}: the version is not valid")
    return version, epoch


def _as_text(value: Json) -> Json:
    """A lone number as it is spelled: in YAML a version may look like one."""
    return value.literal if isinstance(value, Number) else value


def _facts(raw: bytes) -> dict[str, Json]:
    """The mapping in a YAML text, read without loading a YAML parser where it is JSON."""
    if raw.startswith(b"{"):
        try:
            facts = loads(raw, limit=LARGEST_YAML)
            return facts if isinstance(facts, dict) else {}
        except SnapshotError:
            pass
    import yaml

    try:
        events = yaml.parse(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        start = next((event for event in events if isinstance(event, yaml.NodeEvent)), None)
        facts = _value(start, events, 0) if start else None
    except yaml.YAMLError as error:
        raise InvalidInputError(getattr(error, "problem", None) or "not a YAML text") from None
    if not isinstance(facts, dict):
        raise InvalidInputError("not a mapping")
    return facts


def _value(start: "Event", events: Iterator["Event"], depth: int) -> Json:
    """The value that begins with an event; scalars keep their spelling, aliases count as null."""
    import yaml

    if depth > _DEEPEST_YAML:
        raise InvalidInputError("nested too deeply")
    if isinstance(start, yaml.ScalarEvent):
        return _scalar(start.value, plain=start.implicit[0])
    items: list[Json] = []
    if isinstance(start, yaml.CollectionStartEvent):
        while not isinstance(event := next(events), yaml.CollectionEndEvent):
            items.append(_value(event, events, depth + 1))
    if isinstance(start, yaml.MappingStartEvent):
        pairs = zip(items[::2], items[1::2], strict=True)
        return {key: value for key, value in pairs if isinstance(key, str)}
    return items if isinstance(start, yaml.SequenceStartEvent) else None


def _scalar(text: str, *, plain: bool) -> Json:
    if not plain:
        return text
    if text in ("", "~", "null"):
        return None
    return Number(text) if text.isascii() and text.isdigit() else text
