"""Sets carried between this machine and a repository, whichever engine answers here.

An export runs into a pipe at whose other end the copy is made; an import runs at the other end of a download.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fcntl import F_SETPIPE_SZ, fcntl
from threading import Thread

from backend.archive.hashing import Hasher
from backend.engine.protocol import Engine
from backend.errors import (
    BlockedError,
    IntegrityError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
)
from backend.format.metadata import set_content_hash, set_content_hashes
from backend.fs import files
from backend.fs.space import require_space
from backend.model import CheckResult, SnapshotSet
from backend.operations import CheckCopies, Copying, Export, ForgetCopies, Import, Pull, Push
from backend.progress import Progress
from backend.repository import (
    Copy,
    Manifest,
    Payload,
    Repository,
    Source,
    content_hash_of,
    open_repository,
    receive,
    send,
    verify,
)
from backend.results import Result
from backend.store.verifications import CheckState
from backend.transfer.export_plan import demand_sound
from backend.transfer.exporter import export_to_file
from backend.version import VERSION

_PIPE = 1 << 20
_STREAM = "-"
_VERIFIED = (CheckState.OK, CheckState.OLD)


def copy_sets(operation: Copying, engine: Engine, progress: Progress) -> Result:
    """Carry out what has to do with a repository.

    Raises:
        InvalidInputError: no repository of that name is configured.
        NotFoundError: there is no such set, or no such copy.
        StoreUnreachableError, StoreRefusedError, StoreError: the repository did not do its part.
        Cancelled: the job was stopped.
    """
    with opened_repository(engine, operation.repository) as repository:
        match operation:
            case Push():
                return _push(engine, operation, repository, progress)
            case Pull():
                return _pull(engine, operation, repository, progress)
            case CheckCopies():
                return _check(operation, repository, progress)
            case ForgetCopies():
                return _forget(operation, repository, progress)


@contextmanager
def opened_repository(engine: Engine, name: str) -> Iterator[Repository]:
    """A repository that the configuration of a place names; InvalidInputError where it names none such."""
    repositories = engine.config.repositories
    if name not in repositories:
        known = ", ".join(sorted(repositories)) or "none"
        raise InvalidInputError(f'no repository "{name}" is configured (there are: {known}); see repo add')
    repository = open_repository(repositories[name], engine.layout, engine.state_dir)
    try:
        yield repository
    finally:
        repository.close()


# -- out


@dataclass
class _Outgoing:
    """The sets of a push: to be sent, there already, and why others are not sent."""

    groups: list[SnapshotSet] = field(default_factory=list)
    present: int = 0
    left_out: list[str] = field(default_factory=list)


def _push(engine: Engine, operation: Push, repository: Repository, progress: Progress) -> Result:
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
                    manifest = _described(engine, group)
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


def _described(engine: Engine, group: SnapshotSet) -> Manifest:
    """What a manifest says of a set before its export is made."""
    statuses = engine.check_statuses(group.snapshots)
    at = [status.at if status.state in _VERIFIED else 0.0 for status in statuses.values()]
    return Manifest(
        host=os.uname().nodename,
        set=group,
        content_hash=content_hash_of(group),
        payload=Payload(0, "", 0, ""),
        verified=min(at, default=0.0),
        versions={"snapstow": VERSION, "snapd": engine.snap_version},
    )


@contextmanager
def _exporting(engine: Engine, set_id: int, progress: Progress) -> Iterator[Callable[[int], bytes]]:
    """Read the export of a set as it is made; its failure is raised where its end would be read."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def export() -> None:
        """Write it all into the pipe."""
        try:
            engine.export(Export(set_id, _STREAM, force=True), progress.quiet(), writing)
        except BaseException as failure:  # noqa: BLE001 - it is raised in the other thread
            failures.append(failure)
        finally:
            os.close(writing)

    def read(size: int) -> bytes:
        """Read up to `size` bytes."""
        piece = os.read(reading, size)
        if not piece:
            exporter.join()
            if failures:
                raise failures[0]
        return piece

    with suppress(OSError):
        fcntl(writing, F_SETPIPE_SZ, _PIPE)
    exporter = Thread(target=export, name="export")
    exporter.start()
    try:
        yield read
    finally:
        os.close(reading)
        exporter.join()


# -- in


def _pull(engine: Engine, operation: Pull, repository: Repository, progress: Progress) -> Result:
    copy = repository.find(operation.copy, repository.copies(progress))
    payload = copy.manifest.payload
    if operation.file:
        with progress.step("Pulling", payload.size):
            export_to_file(_Download(repository, copy), operation.file, progress)
        return Result(copy.name.set_id, copies=(str(copy.name),))
    hashes = set_content_hashes(copy.manifest.set.snapshots)
    for group in engine.sets():
        if set_content_hash(group.snapshots) in hashes and not any(s.broken for s in group.snapshots):
            return Result(group.set_id, duplicate=True, copies=(str(copy.name),))
    require_space([(engine.layout.snapshots, payload.size)], "cannot pull")
    with progress.step("Pulling", payload.size), _downloading(repository, copy, progress) as (stream, job):
        result = engine.take_in(Import(_STREAM), job, stream)
    return replace(result, copies=(str(copy.name),))


class _Download:
    """A copy as an export that is written to a file."""

    def __init__(self, repository: Repository, copy: Copy) -> None:
        self._repository = repository
        self._copy = copy
        self.set_id = copy.name.set_id
        self.size = copy.manifest.payload.size

    def stream_to(self, target: int, progress: Progress, hasher: Hasher | None = None) -> None:
        """Write all of it to an open file, and to a hash if one is given."""

        def put(piece: bytes) -> None:
            """Write a piece of it."""
            files.write_all(target, piece)
            if hasher is not None:
                hasher.update(piece)

        receive(self._repository, self._copy, put, progress)


@contextmanager
def _downloading(repository: Repository, copy: Copy, progress: Progress) -> Iterator[tuple[int, Progress]]:
    """The export in a copy as a stream, and the job of whoever imports it.

    That is stopped, and the stream cut, where the copy is not what was stored; the reason is raised then.
    """
    reading, writing = os.pipe()
    job = progress.quiet().group()
    failures: list[BaseException] = []

    def download() -> None:
        """Write what is read back into the pipe, as long as somebody reads it."""
        try:
            receive(repository, copy, lambda piece: files.write_all(writing, piece), progress)
        except BrokenPipeError:
            return
        except BaseException as failure:  # noqa: BLE001 - it is raised in the other thread
            failures.append(failure)
            job.stop()
        finally:
            os.close(writing)

    with suppress(OSError):
        fcntl(writing, F_SETPIPE_SZ, _PIPE)
    downloader = Thread(target=download, name="download")
    downloader.start()
    try:
        yield reading, job
    except SnapshotError:
        os.close(reading)
        reading = -1
        downloader.join()
        if failures:
            raise failures[0] from None
        raise
    finally:
        if reading >= 0:
            os.close(reading)
        downloader.join()


# -- there


def _check(operation: CheckCopies, repository: Repository, progress: Progress) -> Result:
    copies = _named(repository, operation.copies, progress)
    due = _due(copies, operation)
    verdicts = [_verdict(copy, copy.trouble) for copy in due if copy.trouble]
    sound = [copy for copy in due if not copy.trouble]
    left_out = []
    if not operation.quick:
        with progress.step("Reading back", sum(copy.stored for copy in sound), parts=len(sound)):
            for copy in sound:
                try:
                    with progress.part(copy.name.short, copy.stored) as part:
                        verify(repository, copy, part)
                except (IntegrityError, NotFoundError) as fault:
                    verdicts.append(_verdict(copy, str(fault)))
                    continue
                except NotAllowedError as reason:
                    left_out.append(str(reason))
                    continue
                verdicts.append(_verdict(copy, ""))
    return Result(
        left_out=tuple(left_out),
        verdicts=tuple(verdicts),
        skipped=len(copies) - len(due),
        copies=tuple(str(copy.name) for copy in due),
    )


def _due(copies: Sequence[Copy], operation: CheckCopies) -> list[Copy]:
    """Those that are to be looked at: of a sample, the ones that were not read back for longest."""
    latest = time.time() - operation.older_than
    due = [copy for copy in copies if not operation.older_than or copy.checked < latest or copy.trouble]
    if not operation.sample:
        return due
    most = sum(max(copy.stored, 0) for copy in due) * operation.sample / 100
    sample, size = [], 0
    for copy in sorted(due, key=lambda copy: copy.checked):
        if size < most or copy.trouble:
            sample.append(copy)
            size += max(copy.stored, 0)
    return sample


def _verdict(copy: Copy, fault: str) -> CheckResult:
    return CheckResult(copy.name.set_id, ", ".join(copy.snaps), str(copy.name), max(copy.stored, 0), fault)


def _forget(operation: ForgetCopies, repository: Repository, progress: Progress) -> Result:
    copies = _named(repository, operation.copies, progress)
    freed = 0
    with progress.step("Forgetting", parts=len(copies)):
        for copy in copies:
            progress.raise_if_cancelled()
            freed += repository.forget(copy, at_once=operation.now)
            progress.note(f"{copy.name.short} is forgotten in {repository.config.name}")
    return Result(freed=freed, copies=tuple(str(copy.name) for copy in copies))


def _named(repository: Repository, names: Sequence[str], progress: Progress) -> list[Copy]:
    """The copies of these names, or all without any; NotFoundError where one is missing."""
    copies = repository.copies(progress)
    if not names:
        return copies
    return list({copy.name: copy for name in names for copy in [repository.find(name, copies)]}.values())
