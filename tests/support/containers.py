"""Snapshot zips, opened and written."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.archive.container import Container, ContainerWriter

ARCHIVE = bytes(range(256)) * 40
META = b'{"set":1,"snap":"hello"}\n' * 20
HASH = b"ab" * 48 + b"\n"
CAP = 1 << 20


@contextmanager
def opened(content: bytes) -> Iterator[Container]:
    fd = os.memfd_create("zip")
    try:
        os.write(fd, content)
        yield Container(fd, len(content))
    finally:
        os.close(fd)


@contextmanager
def writing() -> Iterator[tuple[int, Callable[[], bytes]]]:
    fd = os.memfd_create("zip")
    try:
        yield fd, lambda: os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def written(limit: int = 0xFFFFFFFF, archive: bytes = ARCHIVE) -> bytes:
    with writing() as (fd, content):
        writer = ContainerWriter(fd, limit)
        writer.begin("archive.tgz")
        writer.write(b"half of it " * 2000)
        writer.discard()
        writer.begin("archive.tgz")
        writer.write(archive[:100])
        writer.write(memoryview(archive)[100:])
        assert writer.end() == len(archive)
        writer.add_deflated("meta.json", META)
        writer.add_deflated("meta.sha3_384", HASH)
        writer.finish()
        return content()


ALL = {"archive.tgz": ARCHIVE, "meta.json": META, "meta.sha3_384": HASH}
