"""The files engine is an engine."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.archive.reader import Reader
from backend.engine.files import FilesEngine
from backend.errors import InvalidInputError
from backend.model import ARCHIVE
from backend.operations import Operation, Restore, Save
from tests.contracts.engine import NEW, OLD, EngineContract, do, listed
from tests.contracts.trash import TrashContract
from tests.support.builders import Tree, World, plant, tree_of


class FilesPlace:
    """A world below a directory, looked at through the files alone."""

    def __init__(self, base: Path) -> None:
        self.world = World(base / "root")
        self.scratch = base / "scratch"
        self.scratch.mkdir()
        for snap in ("hello", "storey"):
            self.world.install(snap)
            self.replace(snap, OLD)

    @property
    def engine(self) -> FilesEngine:
        return self.world.engine

    def replace(self, snap: str, tree: Tree) -> None:
        shutil.rmtree(self.world.data(snap), ignore_errors=True)
        plant(self.world.data(snap), tree)

    def tree(self, snap: str) -> dict[str, Any]:
        return tree_of(self.world.data(snap))

    def damage(self, set_id: int, snap: str) -> None:
        damage_file(self._file(set_id, snap))

    def remove_file(self, set_id: int, snap: str) -> None:
        self._file(set_id, snap).unlink()

    def _file(self, set_id: int, snap: str) -> Path:
        (path,) = self.world.snapshots.glob(f"{set_id}_{snap}_*")
        return path


def damage_file(path: Path) -> None:
    """Change a byte in the middle of the system's archive of a snapshot."""
    with Reader.open(str(path)) as reader:
        content = reader.stream(ARCHIVE)(1 << 20)
    raw = path.read_bytes()
    at = raw.index(content) + len(content) // 2
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


class TestDirectEngine(EngineContract, TrashContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> FilesPlace:
        return FilesPlace(tmp_path)

    @pytest.mark.parametrize("operation", [Save(stop_services=True), Restore(1, stop_services=True)])
    def test_services_that_nobody_here_can_stop_are_refused_with_a_word(
        self, place: FilesPlace, operation: Operation
    ) -> None:
        do(place, Save())
        place.replace("hello", NEW)
        reason = f"cannot {operation.verb} with services stopped: only snapd stops and starts them"
        assert place.engine.refusal_of(operation) == f"{reason}; no snapd runs here"
        with pytest.raises(InvalidInputError, match=reason):
            do(place, operation)
        assert (listed(place), place.tree("hello")) == ({1: ["hello", "storey"]}, NEW)
        assert place.engine.daemon.running_services(["hello"]) == []
