"""Export streams, sound and crafted, and the two ways in."""

import io
import os
import tarfile
import threading
from pathlib import Path
from typing import Any, Literal

import pytest

from backend.errors import (
    SnapshotError,
)
from backend.progress import Progress
from backend.transfer.importer import Imported, import_set
from tests.support.builders import World, snapshot_of, tgz, write_snapshot

Members = list[tuple[str, bytes]]
HELLO = "5_hello_1.0_x1.zip"
OTHER = "5_other_1.0_x1.zip"
MANIFEST = ("export.json", b'{"format":1}')
ENTRIES = {"archive.tgz": tgz({"x1": {"a": "1"}}), "user/alice.tgz": tgz({"common": {}})}


def make_world(tmp_path: Path) -> World:
    """A store that holds a set already."""
    world = World(tmp_path / "root")
    world.add(1, "resident")
    return world


def make_sound(tmp_path: Path) -> Members:
    """The members of a good export."""
    return [(name, zipped(tmp_path, snap)) for name, snap in ((HELLO, "hello"), (OTHER, "other"))]


def zipped(tmp_path: Path, snap: str, **facts: object) -> bytes:
    return write_snapshot(tmp_path / "made.zip", snapshot_of(5, snap, ENTRIES, **facts), ENTRIES).read_bytes()


def stream(
    *members: tuple[str, bytes] | tarfile.TarInfo, form: Literal[0, 1, 2] = tarfile.USTAR_FORMAT
) -> bytes:
    """A tar of these members, as snapd ends it."""
    out = io.BytesIO()
    for item in members:
        member, data = (
            (item, b"") if isinstance(item, tarfile.TarInfo) else (tarfile.TarInfo(item[0]), item[1])
        )
        member.size = len(data)
        out.write(member.tobuf(form) + data + bytes(-len(data) % 512))
    return out.getvalue() + bytes(1024)


def take_in(world: World, content: bytes, **options: Any) -> Imported:
    fd = os.memfd_create("incoming")
    with os.fdopen(fd, "w+b") as file:
        file.write(content)
        file.seek(0)
        return import_set(world.engine.store, fd, Progress(), **options)


def refused(world: World, content: bytes, message: str, kind: type[SnapshotError] = SnapshotError) -> None:
    """Refused with these words, whether it is a file or a pipe, and nothing is left of it."""
    before = world.names()
    with pytest.raises(kind, match=rf"^cannot import snapshot: .*{message}"):
        take_in(world, content)
    assert world.names() == before
    with pytest.raises(kind, match=f"cannot import snapshot: .*{message}"):
        through_pipe(world, content)
    assert world.names() == before


def through_pipe(world: World, content: bytes, progress: Progress | None = None) -> Imported:
    source, sink = os.pipe()

    def fill() -> None:
        with os.fdopen(sink, "wb") as file:
            try:
                file.write(content)
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        return import_set(world.engine.store, source, progress or Progress())
    finally:
        os.close(source)
        thread.join()


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
