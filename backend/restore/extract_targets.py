"""Where what was taken out of an archive lands, and what becomes of what is there: a plan, made by looking.

Nothing is changed. Below the directory that things land in no symbolic link is followed or replaced.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from backend.archive.tar.selection import SelectedMember, Selection
from backend.archive.tar.stream import DIRECTORY, FIFO, SYMBOLIC_LINK
from backend.fs import safe_open as parents
from backend.fs.mounts import mounts_below
from backend.fs.statx import frozen

_SECOND = 10**9
_FORMATS = {DIRECTORY: stat.S_IFDIR, SYMBOLIC_LINK: stat.S_IFLNK, FIFO: stat.S_IFIFO}
_PLACES = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link", stat.S_IFREG: "a file"}


class OverwritePolicy(Enum):
    """When something that is there is replaced: always, where it differs, where it is older, or never.

    To differ is to differ in kind, size, mode, time of change, or where a link leads: contents are not read.
    """

    ALWAYS = "always"
    CHANGED = "changed"
    NEWER = "newer"
    NEVER = "never"


class ExtractAction(Enum):
    """What becomes of a path; one that is refused stops the whole."""

    MAKE = "make"
    REPLACE = "replace"
    SKIP = "skip"
    REFUSE = "refuse"


class ExtractTarget(NamedTuple):
    """What one member becomes: `source` is its path in the archive, `name` that below the plan's directory.

    `kind` is a word; `size` is in bytes, `data` those of them that are no holes, `present` the size of what
    is there (None: nothing). One `with_above` comes into being with the directory that holds it. `is_older`
    where what is there is newer, `is_left_out` where it cannot be unpacked.
    """

    source: str
    name: str
    action: ExtractAction
    kind: str
    size: int = 0
    present: int | None = None
    reason: str = ""
    with_above: bool = False
    data: int = 0
    is_older: bool = False
    is_left_out: bool = False

    @property
    def moves(self) -> bool:
        """Whether it is put in place by itself."""
        return self.action in (ExtractAction.MAKE, ExtractAction.REPLACE) and not self.with_above

    @property
    def is_taken(self) -> bool:
        """Whether it comes out of the archive."""
        return self.action in (ExtractAction.MAKE, ExtractAction.REPLACE)


class PathMapping(NamedTuple):
    """How a path in the archive becomes one below `parent`.

    The directory of the `revision` (as the archive has it) gets the name `onto`; with `strip`, each of the
    `marks` lands by its own name.
    """

    parent: str
    revision: bytes
    onto: bytes
    marks: tuple[bytes, ...] = ()
    strip: bool = False

    def name(self, path: bytes) -> bytes:
        """Where a member lands; empty for a directory above a mark that is stripped."""
        if self.strip:
            covering = [mark for mark in self.marks if path == mark or path.startswith(mark + b"/")]
            return path[len(covering[0].rpartition(b"/")[0]) :].lstrip(b"/") if covering else b""
        top, slash, rest = path.partition(b"/")
        return (self.onto if top == self.revision else top) + slash + rest


def extract_targets(
    picking: Selection, way: PathMapping, policy: OverwritePolicy
) -> tuple[ExtractTarget, ...]:
    """What becomes of every marked member; directories that are there already are not mentioned."""
    named = ((way.name(path), member) for path, member in picking.members.items())
    ordered = sorted((name.split(b"/"), member) for name, member in named if name)
    looking = _Looking(way.parent, policy)
    return tuple(
        _with_doubles(landing for parts, member in ordered for landing in looking.meet(parts, member))
    )


def _with_doubles(targets: Iterator[ExtractTarget]) -> Iterator[ExtractTarget]:
    names = set()
    for landing in targets:
        if landing.name in names:
            reason = "another of what is marked has the same name"
            landing = landing._replace(action=ExtractAction.REFUSE, reason=reason)
        names.add(landing.name)
        yield landing


class _Looking:
    """Looks at what is there, parents first; remembers of each directory what becomes of it."""

    def __init__(self, parent: str, policy: OverwritePolicy) -> None:
        self._parent = parent
        self._policy = policy
        self._folders: dict[bytes, ExtractTarget | None] = {b"": None}
        self._closed: dict[bytes, str] = {}
        self._device = os.stat(parents.nearest(parent)).st_dev
        self._mounted = frozenset(mounts_below(parent))

    def meet(self, parts: Sequence[bytes], member: SelectedMember) -> Iterator[ExtractTarget]:
        """What becomes of a member; nothing where it is a directory that is there, or only on the way."""
        name = b"/".join(parts)
        landing = self._fate(name, member)
        if member.kind == DIRECTORY:
            self._folders[name] = landing
        if landing is not None and (
            member.is_selected or landing.is_taken or landing.action is ExtractAction.REFUSE
        ):
            yield landing

    def _fate(self, name: bytes, member: SelectedMember) -> ExtractTarget | None:
        folder = name.rpartition(b"/")[0]
        if above := self._folder(folder):
            return self._below(name, member, above)
        landing = self._look(name, member)
        if landing and landing.moves and (closed := self._closed_to(folder)):
            return landing._replace(action=ExtractAction.REFUSE, reason=closed)
        return landing

    def _folder(self, name: bytes) -> ExtractTarget | None:
        """What becomes of a directory, None where it is there; one that the archive does not tell of, too."""
        if name not in self._folders:
            self._folders[name] = self._fate(name, SelectedMember(name, DIRECTORY, is_selected=False))
        return self._folders[name]

    def _below(self, name: bytes, member: SelectedMember, above: ExtractTarget) -> ExtractTarget:
        if member.left_out:
            return _left_out(name, member)
        if above.is_taken:
            return _landing(name, member, ExtractAction.MAKE)._replace(with_above=True)
        reason = above.reason if above.reason.startswith("above it") else f"above it, {above.reason}"
        return _landing(name, member, above.action, reason)

    def _look(self, name: bytes, member: SelectedMember) -> ExtractTarget | None:
        if member.left_out:
            return _left_out(name, member)
        try:
            there = os.lstat(os.fsencode(self._parent) + b"/" + name)
        except FileNotFoundError:
            there = None
        except OSError as cause:
            return _landing(name, member, ExtractAction.REFUSE, f"it cannot be looked at: {cause.strerror}")
        if there is None:
            return _landing(name, member, ExtractAction.MAKE)
        if member.kind == DIRECTORY and stat.S_ISDIR(there.st_mode):
            if there.st_dev == self._device and not self._is_mounted(name):
                return None
            return _landing(name, member, ExtractAction.REFUSE, "a file system is mounted there")
        action, reason = self._decide(name, member, there)
        if action is ExtractAction.REPLACE and (fixed := self._fixed(name)):
            action, reason = ExtractAction.REFUSE, fixed
        is_older = there.st_mtime_ns // _SECOND > member.mtime_ns // _SECOND
        landing = _landing(name, member, action, reason)
        return landing._replace(present=there.st_size, is_older=is_older)

    def _is_mounted(self, name: bytes) -> bool:
        return f"{self._parent}/{os.fsdecode(name)}" in self._mounted

    def _fixed(self, name: bytes) -> str:
        """Why what is there cannot be renamed, or nothing."""
        if self._is_mounted(name):
            return "it is a mount point"
        stuck = frozen(f"{self._parent}/{os.fsdecode(name)}")
        return stuck and f"it is {stuck}"

    def _decide(
        self, name: bytes, member: SelectedMember, there: os.stat_result
    ) -> tuple[ExtractAction, str]:
        file_type = stat.S_IFMT(there.st_mode)
        place = _PLACES.get(file_type, "a special file")
        if file_type == stat.S_IFDIR or (file_type == stat.S_IFLNK and member.kind != SYMBOLIC_LINK):
            return ExtractAction.REFUSE, f"{place} is there, and it is a {member.word} in the snapshot"
        if not member.is_selected:
            return ExtractAction.REFUSE, f"{place} is there instead of a directory"
        if file_type not in _PLACES and file_type != _FORMATS.get(member.kind):
            return ExtractAction.REFUSE, f"{place} is there, and it is a {member.word} in the snapshot"
        match self._policy:
            case OverwritePolicy.NEVER:
                return ExtractAction.SKIP, "it is there"
            case OverwritePolicy.NEWER if member.mtime_ns // _SECOND <= there.st_mtime_ns // _SECOND:
                return ExtractAction.SKIP, "what is there is as new"
            case OverwritePolicy.CHANGED if self._is_same(name, member, there):
                return ExtractAction.SKIP, "it is the same"
            case _:
                return ExtractAction.REPLACE, ""

    def _is_same(self, name: bytes, member: SelectedMember, there: os.stat_result) -> bool:
        if stat.S_IFMT(there.st_mode) != _FORMATS.get(member.kind, stat.S_IFREG):
            return False
        if member.kind == SYMBOLIC_LINK:
            return os.readlink(os.fsencode(self._parent) + b"/" + name) == member.target
        if stat.S_IMODE(there.st_mode) != member.mode:
            return False
        size = there.st_size if stat.S_ISREG(there.st_mode) else member.size
        return size == member.size and there.st_mtime_ns // _SECOND == member.mtime_ns // _SECOND

    def _closed_to(self, folder: bytes) -> str:
        """Why nothing can be put into a directory that is there, or nothing."""
        if folder not in self._closed:
            place = os.fsencode(self._parent) + (b"/" + folder if folder else b"")
            place = place if folder else os.fsencode(parents.nearest(self._parent))
            is_open = os.access(place, os.W_OK | os.X_OK)
            closed = "" if is_open else f"no right to write to {os.fsdecode(place)}"
            stuck = frozen(os.fsdecode(place))
            self._closed[folder] = f"{os.fsdecode(place)} is {stuck}" if stuck else closed
        return self._closed[folder]


def _left_out(name: bytes, member: SelectedMember) -> ExtractTarget:
    return _landing(name, member, ExtractAction.SKIP, member.left_out)._replace(is_left_out=True)


def _landing(name: bytes, member: SelectedMember, action: ExtractAction, reason: str = "") -> ExtractTarget:
    return ExtractTarget(
        source=os.fsdecode(member.path),
        name=os.fsdecode(name),
        action=action,
        kind=member.word,
        size=member.size,
        data=member.data,
        present=None,
        reason=reason,
    )
