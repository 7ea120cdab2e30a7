"""How much a save would read, by owner."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backend.archive.tar.program import RECORD
from backend.errors import InvalidInputError
from backend.format import excludes
from backend.fs.attributes import AttributeTally
from backend.fs.lengths import LongPathTally
from backend.fs.space import Measured, measure
from backend.host.layout import InstalledSnap, Layout
from backend.model import ARCHIVE, User, user_entry
from backend.progress import Progress
from backend.results import Estimate
from backend.save.mounted import mounts_of

_TAR_END = 1024


def estimate_snap(
    layout: Layout,
    snap: InstalledSnap,
    users: Sequence[User],
    progress: Progress,
    *,
    include_mounts: bool = False,
) -> Estimate:
    """Measure the data of an installed snap, the system's and those of users; counted on the progress."""
    skipped = () if include_mounts else frozenset(mounts_of(layout, snap, users))
    sizes: dict[str, int] = {}
    files = 0
    long_paths = LongPathTally()
    for owner in (None, *users):
        parent = layout.user_place(owner, snap.name) if owner else layout.system_parent(snap.name)
        if not parent:
            continue
        tops = [f"{parent}/{snap.revision}", f"{parent}/common"]
        measured = measure(tops, progress, skipped=skipped, long_paths=long_paths)
        files += measured.files
        if measured.files or owner is None:
            sizes[owner.name if owner else "system"] = measured.allocated
    return Estimate(snap.name, sum(sizes.values()), sizes, files, long_paths.text)


class Expected(NamedTuple):
    """What a save of a snap reads, by entry, and what nothing could restore of it, in a sentence."""

    sizes: dict[str, Measured]
    lost: str = ""

    @property
    def archived(self) -> dict[str, int]:
        """The bytes that tar makes of each entry, about: it always writes whole records."""
        return {
            entry: -(-(size.packed + _TAR_END) // RECORD) * RECORD if size.packed else 0
            for entry, size in self.sizes.items()
        }


class Scope(NamedTuple):
    """Whose data a save takes, which patterns leave out of them, and whether mounts below them are in it."""

    users: Sequence[User]
    exclude: Sequence[str] = ()
    include_mounts: bool = False


def expected(layout: Layout, snap: InstalledSnap, scope: Scope, progress: Progress) -> Expected:
    """Measure what a save of a snap reads, whatever patterns leave out; only what is `lost` heeds them.

    What an archive cannot hold of a file is noted to the progress.
    """
    users = scope.users
    skipped = () if scope.include_mounts else frozenset(mounts_of(layout, snap, users))
    attributes = AttributeTally()
    places = {ARCHIVE: layout.system_parent(snap.name)}
    places |= {user_entry(user.name): layout.user_place(user, snap.name) for user in users}
    lost = LongPathTally()
    sizes = {}
    for entry, top in places.items():
        if not top:
            continue
        long_paths = LongPathTally(_leaves_out(snap, scope.exclude, entry, top))
        sizes[entry] = measure(
            [f"{top}/{snap.revision}", f"{top}/common"],
            progress.quiet(),
            skipped=skipped,
            attributes=attributes,
            long_paths=long_paths,
        )
        lost.plus(long_paths)
    if attributes.text:
        progress.note(f"{snap.name}: {attributes.text}")
    return Expected(sizes, lost.text)


def _leaves_out(snap: InstalledSnap, exclude: Sequence[str], entry: str, top: str) -> Callable[[str], bool]:
    """Whether patterns keep a path below the directory `top` out of an entry."""
    patterns = list(exclude)
    try:
        patterns += excludes.read_manifest(snap.exclude_manifest)
    except InvalidInputError:
        pass  # the save says so, and makes no snapshot of the snap
    matcher = excludes.compiled(excludes.expand(patterns, snap.revision, entry == ARCHIVE))
    return lambda path: bool(matcher and matcher.match(path.removeprefix(f"{top}/")))


def estimate_size(layout: Layout, snap: str, users: Sequence[str] = ()) -> int:
    """Measure the apparent bytes that a save of `snap` would read, of everybody's data without `users`.

    Of a snap that is not installed only the common data count.

    Raises:
        NotFoundError: a user is unknown.
        SnapshotError: something cannot be read; it is named.
    """
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    parents = [layout.system_parent(snap)]
    parents += [place for user in owners if (place := layout.user_place(user, snap))]
    revision = layout.revision(snap)
    names = ("common",) if revision is None else (str(revision), "common")
    return measure([f"{parent}/{name}" for parent in parents for name in names]).apparent
