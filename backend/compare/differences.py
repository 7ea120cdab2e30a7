"""What differs between two trees: one stream of differences by path, in bounded memory.

The tops are aligned by their role, so that the data of two revisions meet. Sizes and times are looked at
first; contents only where asked for.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from backend.browse.nodes import Kind
from backend.compare.trees import ComparedTree, TreeEntry
from backend.format.gojson import dumps
from backend.model import Json
from backend.progress import Progress

REVISION = b"rev"
_SECOND = 10**9
_LONGEST_TEXT = 512 << 10
_MOST_LINES = 10_000
_MODES = 0o7777


class Change(Enum):
    """How the second side differs from the first."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    METADATA = "metadata changed"
    SAME = "same"


class Difference(NamedTuple):
    """One path that is compared; `path` begins with the role of its top (`rev`, `common`).

    `owner` is a user, or empty for the system. A size is in bytes, None where nothing is there; that of a
    folder that stands for all below (`folded`) is the sum, and `files` counts them. `metadata` names what
    else differs: `mode`, `owner`, `time`.
    """

    owner: str
    path: bytes
    change: Change
    kind: str
    before: int | None
    after: int | None
    files: int = 0
    folded: bool = False
    metadata: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The path as text, undecodable bytes kept as surrogates."""
        return self.path.decode("utf-8", "surrogateescape")


class Tally:
    """The sums of a stream of differences: how many files of each kind, and the bytes by which it differs."""

    def __init__(self) -> None:
        self.files = dict.fromkeys(Change, 0)
        self.added = 0
        self.removed = 0

    def add(self, difference: Difference) -> None:
        """Count one; folders count as the files they stand for."""
        self.files[difference.change] += difference.files
        delta = (difference.after or 0) - (difference.before or 0)
        self.added += max(0, delta)
        self.removed += max(0, -delta)


class CompareOptions(NamedTuple):
    """What a comparison says: with `exact`, files that could be the same are read; `same` ones are given as
    well; what is added or removed with all below it is `folded` into one.
    """

    exact: bool = False
    same: bool = False
    folded: bool = True


class Roles(NamedTuple):
    """The names of the revision directories of both sides."""

    before: bytes
    after: bytes


_Pair = tuple[TreeEntry | None, TreeEntry | None]


class Walk:
    """Walks two sides of one owner's data."""

    def __init__(
        self, owner: str, sides: tuple[ComparedTree, ComparedTree], roles: Roles, options: CompareOptions
    ) -> None:
        self._owner = owner
        self._before, self._after = sides
        self._roles = roles
        self._options = options

    def differences(self, progress: Progress) -> Iterator[Difference]:
        """All differences, by path. Cancelled when the job is stopped."""
        tops = _paired(
            sorted(self._top(self._before, self._roles.before)),
            sorted(self._top(self._after, self._roles.after)),
        )
        way: deque[tuple[bytes, Iterator[tuple[bytes, _Pair]]]] = deque([(b"", tops)])
        while way:
            above, pairs = way[-1]
            named_pair = next(pairs, None)
            if named_pair is None:
                way.pop()
                continue
            progress.raise_if_cancelled()
            name, pair = named_pair
            path = above + name
            yield from self._compared(path, pair)
            if self._goes_into(pair):
                way.append((path + b"/", self._inside(pair)))

    def _top(self, side: ComparedTree, revision: bytes) -> Iterator[tuple[bytes, TreeEntry]]:
        for entry in side.entries(None):
            if entry.name == revision:
                yield REVISION, entry
            elif entry.name == b"common":
                yield entry.name, entry

    def _inside(self, pair: _Pair) -> Iterator[tuple[bytes, _Pair]]:
        before, after = (entry if entry and entry.is_folder else None for entry in pair)
        return _paired(
            ((entry.name, entry) for entry in self._before.entries(before)) if before else (),
            ((entry.name, entry) for entry in self._after.entries(after)) if after else (),
        )

    def _goes_into(self, pair: _Pair) -> bool:
        folders = [entry for entry in pair if entry and entry.is_folder]
        return bool(folders) and (len(folders) == 2 or not self._options.folded)

    def _compared(self, path: bytes, pair: _Pair) -> Iterator[Difference]:
        before, after = pair
        if before and after and before.kind is after.kind:
            yield from self._of_both(path, before, after)
            return
        for entry, side, change in (
            (before, self._before, Change.REMOVED),
            (after, self._after, Change.ADDED),
        ):
            if entry is not None:
                yield self._one_sided(path, entry, side, change)

    def _one_sided(self, path: bytes, entry: TreeEntry, side: ComparedTree, change: Change) -> Difference:
        count, size = int(not entry.is_folder), entry.size
        folded = entry.is_folder and self._options.folded
        if folded:
            count, size = _total(side, entry)
        before, after = (size, None) if change is Change.REMOVED else (None, size)
        return Difference(
            self._owner,
            path,
            change,
            entry.kind.value,
            before=before,
            after=after,
            files=count,
            folded=folded,
        )

    def _of_both(self, path: bytes, before: TreeEntry, after: TreeEntry) -> Iterator[Difference]:
        metadata = _metadata(before, after)
        if before.is_folder or not self._has_changed(before, after):
            change = Change.METADATA if metadata else Change.SAME
        else:
            change = Change.CHANGED
        if change is not Change.SAME or self._options.same:
            yield Difference(
                self._owner,
                path,
                change,
                before.kind.value,
                before=before.size,
                after=after.size,
                files=int(not before.is_folder),
                metadata=metadata,
            )

    def _has_changed(self, before: TreeEntry, after: TreeEntry) -> bool:
        if before.kind is not Kind.FILE:
            return before.link != after.link
        if before.size != after.size:
            return True
        if self._options.exact:
            return not _same_bytes(self._before.pieces(before), self._after.pieces(after))
        return before.mtime_ns // _SECOND != after.mtime_ns // _SECOND


def _paired(
    before: "Iterator[tuple[bytes, TreeEntry]] | Sequence[tuple[bytes, TreeEntry]]",
    after: "Iterator[tuple[bytes, TreeEntry]] | Sequence[tuple[bytes, TreeEntry]]",
) -> Iterator[tuple[bytes, _Pair]]:
    """Two listings by name as one."""
    left, right = iter(before), iter(after)
    first, second = next(left, None), next(right, None)
    while first or second:
        if second is None or (first is not None and first[0] < second[0]):
            assert first is not None
            yield first[0], (first[1], None)
            first = next(left, None)
        elif first is None or second[0] < first[0]:
            yield second[0], (None, second[1])
            second = next(right, None)
        else:
            yield first[0], (first[1], second[1])
            first, second = next(left, None), next(right, None)


def _total(side: ComparedTree, folder: TreeEntry) -> tuple[int, int]:
    """The files below a folder, and their bytes."""
    count = size = 0
    way = deque([side.entries(folder)])
    while way:
        entry = next(way[-1], None)
        if entry is None:
            way.pop()
        elif entry.is_folder:
            way.append(side.entries(entry))
        else:
            count, size = count + 1, size + entry.size
    return count, size


def _metadata(before: TreeEntry, after: TreeEntry) -> tuple[str, ...]:
    """What else differs; a folder's time says nothing, nor do the mode and time of a link."""
    fields = []
    if before.kind is not Kind.LINK and (before.mode ^ after.mode) & _MODES:
        fields.append("mode")
    if (before.uid, before.gid) != (after.uid, after.gid):
        fields.append("owner")
    is_file = before.kind is Kind.FILE
    if is_file and before.mtime_ns // _SECOND != after.mtime_ns // _SECOND:
        fields.append("time")
    return tuple(fields)


def _same_bytes(before: Iterator[bytes], after: Iterator[bytes]) -> bool:
    """Whether two contents are equal, however they are cut into pieces."""
    first = second = b""
    while True:
        first, second = first or next(before, b""), second or next(after, b"")
        if not (first and second):
            return not first and not second
        length = min(len(first), len(second))
        if first[:length] != second[:length]:
            return False
        first, second = first[length:], second[length:]


# -- one text


class TextDiff(NamedTuple):
    """The differences of two texts as lines of a unified diff; `why_not` says why there are none.

    The lines hold what the files hold, control characters too.
    """

    lines: tuple[str, ...] = ()
    why_not: str = ""


def text_diff(before: Iterator[bytes], after: Iterator[bytes], names: tuple[str, str]) -> TextDiff:
    """The unified diff of two texts in UTF-8, of at most half a MiB and ten thousand lines each."""
    from difflib import unified_diff

    texts = []
    for pieces in (before, after):
        content = _at_most(pieces, _LONGEST_TEXT)
        if content is None:
            return TextDiff(why_not=f"it is larger than {_LONGEST_TEXT >> 10} KiB")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return TextDiff(why_not="it is no text in UTF-8")
        if "\0" in text:
            return TextDiff(why_not="it is no text")
        *lines, last = text.split("\n")
        if len(lines) > _MOST_LINES:
            return TextDiff(why_not=f"it has more than {_MOST_LINES} lines")
        texts.append([f"{line}\n" for line in lines] + [last] * bool(last))
    return TextDiff(tuple(_unended(unified_diff(texts[0], texts[1], names[0], names[1]))))


def _unended(lines: Iterator[str]) -> Iterator[str]:
    """Lines without their ends; where one has none, that is said."""
    for line in lines:
        yield line.removesuffix("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _at_most(pieces: Iterator[bytes], cap: int) -> bytes | None:
    content = b""
    for piece in pieces:
        content += piece
        if len(content) > cap:
            return None
    return content


# -- the configuration


class KeyChange(NamedTuple):
    """A key of the configuration, written with dots, that differs; a value that is not there is ABSENT."""

    key: str
    change: Change
    before: "Json | Absent"
    after: "Json | Absent"

    @property
    def texts(self) -> tuple[str, str]:
        """Both values as JSON; empty for one that is not there."""
        before, after = ("" if value is ABSENT else dumps(value) for value in (self.before, self.after))
        return before, after


class Absent(Enum):
    """Stands where there is no value: null is one."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


def configuration_diff(before: dict[str, Json] | None, after: dict[str, Json] | None) -> list[KeyChange]:
    """What differs between two configurations, key by key and in the order of the keys."""
    old, new = dict(_keys(before or {})), dict(_keys(after or {}))
    changes = []
    for key in sorted({*old, *new}):
        values = old.get(key, ABSENT), new.get(key, ABSENT)
        if values[0] == values[1] and type(values[0]) is type(values[1]):
            continue
        change = {0: Change.ADDED, 1: Change.REMOVED}.get(_place(values), Change.CHANGED)
        changes.append(KeyChange(key, change, *values))
    return changes


def _place(values: "tuple[Json | Absent, Json | Absent]") -> int:
    """Which of two values is absent, or -1."""
    return values.index(ABSENT) if ABSENT in values else -1


def _keys(values: dict[str, Json], above: str = "") -> Iterator[tuple[str, Json]]:
    """The values that hold no further keys, each by its whole key."""
    way: list[tuple[str, dict[str, Json]]] = [(above, values)]
    while way:
        above, present = way.pop()
        for key, value in present.items():
            if isinstance(value, dict) and value:
                way.append((f"{above}{key}.", value))
            else:
                yield f"{above}{key}", value
