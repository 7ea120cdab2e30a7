"""Snapshot files to read, sound and rewritten."""

import zipfile
from pathlib import Path

from backend.archive.reader import Reader
from tests.support.builders import snapshot_of, tgz, write_snapshot

ENTRIES = {
    "archive.tgz": tgz({"x1": {"a": "1" * 3000}, "common": {}}),
    "user/alice.tgz": tgz({"common": {"b": "2"}}),
    "user/bob.tgz": tgz({"common": {"c": "3"}}),
}


def make_path(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, snap: str = "hello", **facts: object) -> Path:
    return write_snapshot(folder / "7_hello_1.0_x1.zip", snapshot_of(7, snap, ENTRIES, **facts), ENTRIES)


def rewritten(path: Path, **changes: bytes | None) -> Path:
    """The same zip made by another library, with members replaced, or left out where None."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    for name, data in changes.items():
        key = {"meta": "meta.json", "digest": "meta.sha3_384", "archive": "archive.tgz"}[name]
        members.pop(key) if data is None else members.update({key: data})
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    return path


def contents(reader: Reader, entry: str) -> bytes:
    read = reader.stream(entry)
    return b"".join(iter(lambda: read(1000), b""))
