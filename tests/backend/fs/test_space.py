import os
from pathlib import Path

import pytest

from backend.errors import NoSpaceError
from backend.fs.space import RESERVED_SPACE, Budget, free_space, require_space, space_needs
from tests.support.fakes import Disk


def test_free_space_is_that_of_the_nearest_ancestor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    asked: list[str] = []
    statvfs = os.statvfs

    def asks(path: str) -> os.statvfs_result:
        asked.append(path)
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", asks)
    assert free_space(f"{tmp_path}/nothing/below") > 0
    assert asked[-1] == str(tmp_path)
    assert free_space(f"{tmp_path}/file/below") > 0
    assert asked[-1] == f"{tmp_path}/file"


def test_needs_on_one_file_system_are_added_up(tmp_path: Path, disk: Disk) -> None:
    disk.free = RESERVED_SPACE + 10
    (here,) = space_needs([(f"{tmp_path}/one/deep", 6), (f"{tmp_path}/two", 7)])
    assert (here.place, here.needed, here.missing) == (str(tmp_path), RESERVED_SPACE + 13, 3)


def test_file_systems_are_kept_apart(tmp_path: Path, disk: Disk) -> None:
    if os.stat("/proc").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is only one file system here")
    disk.free = RESERVED_SPACE + 10
    assert [room.missing for room in space_needs([(str(tmp_path), 10), ("/proc", 11)])] == [0, 1]


def test_some_room_has_to_be_left_over(tmp_path: Path, disk: Disk) -> None:
    disk.free = RESERVED_SPACE + 10
    require_space([(str(tmp_path), 10)], "cannot save")
    with pytest.raises(NoSpaceError, match=r"cannot save: .* at least 1 B more is required") as lack:
        require_space([(str(tmp_path), 11)], "cannot save")
    assert (lack.value.place, lack.value.free) == (str(tmp_path), RESERVED_SPACE + 10)


def test_nothing_to_write_needs_no_room(disk: Disk) -> None:
    disk.free = 0
    require_space([], "cannot restore")


def test_a_budget_is_used_up_by_all_paths_of_a_file_system_together(tmp_path: Path, disk: Disk) -> None:
    disk.free = RESERVED_SPACE + 10
    budget = Budget([f"{tmp_path}/one/deep", f"{tmp_path}/two"], "cannot extract")
    budget.take(f"{tmp_path}/one/deep", 6)
    budget.take(f"{tmp_path}/two", 4)
    with pytest.raises(NoSpaceError, match="cannot extract: insufficient space"):
        budget.take(f"{tmp_path}/two", 1)
