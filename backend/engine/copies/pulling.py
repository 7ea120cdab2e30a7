"""A copy brought here: it is downloaded into a pipe, at whose other end it is imported, or into a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from backend.archive.hashing import Hasher
from backend.background import Background
from backend.engine.protocol import Engine
from backend.errors import Cancelled, SnapshotError
from backend.format.metadata import set_content_hash, set_content_hashes
from backend.fs import files
from backend.fs.space import require_space
from backend.operations import Import, Pull
from backend.progress import Progress
from backend.repository import Copy, Repository, receive
from backend.results import Result
from backend.transfer.exporter import export_to_file

_STREAM = "-"


def pull(engine: Engine, operation: Pull, repository: Repository, progress: Progress) -> Result:
    """Import a copy, or write it to a file; nothing of it is to be seen before all of it was verified.

    Raises:
        NotFoundError, InvalidInputError: there is no such copy, or its name is of several.
        IntegrityError: it is not what was stored.
        NotAllowedError: it is encrypted, and cannot be read here.
        Cancelled: the job was stopped.
    """
    copy = repository.find(operation.copy, repository.copies(progress))
    payload = copy.manifest.payload
    if operation.file:
        with progress.step("Pulling", payload.size):
            export_to_file(Download(repository, copy), operation.file, progress)
        return Result(copy.name.set_id, copies=(str(copy.name),))
    hashes = set_content_hashes(copy.manifest.set.snapshots)
    for group in engine.sets():
        if set_content_hash(group.snapshots) in hashes and not any(s.broken for s in group.snapshots):
            return Result(group.set_id, duplicate=True, copies=(str(copy.name),))
    require_space([(engine.layout.snapshots, payload.size)], "cannot pull")
    with progress.step("Pulling", payload.size), _downloading(repository, copy, progress) as (stream, job):
        result = engine.take_in(Import(_STREAM), job, stream)
    return replace(result, copies=(str(copy.name),))


class Download:
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

    def download() -> None:
        """Write what is read back into the pipe, as long as somebody reads it."""
        try:
            receive(repository, copy, lambda piece: files.write_all(writing, piece), progress)
        except BrokenPipeError:
            return
        except BaseException:
            job.stop()
            raise
        finally:
            os.close(writing)

    files.widen_pipe(writing)
    downloader = Background("download", download)
    downloader.start()
    try:
        yield reading, job
    except (SnapshotError, Cancelled):
        os.close(reading)
        reading = -1
        downloader.join()
        if downloader.failure is not None:
            raise downloader.failure from None
        raise
    finally:
        if reading >= 0:
            os.close(reading)
        downloader.join()
