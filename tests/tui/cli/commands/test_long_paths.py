"""Paths that no call to the kernel takes: saved as snapd would, told everywhere, the rest usable."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend import Progress, Restore
from backend.restore import Verdict
from backend.restore.impact import ImpactScanner
from tests.support.builders import World
from tests.tui.support.driver import Done, Snapstow

PART = "d" * 200
LEVELS = 25
LOST = 6  # the directories that are too deep, and the file in the last


def deepen(base: Path) -> None:
    fd = os.open(base, os.O_RDONLY)
    for _ in range(LEVELS):
        os.mkdir(PART, dir_fd=fd)
        below = os.open(PART, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    leaf = os.open("leaf", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd)
    os.write(leaf, b"deep")
    os.close(leaf)
    os.close(fd)


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("nc", data={"near": "1"}, common={"other": "2"})
    deepen(world.data("nc") / "common")
    return Snapstow(world)


@pytest.fixture
def saved(snapstow: Snapstow) -> Snapstow:
    assert snapstow("save").code == 3
    return snapstow


def demand_short(done: Done) -> None:
    assert all(len(line) < 500 for line in (done.out + done.err).splitlines())


def test_a_save_says_what_cannot_be_restored(snapstow: Snapstow) -> None:
    done = snapstow("save")
    assert done.code == 3
    assert f"nc: {LOST} paths are too long to be restored, though saved: " in done.err
    demand_short(done)


def test_a_save_says_nothing_of_what_is_excluded(snapstow: Snapstow) -> None:
    assert snapstow("save", "--exclude", f"$SNAP_COMMON/{PART}").code == 0


def test_an_estimate_says_what_cannot_be_restored(snapstow: Snapstow) -> None:
    done = snapstow("estimate")
    assert done.code == 3
    assert f"cannot be restored: {LOST} paths are too long to be unpacked, though saved: nc\n" in done.out
    demand_short(done)


def test_a_plan_says_what_is_lost(saved: Snapstow) -> None:
    done = saved("restore", "1", "--plan")
    assert done.code == 0
    assert "READY WITH LOSS" in done.out
    assert f"{LOST} paths are too long to be restored" in done.out
    demand_short(done)


@pytest.mark.parametrize("where", [(), ("--to",)], ids=["in place", "beside"])
def test_a_restore_puts_back_all_that_can_be(saved: Snapstow, where: tuple[str, ...], tmp_path: Path) -> None:
    target = (f"--to={tmp_path / 'out'}",) if where else ()
    (saved.world.data("nc") / "common/other").write_text("later")
    done = saved("restore", "1", *target)
    assert done.code == 3
    assert done.err.count("was not restored: its path is too long") == LOST
    demand_short(done)
    top = tmp_path / "out/nc" if where else saved.world.data("nc")
    assert (top / "common/other").read_text() == "2"
    assert (top / "common" / PART / PART).is_dir()


def test_an_extraction_takes_out_all_that_can_be(saved: Snapstow, tmp_path: Path) -> None:
    done = saved("extract", "1", "nc:common", f"--to={tmp_path / 'out'}")
    assert done.code == 3
    assert done.err.count("was not extracted: its path is too long") == LOST
    assert (tmp_path / "out/nc/common/other").read_text() == "2"
    demand_short(done)
    assert saved("extract", "1", "nc:rev", f"--to={tmp_path / 'else'}").code == 0


def test_files_near_the_top_can_be_listed_read_and_compared(saved: Snapstow) -> None:
    listing = saved("ls", "1", "nc:common")
    assert (listing.code, "other" in listing.out) == (0, True)
    assert saved("cat", "1", "nc:common/other").out == "2"
    (saved.world.data("nc") / "common/other").write_text("later")
    done = saved("diff", "1", "live", "nc:common/other")
    assert (done.code, "~ common/other" in done.out) == (0, True)


def test_a_search_shows_a_file_by_its_name_and_that_its_path_is_too_long(saved: Snapstow) -> None:
    done = saved("find", "leaf")
    assert done.code == 0
    assert "leaf [name too long]" in done.out
    demand_short(done)
    hit = saved("--json", "find", "leaf").lines[0]
    assert hit["flags"] == ["too_long"]


def test_a_check_of_the_structure_names_the_paths_and_calls_nothing_damaged(saved: Snapstow) -> None:
    done = saved("check-snapshot", "1", "--structure")
    assert done.code == 0
    assert f"{LOST} paths are too long to be restored" in done.out + done.err
    demand_short(done)


def test_the_live_data_can_be_removed(saved: Snapstow) -> None:
    shutil.rmtree(saved.world.data("nc") / "common")
    assert saved("restore", "1").code == 3


def test_a_plan_through_who_restores_all_or_nothing_is_blocked(saved: Snapstow) -> None:
    (plan,) = saved.world.engine.plan(Restore(1), look=False)
    whole = replace(plan, only_whole="stop snapd")
    scanner = ImpactScanner(saved.world.engine.layout)
    assert scanner.with_contents(plan, Progress()).verdict is Verdict.WITH_LOSS
    blocked = scanner.with_contents(whole, Progress())
    assert blocked.reasons == [
        f"archive.tgz: {LOST} paths are too long to be restored; stop snapd",
    ]
