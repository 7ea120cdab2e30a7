"""What no operation can be faster than: the programs and libraries that do only the main part of it."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.rounds import Side, nothing
from tests.bench.worlds import Ours

CACHES = Path("/proc/sys/vm/drop_caches")
_PIECE = 1 << 20


def hashing(ours: Ours, set_id: int) -> Side:
    """The bytes of a set through hashlib."""
    return Side(lambda: _hash([snapshot.path for snapshot in ours.read(set_id)]))


def hashing_file(path: str) -> Side:
    """The bytes of a file through hashlib."""
    return Side(lambda: _hash([path]))


def packing(ours: Ours, snaps: Sequence[str]) -> Side:
    """`tar -c` of the data of snaps into a pipe that somebody reads."""
    places = [f"var/snap/{snap}" for snap in snaps]
    return Side(lambda: _piped(["tar", "-c", "-C", str(ours.root), *places], ["cat"]))


def unpacking(ours: Ours, snaps: Sequence[str], folder: Path) -> Side:
    """`tar -x` of the same data out of an archive that is not compressed."""
    archive, target = folder / "bare.tar", folder / "bare"
    places = [f"var/snap/{snap}" for snap in snaps]
    subprocess.run(["tar", "-cf", archive, "-C", ours.root, *places], check=True)
    target.mkdir()

    def unpack() -> None:
        subprocess.run(["tar", "-xf", archive, "-C", target], check=True)

    def empty() -> None:
        shutil.rmtree(target)
        target.mkdir()

    return Side(unpack, empty)


def copying(ours: Ours, set_id: int, target: str) -> Side:
    """`cp` of the files of a set."""

    def copy() -> None:
        for snapshot in ours.read(set_id):
            subprocess.run(["cp", snapshot.path, target], check=True)

    return Side(copy, lambda: os.unlink(target))


def reading(paths: Callable[[], Sequence[str]], after: Callable[[], object] = nothing) -> Side:
    """`cat` of files."""
    return Side(lambda: _piped(["cat", *paths()], ["cat"]), after)


def forget_caches() -> None:
    """Let the next reading go to the disk."""
    os.sync()
    CACHES.write_text("3")


def _hash(paths: Sequence[str]) -> None:
    buffer = memoryview(bytearray(_PIECE))
    for path in paths:
        hasher = hashlib.sha3_384()
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                hasher.update(buffer[:count])


def _piped(first: Sequence[str], second: Sequence[str]) -> None:
    with subprocess.Popen(first, stdout=subprocess.PIPE) as writer:
        subprocess.run(second, stdin=writer.stdout, stdout=subprocess.DEVNULL, check=True)
    if writer.returncode:
        raise RuntimeError(f"{first[0]} ended with {writer.returncode}")
