"""What an export would take, and whether it can be had: looked up and judged, nothing drawn."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from textual.content import Content

from backend import Export, Snapshot, SnapshotError
from tui.dialogs.base import BAD, DIM, WARN, Line, said
from tui.session.destination import CHECKSUM, Destination
from tui.session.paths import PathEntry
from tui.session.place import Place
from tui.text import plain, size_text
from tui.views.set_rows import short_age

LOOKING = "still looking"


class ExportContents(NamedTuple):
    """A set as it is on the disk; `trouble` says why nothing of it can be exported."""

    snapshots: tuple[Snapshot, ...] = ()
    trouble: str = ""


class Weight(NamedTuple):
    """The bytes of the file that an export would write, or why that cannot be told."""

    size: int = 0
    trouble: str = ""


class Draft(NamedTuple):
    """What is asked for so far: snapshots by path, and a checksum beside the file or none."""

    chosen: frozenset[str]
    checksum: bool = True

    def toggled(self, path: str, cargo: ExportContents) -> "Draft":
        """With a snapshot chosen, or not any more; sound ones of one snap cannot be told apart by name."""
        names = {one.snap for one in cargo.snapshots if one.path == path and not one.broken}
        alike = {one.path for one in cargo.snapshots if one.snap in names and not one.broken} | {path}
        return self._replace(chosen=self.chosen - alike if path in self.chosen else self.chosen | alike)


def cargo_of(place: Place, set_id: int) -> ExportContents:
    """Look at a set as an export would; reads the disk."""
    try:
        snapshots = tuple(snapshot for one in place.engine.sets(set_id) for snapshot in one.snapshots)
    except SnapshotError as trouble:
        return ExportContents(trouble=str(trouble))
    if not snapshots:
        return ExportContents(trouble=f"there is no set #{set_id} any more")
    if all(snapshot.broken for snapshot in snapshots):
        return ExportContents(snapshots, "nothing of this set can be exported: all of it is broken")
    return ExportContents(snapshots)


def weight_of(place: Place, export: Export) -> Weight:
    """What the file of an export would weigh, without what is broken; reads the disk."""
    try:
        return Weight(place.engine.export_size(export))
    except SnapshotError as trouble:
        return Weight(trouble=str(trouble))


def operation_of(cargo: ExportContents, draft: Draft, set_id: int, path: str) -> Export:
    """The export that is asked for: the set as a whole where all sound snapshots of it are chosen."""
    taken = [one for one in cargo.snapshots if one.path in draft.chosen]
    is_whole = all(one.path in draft.chosen for one in cargo.snapshots if not one.broken)
    names = () if is_whole else tuple(dict.fromkeys(one.snap for one in taken))
    left = [one for one in cargo.snapshots if one.broken and one.path not in draft.chosen]
    skips = any(not names or one.snap in names for one in left)
    return Export(set_id, path, skips, names, draft.checksum)


def refusal(cargo: ExportContents | None, draft: Draft) -> str:
    """Why what is chosen cannot be exported wherever it goes, or nothing."""
    if cargo is None:
        return LOOKING
    if cargo.trouble:
        return cargo.trouble
    taken = [one for one in cargo.snapshots if one.path in draft.chosen]
    if broken := [one.snap or "(unreadable)" for one in taken if one.broken]:
        return f"broken: {', '.join(broken)}; choose to leave that out, with Space"
    return "" if taken else "nothing is chosen: Space chooses a snap"


def obstacle(weight: Weight | None, where: Destination | None, draft: Draft) -> str:
    """Why what is chosen cannot go where it should, or nothing."""
    if weight is None or where is None:
        return LOOKING
    if trouble := weight.trouble or where.trouble or (where.sums_trouble if draft.checksum else ""):
        return trouble
    if where.largest and weight.size > where.largest:
        most = size_text(where.largest).strip()
        return f"too large: {where.limit} a file has {most} at most; choose fewer snaps, or another place"
    if weight.size > where.free:
        missing = size_text(weight.size - where.free).strip()
        return f"not enough room there: {missing} more is needed"
    return ""


def replaced(where: Destination | None, draft: Draft) -> list[PathEntry]:
    """The files that an export would replace."""
    stands = [where.stands, where.sums if draft.checksum else None] if where else []
    return [one for one in stands if one is not None]


# -- in words


def summary(weight: Weight | None, where: Destination | None, draft: Draft) -> Content:
    """What it comes to: bytes to write, and the room before and after."""
    if weight is None:
        return Content("Looking at the set…")
    if weight.trouble:
        return said(weight.trouble, BAD)
    words = f"{size_text(weight.size).strip()} ({weight.size} bytes) to write"
    if where is None:
        return Content(words)
    if reason := obstacle(weight, where, draft):
        return Content.assemble(words, " · ", said(reason, BAD))
    free, after = (size_text(room).strip() for room in (where.free, where.free - weight.size))
    return Content(f"{words} · {free} free there, {after} after")


def cargo_lines(cargo: ExportContents, where: Destination | None, draft: Draft) -> Iterator[Line]:
    """Each snap, whether it is taken; the checksum; what stands there, and what is to be known."""
    for snapshot in cargo.snapshots:
        marked = None if cargo.trouble else snapshot.path in draft.chosen
        yield Line(("snap", snapshot.path), _snapshot_text(snapshot), marked)
    yield Line("sums", said(f"write its SHA-256 beside it ({CHECKSUM})"), draft.checksum)
    for entry in replaced(where, draft):
        age = short_age(time.time() - entry.when)
        text = f"{entry.name} is there already: {size_text(entry.size).strip()}, {age} old"
        yield Line(("stands", entry.name), said(text, WARN))
    if where is not None and where.note:
        yield Line("note", said(where.note, WARN))


def _snapshot_text(snapshot: Snapshot) -> Content:
    name = f"{plain(snapshot.snap) or '(unreadable)'} {plain(snapshot.version)} rev {snapshot.revision}"
    size = f"  {size_text(snapshot.size).strip()}"
    if snapshot.broken:
        return Content.assemble(name, (f"  ✗ broken: {plain(snapshot.broken)}", BAD))
    return Content.assemble(name, (size, DIM))
