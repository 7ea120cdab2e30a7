"""Saves, estimates and surveys where something is mounted below the data: not included unless asked for."""

import os
from pathlib import Path

import pytest

from backend.operations import Restore, Save
from backend.progress import Progress
from backend.save.survey import Outlook, survey_of
from tests.support.builders import Tree, World, plant, tree_of, uid_of
from tests.support.mounting import Mounter, mounter
from tests.support.surveying import aim_at, looked, make_world

__all__ = ["mounter"]

pytestmark = pytest.mark.root
ODD = "a*b[c]?\\d {e} ü\n'\"$x"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def restored(world: World, tmp_path: Path) -> dict[str, object]:
    world.do(Restore(1, target_dir=str(tmp_path / "out")))
    return tree_of(tmp_path / "out" / "cloud")


@pytest.mark.parametrize("name", ["media", ODD, "*", "\\", "deep/er/[x]"])
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_a_mount_is_not_included_and_told(
    world: World, tmp_path: Path, mounter: Mounter, name: str, kind: str
) -> None:
    disk = plant(tmp_path / "disk", {"film": "x" * 100})
    plant(world.data("cloud") / "common", {"abcd": {"film": "stays"}, "other": {"er": {"x": "stays"}}})
    target = world.data("cloud") / "common" / name
    if kind == "bind":
        mounter.bind(disk, target)
    else:
        plant(mounter.tmpfs(target), {"film": "x" * 100})
    result = world.do(Save())
    assert result.left_out == (
        f"{target} is not included: something is mounted there (--include-mounts includes it)",
    )
    assert result.exit_code == 3
    saved = restored(world, tmp_path)
    common = saved["common"]
    assert isinstance(common, dict)
    assert common.pop("deep", {"er": {}}) == {"er": {}}
    assert common == {"f": "12345", "abcd": {"film": "stays"}, "other": {"er": {"x": "stays"}}}


def test_a_mount_is_included_where_that_is_asked_for(world: World, tmp_path: Path, mounter: Mounter) -> None:
    disk = plant(tmp_path / "disk", {"film": "1"})
    mounter.bind(disk, world.data("cloud") / "common" / "media")
    result = world.do(Save(include_mounts=True))
    assert result.exit_code == 0
    assert restored(world, tmp_path)["common"] == {"f": "12345", "media": {"film": "1"}}


def test_mounted_files_and_users_mounts_are_left_out_too(
    world: World, tmp_path: Path, mounter: Mounter
) -> None:
    file = plant(tmp_path, {"film": "1"}, uid_of("alice")) / "film"
    users_file = mounter.bind(file, world.data("cloud", "alice") / "common" / "film")
    system_file = mounter.bind(file, world.data("cloud") / "x1" / "film")
    result = world.do(Save())
    assert [text.partition(" is not included")[0] for text in result.left_out] == [
        str(system_file),
        str(users_file),
    ]
    saved = restored(world, tmp_path)
    assert saved["x1"] == {"g": "1"}
    assert saved["users"] == {"alice": {"common": {"h": "123"}}}


def test_a_mount_that_a_pattern_leaves_out_is_not_told(
    world: World, tmp_path: Path, mounter: Mounter
) -> None:
    mounter.bind(plant(tmp_path / "disk", {}), world.data("cloud") / "common" / "media")
    assert world.do(Save(exclude=("$SNAP_COMMON/media",))).left_out == ()


def test_common_that_is_a_mount_itself_is_data_like_any_other(
    world: World, tmp_path: Path, mounter: Mounter
) -> None:
    mounter.bind(plant(tmp_path / "disk", {"film": "1"}), world.data("cloud") / "common")
    assert world.do(Save()).left_out == ()
    assert restored(world, tmp_path)["common"] == {"film": "1"}


def test_estimate_and_survey_agree_with_the_save(world: World, tmp_path: Path, mounter: Mounter) -> None:
    disk = plant(tmp_path / "disk", {"film": "x" * 1000})
    mounter.bind(disk, world.data("cloud") / "common" / "media")
    mounter.bind(disk / "film", world.data("cloud") / "x1" / "film")
    for included, extra, kind in ((False, 0, "mount"), (True, 2000, "mounted")):
        (estimate,) = world.engine.estimate((), (), Progress(), include_mounts=included)
        survey = survey_of(world.engine.layout, aim_at(world)._replace(include_mounts=included))
        assert estimate.owners["system"] == survey.read.apparent == 6 + extra
        (concern,) = [concern for concern in survey.concerns if concern.kind == kind]
        assert concern.number == 2
        assert concern.outlook is (Outlook.HARMLESS if included else Outlook.LEFT_OUT)


# -- what a snapshot does not hold


def test_files_with_capabilities_and_access_lists_are_told(world: World) -> None:
    tree: Tree = {"program": "1", "plain": "2", "listed": {"a": "3", "b": "4"}}
    top = plant(world.data("cloud") / "common", tree)
    (top / "program").chmod(0o755)
    os.setxattr(top / "program", "security.capability", bytes.fromhex("0000000200040000" + "00" * 12))
    os.setxattr(top / "listed", "user.note", b"1")
    os.setxattr(top / "listed" / "a", "user.note", b"1")
    (concern,) = [concern for concern in looked(world).concerns if concern.kind == "attributes"]
    assert (concern.number, concern.examples) == (3, ("common/listed", "common/listed/a", "common/program"))
    notes: list[str] = []
    world.engine.save(Save(), Progress(lambda event: notes.append(str(event))))
    (note,) = [note for note in notes if "extended attributes" in note]
    assert "3 files have capabilities, access lists or extended attributes" in note
    (plan,) = world.engine.plan(Restore(1))
    (note,) = [note for note in plan.notes if "extended attributes" in note]
    assert f"{top}/program" in note
