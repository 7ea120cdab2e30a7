"""How much a save would read, by owner."""

from collections.abc import Sequence

from backend.fs.space import measure
from backend.host.layout import InstalledSnap, Layout
from backend.model import User
from backend.operations import Estimate
from backend.progress import Progress


def estimate_snap(layout: Layout, snap: InstalledSnap, users: Sequence[User], progress: Progress) -> Estimate:
    """Measure the data of an installed snap, the system's and those of users; counted on the progress."""
    sizes: dict[str, int] = {}
    files = 0
    for owner in (None, *users):
        parent = layout.user_place(owner, snap.name) if owner else layout.system_parent(snap.name)
        if not parent:
            continue
        measured = measure([f"{parent}/{snap.revision}", f"{parent}/common"], progress)
        files += measured.files
        if measured.files or owner is None:
            sizes[owner.name if owner else "system"] = measured.apparent
    return Estimate(snap.name, sum(sizes.values()), sizes, files)
