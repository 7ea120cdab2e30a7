"""Data to swap, and a disk that fails on request."""

import os
from pathlib import Path

import pytest

from backend.fs import files
from backend.fs.files import Identity
from backend.restore.move import Move
from backend.restore.slots import make_slot


class Crash(BaseException):
    """The machine loses power."""


class Disk:
    """Stands for the kernel's renames: counts them, crashes before a chosen one, may know no exchange."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, exchanges: bool) -> None:
        self._real = files._rename
        self._exchanges = exchanges
        self._left: int | None = None
        self.renames = 0
        monkeypatch.setattr(files, "_rename", self._rename)

    def crashing_before(self, rename: int | None) -> None:
        self._left = rename

    def _rename(self, name: str, source: int, target: str, destination: int, *, flags: int) -> bool:
        if flags == files._EXCHANGE and not self._exchanges:
            return False
        if self._left == 0:
            raise Crash
        self._left = None if self._left is None else self._left - 1
        self.renames += 1
        return self._real(name, source, target, destination, flags=flags)


class World:
    """A parent directory with live data and a slot with new data; either may be missing."""

    def __init__(self, top: Path, *, old: bool = True, new: bool = True, name: str = "common") -> None:
        self.parent = top
        self.parent.mkdir(exist_ok=True)
        with files.opened(str(top), files.DIRECTORY) as fd:
            self.slot = make_slot(str(top), fd, f"slot-{name}")
        self.live = top / name
        self.waiting = Path(self.slot.path) / name
        if old:
            tree(self.live, "old")
        if new:
            tree(self.waiting, "new")
        self.move = Move(self.slot, name, identity(self.live), identity(self.waiting))

    @property
    def shown(self) -> str | None:
        """What is live: None, or the word in its files, which all must say the same."""
        if not os.path.lexists(self.live):
            return None
        texts = {path.read_text() for path in self.live.rglob("*") if path.is_file()}
        assert len(texts) == 1
        assert sorted(path.name for path in self.live.rglob("*")) == ["a", "b", "below"]
        return texts.pop()

    @property
    def kept(self) -> list[str]:
        """What the slot holds."""
        return sorted(os.listdir(self.slot.path))


def tree(top: Path, word: str) -> None:
    (top / "below").mkdir(parents=True)
    (top / "a").write_text(word)
    (top / "below/b").write_text(word)


def identity(path: Path) -> Identity | None:
    return files.identity(str(path))


def make_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch, exchanges=request.param)
