"""Exporting and importing through snapd, where the files themselves may not be read or changed.

An import is looked into first: what our own importer would refuse never reaches snapd.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from backend.archive.export_file import ExportFile, read_export_file
from backend.engine.snapd import info as knowledge
from backend.engine.snapd.context import SnapdContext
from backend.errors import IntegrityError, InvalidInputError, NotAllowedError
from backend.format.metadata import set_content_hashes
from backend.fs import files
from backend.operations import Export, Import
from backend.progress import Progress
from backend.results import Result
from backend.steps import SnapdAsked
from backend.transfer.exporter import export_to_file
from backend.transfer.importer import opened_import

_PIECE = 1 << 20


def export(site: SnapdContext, operation: Export, progress: Progress, stream: int | None) -> Result:
    """Have snapd write a set to a file, whole or not at all, or to an open stream."""
    progress.raise_if_cancelled()
    if reason := export_refusal(operation):
        raise NotAllowedError(reason)
    with (
        site.client.export(operation.set_id, progress) as download,
        progress.step("Exporting", download.size),
    ):
        if stream is not None:
            download.stream_to(stream, progress)
        else:
            export_to_file(download, operation.file, progress, checksum=operation.checksum)
    return Result(operation.set_id)


def export_refusal(operation: Export) -> str:
    """Why snapd cannot export so, or nothing."""
    if not (operation.snaps or operation.skip_broken):
        return ""
    return (
        f"cannot export a part of snapshot set #{operation.set_id}: snapd exports whole sets only, "
        "and the snapshot files may not be read (try with sudo)"
    )


def refusal(operation: Import) -> str:
    """Why snapd cannot import so, or nothing."""
    if not operation.snaps:
        return ""
    return (
        "cannot import a part of a set: snapd takes a file as a whole; import all of it and forget the rest"
    )


def take_in(site: SnapdContext, operation: Import, progress: Progress, stream: int | None) -> Result:
    """Have snapd import a set; one that is here already is answered with the existing id."""
    progress.raise_if_cancelled()
    if reason := refusal(operation):
        raise InvalidInputError(reason)
    with ExitStack() as stack:
        source = stack.enter_context(opened_import(operation.file)) if stream is None else stream
        source = stack.enter_context(_regular(source, progress))
        offered = _sound(source, operation, progress)
        if known := _known(site, offered):
            return Result(known, tuple(snapshot.snap for snapshot in offered.snapshots), duplicate=True)
        before = {group.set_id for group in site.sets()}
        expiring = site.layout.state.auto_sets()
        size = os.fstat(source).st_size - os.lseek(source, 0, os.SEEK_CUR)
        progress.record_step(SnapdAsked("import"))
        with progress.step("Importing", size):
            set_id, snaps = site.client.take_in(source, size, progress)
    duplicate = set_id in before
    if duplicate and set_id in expiring:
        progress.note(
            f"set #{set_id} was an automatic one that would have expired; snapd keeps it from now on"
        )
    return Result(set_id, tuple(sorted(snaps)), duplicate=duplicate)


@contextmanager
def _regular(source: int, progress: Progress) -> Iterator[int]:
    """The same as a file of known size: snapd must be told it beforehand. A stream is put aside first."""
    if stat.S_ISREG(os.fstat(source).st_mode):
        yield source
        return
    import tempfile

    with files.os_errors_as("cannot put the import aside"), tempfile.TemporaryFile(buffering=0) as aside:
        with progress.step("Reading"):
            while piece := os.read(source, _PIECE):
                files.write_all(aside.fileno(), piece)
                progress.advance(len(piece))
        os.lseek(aside.fileno(), 0, os.SEEK_SET)
        yield aside.fileno()


def _sound(source: int, operation: Import, progress: Progress) -> ExportFile:
    """What a file says it holds; IntegrityError for one that our own importer would refuse."""
    if os.lseek(source, 0, os.SEEK_CUR):
        raise InvalidInputError("cannot import snapshot: the file must be read from its beginning")
    export = read_export_file(f"/proc/self/fd/{source}", progress)
    if export.faults:
        raise IntegrityError("cannot import snapshot: " + "\n".join(export.faults))
    if not export.hash_fits and not operation.accept_hash:
        raise IntegrityError(
            "cannot import snapshot: the content hash of the set does not match its files; "
            "--accept-hash takes it"
        )
    return export


def _known(site: SnapdContext, offered: ExportFile) -> int:
    """The set that holds the same where snapd might not see it, or 0.

    Snapd compares hashes as they are spelled, and only a text with a backspace or a form feed has two. One
    that would expire is left to snapd, which keeps it, or takes what is offered in as another set that stays.
    """
    older, newer = set_content_hashes(offered.snapshots)
    known = offered.duplicate_of(site.sets()) if older != newer else 0
    return 0 if known and knowledge.expiry(site, known) else known
