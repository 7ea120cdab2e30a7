"""The unpacked bytes of an archive at any offset, without unpacking what lies before.

A gzip file can be entered where one of its members begins, and in the middle of a long member at the points
gathered while it was read once. Of the kept library (indexed_gzip) the first reading takes twice as long,
as it inflates everything twice. Knows nothing of tar.
"""

import threading
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from backend.archive.gzip.blocks import CUT_SHORT, GARBAGE, NOT_GZIP, OWN_HEADER, inflate, own_length
from backend.archive.gzip.inflate import WINDOW, BlockInflater, ZlibInflater, gzip_member
from backend.errors import IntegrityError, SnapshotError

PRead = Callable[[int, int], bytes]

_PIECE = 64 << 10
_MAGIC = b"\x1f\x8b"
_TRAILER = 8
_SPACING = 1 << 20
_MOST_WINDOWS = 32 << 20
_MOST_POINTS = 1 << 20
_LARGEST_OWN = 4 << 20


class CompressedSource(NamedTuple):
    """Where the compressed bytes are: `pread(offset, count)` answers with them, `size` is how many."""

    pread: PRead
    size: int


class SeekPoint(NamedTuple):
    """Where inflating can start: offsets in the packed and unpacked bytes, and what went before.

    `window` is None where a member begins; otherwise it is packed by zlib, and `bits` of the byte before are
    still to come.
    """

    unpacked: int
    packed: int
    bits: int = 0
    window: bytes | None = None


START = SeekPoint(0, 0)


class PointList(Protocol):
    """Points of one archive, however they are kept."""

    def before(self, offset: int) -> SeekPoint:
        """The last point at or before an unpacked offset."""


class SeekPoints:
    """Points in memory, in order; where they become too many, every second one is dropped."""

    def __init__(self, most_windows: int = _MOST_WINDOWS, most_points: int = _MOST_POINTS) -> None:
        self._unpacked = array("Q", [0])
        self._points: list[SeekPoint] = [START]
        self._limits = most_points, most_windows
        self._weight = 0
        self._lock = threading.Lock()
        self.spacing = _SPACING

    def __iter__(self) -> Iterator[SeekPoint]:
        with self._lock:
            return iter(tuple(self._points))

    def wanted(self, unpacked: int) -> bool:
        """Whether a point at that offset would be far enough from the last one."""
        return unpacked - self._unpacked[-1] >= self.spacing

    def add(self, point: SeekPoint) -> None:
        """Take a point behind all others."""
        with self._lock:
            self._unpacked.append(point.unpacked)
            self._points.append(point)
            self._weight += len(point.window or b"")
            if len(self._points) > self._limits[0] or self._weight > self._limits[1]:
                self.spacing *= 2
                self._points = self._points[::2]
                self._unpacked = array("Q", [kept.unpacked for kept in self._points])
                self._weight = sum(len(kept.window or b"") for kept in self._points)

    def before(self, offset: int) -> SeekPoint:
        """The last point at or before an unpacked offset."""
        with self._lock:
            return self._points[bisect_right(self._unpacked, offset) - 1]


class _Input:
    """Packed bytes in order from some offset on."""

    def __init__(self, read: Callable[[int], bytes], at: int) -> None:
        self._read = read
        self._data = b""
        self._start = at
        self._used = 0

    @property
    def at(self) -> int:
        """The offset of the next byte."""
        return self._start + self._used

    def peek(self, count: int) -> bytes:
        """The next bytes without taking them; fewer than asked for only at the end."""
        while len(self._data) - self._used < count and (more := self._read(_PIECE)):
            self._start += self._used
            self._data = self._data[self._used :] + more
            self._used = 0
        return self._data[self._used : self._used + count]

    def skip(self, count: int) -> None:
        """Pass bytes that were peeked at."""
        self._used += count

    def step(self, stream: BlockInflater | ZlibInflater) -> bytes:
        """Let a stream take what it can use."""
        content, used = stream.step(self._data, self._used)
        is_stuck = used == self._used and not content and not stream.ended
        self._used = used
        if is_stuck and not self._more():
            raise IntegrityError(CUT_SHORT)
        return content

    def _more(self) -> bool:
        held = len(self._data) - self._used
        return len(self.peek(held + 1)) > held


class Inflating:
    """The unpacked bytes from a point on, in order: iterate over it, and `close` it."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        point: SeekPoint = START,
        before: int = 0,
        into: SeekPoints | None = None,
    ) -> None:
        self._input = _Input(read, point.packed)
        self._into = into
        self._raw = point.window is not None
        window = None if point.window is None else _unpacked_window(point.window)
        self._stream: BlockInflater | ZlibInflater | None = (
            BlockInflater(window, point.bits, before) if self._raw else None
        )
        self._first = point.packed == 0
        self.position = point.unpacked

    def close(self) -> None:
        """Let go of its memory."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of the content; IntegrityError where the file is damaged or ends too early."""
        while self._stream is not None or self._another_member():
            assert self._stream is not None
            content = self._input.step(self._stream)
            self.position += len(content)
            self._note()
            if self._stream.ended:
                self._end_member()
            if content:
                yield content

    def _another_member(self) -> bool:
        magic = self._input.peek(2)
        if magic != _MAGIC:
            if self._first:
                raise IntegrityError(CUT_SHORT if _MAGIC.startswith(magic) else NOT_GZIP)
            while rest := self._input.peek(_PIECE):
                if rest.count(0) != len(rest):
                    raise IntegrityError(GARBAGE)
                self._input.skip(len(rest))
            return False
        if self._into and self._into.wanted(self.position):
            self._into.add(SeekPoint(self.position, self._input.at))
        self._stream = gzip_member()
        self._first = self._raw = False
        return True

    def _end_member(self) -> None:
        self.close()
        if self._raw:  # the length in a trailer tells nothing of a part
            if len(self._input.peek(_TRAILER)) < _TRAILER:
                raise IntegrityError(CUT_SHORT)
            self._input.skip(_TRAILER)

    def _note(self) -> None:
        if self._into is None or self._stream is None or not self._into.wanted(self.position):
            return
        bits = self._stream.boundary
        if bits is not None:
            window = zlib.compress(self._stream.window(), 1)
            self._into.add(SeekPoint(self.position, self._input.at, bits, window))


def _unpacked_window(window: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(window, WINDOW)
    except zlib.error as cause:
        raise IntegrityError("the point to start from is damaged") from cause


def gathering(read: Callable[[int], bytes], packed: CompressedSource, points: SeekPoints) -> Iterator[bytes]:
    """The whole content of a gzip file, in order; the points where it can be entered go to `points`.

    `read` gives the packed bytes in order. Raises IntegrityError where gzip would.
    """
    if own_length(packed.pread(0, OWN_HEADER)) and _note_own(packed, points):
        yield from inflate(read)
        return
    stream = Inflating(read, into=points)
    try:
        yield from stream
    finally:
        stream.close()


def _note_own(packed: CompressedSource, points: SeekPoints) -> bool:
    """Note where blocks of our own begin; False, and nothing noted, unless there is nothing else."""
    places = []
    at = unpacked = 0
    last = 0
    while at < packed.size:
        length = own_length(packed.pread(at, OWN_HEADER))
        if not 0 < length <= packed.size - at:
            return False
        if unpacked - last >= _SPACING:
            places.append((unpacked, at))
            last = unpacked
        size = int.from_bytes(packed.pread(at + length - 4, 4), "little")
        if size > _LARGEST_OWN:
            return False
        unpacked += size
        at += length
    for place in places:
        points.add(SeekPoint(*place))
    return True


class UnpackedFile:
    """Random access to the unpacked bytes of an archive. May be used from several threads, in turn."""

    def __init__(self, packed: CompressedSource, points: PointList) -> None:
        self._packed = packed
        self._points = points
        self._lock = threading.Lock()
        self._stream: Inflating | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._held = b""
        self._held_at = 0

    def close(self) -> None:
        """Let go of what is held."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._held = b""

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes from an unpacked offset, fewer only at the end.

        IntegrityError where the archive is damaged, SnapshotError where the disk cannot be read.
        Reading on where the last reading ended inflates nothing twice.
        """
        with self._lock:
            try:
                self._go_to(offset)
                return self._take(offset, size)
            except IntegrityError:
                self._drop()
                raise
            except OSError as cause:
                self._drop()
                raise SnapshotError(f"cannot read the archive: {cause.strerror}") from cause

    def _go_to(self, offset: int) -> None:
        point = self._points.before(offset)
        if self._stream is not None and self._held_at <= offset and point.unpacked <= self._stream.position:
            return
        self._drop()
        before = self._packed.pread(point.packed - 1, 1) if point.bits else b"\0"
        if not before:
            raise IntegrityError(CUT_SHORT)
        self._stream = Inflating(self._reader(point.packed), point, before[0])
        self._pieces = iter(self._stream)
        self._held, self._held_at = b"", point.unpacked

    def _reader(self, at: int) -> Callable[[int], bytes]:
        packed = self._packed

        def read(count: int) -> bytes:
            """Read on in the compressed bytes."""
            nonlocal at
            piece = packed.pread(at, min(count, packed.size - at)) if at < packed.size else b""
            at += len(piece)
            return piece

        return read

    def _take(self, offset: int, size: int) -> bytes:
        parts = []
        while size > 0:
            start = offset - self._held_at
            if start < len(self._held):
                part = self._held[start : start + size]
                parts.append(part)
                offset += len(part)
                size -= len(part)
                continue
            self._held_at += len(self._held)
            self._held = next(self._pieces, b"")
            if not self._held:
                break
        return b"".join(parts)
