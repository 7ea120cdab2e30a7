"""Where an export would be written, and why it could not be."""

import os
from pathlib import Path

import pytest

from backend.transfer import Destination, DestinationObstacle, export_destination
from tests.support.builders import AS_ROOT
from tests.support.limits import file_size_limit


def land(folder: Path, typed: str, avoid: str = "", table: str = os.devnull) -> Destination:
    path = os.path.normpath(f"{folder}/{typed}") + "/" * (not typed or typed.endswith("/"))
    return export_destination(path, "1.snapshot", avoid, table=table)


def test_where_a_file_would_land(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("123")
    (tmp_path / "new.sha256").write_text("12")
    (tmp_path / "sub").mkdir()
    assert land(tmp_path, "new").path == f"{tmp_path}/new"
    assert land(tmp_path, "").path == f"{tmp_path}/1.snapshot"
    assert land(tmp_path, "sub").path == f"{tmp_path}/sub/1.snapshot"
    assert land(tmp_path, "new").free > 0
    present, sums = land(tmp_path, "taken").present, land(tmp_path, "new").sums
    assert present is not None
    assert sums is not None
    assert (present.size, sums.size) == (3, 2)


def test_fifos_links_and_folders_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "sub" / "1.snapshot").mkdir(parents=True)
    (tmp_path / "x.sha256").mkdir()
    pipe = land(tmp_path, "pipe")
    assert (pipe.kind, pipe.trouble, pipe.obstacle(1 << 60, checksum=False)) == ("a FIFO", "", None)
    assert "is written into it" in pipe.note
    assert pipe.obstacle(1, checksum=True) is DestinationObstacle.NO_CHECKSUM
    assert land(tmp_path, "link").path == f"{tmp_path}/elsewhere"
    assert "it is a directory" in land(tmp_path, "sub/").trouble
    where = land(tmp_path, "x")
    assert not where.trouble
    assert "x.sha256 is a directory" in where.sums_trouble


def test_where_nothing_can_be_put(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = tmp_path / "snapshots"
    (store / "sub").mkdir(parents=True)
    (tmp_path / "way").symlink_to("snapshots/sub")
    assert "there is no directory" in land(tmp_path, "none/x").trouble
    assert "not a directory" in land(tmp_path, "file/x").trouble
    for typed in ("snapshots/", "snapshots/sub/x", "way/x", "sub/../snapshots/x"):
        assert "is the directory of snapshots" in land(tmp_path, typed, avoid=str(store)).trouble
    assert not land(tmp_path, "x", avoid=str(store)).trouble
    assert "name is too long" in land(tmp_path, "n" * 252).trouble
    assert not land(tmp_path, "n" * 248).trouble
    assert land(tmp_path, "a\0b").trouble
    assert land(tmp_path, "a\0b/c").trouble


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_missing_rights_are_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "no permission to write" in land(tmp_path, "closed/x").trouble


@pytest.mark.root
def test_another_owners_file_in_a_sticky_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "x").write_text("")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "only its owner" in land(tmp_path, "x").trouble


def test_the_limits_of_a_file_system_are_told(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_bytes(b"1 1 8:1 / " + os.fsencode(tmp_path.resolve()) + b" rw - vfat /dev/sdb1 rw\n")
    where = land(tmp_path, "x", table=str(table))
    assert where.largest == 2**32 - 1
    assert "vfat" in where.limit
    assert "cannot contain :" in land(tmp_path, "a:b", table=str(table)).trouble
    assert not land(tmp_path, "a:b").trouble


def test_the_limit_of_the_session_is_told(tmp_path: Path) -> None:
    with file_size_limit(1 << 30):
        where = land(tmp_path, "x")
    assert where.largest == 1 << 30
    assert "ulimit -f" in where.limit


def test_an_export_is_refused_where_it_does_not_fit() -> None:
    where = Destination("/m/x", free=10, largest=8, limit="on that file system (vfat)")
    fits, large = where.obstacle(8, checksum=True), where.obstacle(9, checksum=True)
    assert (fits, large) == (None, DestinationObstacle.TOO_LARGE)
    assert where._replace(largest=0).obstacle(11, checksum=True) is DestinationObstacle.NO_SPACE
    odd = where._replace(sums_trouble="x.sha256 is a directory")
    assert odd.obstacle(1, checksum=True) is DestinationObstacle.NO_CHECKSUM
    assert odd.obstacle(1, checksum=False) is None
