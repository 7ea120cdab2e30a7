"""Finds files by name in many snapshots, and tells which of them are the same file over time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from backend.browse.nodes import Flag, Node, role_path
from backend.browse.patterns import PathPattern
from backend.browse.snapshot_file import SnapshotFile
from backend.browse.toc_cache import TocCache
from backend.browse.tree import Archive, Tree
from backend.errors import SnapshotError
from backend.format.timestamps import unix_time
from backend.model import Snapshot, user_of
from backend.progress import Progress


class Hit(NamedTuple):
    """A node that was looked for: in which archive of which file, and its whole name there."""

    snapshot: Snapshot
    file: str
    entry: str
    path: bytes
    node: Node

    @property
    def user(self) -> str:
        """Whose data it is in, empty for the system's."""
        return user_of(self.entry) or ""

    @property
    def role_path(self) -> bytes:
        """The name with `rev` for the directory of the revision, so that revisions can be compared."""
        return role_path(self.path, self.snapshot.revision)


class Missed(NamedTuple):
    """What could not be searched, or not to its end, and why."""

    snapshot: Snapshot | None
    file: str
    entry: str
    reason: str


Found: TypeAlias = Hit | Missed


class Version(NamedTuple):
    """The hits that show one state of a file, the newest snapshot first."""

    hits: tuple[Hit, ...]

    @property
    def state(self) -> tuple[object, ...]:
        """What all its hits have in common: kind, size, time, and the target of a link."""
        return state_of(self.hits[0].node)


class History(NamedTuple):
    """One file of a snap, and a user or the system, over time: its versions, the newest snapshot's first."""

    snap: str
    user: str
    path: bytes
    versions: tuple[Version, ...]

    @property
    def is_too_long(self) -> bool:
        """Whether its path is one that nothing can unpack; then `path` is cut."""
        return any(hit.node.flags & Flag.TOO_LONG for version in self.versions for hit in version.hits)


def search_files(
    where: Sequence[Snapshot | str],
    pattern: PathPattern,
    state_dir: str,
    progress: Progress,
    *,
    read_others: bool = True,
) -> Iterator[Found]:
    """Find what fits a pattern in snapshots of a store and in files of snapshots.

    What has a table of contents is searched at once; then, unless `read_others` is False, all the others are
    read, each as a part of the job's step. What cannot be searched, and what is broken, is a `Missed`.
    Whoever leaves the loop stops the search.

    Raises:
        Cancelled: the job was stopped.
    """
    shelf = TocCache(state_dir)
    unread: list[tuple[Snapshot | str, str]] = []
    for place in where:
        for archive in _archives(place):
            if isinstance(archive, Missed):
                yield archive
            elif shelf.find(archive.key):
                yield from _search(archive, pattern, state_dir, progress)
            else:
                unread.append((place, archive.key.archive))
        progress.raise_if_cancelled()
    if read_others:
        for place, wanted in unread:
            yield from _read_and_search(place, wanted, (pattern, state_dir), progress)


def _archives(place: Snapshot | str) -> Iterator[Archive | Missed]:
    snapshot = place if isinstance(place, Snapshot) else None
    file = place.path if isinstance(place, Snapshot) else place
    try:
        with _opened(place) as inside:
            for held in inside.held:
                if held.snapshot.broken:
                    yield Missed(held.snapshot, file, "", held.snapshot.broken)
                else:
                    yield from held.archives
    except SnapshotError as fault:
        yield Missed(snapshot, file, "", str(fault))


def _opened(place: Snapshot | str) -> SnapshotFile:
    return SnapshotFile.of_store(place) if isinstance(place, Snapshot) else SnapshotFile.of_file(place)


def _read_and_search(
    place: Snapshot | str, wanted: str, what: tuple[PathPattern, str], progress: Progress
) -> Iterator[Found]:
    for archive in _archives(place):
        if isinstance(archive, Missed):
            yield archive
        elif archive.key.archive == wanted:
            yield from _search(archive, *what, progress)


def _search(archive: Archive, pattern: PathPattern, state_dir: str, progress: Progress) -> Iterator[Found]:
    snapshot = archive.snapshot
    with Tree(archive, state_dir) as tree:
        if not tree.is_indexed:
            name = f"#{snapshot.set_id} {snapshot.snap}, {user_of(archive.entry) or 'system'}"
            with progress.part(name, tree.size) as part:
                tree.index(part)
        for node in tree.find(pattern, progress):
            yield Hit(
                snapshot=snapshot, file=archive.path, entry=archive.entry, path=tree.path(node), node=node
            )
        if tree.fault:
            yield Missed(snapshot, archive.path, archive.entry, f"not all of it could be read: {tree.fault}")


def histories(hits: Iterable[Hit]) -> list[History]:
    """Gather hits into files over time: hits of the same size and time are one version of a file.

    The file that was changed last comes first.
    """
    files: dict[tuple[str, str, bytes], list[Hit]] = {}
    for hit in hits:
        files.setdefault((hit.snapshot.snap, hit.user, hit.role_path), []).append(hit)
    groups = [History(*key, _versions(files[key])) for key in sorted(files)]
    return sorted(groups, key=_changed, reverse=True)


def _changed(history: History) -> int:
    return max(version.hits[0].node.mtime_ns for version in history.versions)


def state_of(node: Node) -> tuple[object, ...]:
    """What two nodes have in common that show one version of a file."""
    return node.kind, node.size, node.mtime_ns, node.link


def _versions(hits: list[Hit]) -> tuple[Version, ...]:
    versions: dict[tuple[object, ...], list[Hit]] = {}
    for hit in sorted(hits, key=_age, reverse=True):
        versions.setdefault(state_of(hit.node), []).append(hit)
    return tuple(Version(tuple(same)) for same in versions.values())


def _age(hit: Hit) -> tuple[float, int]:
    return unix_time(hit.snapshot.time), hit.snapshot.set_id
