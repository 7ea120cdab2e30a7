"""What is to be known of a machine at a glance: for a table of many, and for scripts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backend.engine.knowledge import known_copies
from backend.engine.protocol import Engine
from backend.errors import IntegrityError, SnapshotError
from backend.format.timestamps import unix_time
from backend.fs.space import free_space
from backend.jobs.record import JobState
from backend.version import VERSION

_MOST = 100_000
_LARGEST = 1 << 60


class MachineStatus(NamedTuple):
    """A machine at a moment: times in seconds since the epoch, sizes in bytes.

    `newest` is by snap when the newest verified snapshot of it was saved, 0.0 where none was verified.
    `bad` counts snapshots that are damaged, `interrupted` jobs. `copied` is when the newest set was saved
    that has a sound copy elsewhere, 0.0 for none, and None where no repository is configured.
    """

    version: str
    engine: str
    sets: int
    size: int
    free: int
    newest: Mapping[str, float]
    bad: int
    running: int
    interrupted: int
    copied: float | None

    @property
    def unverified(self) -> tuple[str, ...]:
        """The snaps of which nothing was verified."""
        return tuple(snap for snap, at in sorted(self.newest.items()) if not at)

    @property
    def oldest(self) -> float:
        """When the newest verified snapshot of the worst kept snap was saved; 0.0 where one has none."""
        return min(self.newest.values(), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return a plain mapping, which `parse_status` takes."""
        return {**self._asdict(), "newest": dict(self.newest)}


def status_of(engine: Engine) -> MachineStatus:
    """Look how a place is; reads the disk, and asks snapd where only that may be done.

    Raises:
        SnapshotError: its sets cannot be listed.
    """
    groups = engine.sets()
    snapshots = [snapshot for group in groups for snapshot in group.snapshots]
    statuses = engine.check_statuses(snapshots)
    newest: dict[str, float] = {}
    bad = 0
    for snapshot in snapshots:
        state = statuses[snapshot.path].state
        bad += state.is_bad
        at = unix_time(snapshot.time) if state.is_verified and snapshot.time else 0.0
        if snapshot.snap:
            newest[snapshot.snap] = max(newest.get(snapshot.snap, 0.0), at)
    jobs = [record.state for record in engine.journal.records()]
    known = known_copies(engine)
    verified = [copy.name.time for copies in known.values() for copy in copies if copy.is_verified]
    return MachineStatus(
        version=VERSION,
        engine=engine.name,
        sets=len(groups),
        size=sum(snapshot.size for snapshot in snapshots),
        free=_free(engine),
        newest=newest,
        bad=bad,
        running=jobs.count(JobState.RUNNING),
        interrupted=jobs.count(JobState.INTERRUPTED),
        copied=float(max(verified, default=0)) if known else None,
    )


def _free(engine: Engine) -> int:
    try:
        return free_space(engine.layout.snapshots)
    except SnapshotError:
        return 0


def parse_status(document: object) -> MachineStatus:
    """Return what another machine says of itself.

    Raises:
        IntegrityError: it says something else.
    """
    try:
        return _status(document)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise IntegrityError("it says of itself what cannot be understood: perhaps another version") from None


_COUNTS = ("sets", "size", "free", "bad", "running", "interrupted")


def _status(document: object) -> MachineStatus:
    fields = _mapping(document)
    copied = fields["copied"]
    return MachineStatus(
        version=_text(fields["version"]),
        engine=_text(fields["engine"]),
        newest={_text(snap): _time(at) for snap, at in _mapping(fields["newest"]).items()},
        copied=None if copied is None else _time(copied),
        **{name: _count(fields[name]) for name in _COUNTS},
    )


def _mapping(value: object) -> Mapping[Any, object]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:200]


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise ValueError
    return value


def _time(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise ValueError
    return float(value)
