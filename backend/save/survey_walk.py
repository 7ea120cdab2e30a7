"""The walk of a survey: adds up what it meets, in memory that does not grow with the tree."""

import heapq
import os
import stat
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from functools import partial
from typing import NamedTuple

from backend.format import excludes
from backend.fs.attributes import RUNNABLE, AttributeTally
from backend.fs.lengths import FEWEST_SLASHES, LongPathTally
from backend.fs.space import Measured, Notable, add_up
from backend.fs.walk import Folder, TreeWalk
from backend.model import Revision
from backend.progress import Progress

_LARGEST = 10
_DEEPEST = 5  # below a data directory, of the folders that may be among the largest
_MOSTLY = 0.9
_MOST_RECENT = 1000
_LONGEST = 4096  # letters of a path
_BLOCK = 512
_ACCESS_LIST = "system.posix_acl_access"
_KINDS = {stat.S_IFSOCK: "socket", stat.S_IFIFO: "fifo", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_IS_REGULAR = stat.S_IFMT(0o177777)
_NONE: frozenset[int] = frozenset()


class Glimpse(NamedTuple):
    """How a file or directory looked: its path in the archive, bytes, and times in nanoseconds."""

    path: str
    size: int
    modified: int
    changed: int


class LargeFolder(NamedTuple):
    """A directory with much in it: its path in the archive, and the apparent bytes that a save would read.

    `left_out_by` are the patterns that keep all of it out, the empty text for one that the snap ships; then
    the bytes are those kept out.
    """

    path: str
    size: int
    left_out_by: tuple[str, ...] = ()


class Rights(NamedTuple):
    """Whose rights count when files are read; nobody is refused with `everything`."""

    uid: int = 0
    gids: frozenset[int] = frozenset()
    everything: bool = True

    def allow(self, facts: os.stat_result, wanted: int) -> bool:
        """Whether the mode lets them do what the bits `wanted` say: 4 read, 1 enter."""
        if self.everything:
            return True
        shift = 6 if facts.st_uid == self.uid else 3 if facts.st_gid in self.gids else 0
        return facts.st_mode >> shift & wanted == wanted


def glimpse_of(path: str, facts: os.stat_result) -> Glimpse:
    """How something looks."""
    return Glimpse(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


class Sieve:
    """Which patterns keep a path out: 0 stands for those that the snap ships, then each of `patterns`."""

    def __init__(
        self, shipped: Sequence[str], patterns: Sequence[str], revision: Revision, *, system: bool
    ) -> None:
        groups = [excludes.expand(group, revision, system) for group in (shipped, *([p] for p in patterns))]
        expanded = [pattern for group in groups for pattern in group]
        self._all = excludes.compiled(expanded)
        compiled = ((number, excludes.compiled(group)) for number, group in enumerate(groups))
        self._each = [(number, matcher) for number, matcher in compiled if matcher is not None]
        self.count = len(groups)
        self.deepest = max((pattern.count("/") for pattern in expanded), default=-1)

    def hits(self, path: str) -> frozenset[int]:
        """The patterns that match a path, or something that it lies in."""
        if self._all is None or not self._all.match(path):
            return _NONE
        return frozenset(number for number, matcher in self._each if matcher.match(path))


class MountPoints(NamedTuple):
    """The paths in the archive at which something is mounted, and whether a save includes what is there."""

    paths: AbstractSet[str] = frozenset()
    are_included: bool = False


class _Level:
    """A directory on the way down and what was added up in it."""

    __slots__ = (
        *("biggest", "closed", "folder", "hits", "inherits", "kept", "length", "notable", "path", "whole"),
    )

    def __init__(self, folder: Folder, path: str, hits: frozenset[int], *, closed: bool) -> None:
        self.folder = folder
        self.path = path  # where patterns may match in it, or it may be among the largest; else empty
        self.hits = hits
        self.closed = closed
        self.length = 0  # letters of its path
        self.inherits = False  # attributes
        self.notable = Notable()
        self.kept = self.whole = self.biggest = 0


class Surveyor:
    """Looks into the data directories of one archive; the sums are of all of them.

    `kept` and `out` hold what `Measured` does; `matched` the apparent bytes that each
    pattern of the sieve matches; `met` maps a kind to a count and examples. What changed after `since`
    (nanoseconds since the epoch) is `recent`.
    """

    NAMED = 20

    def __init__(
        self,
        rights: Rights,
        sieve: Sieve,
        progress: Progress,
        since: int,
        *,
        mounts: MountPoints = MountPoints(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._rights = rights
        self._sieve = sieve
        self._progress = progress
        self._since = since
        self._levels: list[_Level] = []
        self._descent = TreeWalk("")
        self._mounts = mounts
        self.attributes = AttributeTally()
        self.long_paths = LongPathTally(
            (lambda path: bool(sieve.hits(path))) if sieve.deepest >= FEWEST_SLASHES else None
        )
        self._heap: list[tuple[int, str, frozenset[int]]] = []
        self.kept = [0, 0, 0, 0]
        self.out = [0, 0, 0, 0]
        self.matched = [0] * sieve.count
        self.met: dict[str, tuple[int, list[str]]] = {}
        self.recent: list[Glimpse] = []
        self.whole = True

    def look_into(self, role: str, directory: int) -> None:
        """Look into a data directory by its name in an open directory, where there is one.

        OSError, or ConflictError when directories are moved about meanwhile; what was met until then counts.
        """
        try:
            facts = os.lstat(role, dir_fd=directory)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(facts.st_mode):
            self._meet("link" if stat.S_ISLNK(facts.st_mode) else "no-directory", path=role)
            return
        self._levels.clear()
        self._descent = TreeWalk(role, directory, self._refused)
        with closing(self._descent.steps()) as steps:
            for folder, entries in steps:
                if entries is None:
                    self._leave()
                    continue
                if not self._levels or self._levels[-1].folder is not folder:
                    self._enter(folder, is_empty=not entries)
                self._look_at(self._levels[-1], self._without_mounts(self._levels[-1], entries))

    def largest(self, names: Sequence[str]) -> tuple[LargeFolder, ...]:
        """The largest folders, the largest first; `names` are those of the sieve's patterns."""
        ordered = sorted(self._heap, key=lambda folder: (-folder[0], folder[1]))
        return tuple(
            LargeFolder(path, size, tuple(names[hit] for hit in sorted(hits))) for size, path, hits in ordered
        )

    # -- directories

    def _enter(self, folder: Folder, *, is_empty: bool) -> None:
        above = self._levels[-1] if self._levels else None
        depth = len(self._levels)
        path = self._descent.place() if depth <= max(self._sieve.deepest, _DEEPEST) else ""
        hits = above.hits if above else _NONE
        if depth <= self._sieve.deepest:
            hits |= self._sieve.hits(path)
        level = _Level(folder, path, hits, closed=above is not None and above.closed)
        level.length = len(folder.name) + (above.length + 1 if above else 0)
        self._levels.append(level)
        if hits:
            return
        self.kept[3] += _BLOCK
        if not level.closed and not self._rights.allow(folder.facts, 4 if is_empty else 5):
            level.closed = True
            self._meet("guarded" if _has_access_list(folder.fd) else "closed")
        self._note_time(folder.facts, None)
        level.inherits = self.attributes.enter(folder.fd, self._path)
        level.notable = self._notable_in(level)

    def _leave(self) -> None:
        level = self._levels.pop()
        above = self._levels[-1] if self._levels else None
        size = level.whole if level.hits else level.kept
        if above is None:
            return
        above.kept += level.kept
        above.whole += level.whole
        if above.hits:
            return
        above.biggest = max(above.biggest, size)
        depth = len(self._levels)
        if depth > _DEEPEST or not size or (depth < _DEEPEST and level.biggest >= size * _MOSTLY):
            return
        item = (size, level.path, level.hits)
        if len(self._heap) < _LARGEST:
            heapq.heappush(self._heap, item)
        elif size > self._heap[0][0]:
            heapq.heapreplace(self._heap, item)

    def _refused(self, path: str, error: OSError) -> None:
        level = self._levels[-1] if self._levels else None
        self.whole = False
        if (level and (level.hits or level.closed)) or self._sieve.hits(path):
            return
        is_ours = self._rights.uid == os.geteuid()
        self._meet("closed" if is_ours and isinstance(error, PermissionError) else "unseen", path=path)

    # -- what is in them

    def _without_mounts(
        self, level: _Level, entries: "Sequence[os.DirEntry[str]]"
    ) -> "Sequence[os.DirEntry[str]]":
        """The entries that are looked at: what is mounted is told, and left out unless it is included."""
        if not self._mounts.paths:
            return entries
        mounted = [entry for entry in entries if self._path(entry.name) in self._mounts.paths]
        for entry in mounted:
            if not level.hits and not self._sieve.hits(self._path(entry.name)):
                self._meet("mounted" if self._mounts.are_included else "mount", entry.name)
        return entries if self._mounts.are_included else [entry for entry in entries if entry not in mounted]

    def _look_at(self, level: _Level, entries: "Sequence[os.DirEntry[str]]") -> None:
        before = self.kept[0] + self.out[0]
        if not level.hits:
            self.long_paths.look(level.folder.length, (entry.name for entry in entries), self._path)
        for hits, part in self._sieved(level, entries):
            refused = partial(self._unseen, is_wanted=not (hits or level.closed))
            notable = Notable() if hits else level.notable
            measured, noted = add_up(part, level.folder.pending, notable, refused)
            self._count(level, hits, measured)
            for name, facts in () if hits else noted:
                self._look_at_one(level, name, facts)
        self._progress.advance(self.kept[0] + self.out[0] - before)

    def _sieved(
        self, level: _Level, entries: "Sequence[os.DirEntry[str]]"
    ) -> "Iterable[tuple[frozenset[int], Sequence[os.DirEntry[str]]]]":
        """The entries by the patterns that match them."""
        if len(self._levels) > self._sieve.deepest:
            return ((level.hits, entries),)
        parts: dict[frozenset[int], list[os.DirEntry[str]]] = {}
        for entry in entries:
            hits = level.hits | self._sieve.hits(f"{level.path}/{entry.name}")
            parts.setdefault(hits, []).append(entry)
        return parts.items()

    def _unseen(self, name: str, _error: OSError, *, is_wanted: bool) -> None:
        self.whole = False
        if is_wanted:
            self._meet("unseen", name)

    def _count(self, level: _Level, hits: frozenset[int], measured: Measured) -> None:
        level.whole += measured.apparent
        level.kept += 0 if hits else measured.apparent
        for hit in hits:
            self.matched[hit] += measured.apparent
        total = self.out if hits else self.kept
        for number, amount in enumerate(measured):
            total[number] += amount

    def _notable_in(self, level: _Level) -> Notable:
        """What has to be looked at of the files in a directory: they may have attributes, or be closed."""
        bits, value, uid = _IS_REGULAR | RUNNABLE, stat.S_IFREG, None
        if not (level.closed or self._rights.everything):
            bits, value, uid = bits | stat.S_IRUSR, value | stat.S_IRUSR, self._rights.uid
        return Notable(0 if level.inherits else bits, value, self._since, uid)

    def _look_at_one(self, level: _Level, name: str, facts: os.stat_result) -> None:
        self.attributes.look(level.folder.fd, name, facts.st_mode, self._path, inherits=level.inherits)
        if not stat.S_ISREG(facts.st_mode):
            self._look_at_special(name, facts)
            return
        if not level.closed and not self._rights.allow(facts, 4):
            guarded = _has_access_list(f"/proc/self/fd/{level.folder.fd}/{name}")
            self._meet("guarded" if guarded else "unreadable", name)
        self._note_time(facts, name)

    def _look_at_special(self, name: str, facts: os.stat_result) -> None:
        kind = _KINDS.get(stat.S_IFMT(facts.st_mode))
        if kind == "device" and stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0:
            return  # a whiteout of an overlay, which is data
        if kind:
            self._meet(kind, name)

    def _note_time(self, facts: os.stat_result, name: str | None) -> None:
        is_told = self._levels[-1].length + len(name or "") < _LONGEST - 1 and len(self.recent) < _MOST_RECENT
        if facts.st_ctime_ns > self._since and is_told:
            self.recent.append(glimpse_of(self._path(name), facts))

    def _meet(self, kind: str, name: str | None = None, *, path: str = "") -> None:
        """Count what is at a path: that of the directory it looks at, or of a `name` in it, unless given."""
        # To spell a path takes as long as it is deep: only where it is wanted.
        count, examples = self.met.get(kind, (0, []))
        if len(examples) < self.NAMED:
            path = path or self._path(name)
            half = _LONGEST // 2
            examples.append(path if len(path) <= _LONGEST else f"{path[:half]}…{path[-half:]}")
        self.met[kind] = (count + 1, examples)

    def _path(self, name: str | None = None) -> str:
        return self._descent.place(name)


def _has_access_list(file: str | int) -> bool:
    """Whether more than the mode decides who may read it."""
    try:
        return bool(os.getxattr(file, _ACCESS_LIST))
    except OSError:
        return False
