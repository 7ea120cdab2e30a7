"""Sets copied into a repository: an export runs into a pipe, at whose other end the copy is made."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.background import Background
from backend.engine.protocol import Engine
from backend.errors import BlockedError, IntegrityError, NotFoundError, SnapshotError
from backend.fs import files
from backend.model import SnapshotSet
from backend.operations import Export, Push
from backend.progress import Progress
from backend.repository import Copy, Manifest, Payload, Repository, Source, content_hash_of, send
from backend.results import Result
from backend.transfer.export_plan import demand_sound
from backend.version import VERSION

_STREAM = "-"


@dataclass
class _Outgoing:
    """The sets of a push: to be sent, there already, and why others are not sent."""

    groups: list[SnapshotSet] = field(default_factory=list)
    present: int = 0
    left_out: list[str] = field(default_factory=list)


def push(engine: Engine, operation: Push, repository: Repository, progress: Progress) -> Result:
    """Copy sets into a repository, each whole or not at all.

    Raises:
        NotFoundError: a set that is named is not here; nothing was sent.
        BlockedError: none of those that are named may be copied.
        Cancelled: the job was stopped; what was copied by then stays.
    """
    outgoing = _outgoing(engine, operation, repository, progress)
    sizes = [engine.export_size(Export(group.set_id, _STREAM)) for group in outgoing.groups]
    made: list[Copy] = []
    with progress.step("Pushing", sum(sizes), parts=len(sizes)):
        for group, size in zip(outgoing.groups, sizes, strict=True):
            try:
                with (
                    progress.part(f"set {group.set_id}", size) as part,
                    _exporting(engine, group.set_id, part) as read,
                ):
                    manifest = _described(engine, group, repository.host_name)
                    made.append(send(repository, manifest, Source(read, size), part))
            except (IntegrityError, BlockedError, NotFoundError) as failure:
                outgoing.left_out.append(_not_copied(group, failure))
                continue
            progress.note(f"set #{group.set_id} is in {repository.config.name} as {made[-1].name.short}")
    if len(operation.sets) == len(outgoing.left_out) > 0:
        raise BlockedError("; ".join(outgoing.left_out))
    sets = [copy.name.set_id for copy in made]
    return Result(
        set_id=sets[0] if len(sets) == 1 else 0,
        left_out=tuple(outgoing.left_out),
        skipped=outgoing.present,
        copies=tuple(str(copy.name) for copy in made),
    )


def _outgoing(engine: Engine, operation: Push, repository: Repository, progress: Progress) -> _Outgoing:
    """Sort the sets that a push is about."""
    copies = repository.copies(progress)
    outgoing = _Outgoing()
    hashes: dict[str, int] = {}
    for group in _pushed_sets(engine, operation):
        content_hash = content_hash_of(group)
        same = hashes.setdefault(content_hash, group.set_id)
        copy = repository.copy_of(content_hash, copies)
        if copy or same != group.set_id:
            outgoing.present += 1
            if not operation.new:
                which = copy.name.short if copy else f"set #{same}"
                progress.note(f"set #{group.set_id} is there already as {which}")
        elif operation.new and any(snapshot.auto for snapshot in group.snapshots):
            continue
        elif refusal := _refusal(engine, operation, group):
            outgoing.left_out.append(_not_copied(group, refusal))
        else:
            outgoing.groups.append(group)
    return outgoing


def _not_copied(group: SnapshotSet, reason: object) -> str:
    return f"set #{group.set_id} was not copied: {reason}"


def _pushed_sets(engine: Engine, operation: Push) -> list[SnapshotSet]:
    sets = {group.set_id: group for group in engine.sets()}
    if missing := [number for number in operation.sets if number not in sets]:
        raise NotFoundError(f"cannot push: there is no snapshot set #{missing[0]}; nothing was sent")
    return [sets[number] for number in dict.fromkeys(operation.sets)] or list(sets.values())


def _refusal(engine: Engine, operation: Push, group: SnapshotSet) -> str:
    """Why a set is not to be copied, or nothing."""
    if broken := next((snapshot for snapshot in group.snapshots if snapshot.broken), None):
        return f"{broken.snap or os.path.basename(broken.path)} is damaged: {broken.broken}"
    try:
        demand_sound(engine, Export(group.set_id, _STREAM, force=operation.force))
    except SnapshotError as doubt:
        return str(doubt)
    return ""


def _described(engine: Engine, group: SnapshotSet, host: str) -> Manifest:
    """What a manifest says of a set before its export is made."""
    statuses = engine.check_statuses(group.snapshots)
    at = [status.at if status.state.is_verified else 0.0 for status in statuses.values()]
    return Manifest(
        host=host,
        set=group,
        content_hash=content_hash_of(group),
        payload=Payload(0, "", 0, ""),
        verified=min(at, default=0.0),
        pin=pin.note if (pin := engine.pins.by_set([group]).get(group.set_id)) else None,
        versions={"snapstow": VERSION} | ({"snapd": version} if (version := engine.snap_version) else {}),
    )


@contextmanager
def _exporting(engine: Engine, set_id: int, progress: Progress) -> Iterator[Callable[[int], bytes]]:
    """Read the export of a set as it is made; its failure is raised where its end would be read."""
    reading, writing = os.pipe()

    def export() -> None:
        """Write it all into the pipe."""
        try:
            engine.export(Export(set_id, _STREAM, force=True), progress.quiet(), writing)
        finally:
            os.close(writing)

    def read(size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = os.read(reading, size)
        if not piece:
            exporter.finish()
        return piece

    files.widen_pipe(writing)
    exporter = Background("export", export)
    exporter.start()
    try:
        yield read
    finally:
        os.close(reading)
        exporter.join()
