"""Comparisons as they are asked for: two snapshots of a snap, or one with the data that are in place."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple, Self, TypeAlias

from backend.archive.tar.selection import clean
from backend.browse.selectors import format_selector
from backend.browse.snapshot_file import HeldSnapshot, SnapshotFile
from backend.browse.tree import Tree
from backend.compare import differences as compare
from backend.compare.differences import Change, CompareOptions, Difference, KeyChange, Roles, TextDiff, Walk
from backend.compare.trees import ArchivedTree, ComparedTree, EmptyTree, LiveTree, TreeEntry, opened_live
from backend.errors import BlockedError, NotFoundError, SnapshotError
from backend.fs.lengths import shortened
from backend.host.layout import Layout
from backend.model import ARCHIVE, Epoch, Json, Revision, Snapshot, User, user_entry, user_of
from backend.progress import Progress

LIVE = "live"
Source: TypeAlias = Snapshot | str | None
"""Data of a snap: a snapshot of a store, a file that holds one, or (None) those in place."""
_OPTIONS = CompareOptions()


class ComparedSide(NamedTuple):
    """One side of a comparison: `snapshot` is None for the data in place.

    The `label` is a set's number, a file's path, or `live`.
    """

    label: str
    snapshot: Snapshot | None
    revision: Revision
    version: str = ""
    epoch: Epoch = Epoch()
    configuration: dict[str, Json] | None = None


class Comparison:
    """Two sides of one snap, opened. Use as a context manager; what it tells ends with it.

    `notes` tell what could not be compared, and why; they grow while differences are read. Then `is_whole`
    says whether all could be, and `is_sound` whether all archives read are what was saved.
    """

    def __init__(self, snap: str, layout: Layout, state_dir: str) -> None:
        self.snap = snap
        self.facets: list[ComparedSide] = []
        self.notes: list[str] = []
        self._layout = layout
        self._state_dir = state_dir
        self._stack = ExitStack()
        self._held: list[HeldSnapshot | None] = []
        self._walked: dict[str, tuple[ComparedTree, ComparedTree]] = {}
        self._unread: dict[tuple[int, str], list[str]] = {}
        self.is_sound = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        self._stack.close()

    # -- opening

    def add(self, label: str, source: Source, progress: Progress) -> None:
        """Take data as the next side, under a label; those in place, and files, have their own.

        Raises:
            SnapshotError: they cannot be compared.
        """
        match source:
            case None:
                self.add_live()
            case str():
                self.add_file(source, progress)
            case _:
                self.add_snapshot(label, source)

    def add_snapshot(self, label: str, snapshot: Snapshot) -> None:
        """Take a snapshot of a store as the next side.

        Raises:
            BlockedError: it is broken.
            SnapshotError: its file cannot be opened.
        """
        self._add(label, SnapshotFile.of_store(snapshot))

    def add_file(self, path: str, progress: Progress) -> None:
        """Take the snapshot of the snap in a file as the next side.

        Raises:
            NotFoundError: the file holds none of that snap.
            BlockedError: it is broken.
            InvalidInputError: it is no snapshot and no export.
        """
        self._add(path, SnapshotFile.of_file(path, progress))

    def _add(self, label: str, inside: SnapshotFile) -> None:
        self._stack.enter_context(inside)
        held = inside.of_snap(self.snap)
        snapshot = held.snapshot
        if snapshot.broken:
            raise BlockedError(f'cannot compare "{self.snap}" of {label}: {snapshot.broken}')
        self._held.append(held)
        about = (snapshot.revision, snapshot.version, snapshot.epoch, snapshot.conf)
        self.facets.append(ComparedSide(label, snapshot, *about))

    def add_live(self) -> None:
        """Take the data in place as the next side.

        Raises:
            NotFoundError: there are none.
        """
        installed = self._layout.installed(self.snap)
        conf = self._layout.state.config(self.snap)
        if not self._layout.state.readable:
            self.notes.append(f"the configuration in place is not known: {self._layout.state.why_not}")
        if installed is None and not os.path.isdir(self._layout.system_parent(self.snap)):
            raise NotFoundError(f'cannot compare "{self.snap}" with what is in place: nothing is')
        self._held.append(None)
        if installed is None:
            other = next((facet.revision for facet in self.facets), Revision())
            self.facets.append(ComparedSide(LIVE, None, other, configuration=conf))
        else:
            about = (installed.revision, installed.version, installed.epoch, conf)
            self.facets.append(ComparedSide(LIVE, None, *about))

    # -- comparing

    @property
    def configuration(self) -> list[KeyChange]:
        """List what differs in the configuration; nothing where that in place is not known."""
        before, after = self.facets
        if None in (before.snapshot, after.snapshot) and not self._layout.state.readable:
            return []
        return compare.configuration_diff(before.configuration, after.configuration)

    def placed(self, text: str) -> tuple[str, bytes]:
        """Read a path written as a mark: whose it is, and the path that its difference has."""
        parts = clean(text.encode("utf-8", "surrogateescape")).split(b"/")
        owner = ""
        if parts[0] == b"user" and len(parts) > 1:
            owner, parts = parts[1].decode("utf-8", "surrogateescape"), parts[2:]
        elif (top := parts[0].decode("utf-8", "surrogateescape")) in self.owners and top:
            owner, parts = top, parts[1:]
        if parts and parts[0] in (str(facet.revision).encode() for facet in self.facets):
            parts[0] = compare.REVISION
        return owner, b"/".join(parts)

    @property
    def owners(self) -> list[str]:
        """List whose data there are on either side: the system's (empty) first, then users by name."""
        owners = {user_of(archive.entry) or "" for held in self._held if held for archive in held.archives}
        if None in self._held:
            owners.update(
                user.name for user in self._people() if os.path.lexists(self._live_parent(user.name))
            )
        return sorted({"", *owners})

    def differences(
        self, progress: Progress, options: CompareOptions = _OPTIONS, below: tuple[str, bytes] | None = None
    ) -> Iterator[Difference]:
        """Say what differs, by owner and path; with `below` only that path of that owner and what is in it.

        Archives that were never looked into are read first, which is counted on the job.

        Raises:
            Cancelled: the job was stopped.
        """
        for owner in self.owners if below is None else below[:1]:
            unread = 0
            for difference in self._walk(owner, progress, options).differences(progress):
                if below is not None and not f"{difference.text}/".startswith(_folder(below[1])):
                    continue
                if self._is_unread(difference):
                    unread += difference.files
                else:
                    yield difference
            if unread:
                files = "1 file was" if unread == 1 else f"{unread} files were"
                self.notes.append(f"{files} not compared: the other side may have what could not be read")

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read that was compared."""
        return not self._unread

    def _is_unread(self, difference: Difference) -> bool:
        """Whether a side seems to lack what may lie where it could not be read."""
        if difference.change not in (Change.ADDED, Change.REMOVED):
            return False
        side = 0 if difference.change is Change.ADDED else 1
        places = self._unread.get((side, difference.owner), ())
        return any(not place or f"{difference.text}/".startswith(f"{place}/") for place in places)

    def text_diff(self, owner: str, path: bytes, progress: Progress) -> TextDiff:
        """Return the unified diff of one file.

        Raises:
            NotFoundError: neither side has it.
            SnapshotError: it cannot be read.
            Cancelled: the job was stopped.
        """
        sides = self._sides(owner, progress)
        pieces = []
        exists = False
        for side, facet in zip(sides, self.facets, strict=True):
            entry = _find(side, path, str(facet.revision).encode())
            exists = exists or entry is not None
            if entry is not None and entry.kind.value != "file":
                return TextDiff(why_not=f"it is a {entry.kind.value}")
            pieces.append(side.pieces(entry) if entry else iter(()))
        shown = path.decode("utf-8", "surrogateescape")
        if not exists:
            raise NotFoundError(f'cannot compare "{shown}": neither side has it')
        names = [f"{facet.label}/{shown}" for facet in self.facets]
        try:
            return compare.text_diff(pieces[0], pieces[1], (names[0], names[1]))
        except OSError as cause:
            raise SnapshotError(f'cannot read "{shown}": {cause.strerror}') from cause

    def mark_of(self, difference: Difference) -> str:
        """Write the mark by which an extraction puts back what a side, a snapshot's, has of a difference."""
        entry = user_entry(difference.owner) if difference.owner else ARCHIVE
        return format_selector(self.snap, entry, difference.path)

    def _walk(self, owner: str, progress: Progress, options: CompareOptions) -> Walk:
        before, after = (str(facet.revision).encode() for facet in self.facets)
        return Walk(owner, self._sides(owner, progress), Roles(before, after), options)

    def _sides(self, owner: str, progress: Progress) -> tuple[ComparedTree, ComparedTree]:
        if owner not in self._walked:
            first, second = (self._side(number, owner, progress) for number in (0, 1))
            self._walked[owner] = (first, second)
        return self._walked[owner]

    def _side(self, number: int, owner: str, progress: Progress) -> ComparedTree:
        held = self._held[number]
        if held is None:
            return self._live(number, owner)
        archive = next((part for part in held.archives if (user_of(part.entry) or "") == owner), None)
        if archive is None:
            return EmptyTree()
        tree = self._stack.enter_context(Tree(archive, self._state_dir))
        with progress.part(
            f"{self.facets[number].label} {self.snap}, {owner or 'system'}", tree.size
        ) as part:
            tree.index(part)
        self.is_sound &= not tree.mismatch
        if tree.fault:
            self._unread[number, owner] = [""]
        if reason := tree.fault or tree.mismatch:
            self.notes.append(f"{self.facets[number].label}, {archive.entry} is not whole: {reason}")
        return ArchivedTree(tree)

    def _live(self, number: int, owner: str) -> ComparedTree:
        parent = self._live_parent(owner)
        revision = str(self.facets[number].revision)

        def unseen(path: str, cause: OSError) -> None:
            """Note what cannot be looked at."""
            self.notes.append(f"{parent}/{shortened(path)} cannot be looked at: {cause.strerror}")
            top, slash, rest = path.partition("/")
            role = os.fsdecode(compare.REVISION) if top == revision else top
            self._unread.setdefault((number, owner), []).append(f"{role}{slash}{rest}")

        try:
            fd = opened_live(parent) if parent else None
        except OSError as cause:
            unseen("", cause)
            fd = None
        if fd is None:
            return EmptyTree()
        self._stack.callback(os.close, fd)
        return LiveTree(fd, (revision, "common"), unseen)

    def _live_parent(self, owner: str) -> str:
        """The directory of an owner's data in place, or nothing."""
        if not owner:
            return self._layout.system_parent(self.snap)
        user = next((user for user in self._people() if user.name == owner), None)
        return self._layout.user_place(user, self.snap) if user else ""

    def _people(self) -> Sequence[User]:
        return self._layout.users_with_data()[0]


def _folder(path: bytes) -> str:
    return f"{path.decode('utf-8', 'surrogateescape')}/".lstrip("/")


def _find(side: ComparedTree, path: bytes, revision: bytes) -> TreeEntry | None:
    """What is at a path, whose top is a role."""
    entry: TreeEntry | None = None
    for number, part in enumerate(path.split(b"/")):
        if number == 0 and part == compare.REVISION:
            part = revision
        if entry is not None and not entry.is_folder:
            return None
        entry = next((child for child in side.entries(entry) if child.name == part), None)
        if entry is None:
            return None
    return entry
