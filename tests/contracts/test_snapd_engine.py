"""The snapd engine is an engine, asked of a real snapd: with the right to read the files, and without it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.engine.files import FilesEngine
from backend.engine.snapd.engine import SnapdEngine
from backend.host.layout import Layout
from backend.operations import Forget, Save
from tests.contracts.engine import OLD, EngineContract, do, listed
from tests.contracts.test_files_engine import damage_file
from tests.contracts.trash import TrashContract
from tests.support.builders import Tree, plant, tree_of
from tests.support.realsnapd import RealSnapd

pytestmark = pytest.mark.snapd


class SnapdPlace:
    """The world of a real snapd, changed through it alone."""

    def __init__(self, snapd: RealSnapd, base: Path, *, reads_files: bool) -> None:
        self.snapd = snapd
        self.scratch = base / "scratch"
        self.scratch.mkdir()
        for snap in ("hello", "storey"):
            snapd.install(snap)
            self.replace(snap, OLD)
        snapd.start()
        files = FilesEngine(Layout(str(snapd.base)), str(base / "own"))
        self.engine = SnapdEngine(files, reads_files=reads_files)

    def replace(self, snap: str, tree: Tree) -> None:
        shutil.rmtree(self.snapd.data(snap), ignore_errors=True)
        plant(self.snapd.data(snap), tree)

    def tree(self, snap: str) -> dict[str, Any]:
        return tree_of(self.snapd.data(snap))

    def damage(self, set_id: int, snap: str) -> None:
        damage_file(self._file(set_id, snap))

    def remove_file(self, set_id: int, snap: str) -> None:
        self._file(set_id, snap).unlink()

    def _file(self, set_id: int, snap: str) -> Path:
        (path,) = self.snapd.snapshots.glob(f"{set_id}_{snap}_*")
        return path


class TestSnapdEngine(EngineContract, TrashContract):
    @pytest.fixture
    def place(self, new_snapd: Callable[[], RealSnapd], tmp_path: Path) -> SnapdPlace:
        return SnapdPlace(new_snapd(), tmp_path, reads_files=True)


class TestSnapdEngineWithoutFiles(EngineContract):
    @pytest.fixture
    def place(self, new_snapd: Callable[[], RealSnapd], tmp_path: Path) -> SnapdPlace:
        return SnapdPlace(new_snapd(), tmp_path, reads_files=False)

    def test_forgotten_set_is_not_kept_and_that_is_told_before(self, place: SnapdPlace) -> None:
        made = do(place, Save())
        assert place.engine.trash_fault() == "the snapshot files may not be read (try with sudo)"
        assert do(place, Forget(made.set_id)).undo_job == 0
        assert (listed(place), place.engine.undo_offers()) == ({}, [])
