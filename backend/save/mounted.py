"""What is mounted below the data of snaps: left out of a save, as newer snapd does, unless it is asked for.

A data directory that is a mount itself is data like any other.
"""

import re
from collections.abc import Iterable

from backend.fs.mounts import mounts_below
from backend.host.layout import InstalledSnap, Layout
from backend.model import Revision, User

INCLUDING = "--include-mounts includes it"
_MEANING = re.compile(r"[\\*?\[\]]")


def mounts_in(parent: str, revision: Revision) -> tuple[str, ...]:
    """What is mounted below the revision and common directories in `parent`; nothing below another mount."""
    tops = (f"{parent}/{revision}/", f"{parent}/common/")
    points: list[str] = []
    for point in mounts_below(parent):
        if point.startswith(tops) and not any(point.startswith(f"{above}/") for above in points):
            points.append(point)
    return tuple(points)


def mounts_of(layout: Layout, snap: InstalledSnap, users: Iterable[User]) -> list[str]:
    """What is mounted below the data of a snap, the system's and those of users."""
    places = [layout.user_place(user, snap.name) for user in users]
    parents = [layout.system_parent(snap.name), *filter(None, places)]
    return [point for parent in parents for point in mounts_in(parent, snap.revision)]


def tar_pattern(path: str) -> str:
    """What makes tar leave out just this path, whatever letters are in it."""
    return _MEANING.sub(r"\\\g<0>", path)
