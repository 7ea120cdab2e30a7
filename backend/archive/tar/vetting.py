"""What may be in an archive: judged member by member, before anything is unpacked."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, Self

from backend.archive.tar import stream as tarstream
from backend.archive.tar.clashes import ClashSearch
from backend.archive.tar.stream import DIRECTORY, TarFilter, TarMember
from backend.errors import IntegrityError
from backend.fs.lengths import LONGEST_PATH
from backend.model import Revision
from backend.progress import Progress

_LINKS_IN_MEMORY = 50_000
_NAMED = 20


class LeftOut(NamedTuple):
    """Members that are not unpacked for one reason: how many, and the names of the first twenty."""

    reason: str
    number: int = 0
    names: tuple[str, ...] = ()

    def plus(self, member: TarMember) -> "LeftOut":
        """The same with one more."""
        names = (*self.names, member.shown) if len(self.names) < _NAMED else self.names
        return self._replace(number=self.number + 1, names=names)

    def texts(self, parent: str) -> Iterator[str]:
        """Say which were not restored into a directory."""
        for name in self.names:
            yield f"{parent}/{name} was not restored: {self.reason}"
        if more := self.number - len(self.names):
            yield f"{parent}: {more} more not restored: {self.reason}"


DEVICES = LeftOut("it is a device node")
TOO_LONG = LeftOut("its path is too long")


class _Paths:
    """Paths met so far: in memory up to a cap, then in a private file on disk."""

    def __init__(self, cap: int = _LINKS_IN_MEMORY) -> None:
        self._cap = cap
        self._known: set[bytes] = set()
        self._lookup: Callable[[bytes], bool] = self._known.__contains__
        self._more: Callable[[bytes], object] | None = None
        self.close: Callable[[], None] = lambda: None

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, path: bytes) -> bool:
        return self._lookup(path)

    def add(self, path: bytes) -> None:
        """Remember a path; above the cap, on disk."""
        if len(self._known) < self._cap:
            self._known.add(path)
            return
        if self._more is None:
            self._spill()
        assert self._more is not None
        self._more(path)

    def _spill(self) -> None:
        import sqlite3
        import tempfile

        from backend.fs.database import database_errors_as

        database = sqlite3.connect("")  # a file without a name where temporary files belong
        errors = partial(database_errors_as, "note the links of an archive", tempfile.gettempdir())

        def lookup(path: bytes) -> bool:
            """Whether a path was met, in memory or on disk."""
            if path in self._known:
                return True
            with errors():
                return database.execute("SELECT 1 FROM paths WHERE path = ?", (path,)).fetchone() is not None

        def add(path: bytes) -> None:
            """Remember a path on disk."""
            with errors():
                database.execute("INSERT OR IGNORE INTO paths VALUES (?)", (path,))

        with errors():
            database.execute("CREATE TABLE paths (path BLOB PRIMARY KEY) WITHOUT ROWID")
        self._lookup, self._more, self.close = lookup, add, database.close


class ExtractionFilter:
    """Judges the members of one archive: only what belongs below the revision and common directories.

    Refuses (IntegrityError naming the member) absolute names, `..`, anything elsewhere, a member that would
    be written through a symbolic link, and a hard link to anything outside. Symbolic links, FIFOs and overlay
    whiteouts are data. Left out and counted are other device nodes, unless `devices`, and what has a path
    that no call to the kernel takes; hard links to either as well. `reason` says why the last member was.
    A context manager: once it is left, what was counted still stands and nothing more can be judged.
    """

    def __init__(self, revision: Revision, *, devices: bool = False) -> None:
        self._tops = {b"common", str(revision).encode()}
        self._allow_devices = devices
        self._links = _Paths()
        self._devices = _Paths()
        self.unpacked = 0
        self.reason = ""
        self.devices = DEVICES
        self.too_long = TOO_LONG

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._links.close()
        self._devices.close()

    def __call__(self, member: TarMember) -> bool:
        """Whether to unpack this member; raises when the archive must be refused."""
        self.reason = ""
        path = self._path(member.name, member)
        if not path:
            return False
        if _is_too_long(member):
            self.too_long, self.reason = self.too_long.plus(member), TOO_LONG.reason
            return False
        self._vet(path, member)
        if self._is_device(path, member):
            self.devices, self.reason = self.devices.plus(member), DEVICES.reason
        else:
            self.unpacked += member.size
        return not self.reason

    def _vet(self, path: bytes, member: TarMember) -> None:
        if b"/" not in path and member.kind != tarstream.DIRECTORY:
            raise _refusal(member, "is not a directory")
        self._check_parents(path, member)
        if member.kind == tarstream.HARD_LINK:
            self._vet_hard_link(path, member)
        elif member.kind == tarstream.SYMBOLIC_LINK:
            self._links.add(path)
        elif path in self._links:
            raise _refusal(member, "would be written through a symbolic link")

    def _path(self, name: bytes, member: TarMember) -> bytes:
        """The path it lands at, without empty and `.` components; empty for the directory itself."""
        if name.startswith(b"/"):
            raise _refusal(member, "has an absolute name")
        parts = name.split(b"/")
        if b"" in parts or b"." in parts:
            parts = [part for part in parts if part not in (b"", b".")]
        if b".." in parts:
            raise _refusal(member, 'has ".." in its name')
        if parts and parts[0] not in self._tops:
            raise _refusal(member, "is outside of the revision and common directories")
        if not parts and member.kind != tarstream.DIRECTORY:
            raise _refusal(member, "has no name")
        return b"/".join(parts)

    def _check_parents(self, path: bytes, member: TarMember) -> None:
        if not self._links:
            return
        parts = path.split(b"/")
        for depth in range(1, len(parts)):
            if b"/".join(parts[:depth]) in self._links:
                raise _refusal(member, "would be written through a symbolic link")

    def _vet_hard_link(self, path: bytes, member: TarMember) -> None:
        target = self._path(member.link, member)
        if not target or b"/" not in target:
            raise _refusal(member, "is a hard link to a directory")
        self._check_parents(target, member)
        if target in self._links:
            self._links.add(path)
        elif path in self._links:
            raise _refusal(member, "would be written through a symbolic link")

    def _is_device(self, path: bytes, member: TarMember) -> bool:
        """Whether it is a device node that is left out, or a hard link to one."""
        if member.kind == tarstream.HARD_LINK:
            return bool(self._devices) and self._path(member.link, member) in self._devices
        if member.kind not in (tarstream.CHARACTER, tarstream.BLOCK_DEVICE) or self._allow_devices:
            return False
        if member.kind == tarstream.CHARACTER and member.device == (0, 0):
            return False
        self._devices.add(path)
        return True


def _is_too_long(member: TarMember) -> bool:
    """Whether the kernel cannot take its name, or that of what it is a hard link to."""
    name = member.name.rstrip(b"/")
    is_link = member.kind == tarstream.HARD_LINK
    return len(name) > LONGEST_PATH or (is_link and len(member.link) > LONGEST_PATH)


def _refusal(member: TarMember, why: str) -> IntegrityError:
    return IntegrityError(f'cannot unpack archive: member "{member.shown}" {why}')


def vet(chunks: Iterable[bytes], vetter: ExtractionFilter, progress: Progress) -> None:
    """Walk an archive without writing anything; raises as `Tar.unpack` would for its content."""
    stream = TarFilter(vetter, lambda _passed: None)
    for chunk in chunks:
        stream.feed(chunk)
        progress.advance(len(chunk))
    stream.close()


class Contents(NamedTuple):
    """The files of an archive (everything but directories) and their bytes, without what is left out.

    `devices` are the names of the first twenty device nodes, `devices_met` is how many there are; `too_long`
    and `too_long_met` are the same of paths that are too long. `longest` is the longest name of a file or
    directory.
    """

    files: int = 0
    bytes: int = 0
    devices: tuple[str, ...] = ()
    devices_met: int = 0
    longest: str = ""
    too_long: tuple[str, ...] = ()
    too_long_met: int = 0


def contents(chunks: Iterable[bytes], revision: Revision, progress: Progress) -> Contents:
    """Walk the tar stream of a snapshot of `revision`, counting its bytes on the job.

    IntegrityError for a stream that a restore would refuse, or tar could not unpack.
    """
    files = 0
    clashes = ClashSearch()

    def judge(member: TarMember) -> bool:
        """Count what would be unpacked, and look for names that clash."""
        nonlocal files
        is_taken = vetter(member)
        if is_taken:
            clashes.meet(member)
        files += is_taken and member.kind != DIRECTORY
        return is_taken

    with ExtractionFilter(revision) as vetter:
        stream = TarFilter(judge, _drop)
        for chunk in chunks:
            stream.feed(chunk)
            progress.advance(len(chunk))
        stream.close()
    return Contents(
        files=files,
        bytes=vetter.unpacked,
        devices=vetter.devices.names,
        devices_met=vetter.devices.number,
        longest=os.fsdecode(clashes.longest),
        too_long=vetter.too_long.names,
        too_long_met=vetter.too_long.number,
    )


def _drop(_passed: memoryview) -> None:
    """Nothing is written."""
