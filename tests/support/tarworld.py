"""Data for real tar, and both ways through it."""

import os
import pwd
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from backend.archive.tar.program import Tar
from backend.archive.tar.vetting import ExtractionFilter
from backend.fs import files
from backend.model import Revision, User
from backend.progress import Progress

X1 = Revision(-1)
ADA = User("ada", 1001, 1001, "/home/ada")
BIG = 8 << 20


def make_someone() -> User:
    """A user without any rights to what root made."""
    account = pwd.getpwnam("nobody")
    return User(account.pw_name, account.pw_uid, account.pw_gid, account.pw_dir)


def make_data(tmp_path: Path) -> Path:
    """The data of a snap, in directories that only their owner may enter."""
    top = tmp_path / "data"
    (top / "x1").mkdir(parents=True)
    (top / "common").mkdir()
    return top


def packed(
    top: Path,
    names: Sequence[str] = ("x1", "common"),
    excludes: Sequence[str] = (),
    tar: Tar | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The archive of a directory."""
    out = bytearray()
    buffer = memoryview(bytearray(1 << 20))
    with (
        files.opened(str(top), files.DIRECTORY) as fd,
        (tar or Tar(None)).pack(fd, names, excludes, progress or Progress()) as fill,
    ):
        while count := fill(buffer):
            out += buffer[:count]
    return bytes(out)


def unpack(
    stream: bytes | Iterator[bytes],
    top: Path,
    vetter: ExtractionFilter | None = None,
    tar: Tar | None = None,
    progress: Progress | None = None,
) -> ExtractionFilter:
    """Unpack an archive of revision x1 into a directory, which is made."""
    top.mkdir(parents=True, exist_ok=True)
    vetter = vetter or ExtractionFilter(X1)
    chunks = [stream] if isinstance(stream, bytes) else stream
    with files.opened(str(top), files.DIRECTORY) as fd:
        (tar or Tar(None)).unpack(fd, chunks, vetter, progress or Progress())
    return vetter


def portrait(top: Path) -> dict[bytes, tuple[object, ...]]:
    """All below a directory, with everything that an archive keeps; files of one inode share a number."""
    entries: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, int] = {}
    for folder, folders, names in os.walk(os.fsencode(top)):
        for path in sorted(os.path.join(folder, name) for name in folders + names):
            seen = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            same = inodes.setdefault(seen.st_ino, len(inodes))
            mtime = None if stat.S_ISLNK(seen.st_mode) else int(seen.st_mtime)
            name = os.path.relpath(path, os.fsencode(top))
            entries[name] = (seen.st_mode, seen.st_uid, seen.st_gid, mtime, same, seen.st_rdev, content)
    return entries


# -- data that change while they are read


class Reading:
    """Reads an archive in steps, so that data can be changed while tar waits in the middle of a file."""

    def __init__(self, top: Path, tar: Tar | None = None, progress: Progress | None = None) -> None:
        self._top = top
        self._tar = tar or Tar(None)
        self._progress = progress or Progress()
        self.read = bytearray()

    def run(self, change: Callable[[bytes], object], begin: Callable[[], object] = lambda: None) -> None:
        """Begin, read, call `change` with the beginning while tar waits for the rest to be read, read on."""
        buffer = memoryview(bytearray(4096))
        with (
            files.opened(str(self._top), files.DIRECTORY) as fd,
            self._tar.pack(fd, ["x1"], [], self._progress) as fill,
        ):
            begin()
            while len(self.read) < 16384:
                self.read += buffer[: fill(buffer)]
            change(bytes(self.read))
            while count := fill(buffer):
                self.read += buffer[:count]


def two_big_files(data: Path) -> None:
    for name in ("a", "b"):
        (data / "x1" / name).write_bytes(name.encode() * BIG)
