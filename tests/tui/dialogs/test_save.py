"""The dialog before a save: what it takes, how big that is, what will go wrong, what stays out."""

import os
import shutil
from pathlib import Path

import pytest

from backend import Check, Progress, Save
from backend.save import preflight as save_preflight
from tests.support.builders import World, plant
from tests.support.mounting import Mounter, mounter
from tests.tui.support.dialogs import goes_to
from tests.tui.support.patient import Patient
from tests.tui.support.saving import ask, confirms, follows, surveys_of, types

__all__ = ["mounter"]


def test_enter_saves_everything(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("2 snaps, 3 users")
        assert user.answer.text == "Save 2 snaps"
        await user.presses("enter")

    assert ask(world, tell) == [Save()]


def test_snaps_and_users_are_chosen_by_space(world: World) -> None:
    async def tell(user: Patient) -> None:
        await goes_to(user, "chat")
        await user.presses("space")
        await goes_to(user, "root ")
        await user.presses("space")
        await user.sees("save cloud --users=alice,bob")
        await confirms(user)

    assert ask(world, tell, (160, 40)) == [Save(("cloud",), ("alice", "bob"))]


def test_none_and_all(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("minus")
        assert user.answer.waits
        await user.presses("enter")
        assert user.answers == []
        await user.presses("asterisk")
        await confirms(user)

    assert ask(world, tell) == [Save()]


def test_one_user_stays(world: World) -> None:
    async def tell(user: Patient) -> None:
        for name in ("root ", "alice", "bob"):
            await goes_to(user, name)
            await user.presses("space")
        await user.sees("at least one user")
        await user.sees("--users=bob")

    ask(world, tell, (160, 40))


def test_options(world: World) -> None:
    async def tell(user: Patient) -> None:
        assert "may not suffice" not in user.screen()
        await goes_to(user, "fast")
        await user.presses("space")
        await goes_to(user, "accept files that change")
        await user.presses("space")
        await confirms(user)

    assert ask(world, tell) == [Save(fast=True, accept_changed=True)]


def test_too_little_room_is_told_and_can_be_overruled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_preflight, "free_space", lambda _path: 1000)

    async def tell(user: Patient) -> None:
        await user.sees("✗ will fail     the free space may not suffice")
        await goes_to(user, "start even if")
        await user.presses("space")
        assert "will fail" not in user.screen()
        await confirms(user)

    assert ask(world, tell) == [Save(ignore_space=True)]


@pytest.mark.root
def test_mounts_are_not_included_unless_chosen(world: World, tmp_path: Path, mounter: Mounter) -> None:
    disk = plant(tmp_path / "disk", {"film": "1"})
    mounter.bind(disk, world.data("cloud") / "common" / "media")

    async def tell(user: Patient) -> None:
        await follows(user)
        await user.sees("! not included")
        await user.sees("1 mount below the data")
        await goes_to(user, "include what is mounted")
        await user.presses("space")
        await user.sees("saved with the rest")
        assert "! not included" not in user.screen()
        await confirms(user)

    assert ask(world, tell, (160, 50)) == [Save(include_mounts=True)]


def test_nothing_is_installed(tmp_path: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("there is nothing to save")
        await user.presses("space", "asterisk", "f5", "enter", "escape")

    assert ask(World(tmp_path / "empty"), tell) == [None]


# -- how big it is


def test_sizes_by_snap_and_user_and_what_it_took_last_time(world: World) -> None:
    async def tell(user: Patient) -> None:
        await follows(user)
        await user.sees("10 B in 4 files")
        lines = user.screen().splitlines()
        assert "9 B in 3 files" in next(line for line in lines if "▸ cloud" in line)
        assert "last time" in next(line for line in lines if "▸ cloud" in line)
        assert "3 B in 1 file " in next(line for line in lines if "] alice" in line)

    ask(world, tell)


def test_a_snap_unfolds_to_its_owners_and_folders(world: World) -> None:
    plant(world.data("cloud") / "common/cache", {"deep": {"f": "1" * 700}, "small": {"f": "2"}})

    async def tell(user: Patient) -> None:
        await follows(user)
        assert "system" not in user.screen()
        await goes_to(user, "▸ cloud")
        await user.presses("l")
        await user.sees("▾ cloud")
        lines = user.dialog().splitlines()
        assert "707 B in 4 files" in next(line for line in lines if "system" in line)
        assert "3 B in 1 file " in next(line for line in lines if "alice" in line and "] alice" not in line)
        assert "700 B  common/cache/deep" in user.screen()
        await user.presses("l")
        assert "common/cache/deep" not in user.screen()

    ask(world, tell)


def test_left_out_bytes_are_taken_off(world: World) -> None:
    plant(world.data("cloud") / "common", {"cache": {"f": "1" * 700}})

    async def tell(user: Patient) -> None:
        await types(user, "$SNAP_COMMON/c*")
        await user.presses("up")
        await types(user, "$SNAP_COMMON/cache/f")
        await user.presses("up")
        await follows(user)
        await user.sees("10 B in 4 files, 700 B excluded")
        lines = user.screen().splitlines()
        for pattern in ("$SNAP_COMMON/c*", "$SNAP_COMMON/cache/f"):
            assert "excludes 700 B of cloud" in next(line for line in lines if f"[x] {pattern} " in line)
        assert "at most 10 B" in user.screen()

    ask(world, tell)


def test_the_forecast_is_how_well_it_was_compressed_before(world: World) -> None:
    shutil.rmtree(world.snapshots)
    plant(world.data("cloud") / "common", {"big": "1" * 1_000_000})
    world.do(Save(("cloud",)))
    (saved,) = world.engine.sets(1)[0].snapshots
    look = surveys_of(world)
    assert look.surveys.forecast("cloud", look.owners) == saved.size
    plant(world.data("cloud") / "common", {"more": "1" * 1_000_000})
    more = surveys_of(world).surveys.forecast("cloud", look.owners)
    assert more is not None
    assert saved.size < more < 2 * saved.size


def test_the_forecast_rests_on_what_left_out_the_same_and_is_sound(world: World) -> None:
    shutil.rmtree(world.snapshots)
    plant(world.data("cloud") / "common", {"noise": os.urandom(600_000), "calm": "1" * 600_000})
    world.do(Save(("cloud",)))
    world.do(Save(("cloud",), exclude=("$SNAP_COMMON/noise",)))
    whole, partly = (world.engine.sets(number)[0].snapshots[0].size for number in (1, 2))
    forecasts = [
        look.surveys.forecast("cloud", look.owners)
        for look in (surveys_of(world), surveys_of(world, "$SNAP_COMMON/noise"))
    ]
    assert forecasts == [whole, partly]
    path = world.engine.sets(1)[0].snapshots[0].path
    raw = bytearray(Path(path).read_bytes())
    raw[len(raw) // 2] ^= 1
    Path(path).write_bytes(raw)
    world.engine.check(Check(1), Progress())
    assert all(past.stored != whole for past in surveys_of(world).preflight.past["cloud"])


def test_forecast_of_a_new_snap_is_at_most_its_size(world: World) -> None:
    world.install("new", common={"f": "1" * 900})
    look = surveys_of(world)
    assert look.forecast() is None

    async def tell(user: Patient) -> None:
        await follows(user)
        await user.sees("at most 910 B to store")

    ask(world, tell)
