"""What a forget really frees, and which copies are left after it, in words."""

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from backend import Snapshot, SnapshotSet
from backend.store import CheckState, Room
from tui.dialogs.lines import BAD, DIM, WARN, Line, styled
from tui.dialogs.status_text import status_text
from tui.session.inventory import InventoryData
from tui.text import amount_text


class Loss(NamedTuple):
    """What would be gone of a snap's data: the `owners` whose only usable copy goes.

    Where a copy is left, it is their only verified one that goes, and `left` names the sets of the others.
    """

    snap: str
    owners: tuple[str, ...]
    left: tuple[int, ...] = ()


def freed_text(sets: Sequence[SnapshotSet], room: Room) -> str:
    """What is free at once, and how much of how much that is."""
    size = sum(room.sizes.values())
    in_all = " in all" if len(sets) > 1 else ""
    if room.freed == size:
        return f"frees {amount_text(size)}{in_all}"
    return f"frees {amount_text(room.freed)} of {amount_text(size)}{in_all} at once"


def loss_lines(lost: Sequence[Loss]) -> Iterator[Line]:
    """Of what the last copy goes, or the last verified one."""
    for loss in lost:
        whose = ", ".join(loss.owners)
        if not loss.left:
            yield Line(loss, styled(f"✗ the last usable copy of {loss.snap} ({whose})", BAD))
        else:
            left = ", ".join(f"#{number}" for number in loss.left)
            text = f"! the last verified copy of {loss.snap} ({whose}); unverified: {left}"
            yield Line(loss, styled(text, WARN))


def kept_texts(going: Iterable[Snapshot], room: Room) -> Iterator[str]:
    """What goes on taking its room, and why."""
    for snapshot in going:
        path = snapshot.path
        what = f"#{snapshot.set_id} {snapshot.snap or '(unreadable)'}: {amount_text(room.sizes[path])}"
        if path in room.linked:
            yield f"{what} stay taken: its file has another name (hard link)"
        if path in room.held:
            yield f"{what} are free once process {room.held[path]} no longer reads it"


def left_lines(
    sets: Sequence[SnapshotSet], stock: InventoryData, now: float, lost: Set[str]
) -> Iterator[Line]:
    """Of each snap the newest verified copy that is left, or that none is, unless that was told as `lost`."""
    going = {snapshot.path for set_ in sets for snapshot in set_.snapshots}
    snaps = {snapshot.snap for set_ in sets for snapshot in set_.snapshots if snapshot.snap}
    left: dict[str, list[Snapshot]] = {snap: [] for snap in sorted(snaps)}
    for set_ in reversed(stock.sets):
        for snapshot in set_.snapshots:
            if snapshot.snap in left and snapshot.path not in going:
                left[snapshot.snap].append(snapshot)
    for snap, copies in left.items():
        if newest := newest_verified(copies, stock):
            text = styled(f"{snap}: newest verified copy left is #{newest.set_id}  ", DIM)
            yield Line(("left", snap), text + status_text(stock.status_of(newest), now))
        elif snap not in lost:
            text = styled(f"! {snap}: no {'verified ' if copies else ''}copy is left", WARN)
            yield Line(("left", snap), text)


def newest_verified(newest_first: Sequence[Snapshot], stock: InventoryData) -> Snapshot | None:
    """The newest that is verified, or else once was; None without any."""
    for state in (CheckState.OK, CheckState.OLD):
        for snapshot in newest_first:
            if stock.status_of(snapshot).state is state:
                return snapshot
    return None
