"""What was verified, when and how, and how much snapshots unpack to (SQLite).

A verdict holds for one archive of one file, while that is the same and declares the same hash: a good
copy says nothing of another file with damaged bytes. A size holds for one file while that is the same.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from backend.archive.reader import Reader
from backend.errors import SnapshotError
from backend.fs.files import Fingerprint
from backend.model import CheckLevel, CheckResult, Snapshot
from backend.store.kept_table import KeptTable

if TYPE_CHECKING:
    from backend.progress import Progress

_VERSION = 1
_TABLE = """CREATE TABLE verdicts (
    file TEXT, identity TEXT, entry TEXT, hash TEXT, level TEXT, at REAL, fault TEXT,
    PRIMARY KEY (file, entry))"""
_KEEP = """INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (file, entry) DO UPDATE SET identity = excluded.identity, hash = excluded.hash,
        level = excluded.level, at = excluded.at, fault = excluded.fault
    WHERE NOT (level = 'structure' AND fault != '' AND identity = excluded.identity AND hash = excluded.hash
        AND (excluded.level = 'quick' OR excluded.level = 'full' AND excluded.fault = ''))"""
_RENAME = "UPDATE OR REPLACE {} SET file = ?, identity = ? WHERE file = ? AND identity = ?"
_OF_FILE = "SELECT identity, entry, hash, level, at, fault FROM verdicts WHERE file = ?"
_SIZES = "CREATE TABLE sizes (file TEXT PRIMARY KEY, identity TEXT, bytes INTEGER)"
_KEEP_SIZE = "INSERT OR REPLACE INTO sizes VALUES (?, ?, ?)"
OLD = 30 * 24 * 3600
_LEEWAY = 24 * 3600  # a clock may have been set back; what seems to be of another year says nothing
_LATEST = 1 << 40
_LARGEST = 1 << 62


class CheckState(Enum):
    """What is known of a snapshot's soundness, worst first."""

    BROKEN = "BROKEN"
    FAILED = "FAILED"
    NEVER = "NEVER"
    OLD = "OLD"
    OK = "OK"

    @property
    def is_verified(self) -> bool:
        """Whether it was found sound the last time, however long ago."""
        return self in (CheckState.OK, CheckState.OLD)

    @property
    def is_bad(self) -> bool:
        """Whether it cannot be relied on."""
        return self in (CheckState.BROKEN, CheckState.FAILED)


class CheckStatus(NamedTuple):
    """The status of one snapshot: `at` is the oldest verdict in seconds since the epoch, 0 for never."""

    state: CheckState
    at: float = 0.0
    level: str = ""
    fault: str = ""


class _Size(NamedTuple):
    """What the archives of one file declare; `size` is None where that may not be all."""

    identity: str
    size: int | None


class VerificationLog:
    """The verdicts kept in our state folder for a root; where it cannot be kept, nothing is remembered.

    May be used from several threads; sizes are learned by one at a time.
    """

    def __init__(self, state_dir: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._verdicts = KeptTable(f"{state_dir}/ledger.sqlite", "verdicts", _TABLE, _VERSION)
        self._sizes = KeptTable(f"{state_dir}/sizes.sqlite", "sizes", _SIZES, _VERSION)
        self._learned: dict[str, _Size] = {}

    def record(
        self,
        snapshots: Iterable[Snapshot],
        verdicts: Iterable[CheckResult],
        level: CheckLevel,
        opened: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Keep what a check found. Bytes whose structure is at fault stay so until that is checked again.

        `opened` are the identities that the files had when they were opened, by path: what was found says
        nothing of a file that was put in place since. A quick look verifies nothing: of it only what is at
        fault is kept, until a full check of those bytes. Where every archive was walked, their sizes are kept
        as well.
        """
        known = {snapshot.path: snapshot for snapshot in snapshots}
        identities = {path: opened.get(path) or identity_at(path) for path in known}
        verdicts = list(verdicts)
        if walked := _walked(known, verdicts, identities):
            self._keep_sizes(walked)
        rows = []
        for verdict in verdicts:
            snapshot = known.get(verdict.path)
            if snapshot is not None and verdict.entry and (verdict.fault or level is not CheckLevel.QUICK):
                declared = (snapshot.sums or {}).get(verdict.entry, "")
                name, identity = os.path.basename(snapshot.path), identities[snapshot.path]
                row = (name, identity, verdict.entry, declared, level.value, self._clock(), verdict.fault)
                rows.append(row)
        if not rows:
            return
        with self._verdicts.opened(write=True) as database:
            if database is not None:
                with database:
                    database.executemany(_KEEP, rows)

    @contextmanager
    def carried(self, renames: Mapping[str, str]) -> Iterator[None]:
        """Keep what is known of files that move inside, each from one path to another, or back.

        They may have other names besides. One that was written to meanwhile was never checked.
        """
        before = {path: identity_at(path) or identity_at(target) for path, target in renames.items()}
        try:
            yield
        finally:
            known = {path: identity for path, identity in before.items() if identity}
            self._rename({path: (known[path], target) for path, target in renames.items() if path in known})

    def _rename(self, renames: Mapping[str, tuple[str, str]]) -> None:
        rows = []
        for path, (identity, target) in renames.items():
            for place in (target, path):
                if _is_same(now := identity_at(place), identity):
                    rows.append((os.path.basename(place), now, os.path.basename(path), identity))
                    break
        for table, name in ((self._verdicts, "verdicts"), (self._sizes, "sizes")) if rows else ():
            with table.opened(write=True) as database:
                if database is not None:
                    with database:
                        database.executemany(_RENAME.format(name), rows)

    def statuses(self, snapshots: Iterable[Snapshot], now: float | None = None) -> dict[str, CheckStatus]:
        """Return what is known of each snapshot, by path. A file that changed since was never checked."""
        now = self._clock() if now is None else now
        known: dict[str, list[tuple[str, ...]]] = {}
        with self._verdicts.opened(write=False) as database:
            rows = (
                database.execute("SELECT file, identity, entry, hash, level, at, fault FROM verdicts")
                if database
                else ()
            )
            for name, *rest in rows:
                known.setdefault(name, []).append(tuple(rest))
        return {
            snapshot.path: _status(snapshot, known.get(os.path.basename(snapshot.path), []), now)
            for snapshot in snapshots
        }

    def statuses_of_parts(self, snapshot: Snapshot) -> dict[str, CheckStatus]:
        """Return what is known of each archive of a snapshot, by entry."""
        now = self._clock()
        rows: list[tuple[str, ...]] = []
        with self._verdicts.opened(write=False) as database:
            if database is not None:
                rows = list(database.execute(_OF_FILE, (os.path.basename(snapshot.path),)))
        alone = (snapshot._replace(sums={entry: digest}) for entry, digest in (snapshot.sums or {}).items())
        return {
            part.entries[0]: _status(part, [row for row in rows if row[1] in part.entries], now)
            for part in alone
        }

    def unpacked(self, snapshots: Iterable[Snapshot]) -> dict[str, int]:
        """Return the bytes that snapshots unpack to, as declared, by path: of those that are known."""
        known = self._known_sizes()
        sizes = {}
        for snapshot in snapshots:
            row = known.get(os.path.basename(snapshot.path))
            if row is not None and row.size is not None and row.identity == identity_at(snapshot.path):
                sizes[snapshot.path] = row.size
        return sizes

    def learn_unpacked(
        self, snapshots: Iterable[Snapshot], progress: "Progress", batch: int = 64
    ) -> Iterator[dict[str, int]]:
        """Read and remember what `unpacked` tells, of snapshots that were not looked at before.

        Only the ends of the archives are read. Yields the sizes of so many snapshots at a time; where an
        archive may unpack to more than it declares, nothing is known of its snapshot.

        Raises:
            Cancelled: the job was stopped.
        """
        known = self._known_sizes()
        new = [snapshot for snapshot in snapshots if not snapshot.broken and _is_new(snapshot.path, known)]
        for start in range(0, len(new), batch):
            sizes = {}
            for snapshot in new[start : start + batch]:
                progress.raise_if_cancelled()
                if row := _declared(snapshot.path):
                    sizes[snapshot.path] = row
            self._keep_sizes(sizes)
            yield {path: row.size for path, row in sizes.items() if row.size is not None}

    def _known_sizes(self) -> dict[str, _Size]:
        known = {}
        with self._sizes.opened(write=False) as database:
            rows = database.execute("SELECT file, identity, bytes FROM sizes") if database else ()
            known = {name: _Size(identity, size) for name, identity, size in rows if _is_size(size)}
        return known | self._learned

    def _keep_sizes(self, sizes: Mapping[str, _Size]) -> None:
        rows = {os.path.basename(path): row for path, row in sizes.items()}
        self._learned = self._learned | rows
        with self._sizes.opened(write=True) as database:
            if database is not None:
                with database:
                    database.executemany(_KEEP_SIZE, [(name, *row) for name, row in rows.items()])


def _walked(
    known: Mapping[str, Snapshot], verdicts: Iterable[CheckResult], identities: Mapping[str, str]
) -> dict[str, _Size]:
    """The sizes of those snapshots all of whose archives a check walked to the end."""
    unpacked: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        if verdict.unpacked is not None:
            unpacked.setdefault(verdict.path, {})[verdict.entry] = verdict.unpacked
    return {
        path: _Size(identities[path], sum(sizes.values()))
        for path, sizes in unpacked.items()
        if path in known and sizes.keys() == (known[path].sums or {}).keys()
    }


def _is_size(size: object) -> bool:
    return size is None or (isinstance(size, int) and 0 <= size < _LARGEST)


def _is_new(path: str, known: Mapping[str, _Size]) -> bool:
    row = known.get(os.path.basename(path))
    return row is None or row.identity != identity_at(path)


def _declared(path: str) -> _Size | None:
    """What the archives of a file declare in sum; None where it cannot be read."""
    try:
        with Reader.open(path) as reader:
            parts = [reader.declared(entry) for entry in reader.snapshot.entries]
            identity = identity_of(reader.fileno())
    except (OSError, SnapshotError):
        return None
    return _Size(identity, sum(part.size for part in parts) if all(part.certain for part in parts) else None)


def _is_same(identity: str, before: str) -> bool:
    """Whether two identities differ in nothing but when names of the file changed."""
    return identity.split()[:-1] == before.split()[:-1]


def identity_at(path: str) -> str:
    """What distinguishes the content at a path from any other; empty where there is none."""
    try:
        return _text(os.lstat(path))
    except OSError:
        return ""


def identity_of(fd: int) -> str:
    """The same of an open file."""
    return _text(os.fstat(fd))


def _text(status: os.stat_result) -> str:
    return " ".join(map(str, Fingerprint.of(status).within_file_system))


def _status(snapshot: Snapshot, rows: list[tuple[str, ...]], now: float) -> CheckStatus:
    if snapshot.broken:
        return CheckStatus(CheckState.BROKEN, fault=snapshot.broken)
    identity = identity_at(snapshot.path)
    sums = snapshot.sums or {}
    current = {
        row[1]: row for row in rows if row[0] == identity and sums.get(row[1]) == row[2] and _is_sound(row)
    }
    if fault := next((row[5] for row in current.values() if row[5]), ""):
        at = min(float(row[4]) for row in current.values() if row[5])
        return CheckStatus(CheckState.FAILED, at, fault=fault)
    if not sums or current.keys() != sums.keys():
        return CheckStatus(CheckState.NEVER)
    at = min(float(row[4]) for row in current.values())
    levels = {row[3] for row in current.values()}
    level = CheckLevel.STRUCTURE.value if levels == {CheckLevel.STRUCTURE.value} else CheckLevel.HASH.value
    is_new = -_LEEWAY <= now - at <= OLD
    return CheckStatus(CheckState.OK if is_new else CheckState.OLD, at, level)


def _is_sound(row: Sequence[object]) -> bool:
    """Whether a row of a file that may be damaged tells something."""
    at, fault = row[4], row[5]
    return isinstance(at, float) and 0 <= at < _LATEST and isinstance(fault, str)
