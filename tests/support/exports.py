"""Sets to export, and the members of the streams."""

import io
import os
import tarfile
from pathlib import Path
from typing import Any

from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport
from tests.support.builders import World


def make_world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for snap in ("hello", "other"):
        world.add(3, snap, {"x1": {"a": snap * 1000}})
    return world


def streamed(world: World, set_id: int = 3, **options: Any) -> bytes:
    """The stream, which is as long as was said."""
    with SnapshotExport(world.engine.store, set_id, **options) as export:
        return written(export)


def written(export: SnapshotExport) -> bytes:
    fd = os.memfd_create("stream")
    with os.fdopen(fd, "r+b") as file:
        export.stream_to(fd, Progress())
        file.seek(0)
        content = file.read()
    assert len(content) == export.size
    return content


def members(stream: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        return archive.getmembers()
