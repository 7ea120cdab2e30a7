"""What an archive holds, counted from its headers; nothing is unpacked and no hash is looked at."""

from collections.abc import Iterable
from typing import NamedTuple

from backend.job import Job
from backend.model import Revision
from backend.tarstream import DIRECTORY, TarFilter, TarMember
from backend.vetting import Vetter


class Contents(NamedTuple):
    """The files of an archive (everything but directories) and their bytes, device nodes left out.

    `devices` are the names of the first twenty device nodes, `devices_met` is how many there are.
    """

    files: int = 0
    bytes: int = 0
    devices: tuple[str, ...] = ()
    devices_met: int = 0


def contents(chunks: Iterable[bytes], revision: Revision, job: Job) -> Contents:
    """Walk the tar stream of a snapshot of `revision`, counting its bytes on the job.

    IntegrityError for a stream that a restore would refuse.
    """
    files = 0

    def judge(member: TarMember) -> bool:
        nonlocal files
        is_taken = vetter(member)
        files += is_taken and member.kind != DIRECTORY
        return is_taken

    with Vetter(revision) as vetter:
        stream = TarFilter(judge, _drop)
        for chunk in chunks:
            stream.feed(chunk)
            job.advance(len(chunk))
        stream.close()
    return Contents(files, vetter.unpacked, tuple(vetter.devices), vetter.devices_met)


def _drop(_passed: memoryview) -> None:
    """Nothing is written."""
