"""Inflating that stops between the blocks of a deflate stream, and starts again in the middle of one.

Python's own zlib shows neither, so the system's is called. Of what it is given nothing is trusted.
"""

import ctypes
import zlib
from functools import cache
from typing import Any

from backend.errors import IntegrityError

WINDOW = 32 << 10
_ROOM = 256 << 10
_GZIP, _RAW = 31, -15
_BLOCK = 5
_OK, _END, _STUCK = 0, 1, -5
_AT_BOUNDARY, _LAST_BLOCK, _UNUSED_BITS = 128, 64, 7
_LIBRARY = "libz.so.1"

MALFORMED = "invalid compressed data--format violated"


class _State(ctypes.Structure):
    """What zlib shares with its callers (zlib.h, z_stream)."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


@cache
def _library(name: str) -> Any:
    """The system's zlib, or None where it has none."""
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    library.zlibVersion.restype = ctypes.c_char_p
    return library


def gzip_member() -> "BlockInflater | ZlibInflater":
    """A gzip member to be inflated from its header on."""
    return BlockInflater() if _library(_LIBRARY) else ZlibInflater()


class ZlibInflater:
    """A gzip member being inflated by Python's own zlib, which never stops between blocks."""

    boundary: int | None = None

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self.ended = False

    def close(self) -> None:
        """Nothing is held."""

    def step(self, data: bytes, at: int) -> tuple[bytes, int]:
        """As `BlockInflater` does it."""
        rest = data[at:]
        try:
            content = self._inflater.decompress(rest, _ROOM)
        except zlib.error as cause:
            raise IntegrityError(MALFORMED) from cause
        self.ended = self._inflater.eof
        return content, len(data) - len(self._inflater.unconsumed_tail) - len(self._inflater.unused_data)

    def window(self) -> bytes:
        """There is never a point that would need it."""
        return b""


class BlockInflater:
    """One deflate stream being inflated by the system's zlib; `close` it.

    Without `window` it begins with a gzip header, and the trailer is verified; with one it goes on in the
    middle: after the `bits` low bits that are still to come of the byte before, which is `before`.
    """

    def __init__(self, window: bytes | None = None, bits: int = 0, before: int = 0) -> None:
        self._open = False
        self._zlib = _library(_LIBRARY)
        if self._zlib is None:
            raise IntegrityError(f"this system has no {_LIBRARY} to go on with in the middle")
        self._state = _State()
        self._ref = ctypes.byref(self._state)
        self._out = ctypes.create_string_buffer(_ROOM)
        wanted = _GZIP if window is None else _RAW
        version, size = self._zlib.zlibVersion(), ctypes.sizeof(self._state)
        self._demand(self._zlib.inflateInit2_(self._ref, wanted, version, size))
        self._open = True
        if bits:
            self._demand(self._zlib.inflatePrime(self._ref, bits, before >> (8 - bits)))
        if window:
            self._demand(self._zlib.inflateSetDictionary(self._ref, window, len(window)))
        self.ended = False

    def _demand(self, code: int) -> None:
        if code != _OK:
            raise IntegrityError(MALFORMED)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of its memory; closing again does nothing."""
        if self._open:
            self._zlib.inflateEnd(self._ref)
            self._open = False

    def step(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Inflate from `data[at:]` until a block ends or the room is full: the content, and where to go on.

        IntegrityError for what is no such stream; `ended` says that it is complete.
        """
        if not self._open or not 0 <= at <= len(data):
            raise ValueError("nothing to inflate there")
        state = self._state
        state.next_in = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
        state.next_in = (state.next_in or 0) + at
        state.avail_in = len(data) - at
        state.next_out = ctypes.addressof(self._out)
        state.avail_out = _ROOM
        code = self._zlib.inflate(self._ref, _BLOCK)
        if code not in (_OK, _END, _STUCK):
            raise IntegrityError(MALFORMED)
        self.ended = code == _END
        content = ctypes.string_at(self._out, _ROOM - state.avail_out)
        return content, len(data) - state.avail_in

    @property
    def boundary(self) -> int | None:
        """How many bits of the last byte belong to the next block, where one begins here; otherwise None."""
        kind = self._state.data_type
        if self.ended or not kind & _AT_BOUNDARY or kind & _LAST_BLOCK:
            return None
        bits: int = kind & _UNUSED_BITS
        return bits

    def window(self) -> bytes:
        """The last bytes of the content, as many as what follows may refer to."""
        room = ctypes.create_string_buffer(WINDOW)
        length = ctypes.c_uint(0)
        self._demand(self._zlib.inflateGetDictionary(self._ref, room, ctypes.byref(length)))
        return ctypes.string_at(room, length.value)
