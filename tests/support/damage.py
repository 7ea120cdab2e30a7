"""Ways to damage files, and what must not change when damaged or hostile ones are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.archive.reader import Reader
from backend.errors import SnapshotError
from backend.model import Snapshot
from backend.operations import Forget
from backend.progress import Progress
from backend.transfer.importer import import_set
from tests.support.builders import (
    Link,
    Tree,
    World,
    tree_of,
)

DATA: dict[str, Tree] = {
    "x1": {"a": "saved", "deep": {"er": "saved", "link": Link("/etc/passwd")}},
    "common": {"b": "saved" * 99},
}


def data(world: World) -> dict[str, Any]:
    """All data, and what else lies beside them."""
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root", "etc")}


@contextmanager
def nothing_changes(world: World) -> Iterator[None]:
    before, names = data(world), world.names()
    yield
    assert data(world) == before
    assert world.names() == names


def contents(path: Path) -> tuple[Snapshot, dict[str, bytes]]:
    """All that a restore would use of a file whose check finds nothing: raises where it finds something."""
    with Reader.open(str(path)) as reader:
        if reader.snapshot.broken:
            raise SnapshotError(reader.snapshot.broken)
        for verdict in reader.check(structure=True):
            if verdict.fault:
                raise SnapshotError(verdict.fault)
        archives = {}
        for entry in reader.snapshot.entries:
            read = reader.stream(entry)
            archives[entry] = b"".join(iter(lambda read=read: read(1 << 20), b""))  # type: ignore[misc] # binds the value of the loop
        return reader.snapshot, archives


def taken_in(world: World, raw: bytes) -> dict[str, dict[str, bytes]]:
    """What comes in, by snap and archive; the store is empty again afterwards."""
    path = world.root / "incoming"
    path.write_bytes(raw)
    with path.open("rb") as stream:
        try:
            imported = import_set(world.engine.store, stream.fileno(), Progress())
        finally:
            (world.root / "incoming").unlink()
    listed = [snapshot for group in world.engine.sets() for snapshot in group.snapshots]
    assert [snapshot.set_id for snapshot in listed] == [imported.set_id] * len(listed)
    by_snap = {snapshot.snap: contents(Path(snapshot.path))[1] for snapshot in listed}
    world.engine.forget((Forget(imported.set_id),), Progress())
    return by_snap
