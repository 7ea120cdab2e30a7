"""Figures for Prometheus, in a file that node-exporter's textfile collector reads."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from backend.config.values import ScheduleConfig
from backend.engine.copies.opening import opened_repository
from backend.engine.protocol import Engine
from backend.errors import InvalidInputError, SnapshotError
from backend.format.timestamps import unix_time
from backend.fs import files
from backend.model import Snapshot, SnapshotSet
from backend.schedule.history import History, RunRecord

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def metrics_refusal(config: ScheduleConfig) -> str:
    """Say why no figures of a schedule can be written here, or nothing."""
    if config.metrics and find_spec("prometheus_client") is None:
        return f"schedule {config.name}: metrics need prometheus-client: pip install 'snapstow[metrics]'"
    return ""


def write_metrics(config: ScheduleConfig, engine: Engine, record: RunRecord) -> None:
    """Write the figures of a run, of those that share its file, and what is kept, whole or not at all.

    Raises:
        InvalidInputError: prometheus-client is missing.
        SnapshotError: they cannot be written.
    """
    if not config.metrics:
        return
    if reason := metrics_refusal(config):
        raise InvalidInputError(reason)
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    _add_runs(registry, _sharing(config, engine, record))
    _add_sets(registry, engine)
    _add_copies(registry, engine)
    folder, name = os.path.split(config.metrics)
    # What is put there takes the place of what there is: /dev/null would be a file from then on.
    if os.path.lexists(config.metrics) and not stat.S_ISREG(os.lstat(config.metrics).st_mode):
        raise SnapshotError(f"cannot write the metrics: {config.metrics} is no file")
    with files.os_errors_as("cannot write the metrics"), _readable_for_all():
        files.sweep_half_written(folder, name)
        files.write_whole(config.metrics, generate_latest(registry), 0o644)


@contextmanager
def _readable_for_all() -> Iterator[None]:
    """Node-exporter is another user, while nobody else may read what a schedule makes elsewhere."""
    umask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(umask)


def _sharing(config: ScheduleConfig, engine: Engine, record: RunRecord) -> list[RunRecord]:
    """This run, and the last of each schedule that has the same file."""
    names = [
        name
        for name, other in engine.config.schedules.items()
        if other.metrics == config.metrics and name != record.name
    ]
    history = History(engine.state_dir)
    return [record, *(last for name in names if (last := history.last(name)))]


def _add(
    registry: "CollectorRegistry", name: str, text: str, *, label: str, values: Mapping[str, float]
) -> None:
    from prometheus_client import Gauge

    gauge = Gauge(f"snapstow_{name}", text, [label], registry=registry)
    for key, value in values.items():
        gauge.labels(key).set(value)


def _add_runs(registry: "CollectorRegistry", records: Sequence[RunRecord]) -> None:
    figures: tuple[tuple[str, str, dict[str, float]], ...] = (
        (
            "last_run_timestamp_seconds",
            "When the last run of a schedule began.",
            {record.name: record.started for record in records},
        ),
        (
            "last_success_timestamp_seconds",
            "When the last run ended of which everything was done; 0 for none.",
            {record.name: record.succeeded for record in records},
        ),
        (
            "last_run_exit_code",
            "How the last run ended: 0 all done, 3 in part, 1 nothing, 130 stopped.",
            {record.name: float(record.exit) for record in records},
        ),
        (
            "last_run_duration_seconds",
            "How long the last run took.",
            {record.name: record.seconds for record in records},
        ),
    )
    for name, text, values in figures:
        _add(registry, f"schedule_{name}", text, label="schedule", values=values)


def _add_sets(registry: "CollectorRegistry", engine: Engine) -> None:
    sets = engine.sets()
    snapshots = [snapshot for group in sets for snapshot in group.snapshots]
    snaps = sorted({snapshot.snap for snapshot in snapshots})
    held = {snap: sum(1 for snapshot in snapshots if snapshot.snap == snap) for snap in snaps}
    size = {snap: sum(snapshot.size for snapshot in snapshots if snapshot.snap == snap) for snap in snaps}
    newest = {snap: 0.0 for snap in snaps} | dict(_newest_verified(engine, sets))
    _add(registry, "sets", "How many sets hold a snap.", label="snap", values=held)
    _add(registry, "bytes", "The bytes of all snapshots of a snap.", label="snap", values=size)
    text = "When the newest snapshot of a snap was saved that was verified since; 0 for none."
    _add(registry, "newest_verified_timestamp_seconds", text, label="snap", values=newest)


def _newest_verified(engine: Engine, sets: Sequence[SnapshotSet]) -> Iterator[tuple[str, float]]:
    """Snaps and when a verified snapshot of theirs was saved, the newest last."""
    sound: list[Snapshot] = [
        snapshot for group in sets for snapshot in group.snapshots if not snapshot.broken
    ]
    statuses = engine.check_statuses(sound)
    times = [
        (unix_time(snapshot.time), snapshot.snap)
        for snapshot in sound
        if snapshot.path in statuses and statuses[snapshot.path].state.is_verified
    ]
    for moment, snap in sorted(times):
        yield snap, moment


def _add_copies(registry: "CollectorRegistry", engine: Engine) -> None:
    """What is known here of the copies in each repository, as it was listed last: nobody is asked now."""
    number: dict[str, float] = {}
    size: dict[str, float] = {}
    checked: dict[str, float] = {}
    for name in engine.config.repositories:
        try:
            with opened_repository(engine, name) as repository:
                copies = [copy for copy in repository.known() if copy.name.host == repository.host]
        except SnapshotError:
            continue
        number[name] = float(len(copies))
        size[name] = float(sum(max(copy.stored, 0) for copy in copies))
        checked[name] = max((copy.checked for copy in copies if not copy.verdict), default=0.0)
    text = "How many copies of sets of this machine a repository has, as it was listed last."
    _add(registry, "copies", text, label="repository", values=number)
    text = "The bytes of these copies as they are stored."
    _add(registry, "copies_bytes", text, label="repository", values=size)
    text = "When one of these copies was last read back and was sound; 0 for never."
    _add(registry, "copies_read_back_timestamp_seconds", text, label="repository", values=checked)
