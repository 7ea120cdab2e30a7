"""What `snapstow estimate` tells besides sizes."""

import os
from pathlib import Path

import pytest

from tests.support.builders import FIFO, Link, Tree, World, plant
from tests.tui.support.driver import Snapstow


def world_of(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    tree: Tree = {"big": {"f": "1" * 900}, **{f"fifo\x1b{number}": FIFO for number in range(4)}}
    world.install("cloud", common=tree, data={"cache": {"f": "12"}}, exclude=["$SNAP_DATA/cache"])
    world.install("chat", users={"alice": {"f": "1"}})
    plant(world.data("chat"), {"common": Link("/etc")})
    return world


def test_findings_come_after_the_sizes_worst_first(tmp_path: Path) -> None:
    done = Snapstow(world_of(tmp_path))("estimate")
    assert done.code == 0
    assert done.out.splitlines() == [
        "Snap   Size      Files  Owners",
        "chat        1 B  1      system 0 B, alice 1 B",
        "cloud     902 B  2      system 902 B",
        "(all)     903 B  3      -",
        "not included: 1 data directory is a symbolic link: chat",
        "  chat: common",
        "harmless: 4 FIFOs, saved as such: cloud",
        r"  cloud: common/fifo\x1b0",
        r"  cloud: common/fifo\x1b1",
        r"  cloud: common/fifo\x1b2",
        "  …",
    ]


def test_the_document_tells_findings_and_the_largest_folders(tmp_path: Path) -> None:
    (cloud,) = Snapstow(world_of(tmp_path))("--json", "estimate", "cloud").document
    assert (cloud["size"], cloud["files"], cloud["left_out"]) == (902, 2, 2)
    (finding,) = cloud["findings"]
    assert finding.pop("examples") == [f"common/fifo\x1b{number}" for number in range(4)]
    assert finding == {
        "owner": "system",
        "kind": "fifo",
        "outlook": "harmless",
        "text": "4 FIFOs, saved as such",
        "count": 4,
    }
    assert cloud["largest"] == [
        {"owner": "system", "path": "common/big", "size": 900},
        {"owner": "system", "path": "x1/cache", "size": 2},
    ]


def test_data_that_lead_elsewhere_are_told(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    home = world.home("alice")
    (home / "snap/chat").rename(home / "away")
    (home / "snap/chat").symlink_to("/nowhere")
    done = Snapstow(world)("estimate", "chat")
    assert "not included: chat (alice): " in done.out


def test_where_not_everything_can_be_looked_at_it_is_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(tmp_path)
    really_open = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "big":
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    done = Snapstow(world)("estimate", "cloud")
    assert done.code == 3
    assert "will fail: 1 directory cannot be entered: cloud\n  cloud: common/big\n" in done.out
