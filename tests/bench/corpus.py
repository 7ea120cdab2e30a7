"""Data to measure with: the same on every run, a quarter of it random, nothing sparse."""

import hashlib
import json
import os
import random
import sqlite3
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

from backend.archive.container import ContainerWriter
from backend.archive.gzip.blocks import compress
from backend.format.metadata import metadata_json
from backend.format.names import filename
from backend.model import ARCHIVE, Epoch, Revision, Snapshot

MB = 1_000_000
_POOL = 6 * MB
_WORDS = 4000


class Corpus:
    """Files cut from pools of each kind: larger than gzip's window, so that nothing repeats for it."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        self._words = [
            "".join(self._random.choices(letters, range(26, 0, -1), k=self._random.randint(2, 11)))
            for _ in range(_WORDS)
        ]
        self._pools = {
            "txt": self._prose(),
            "py": _files_below(sysconfig.get_path("stdlib"), ".py"),
            "so": _files_below("/usr/lib", ".so"),
            "jsonl": self._records(),
            "db": self._database(),
            "bin": self._random.randbytes(_POOL),
        }

    def fill(self, folder: Path, size: int) -> int:
        """Make files of `size` bytes in all, of 1 kB to 8 MB, in folders of a hundred; returns how many."""
        kinds = cycle(("txt", "bin", "py", "so", "bin", "jsonl", "txt", "db"))
        left, count = size, 0
        while left > 0:
            length = min(left, int(1000 * 8000 ** (self._random.random() ** 2)))
            place = folder / f"{count // 100:04}"
            place.mkdir(parents=True, exist_ok=True)
            kind = next(kinds)
            (place / f"{count}.{kind}").write_bytes(self._piece(kind, length))
            left -= length
            count += 1
        return count

    def fill_large(self, folder: Path, size: int) -> None:
        """Make a few files of 256 MB, `size` bytes in all."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, length in enumerate(_parts(size, 256 * MB)):
            with (folder / f"{number}.txt").open("wb") as file:
                for part in _parts(length, 4 * MB):
                    file.write(self._piece("txt", part))

    def _piece(self, kind: str, length: int) -> bytes:
        pool = self._pools[kind]
        start = self._random.randrange(len(pool))
        piece = pool[start : start + length]
        while len(piece) < length:
            piece += pool[: length - len(piece)]
        return piece

    def _prose(self) -> bytes:
        weights = [1 / (rank + 2) for rank in range(_WORDS)]
        prose_words = self._random.choices(self._words, weights, k=_POOL // 5)
        lines = (" ".join(prose_words[at : at + 12]) for at in range(0, len(prose_words), 12))
        return "\n".join(lines).encode()[:_POOL]

    def _records(self) -> bytes:
        draw = self._random
        lines = (
            json.dumps(
                {
                    "time": 1_700_000_000 + number * draw.randint(1, 9),
                    "level": draw.choice(("info", "debug", "error")),
                    "id": f"{draw.getrandbits(64):016x}",
                    "message": " ".join(draw.choices(self._words, k=6)),
                }
            )
            for number in range(_POOL // 140)
        )
        return "\n".join(lines).encode()

    def _database(self) -> bytes:
        draw = self._random
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/pool.db"
            database = sqlite3.connect(path)
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL, data BLOB)")
            rows = (
                (" ".join(draw.choices(self._words, k=4)), draw.random(), draw.randbytes(40))
                for _ in range(_POOL // 100)
            )
            database.executemany("INSERT INTO t (name, value, data) VALUES (?, ?, ?)", rows)
            database.commit()
            database.close()
            return Path(path).read_bytes()[:_POOL]


def _parts(size: int, most: int) -> Iterator[int]:
    return (min(most, size - at) for at in range(0, size, most))


def _files_below(top: str, ending: str) -> bytes:
    """The beginnings of the first files found; links are not followed, they may go round in circles."""
    content = b""
    for folder, below, names in os.walk(top):
        below.sort()
        for name in sorted(names):
            path = f"{folder}/{name}"
            if ending in name and os.path.isfile(path) and not os.path.islink(path):
                content += Path(path).read_bytes()[: _POOL // 8]
        if len(content) >= _POOL:
            break
    return content[:_POOL] or b"nothing of this kind is on this machine\n"


def make_tiny_files(folder: Path, count: int) -> None:
    """Files of 1 to 800 bytes, a hundred to a folder."""
    data = bytes(800)
    for number in range(count):
        place = folder / str(number // 100)
        if number % 100 == 0:
            place.mkdir(parents=True)
        (place / str(number)).write_bytes(data[: 1 + number * 7919 % 800])


def make_snapshots(folder: Path, sets: int, in_each: int) -> None:
    """Small, whole snapshots of snaps that are not installed, in sets from 1,001 on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(sets):
        for snap in range(in_each):
            write_snapshot(folder, 1001 + number, f"app-{snap}", b"saved data\n" * 20)


def write_snapshot(folder: Path, set_id: int, snap: str, content: bytes) -> None:
    """One snapshot file as our own save lays it out, around any content."""
    parts: list[bytes] = []
    compress(_filler(content), lambda chunk: parts.append(bytes(chunk)))
    stored = b"".join(parts)
    digest, size = hashlib.sha3_384(stored).hexdigest(), len(stored)
    time = f"2024-05-01T10:{set_id // 60 % 60:02}:{set_id % 60:02}.123456789Z"
    made = Snapshot(set_id, time, snap, Revision(-1), "", Epoch(), version="1.0")
    made = made._replace(sums={ARCHIVE: digest}, size=size)
    raw = metadata_json(made)
    fd = os.open(folder / filename(made), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        writer = ContainerWriter(fd)
        writer.begin(ARCHIVE)
        writer.write(stored)
        writer.end()
        writer.add_deflated("meta.json", raw)
        writer.add_deflated("meta.sha3_384", _sum_of(raw))
        writer.finish()
    finally:
        os.close(fd)


def _sum_of(raw: bytes) -> bytes:
    return f"{hashlib.sha3_384(raw).hexdigest()}\n".encode()


def _filler(content: bytes) -> Callable[[memoryview], int]:
    left = [content]

    def fill(view: memoryview) -> int:
        data, left[0] = left[0][: len(view)], left[0][len(view) :]
        view[: len(data)] = data
        return len(data)

    return fill
