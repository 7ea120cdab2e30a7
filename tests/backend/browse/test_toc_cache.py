"""The folder of tables is swept of nothing that is not a table of ours."""

import os
from pathlib import Path

import pytest

from backend.browse.toc_cache import Key, TocCache
from tests.support.builders import AS_ROOT

KEY = Key("/gone", "stamp", "archive")


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder that is not ours to sweep, with folders named as ours are."""
    others = tmp_path / "others"
    for name in ("ssh", "0" * 24):
        (others / name).mkdir(parents=True)
        (others / name / "config").write_text("theirs")
        (others / name / f"{'0' * 24}-{'0' * 24}.toc").write_text("theirs")
    return others


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_planted_link_leads_nowhere(others: Path, tmp_path: Path) -> None:
    before = names(others)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/index").symlink_to(others)
    shelf = TocCache(str(tmp_path / "own"))
    assert shelf.begin(KEY) is None
    assert shelf.find(KEY) is None
    shelf.sweep()
    assert names(others) == before


@pytest.mark.skipif(not AS_ROOT, reason="only root can be led into the folder of somebody else")
def test_the_folder_of_somebody_else_is_left_alone(others: Path, tmp_path: Path) -> None:
    before = names(others)
    (tmp_path / "own").mkdir()
    others.rename(tmp_path / "own/index")
    os.chown(tmp_path / "own/index", 12001, 12001)
    shelf = TocCache(str(tmp_path / "own"))
    assert shelf.begin(KEY) is None
    shelf.sweep()
    assert names(tmp_path / "own/index") == before


def test_foreign_files_in_the_cache_stay(others: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    others.rename(tmp_path / "own/index")
    TocCache(str(tmp_path / "own")).sweep()
    left = [path for path in names(tmp_path / "own/index") if "/" in path]
    assert left == [f"{'0' * 24}/config", "ssh/" + f"{'0' * 24}-{'0' * 24}.toc", "ssh/config"]
