"""What an export would take, and whether it can be had, in words."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from textual.content import Content

from backend import Export, Snapshot, SnapshotError
from backend.store import CheckStatus
from backend.transfer import CHECKSUM, Destination, ExportChoice, ExportObstacle, ExportPlan
from tui.dialogs.answers import Piece
from tui.dialogs.lines import BAD, DIM, WARN, Line, styled
from tui.dialogs.status_text import status_text
from tui.phrases import ago_phrase
from tui.session.place import Place
from tui.text import amount_text, plain
from tui.views.export_plan import destination_obstacle_text

LOOKING = "still checking"
CHECK_FAILED = Piece("✗ CHECK FAILED", BAD)


class Weight(NamedTuple):
    """The bytes of the file that an export would write, or why that is not known."""

    size: int = 0
    trouble: str = ""


def weight_of(place: Place, export: Export) -> Weight:
    """What the file of an export would weigh, without what is broken; reads the disk."""
    try:
        return Weight(place.engine.export_size(export))
    except SnapshotError as trouble:
        return Weight(trouble=str(trouble))


def refusal(plan: ExportPlan | None, choice: ExportChoice) -> str:
    """Why what is chosen cannot be exported wherever it goes, or nothing."""
    if plan is None:
        return LOOKING
    match plan.obstacle(choice):
        case None:
            return ""
        case ExportObstacle.UNREADABLE:
            return plan.trouble
        case ExportObstacle.BROKEN as obstacle:
            names = ", ".join(snapshot.snap or "(unreadable)" for snapshot in plan.broken(choice))
            return f"{obstacle.value}: {names}; deselect with Space"
        case ExportObstacle.NOTHING_CHOSEN as obstacle:
            return f"{obstacle.value}: select a snap with Space"


def obstacle(weight: Weight | None, where: Destination | None, choice: ExportChoice) -> str:
    """Why what is chosen cannot go where it should, or nothing."""
    if weight is None or where is None:
        return LOOKING
    return weight.trouble or destination_obstacle_text(where, weight.size, checksum=choice.checksum)


def summary(weight: Weight | None, where: Destination | None, choice: ExportChoice) -> Content:
    """What it comes to: bytes to write, and the room before and after."""
    if weight is None:
        return Content("Reading the set…")
    if weight.trouble:
        return styled(weight.trouble, BAD)
    text = f"{amount_text(weight.size)} ({weight.size:,} bytes) to write"
    if where is None:
        return Content(text)
    if reason := obstacle(weight, where, choice):
        return Content.assemble(text, " · ", styled(reason, BAD))
    if where.kind:
        return Content(text)
    free, after = (amount_text(room) for room in (where.free, where.free - weight.size))
    return Content(f"{text} · {free} free there, {after} after")


def export_lines(plan: ExportPlan, where: Destination | None, choice: ExportChoice) -> Iterator[Line]:
    """Each snap, whether it is taken; the checksum; what stands there, and what is to be known."""
    for snapshot in plan.snapshots:
        marked = None if plan.trouble else snapshot.path in choice.chosen
        status = plan.statuses.get(snapshot.path)
        yield Line(("snap", snapshot.path), _snapshot_text(snapshot, status), marked)
        if fault := plan.faults.get(snapshot.path):
            yield Line(("fault", snapshot.path), styled(f"its last check failed: {fault}", BAD))
    yield Line("sums", styled(f"write its SHA-256 to a file next to it ({CHECKSUM})"), choice.checksum)
    for entry in where.replaced(checksum=choice.checksum) if where else ():
        age = ago_phrase(time.time() - entry.when)
        text = f"{entry.name} already exists: {amount_text(entry.size)}, changed {age}"
        yield Line(("stands", entry.name), styled(text, WARN))
    if where is not None and where.sums and not choice.checksum:
        yield Line("stale", styled(f"{where.sums.name} of the file before is removed", WARN))
    if where is not None and where.note:
        yield Line("note", styled(where.note, WARN))


def _snapshot_text(snapshot: Snapshot, status: CheckStatus | None) -> Content:
    name = f"{plain(snapshot.snap) or '(unreadable)'} {plain(snapshot.version)} rev {snapshot.revision}"
    size = f"  {amount_text(snapshot.size)}"
    if snapshot.broken:
        return Content.assemble(name, (f"  ✗ damaged: {plain(snapshot.broken)}", BAD))
    check = status_text(status, time.time()) if status else ""
    return Content.assemble(name, (f"{size}  ", DIM), check)
