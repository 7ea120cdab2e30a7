"""The configuration read from its file (TOML), strictly: a mistake is told with its file, line and key."""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from backend.config.spans import span_of
from backend.config.values import (
    Config,
    HostsConfig,
    RepositoryConfig,
    RetentionConfig,
    ScheduleConfig,
)
from backend.errors import InvalidInputError, NotAllowedError
from backend.format.names import is_snap_name
from backend.fs import files
from backend.operations import RetentionRules

LARGEST = 1 << 20
_OTHERS = 0o077
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MOST_KEPT = 100_000
_MOST_HOSTS = 64
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)

Value = TypeVar("Value")
Path = tuple[str, ...]


def default_path() -> str:
    """Return the file of this machine for root, and the user's for anybody else."""
    folder = "/etc" if os.geteuid() == 0 else user_config_home()
    return f"{folder}/snapstow/config.toml"


def user_config_home() -> str:
    """Return the folder of the user's configurations; a relative one is ignored, as XDG has it."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    return folder if os.path.isabs(folder) else os.path.expanduser("~/.config")


def load_config(path: str = "") -> Config:
    """Read a configuration; without a path the usual file, which need not be there.

    Raises:
        InvalidInputError: it cannot be understood; the text names file, line, key and what would be right.
        NotAllowedError: it holds secrets, and others can read it.
        SnapshotError: it cannot be read.
    """
    place = path or default_path()
    with files.os_errors_as("cannot read the configuration"):
        try:
            raw = files.read_whole(place, LARGEST)
        except FileNotFoundError:
            if path:
                raise InvalidInputError(f"there is no configuration {path}") from None
            return Config(place)
        mode = os.stat(place).st_mode
    config = parse_config(raw, place)
    if stat.S_IMODE(mode) & _OTHERS and any(schedule.notify for schedule in config.schedules.values()):
        raise NotAllowedError(
            f"{place} holds addresses with secrets (notify) and can be read by others; run: chmod 600 {place}"
        )
    return config


def parse_config(raw: bytes, place: str) -> Config:
    """Return the configuration that a text describes; `place` is what it is called in messages.

    Raises:
        InvalidInputError: it cannot be understood.
    """
    try:
        text = raw.decode()
        document = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as mistake:
        raise InvalidInputError(f"{place}: {_syntax(mistake)}") from None
    reader = _Reader(place, text)
    tables = reader.table(document, (), ("repositories", "retention", "schedules", "hosts"))
    return Config(
        path=place,
        repositories=reader.named(tables.get("repositories", {}), ("repositories",), reader.repository),
        retention=reader.retention(tables.get("retention", {})),
        schedules=reader.named(tables.get("schedules", {}), ("schedules",), reader.schedule),
        hosts=reader.hosts(tables.get("hosts", {})),
    )


def _syntax(mistake: Exception) -> str:
    if isinstance(mistake, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(mistake, RecursionError) else str(mistake)


class _Reader:
    """Checks the values of a document; knows on which line each key is."""

    def __init__(self, place: str, text: str) -> None:
        self._place = place
        self._text = text

    # -- tables

    def repository(self, name: str, value: object, path: Path) -> RepositoryConfig:
        """A repository."""
        fields = self.table(value, path, _fields(RepositoryConfig))
        url = self._text_in(fields, path, "url", required=True)
        if not re.match("(s3|gs|az)://.|file:///.|rclone:[^:]+:", url):
            raise self.mistake(
                (*path, "url"),
                "that is no address",  # nor is it told, as it may hold a secret
                "file:///PATH, s3://…, gs://…, az://… or rclone:REMOTE:PATH",
            )
        self._demand_no_secret(url, (*path, "url"))
        endpoint = self._text_in(fields, path, "endpoint")
        if endpoint and not re.match("https?://.", endpoint):
            raise self.mistake((*path, "endpoint"), "that is no address", "https://HOST")
        self._demand_no_secret(endpoint, (*path, "endpoint"))
        credentials = self._text_in(fields, path, "credentials")
        if credentials not in ("", "instance"):
            raise self.mistake(
                (*path, "credentials"), f'"{credentials}" is unknown', '"instance", or nothing'
            )
        return RepositoryConfig(
            name=name,
            url=url,
            endpoint=endpoint,
            region=self._text_in(fields, path, "region"),
            recipients=self._recipients(fields, path),
            identity=self._absolute(fields, path, "identity"),
            credentials=credentials,
            ca_file=self._absolute(fields, path, "ca_file"),
        )

    def retention(self, value: object) -> RetentionConfig:
        """What is kept of all snaps, and of some."""
        path = ("retention",)
        fields = self.table(value, path, (*_fields(RetentionRules), "snaps"))
        snaps = fields.pop("snaps", {})
        own_rules = {}
        for snap, rules in self._mapping(snaps, (*path, "snaps")).items():
            if not is_snap_name(snap):
                raise self.mistake(
                    (*path, "snaps", snap), "that is no name of a snap", "for example nextcloud"
                )
            own_rules[snap] = self._rules(rules, (*path, "snaps", snap))
        return RetentionConfig(self._rules(fields, path), MappingProxyType(own_rules))

    def schedule(self, name: str, value: object, path: Path) -> ScheduleConfig:
        """Steps that run by themselves."""
        fields = self.table(value, path, _fields(ScheduleConfig))
        steps = self._texts(fields, path, "steps")
        if not steps:
            raise self.mistake((*path, "steps"), "there is no step", '["save", "push --new offsite"]')
        return ScheduleConfig(
            name=name,
            when=self._text_in(fields, path, "when", required=True),
            steps=steps,
            notify=self._texts(fields, path, "notify"),
            notify_always=self._flag(fields, path, "notify_always"),
            metrics=self._absolute(fields, path, "metrics"),
        )

    def hosts(self, value: object) -> HostsConfig:
        """Machines by group."""
        path = ("hosts",)
        fields = self.table(value, path, ("groups", "parallel"))
        groups = self._mapping(fields.get("groups", {}), (*path, "groups"))
        names = {name: self._texts(groups, (*path, "groups"), name) for name in groups}
        parallel = fields.get("parallel", HostsConfig.parallel)
        if type(parallel) is not int or not 1 <= parallel <= _MOST_HOSTS:
            raise self.mistake(
                (*path, "parallel"), f"{parallel!r:.40} is no number of hosts", f"1 to {_MOST_HOSTS}"
            )
        return HostsConfig(MappingProxyType(names), parallel)

    def named(
        self, value: object, path: Path, read: Callable[[str, object, Path], Value]
    ) -> Mapping[str, Value]:
        """Tables by name."""
        tables = self._mapping(value, path)
        for name in tables:
            if not _NAME.fullmatch(name):
                raise self.mistake(
                    (*path, name), "that is no name", "letters, digits and hyphens, at most 40"
                )
        return MappingProxyType({name: read(name, table, (*path, name)) for name, table in tables.items()})

    def table(self, value: object, path: Path, known: tuple[str, ...]) -> dict[str, Any]:
        """A table with these keys, and no others."""
        fields = self._mapping(value, path)
        for key in fields:
            if key not in known:
                near = get_close_matches(key, known, 1)
                raise self.mistake((*path, key), "that key is unknown", near[0] if near else ", ".join(known))
        return fields

    # -- values

    def _rules(self, value: object, path: Path) -> RetentionRules:
        fields = self.table(value, path, _fields(RetentionRules))
        for key, number in fields.items():
            if key != "keep_within" and (type(number) is not int or not 0 <= number <= _MOST_KEPT):
                raise self.mistake((*path, key), f"{number!r:.40} is no number of sets", "0, 1, 2 …")
        within = self._text_in(fields, path, "keep_within")
        return RetentionRules(**{**fields, "keep_within": self._span(within, (*path, "keep_within"))})

    def _span(self, text: str, path: Path) -> int:
        if not text:
            return 0
        if (span := span_of(text)) is None:
            raise self.mistake(path, f'"{text}" is no span of time', "90d, 12h, 8w or 1y")
        return span

    def _recipients(self, fields: Mapping[str, Any], path: Path) -> tuple[str, ...]:
        recipients = self._texts(fields, path, "recipients")
        for text in recipients:
            if not re.match("age1[a-z0-9]{50,}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]{20,}", text):
                raise self.mistake(
                    (*path, "recipients"),
                    f'"{text:.30}" is no public key',
                    "age1…, ssh-ed25519 … or ssh-rsa …",
                )
        return recipients

    def _text_in(self, fields: Mapping[str, Any], path: Path, key: str, *, required: bool = False) -> str:
        value = fields.get(key, "")
        if not isinstance(value, str) or "\n" in value or "\0" in value:
            raise self.mistake((*path, key), "that is no text on one line", f'{key} = "…"')
        if required and not value:
            raise self.mistake((*path, key), "it is missing", f'{key} = "…"')
        return value

    def _texts(self, fields: Mapping[str, Any], path: Path, key: str) -> tuple[str, ...]:
        values = fields.get(key, [])
        if not isinstance(values, list) or not all(
            isinstance(v, str) and v and "\n" not in v for v in values
        ):
            raise self.mistake((*path, key), "that is no list of texts", f'{key} = ["…", "…"]')
        return tuple(values)

    def _flag(self, fields: Mapping[str, Any], path: Path, key: str) -> bool:
        value = fields.get(key, False)
        if not isinstance(value, bool):
            raise self.mistake((*path, key), "that is neither", "true or false")
        return value

    def _absolute(self, fields: Mapping[str, Any], path: Path, key: str) -> str:
        value = self._text_in(fields, path, key)
        if value and not value.startswith("/"):
            raise self.mistake((*path, key), f'"{value:.60}" is no absolute path', f'{key} = "/…"')
        return value

    def _mapping(self, value: object, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.mistake(path, "that is no table", f"[{'.'.join(path)}]")
        return dict(value)

    def _demand_no_secret(self, url: str, path: Path) -> None:
        try:
            holds_secret = "@" in urlsplit(url).netloc
        except ValueError:
            holds_secret = True
        if holds_secret:
            raise self.mistake(
                path, "there must be no secret in an address", "an address without USER:SECRET@"
            )

    # -- mistakes

    def mistake(self, path: Path, what: str, right: str) -> InvalidInputError:
        """Say where something is wrong, what, and what would be right."""
        line = line_of(self._text, path)
        where = f"{self._place}:{line}" if line else self._place
        return InvalidInputError(f"{where}: {'.'.join(path)}: {what}; expected {right}")


def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(name for name in kind.__dataclass_fields__ if name != "name")


def line_of(text: str, path: Path) -> int:
    """Return the line, from 1, on which a key is set, or the nearest table above it; 0 for none."""
    best, depth = 0, 0
    header: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            header = _parts(match[1])
            place = header
        elif match := _KEY.match(line):
            place = (*header, *_parts(match[1]))
        else:
            continue
        if path[: len(place)] == place and len(place) > depth:
            best, depth = number, len(place)
    return best


def _parts(key: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in key.split("."))
