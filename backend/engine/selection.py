"""What an operation is about: the snaps, the users and the snapshots that its options stand for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.errors import NotFoundError
from backend.model import Snapshot, saved_users, selected_snapshots

if TYPE_CHECKING:
    from backend.host.layout import InstalledSnap, Layout, UnsavedData
    from backend.model import User
    from backend.operations import Check, Extract
    from backend.store.store import Store


def snapshots_of(store: "Store", set_id: int, snaps: Sequence[str]) -> list[Snapshot]:
    """Return the snapshots of a set, or those of the named snaps in it; NotFoundError without any."""
    return selected_snapshots(store.list_sets(set_id), snaps)


def checked_snapshots(store: "Store", operation: "Check") -> list[Snapshot]:
    """Return the snapshots of the set to check; without one, those of all sets, which may be none."""
    if operation.set_id:
        chosen = snapshots_of(store, operation.set_id, operation.snaps)
    else:
        sets = store.list_sets(snaps=operation.snaps)
        chosen = [snapshot for group in sets for snapshot in group.snapshots]
    store.layout.demand_users(operation.users, saved_users(chosen))
    return chosen


def marked_snapshots(store: "Store", operation: "Extract") -> list[Snapshot]:
    """Return the snapshots of the store that hold what is to be extracted; none where a file holds it."""
    if operation.file:
        return []
    return snapshots_of(store, operation.set_id, [item.partition(":")[0] for item in operation.items])


def installed_snaps(layout: "Layout", names: Sequence[str]) -> "list[InstalledSnap]":
    """Return the named snaps, each once; without any, all that are installed and active."""
    snaps = [_installed(layout, name) for name in dict.fromkeys(names) or layout.installed_names()]
    return snaps if names else [snap for snap in snaps if snap.active]


def _installed(layout: "Layout", name: str) -> "InstalledSnap":
    snap = layout.installed(name)
    if snap is None:
        raise NotFoundError(f'snap "{name}" is not installed')
    return snap


def users_of(layout: "Layout", names: Sequence[str]) -> "tuple[list[User], list[UnsavedData]]":
    """Return the named users; without any, all with data, and what can be saved for nobody."""
    layout.demand_users(names)
    if names:
        return layout.find_users(names), []
    return layout.users_with_data()
