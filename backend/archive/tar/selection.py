"""What of an archive was selected: found by its headers, with what has to come along for it to be whole.

Nothing is unpacked and no hash is looked at. An archive that a restore would refuse is refused here too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from backend.archive.tar.stream import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    HARD_LINK,
    SYMBOLIC_LINK,
    TarFilter,
    TarMember,
)
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import IntegrityError, InvalidInputError
from backend.fs.lengths import shortened
from backend.model import Revision
from backend.progress import Progress

MOST = 100_000
_LONGEST_CHAIN = 8
_WORDS = {
    DIRECTORY: "directory",
    SYMBOLIC_LINK: "link",
    FIFO: "pipe",
    CHARACTER: "device",
    BLOCK_DEVICE: "device",
}

Chunks = Callable[[], Iterable[bytes]]


class SelectedMember(NamedTuple):
    """A member of an archive: its path there, and what it is when unpacked.

    `kind` is one of tarstream's, never a hard link: one is what it leads to, and `same_as` says what that is.
    `size` is in bytes, `data` those of them that are no holes, `mtime_ns` in nanoseconds since the epoch,
    `target` that of a symbolic link. Without `is_selected`, it is a directory above what was selected.
    `left_out` is why it is not unpacked, or nothing.
    """

    path: bytes
    kind: int
    size: int = 0
    mode: int = 0
    mtime_ns: int = 0
    target: bytes = b""
    same_as: bytes = b""
    is_selected: bool = True
    left_out: str = ""
    data: int = 0

    @property
    def word(self) -> str:
        """What it is, in a word: `file`, `directory`, `link`, `pipe` or `device`."""
        return _WORDS.get(self.kind, "file")


class Selection(NamedTuple):
    """What was found in one archive.

    `members` are the selected ones with all below them, by path, and the directories above; of several of one
    name the last. A directory that the archive does not tell of is there too. `links` leads from a hard link
    to the member whose content it shares, selected or not. `missing` are the marks that the archive does not
    hold.
    """

    members: dict[bytes, SelectedMember]
    links: dict[bytes, bytes]
    missing: tuple[bytes, ...] = ()

    def needed(self, wanted: Iterable[bytes]) -> frozenset[bytes]:
        """The members to unpack in order to have the `wanted` ones: those they are hard links to as well."""
        paths = set()
        for path in wanted:
            while path not in paths:
                paths.add(path)
                path = self.links.get(path, path)
        return frozenset(paths)


def clean(path: bytes) -> bytes:
    """A path without empty and `.` components; InvalidInputError for one that leads out."""
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if path.startswith(b"/") or b".." in parts or b"\0" in path:
        shown = _shown(path)
        raise InvalidInputError(f'cannot take "{shown}" out of an archive: it leads out of it')
    return b"/".join(parts)


def select_members(
    chunks: Chunks, marks: Sequence[bytes], revision: Revision, progress: Progress
) -> Selection:
    """Find what was selected in the archive that `chunks` begins to read anew at each call.

    A mark of b"" is everything. InvalidInputError for more than MOST members, IntegrityError for an archive
    that a restore would refuse. Reads it once, and again where a hard link leads to what was not selected.
    """
    search = _Search(marks)
    for _ in range(_LONGEST_CHAIN):
        for path, member, left_out in _members(chunks(), revision, progress):
            search.meet(path, member, left_out)
        if not search.seek_more():
            return search.selection()
    raise IntegrityError("cannot unpack archive: its hard links lead from one to the next without an end")


class _Search:
    def __init__(self, marks: Sequence[bytes]) -> None:
        self._selectors = frozenset(marks)
        self._above = {above for mark in marks for above in _above(mark)}
        self._extra: set[bytes] = set()
        self._met: dict[bytes, SelectedMember] = {}
        self._links: dict[bytes, bytes] = {}

    def selects(self, path: bytes) -> bool:
        """Whether a path is at or below one of the marks."""
        return (
            path in self._selectors or b"" in self._selectors or not self._selectors.isdisjoint(_above(path))
        )

    def has_selected(self, path: bytes) -> bool:
        """Whether a path was met and is at or below one of the marks."""
        return path in self._met and self._met[path].is_selected

    def meet(self, path: bytes, member: TarMember, left_out: str) -> bool:
        """Look at one member; the last of a name counts. Returns whether it is selected, or above."""
        selected = self.selects(path)
        if not selected and path not in self._extra and path not in self._above:
            return False
        self._links.pop(path, None)
        if member.kind == HARD_LINK:
            self._links[path] = clean(member.link)
        self._met[path] = SelectedMember(
            path=path,
            kind=member.kind,
            size=member.real_size,
            mode=member.mode,
            mtime_ns=member.mtime_ns,
            target=member.link if member.kind == SYMBOLIC_LINK else b"",
            is_selected=selected,
            left_out=left_out,
            data=member.size,
        )
        _demand_few(self._met)
        return selected or (path in self._above and member.kind == DIRECTORY)

    def seek_more(self) -> bool:
        """Whether another pass is needed, for what hard links lead to."""
        unknown = set(self._links.values()) - set(self._met) - self._extra
        self._extra |= unknown
        return bool(unknown)

    def selection(self) -> Selection:
        """All that was found. IntegrityError for a hard link to what is not there."""
        members = {}
        for path, met in self._met.items():
            if met.is_selected or (path in self._above and met.kind == DIRECTORY):
                members[path] = self._resolved(met)
        for path in [*members]:
            self._add_above(path, members)
        missing = self._selectors.difference(members, [b""] if members else [])
        return Selection(members, self._links, tuple(sorted(missing)))

    def _add_above(self, path: bytes, members: dict[bytes, SelectedMember]) -> None:
        """Take in the directories that unpacking makes although the archive does not tell of them."""
        for above in _above(path):
            if above in members:
                return
            selected = not self._selectors.isdisjoint((b"", above, *_above(above)))
            members[above] = SelectedMember(above, DIRECTORY, is_selected=selected)
            _demand_few(members)

    def _resolved(self, met: SelectedMember) -> SelectedMember:
        path = met.path
        for _ in range(_LONGEST_CHAIN):
            if path not in self._links:
                same = b"" if path == met.path else path
                real = self._met.get(path)
                if real is None:
                    break
                return real._replace(
                    path=met.path, same_as=same, is_selected=met.is_selected, left_out=met.left_out
                )
            path = self._links[path]
        raise IntegrityError(
            f'cannot unpack archive: member "{_shown(met.path)}" is a hard link to what is not there'
        )


def _shown(path: bytes) -> str:
    return shortened(path.decode("utf-8", "surrogateescape"))


def _demand_few(members: Mapping[bytes, SelectedMember]) -> None:
    if len(members) > MOST:
        raise InvalidInputError(
            f"cannot take more than {MOST} files and folders at once: select less, or restore all of it"
        )


def _above(path: bytes) -> Iterator[bytes]:
    """The directories above a path, the nearest first; not the root of the archive."""
    while path := path.rpartition(b"/")[0]:
        yield path


def _members(
    chunks: Iterable[bytes], revision: Revision, progress: Progress
) -> Iterator[tuple[bytes, TarMember, str]]:
    """Every member that is sound, in order, and why it would not be unpacked."""
    met: list[tuple[bytes, TarMember, str]] = []

    def judge(member: TarMember) -> bool:
        """Note a member; none is unpacked."""
        vetter(member)
        met.append((_path(member), member, vetter.reason))
        return False

    with ExtractionFilter(revision) as vetter:
        stream = TarFilter(judge, lambda _passed: None)
        for chunk in chunks:
            stream.feed(chunk)
            progress.advance(len(chunk))
            yield from met
            met.clear()
        stream.close()


def _path(member: TarMember) -> bytes:
    name = member.name
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    return b"/".join(parts)


class SelectedOnly:
    """Judges as `vetter` does, and takes of what it accepts nothing but the members at the `wanted` paths."""

    def __init__(self, vetter: ExtractionFilter, wanted: Set[bytes]) -> None:
        self._vetter = vetter
        self._wanted = wanted

    def __call__(self, member: TarMember) -> bool:
        """Whether to unpack this member; raises when the archive must be refused."""
        return self._vetter(member) and _path(member) in self._wanted


class Selecting:
    """Judges as `vetter` does, and takes of what it accepts what is marked, with the directories above.

    `take` is told the bytes of data of each member before it is unpacked. A hard link to what was not taken
    is not taken either.
    """

    def __init__(
        self, vetter: ExtractionFilter, marks: Sequence[bytes], take: Callable[[int], object]
    ) -> None:
        self._vetter = vetter
        self._search = _Search(marks)
        self._take = take
        self._untaken: set[bytes] = set()

    def __call__(self, member: TarMember) -> bool:
        """Whether to unpack this member; raises when the archive must be refused."""
        is_sound, path = self._vetter(member), _path(member)
        is_taken = self._search.meet(path, member, self._vetter.reason) and is_sound
        if is_taken and member.kind == HARD_LINK and not self._has_taken(clean(member.link)):
            self._untaken.add(path)
            return False
        if is_taken:
            self._untaken.discard(path)
            self._take(member.size)
        return is_taken

    @property
    def is_whole(self) -> bool:
        """Whether all that was selected was taken."""
        return not self._untaken

    def _has_taken(self, path: bytes) -> bool:
        return self._search.has_selected(path) and path not in self._untaken

    def selection(self) -> Selection:
        """Return what was selected, once the archive has passed and where it `is_whole`."""
        return self._search.selection()
