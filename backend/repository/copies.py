"""What is known here of the copies of a repository: kept, so that a list of them is there at once."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from backend.errors import IntegrityError, NotAllowedError
from backend.fs.directories import make_directories
from backend.repository.manifest import Manifest, parse_manifest, summarise
from backend.repository.names import CopyName, parse_copy_name
from backend.store.kept_table import KeptTable

_VERSION = 1
_TABLE = """CREATE TABLE copies (
    stem TEXT PRIMARY KEY, sealed INTEGER, stored INTEGER, modified REAL, manifest BLOB,
    snaps TEXT, size INTEGER, expected INTEGER, fault TEXT, checked REAL, verdict TEXT)"""
_ALL = """SELECT stem, sealed, stored, modified, manifest, snaps, size, expected, fault, checked, verdict
    FROM copies"""
_KEEP = f"INSERT OR REPLACE INTO copies VALUES ({', '.join('?' * 11)})"
_VERDICTS = "SELECT stem, checked, verdict FROM copies"
_VERDICT = "UPDATE copies SET checked = ?, verdict = ? WHERE stem = ?"


@dataclass(frozen=True)
class Copy:
    """A set in a repository.

    `stored` are the bytes of its payload as the repository lists it, -1 where that is not there, and
    `modified` when it was written (seconds since the epoch). `raw` is the manifest, empty where it cannot be
    read here, and the next three are what it says; `fault` is what is wrong with it. `checked` is when the
    payload was last read back from here (seconds since the epoch, 0.0 never), `verdict` what was wrong then.
    """

    name: CopyName
    sealed: bool
    stored: int
    modified: float
    raw: bytes = b""
    snaps: tuple[str, ...] = ()
    size: int = 0
    expected: int = -1
    fault: str = ""
    checked: float = 0.0
    verdict: str = ""

    @cached_property
    def manifest(self) -> Manifest:
        """What its manifest says.

        Raises:
            IntegrityError: it is damaged.
            NotAllowedError: it cannot be read here.
        """
        if self.fault:
            raise IntegrityError(f"copy {self.name.short}: {self.fault}")
        if not self.raw:
            raise NotAllowedError(
                f"copy {self.name.short} is encrypted, and no identity is configured that reads it"
            )
        return parse_manifest(self.raw)

    @property
    def is_readable(self) -> bool:
        """Whether its manifest can be read here."""
        return bool(self.raw)

    @property
    def is_verified(self) -> bool:
        """Whether it was read back, and found sound."""
        return bool(self.checked) and not self.trouble

    @property
    def trouble(self) -> str:
        """Why it cannot be relied on, or nothing."""
        return self.defect or self.verdict

    @property
    def defect(self) -> str:
        """What is wrong with it as far as its manifest and a listing tell, or nothing."""
        if self.fault:
            return self.fault
        if self.stored < 0:
            return "its payload is missing"
        if self.expected not in (-1, self.stored):
            return "its payload has another size than its manifest says"
        return ""

    def described(self, raw: bytes) -> "Copy":
        """Return the copy with what a manifest says; one that is damaged becomes its fault."""
        try:
            summary = summarise(raw)
        except IntegrityError as damage:
            return replace(self, fault=str(damage))
        if not self.name.matches(summary.content_hash):
            return replace(self, fault="its manifest is of another copy")
        return replace(self, raw=raw, snaps=summary.snaps, size=summary.size, expected=summary.stored_size)


class CopyTable:
    """The copies of one repository in our state folder; where they cannot be kept, none is known."""

    def __init__(self, state_dir: str, repository: str, url: str) -> None:
        self._folder = f"{state_dir}/repositories"
        name = f"{repository}-{sha256(url.encode()).hexdigest()[:8]}.sqlite"
        self._table = KeptTable(f"{self._folder}/{name}", "copies", _TABLE, _VERSION)

    def read(self) -> list[Copy]:
        """Return the copies as they were last known, the newest first."""
        with self._table.opened(write=False) as database:
            rows = [] if database is None else database.execute(_ALL).fetchall()
        return newest_first(copy for row in rows if (copy := _copy(*row)))

    def replace(self, copies: Iterable[Copy]) -> list[Copy]:
        """Know these copies, and no others, from now on; returns them with what was verified meanwhile."""
        present = list(copies)
        with self._writing() as database:
            if database is not None:
                verdicts = {stem: (at, verdict) for stem, at, verdict in database.execute(_VERDICTS)}
                present = [_with_verdict(copy, verdicts.get(str(copy.name))) for copy in present]
                database.execute("DELETE FROM copies")
                database.executemany(_KEEP, map(_row, present))
        return newest_first(present)

    def add(self, copy: Copy) -> None:
        """Know one more copy."""
        self._execute(_KEEP, _row(copy))

    def drop(self, name: CopyName) -> None:
        """Know a copy no longer."""
        self._execute("DELETE FROM copies WHERE stem = ?", (str(name),))

    def record(self, name: CopyName, at: float, verdict: str) -> None:
        """Remember that a copy was read back at a time, and what was wrong with it."""
        self._execute(_VERDICT, (at, verdict, str(name)))

    def _execute(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._writing() as database:
            if database is not None:
                database.execute(statement, values)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection | None]:
        """The database, in one transaction; None where nothing can be kept."""
        with suppress(OSError):
            make_directories(self._folder, 0o700)
        with self._table.opened(write=True) as database:
            if database is None:
                yield None
                return
            with database:
                yield database


def newest_first(copies: Iterable[Copy]) -> list[Copy]:
    """Sort copies by the time of their sets, the newest first."""
    return sorted(copies, key=lambda copy: (-copy.name.time, str(copy.name)))


def _with_verdict(copy: Copy, verdict: tuple[float, str] | None) -> Copy:
    return replace(copy, checked=verdict[0], verdict=verdict[1]) if verdict else copy


def _row(copy: Copy) -> tuple[Any, ...]:
    return (
        *(str(copy.name), copy.sealed, copy.stored, copy.modified, copy.raw),
        *(" ".join(copy.snaps), copy.size, copy.expected, copy.fault, copy.checked, copy.verdict),
    )


def _copy(stem: str, sealed: int, *values: Any) -> Copy | None:
    stored, modified, raw, snaps, *rest = values
    name = parse_copy_name(stem)
    return name and Copy(name, bool(sealed), stored, modified, raw, tuple(snaps.split()), *rest)
