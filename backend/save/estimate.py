"""How much a save would read, by owner."""

from collections.abc import Sequence

from backend.archive.tar.program import RECORD
from backend.fs.attributes import AttributeTally
from backend.fs.space import Measured, measure
from backend.host.layout import InstalledSnap, Layout
from backend.model import ARCHIVE, User, user_entry
from backend.operations import Estimate
from backend.progress import Progress
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
    for owner in (None, *users):
        parent = layout.user_place(owner, snap.name) if owner else layout.system_parent(snap.name)
        if not parent:
            continue
        measured = measure([f"{parent}/{snap.revision}", f"{parent}/common"], progress, skipped=skipped)
        files += measured.files
        if measured.files or owner is None:
            sizes[owner.name if owner else "system"] = measured.allocated
    return Estimate(snap.name, sum(sizes.values()), sizes, files)


def expected(
    layout: Layout,
    snap: InstalledSnap,
    users: Sequence[User],
    progress: Progress,
    *,
    include_mounts: bool = False,
) -> dict[str, Measured]:
    """Measure what a save of a snap reads, by entry; nothing is known of what patterns leave out.

    What an archive cannot hold of a file is noted to the progress.
    """
    skipped = () if include_mounts else frozenset(mounts_of(layout, snap, users))
    attributes = AttributeTally()
    places = {ARCHIVE: layout.system_parent(snap.name)}
    places |= {user_entry(user.name): layout.user_place(user, snap.name) for user in users}
    sizes = {
        entry: measure(
            [f"{top}/{snap.revision}", f"{top}/common"],
            progress.quiet(),
            skipped=skipped,
            attributes=attributes,
        )
        for entry, top in places.items()
        if top
    }
    if attributes.text:
        progress.note(f"{snap.name}: {attributes.text}")
    return sizes


def tar_size(measured: Measured) -> int:
    """Return the bytes that tar makes of what was measured, about: it always writes whole records."""
    return -(-(measured.packed + _TAR_END) // RECORD) * RECORD if measured.packed else 0
