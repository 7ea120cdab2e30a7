"""What only reads sets, by the files engine: checks and exports."""

from backend.engine.selection import checked_snapshots
from backend.errors import InvalidInputError
from backend.operations import Check, Export
from backend.progress import Progress
from backend.results import Result
from backend.store.check import check_all, due
from backend.store.store import Store
from backend.store.verifications import VerificationLog
from backend.transfer.exporter import SnapshotExport, export_to_file


def check(store: Store, state_dir: str, operation: Check, progress: Progress) -> Result:
    """Verify what an operation names and what is due of it; every bad part is in the result."""
    level = operation.level
    chosen = checked_snapshots(store, operation)
    ledger = VerificationLog(state_dir)
    some = due(chosen, level, operation.older_than, ledger)
    total = None if operation.quick else sum(snapshot.size for snapshot in some)
    parts = sum(len(snapshot.entries) for snapshot in some)
    with progress.step("Checking", total, parts=parts):
        verdicts = check_all(some, operation.users, level, ledger=ledger, progress=progress)
    snaps = tuple(snapshot.snap for snapshot in some)
    return Result(operation.set_id, snaps, verdicts=tuple(verdicts), skipped=len(chosen) - len(some))


def export(store: Store, operation: Export, progress: Progress, stream: int | None = None) -> Result:
    """Write a set to a file, whole or not at all, or to an open stream.

    Raises:
        InvalidInputError: a checksum is asked for next to a stream.
    """
    if stream is not None and operation.checksum:
        raise InvalidInputError("cannot write a checksum next to a stream: name a file")
    with (
        SnapshotExport(
            store, operation.set_id, skip_broken=operation.skip_broken, snaps=operation.snaps
        ) as opened,
        progress.step("Exporting", opened.size, parts=opened.snaps),
    ):
        if stream is not None:
            opened.stream_to(stream, progress)
        else:
            export_to_file(opened, operation.file, progress, checksum=operation.checksum)
        return Result(operation.set_id, operation.snaps, tuple(opened.left_out))
