"""Raw deflate streams and CRC-32: by isal and libdeflate where they are installed, otherwise by zlib.

Either way the same streams are read and the same damage is refused: zlib only takes longer.
"""

import zlib
from typing import Protocol, TypeAlias

try:
    import deflate
except ImportError:
    deflate = None
try:
    import isal
    from isal import igzip_lib, isal_zlib
except ImportError:
    isal = igzip_lib = isal_zlib = None  # type: ignore[assignment] # a module, or there is none

Bytes: TypeAlias = bytes | bytearray
Readable: TypeAlias = bytes | bytearray | memoryview

_RAW = -15
# Beside gzip -6, in blocks of 1 MiB: libdeflate's 4 is as large on mixed data (0.2 % more; 4 % on sources),
# 5 half a percent smaller and an eighth slower. zlib-ng's 6 is 2 % larger, its 9 a little smaller.
_LIBDEFLATE_LEVEL = 4
_ZLIB_LEVEL = 9 if "ng" in zlib.ZLIB_RUNTIME_VERSION else 6
_fast = isal_zlib or zlib

InflateError: type[Exception] = getattr(igzip_lib, "IsalError", zlib.error)


class Inflater(Protocol):
    """One raw deflate stream being inflated."""

    @property
    def eof(self) -> bool:
        """Whether the stream is complete."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had without more input."""

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""

    def decompress(self, data: Readable, max_length: int) -> bytes:
        """At most so many of the next bytes; `InflateError` where it is no such stream."""


class PlainInflater:
    """An `Inflater` by Python's zlib."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_RAW)
        self._full = False

    @property
    def eof(self) -> bool:
        """Whether the stream is complete."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to be had without more input."""
        return not (self._full or self.eof or self._stream.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""
        return self._stream.unused_data

    def decompress(self, data: Readable, max_length: int) -> bytes:
        """At most so many of the next bytes; zlib.error where it is no such stream."""
        rest = self._stream.unconsumed_tail
        content = self._stream.decompress(rest + data if rest else data, max_length)
        self._full = len(content) == max_length
        return content


def inflater() -> Inflater:
    """What inflates a raw deflate stream."""
    if igzip_lib is None:
        return PlainInflater()
    stream: Inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    return stream


def deflated(block: Readable) -> Bytes:
    """The block as a raw stream of about the size that gzip -6 makes."""
    packed: Bytes = (
        zlib.compress(block, _ZLIB_LEVEL, _RAW)
        if deflate is None
        else deflate.deflate_compress(block, _LIBDEFLATE_LEVEL)
    )
    return packed


def quickly_deflated(block: Readable, level: int) -> bytes:
    """The block as a raw stream, made fast: of `level` 1 or 2."""
    packed: bytes = _fast.compress(block, level, _RAW)
    return packed


def crc32(data: Readable, start: int = 0) -> int:
    """The CRC-32 of the data, going on from that of what came before."""
    crc: int = _fast.crc32(data, start)
    return crc


def compression_text() -> str:
    """Name what compresses and inflates here, and what would do it faster, in one sentence."""
    modules = {"isal": isal, "deflate": deflate}
    present = [f"{name} {module.__version__}" for name, module in modules.items() if module]
    missing = [name for name, module in modules.items() if not module]
    if not missing:
        return " and ".join(present)
    slower = " and ".join([*present, f"zlib {zlib.ZLIB_RUNTIME_VERSION}"])
    return f"{slower} (faster with {' and '.join(missing)}, not installed)"
