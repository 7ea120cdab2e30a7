"""What a configuration says, key by key, with the line of its file; secrets are only counted."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from backend.config.reading import LARGEST, Path, line_of
from backend.config.spans import span_text
from backend.config.values import Config
from backend.fs import files

_SECRET = "notify"


class Setting(NamedTuple):
    """A key as TOML would spell it, its value as a text, and its line from 1 (0 where that is not known)."""

    key: str
    value: str
    line: int


def settings_of(config: Config) -> list[Setting]:
    """Return what is set, in the order of the sections; what is left at its default is not among it."""
    text = ""
    with suppress(OSError):
        text = files.read_whole(os.path.realpath(config.path), LARGEST).decode("utf-8", "replace")
    return [Setting(".".join(path), value, line_of(text, path)) for path, value in _values(config)]


def _values(config: Config) -> Iterator[tuple[Path, str]]:
    for name, repository in config.repositories.items():
        yield from _fields(("repositories", name), repository)
    yield from _fields(("retention",), config.retention.rules)
    for snap, rules in config.retention.snaps.items():
        yield from _fields(("retention", "snaps", snap), rules)
    for name, schedule in config.schedules.items():
        yield from _fields(("schedules", name), schedule)
    for name, hosts in config.hosts.groups.items():
        yield ("hosts", "groups", name), _text("", hosts)
    if config.hosts.parallel != type(config.hosts).parallel:
        yield ("hosts", "parallel"), str(config.hosts.parallel)


def _fields(path: Path, table: Any) -> Iterator[tuple[Path, str]]:
    """The fields of a table that are not at their default."""
    for field in fields(table):
        value = getattr(table, field.name)
        if field.name != "name" and (field.default is MISSING or value != field.default):
            yield (*path, field.name), _text(field.name, value)


def _text(name: str, value: object) -> str:
    if name == _SECRET and isinstance(value, tuple):
        return f"({len(value)}, not shown)"
    if name == "keep_within" and isinstance(value, int):
        return span_text(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
