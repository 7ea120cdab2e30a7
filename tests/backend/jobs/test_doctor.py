"""What an earlier crash left and what snapd hides: reported, and removed by a repair only."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.fs import files
from backend.operations import Restore
from backend.progress import Progress
from backend.results import Finding
from tests.support.builders import Tree, World, plant, tree_of

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
LONG_AGO = time.time() - 2 * 24 * 3600


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), {"x1": {"a": "new"}, "common": {"b": "new", "c": "1"}})
    world.snapshots.mkdir(parents=True)
    return world


def kinds(world: World) -> list[tuple[str, str]]:
    return [(finding.kind, os.path.basename(finding.path)) for finding in world.engine.findings()]


def age(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    return path


def test_everything_odd_is_found_and_nothing_is_removed(world: World, tmp_path: Path) -> None:
    world.add(1, "hello").rename(world.snapshots / "1_renamed.zip")
    world.add(2, "hello").write_bytes(b"junk")
    world.add(3, "void", sums={})
    world.add(4, "hidden")
    plant(world.snapshots, {"4_importing": "", "6x_importing": "", "7_x_1_x1.zip.4dkJrwnkg36r~": ""})
    plant(world.snapshots, {"7_x_1_x1.zip.1846494151~": "", "7_x_1_x1.zip.old~": ""})
    plant(world.data("hello"), {".snapshot123": {}, "common.~BCDFGHJKL~": {}})
    before = tree_of(world.root)
    findings = kinds(world)
    assert findings == [
        ("import", "4_importing"),
        ("marker", "6x_importing"),
        ("temporary", "7_x_1_x1.zip.1846494151~"),
        ("temporary", "7_x_1_x1.zip.4dkJrwnkg36r~"),
        ("unknown", "7_x_1_x1.zip.old~"),
        ("renamed", "1_renamed.zip"),
        ("hidden", "2_hello_1.0_x1.zip"),
        ("broken", "3_void_1.0_x1.zip"),
        ("leftover", ".snapshot123"),
        ("leftover", "common.~BCDFGHJKL~"),
    ]
    assert tree_of(world.root) == before
    assert world.engine.tidy(Progress()) == []
    assert tree_of(world.root)["var"]["lib"]["snapd"] == before["var"]["lib"]["snapd"]


def test_space_held_by_undo_is_a_finding(world: World) -> None:
    world.add(1, "hello", OLD)
    world.do(Restore(1))
    (finding,) = world.engine.findings()
    assert finding.kind == "undo"
    assert "job 1 can be undone until" in finding.text


def test_a_fresh_marker_of_somebody_else_is_left_alone(world: World) -> None:
    world.add(4, "hello")
    marker = plant(world.snapshots, {"4_importing": ""}) / "4_importing"
    assert world.engine.findings()[0].repair == ""
    assert world.engine.repair(Progress()) == []
    assert len(world.names()) == 2
    age(marker)
    assert world.engine.findings()[0].repair
    (done,) = world.engine.repair(Progress())
    assert (done.kind, done.text) == ("import", "removed")
    assert world.names() == []


@pytest.mark.parametrize(
    ("name", "is_fresh_ours"),
    [
        ("7_x_1_x1.zip.4dkJrwnkg36r~", False),
        ("7_x_1_x1.zip.1846494151~", False),
        (".snapstow-import-3-abc", True),
    ],
)
def test_temporary_files_go_by_a_repair_only(world: World, name: str, is_fresh_ours: bool) -> None:
    plant(world.snapshots, {name: {"a": "1"}} if is_fresh_ours else {name: "half"})
    assert world.engine.tidy(Progress()) == []
    assert world.names() == [name]
    if not is_fresh_ours:
        assert world.engine.repair(Progress()) == []
        age(world.snapshots / name)
    assert [finding.text for finding in world.engine.repair(Progress())] == ["removed"]
    assert world.names() == []


def test_a_repair_leaves_what_is_surely_nobodys(world: World) -> None:
    plant(world.snapshots, {"7_x_1_x1.zip.old~": "mine", "8_x_1_x1.zip.1846494151~": {"mine": ""}})
    for name in world.names():
        age(world.snapshots / name)
    before = world.names()
    assert [(finding.kind, finding.repair) for finding in world.engine.findings()] == [("unknown", "")] * 2
    assert world.engine.repair(Progress()) == []
    assert world.names() == before


def test_a_repair_tells_what_it_could_not_do(world: World) -> None:
    plant(world.snapshots, {"4_hello_1.0_x1.zip": {"in": "the way"}, "4_importing": ""})
    age(world.snapshots / "4_importing")
    (done,) = world.engine.repair(Progress())
    assert done.kind == "import"
    assert done.text.startswith("cannot cancel import for set id 4:")


def test_odd_markers_can_be_repaired_when_they_are_numbers(world: World) -> None:
    world.add(7, "hello")
    age(plant(world.snapshots, {"007_importing": ""}) / "007_importing")
    assert [finding.text for finding in world.engine.repair(Progress())] == ["removed"]
    assert world.names() == []


def test_findings_are_plain_values(world: World) -> None:
    path = world.add(3, "void", sums={})
    assert world.engine.findings() == [
        Finding("broken", str(path), "invalid snapshot", size=path.stat().st_size)
    ]


def test_findings_read_the_steps_of_a_job_once_without_and_once_with_its_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add(1, "hello", OLD)
    for _ in range(2):
        world.do(Restore(1))
    steps = [f"{record.folder}/steps.jsonl" for record in world.engine.journal.records()]
    engine, read, read_lines = world.engine, list[str](), files.read_lines

    def noting(path: str) -> Iterator[bytes]:
        read.append(path)
        return read_lines(path)

    monkeypatch.setattr(files, "read_lines", noting)
    assert {finding.kind for finding in engine.findings()} == {"undo"}
    assert sorted(path for path in read if path in steps) == sorted([*steps, *steps])
