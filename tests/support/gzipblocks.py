"""Gzip blocks, and how they are unpacked."""

import io
import random
import struct
import zlib
from functools import cache

from backend.archive.gzip.blocks import Level, compress

PREFIX = bytes.fromhex("1f8b0804000000000003") + b"\x08\0SZ\x04\0"


def packed(data: bytes, level: Level = Level.AUTO, workers: int = 2) -> bytes:
    source, out = io.BytesIO(data), bytearray()
    assert compress(lambda view: source.readinto(view[:300_000]), out.extend, level, workers) == len(data)
    return bytes(out)


@cache
def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@cache
def text(size: int) -> bytes:
    lines = (b"line %d of a log, as there are many\n" % number for number in range(size // 30 + 1))
    return b"".join(lines)[:size]


def own_block(data: bytes, **lies: int) -> bytes:
    """One block as we make them, but for the lies: `stated` length, `size`, `crc`."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush()
    return own_member(body, **({"size": len(data), "crc": zlib.crc32(data)} | lies))


def own_member(body: bytes, size: int, crc: int, stated: int | None = None) -> bytes:
    length = len(PREFIX) + 4 + len(body) + 8
    return b"".join(
        (PREFIX, struct.pack("<L", length if stated is None else stated), body, struct.pack("<2L", crc, size))
    )
