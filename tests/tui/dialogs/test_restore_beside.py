"""A restore into a directory or onto another revision, and the look before it."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import Cancelled, Progress, Restore
from backend.restore import RestorePlanner, RestorePreview
from tests.support.builders import World, plant, tgz
from tests.tui.support.dialogs import LATER, goes_to, shown
from tests.tui.support.patient import Patient
from tests.tui.support.restoring import ask_restore
from tui.dialogs.answers import Answer
from tui.dialogs.restore import AskRestore, Looked
from tui.session.place import Place


def place_of(world: World) -> Place:
    return Place(world.engine, ("--demo",))


class TestBeside:
    def test_space_on_the_place_asks_for_a_directory(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        target_dir = f"{tmp_path}/restored-1"

        async def tell(user: Patient) -> None:
            await goes_to(user, "in place")
            await user.presses("space")
            await user.sees("(•) into a directory")
            assert f"Undo      nothing is replaced; to undo, remove {target_dir}" in shown(user)
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1, target_dir=target_dir)]

    def test_a_path_is_typed_completed_and_planned_for(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        plant(tmp_path, {"somewhere": {}, "full": {"a": "1"}})

        async def tell(user: Patient) -> None:
            await goes_to(user, "in place")
            await user.presses("space")
            await user.types("full", "#to")
            await user.sees("not empty")
            assert user.edge.main is None
            await user.sees("choose another directory")
            await user.types("some", "#to")
            await user.sees("Tab completes: somewhere/")
            await user.presses("tab")
            await user.sees("Directory  somewhere/")
            assert user.answer == Answer("enter", "Enter", "Restore")
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, target_dir=f"{tmp_path}/somewhere")]

    def test_space_again_is_in_place_again(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await goes_to(user, "in place")
            await user.presses("space", "space")
            assert not user.app.screen.query_one("#to-field").display
            await user.sees("(•) in place")
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1)]

    def test_newer_files_are_not_lost_beside(self, world: World, tmp_path: Path) -> None:
        world.add(2, "cloud", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")
        wanted = Restore(2, target_dir=str(tmp_path / "out"))

        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert not user.app.screen.query_one("#proof-field").display
            await user.presses("enter")

        assert ask_restore(world, tell, wanted) == [wanted]

    def test_there_is_nothing_to_keep_for_an_undo(self, world: World, tmp_path: Path) -> None:
        async def tell(user: Patient) -> None:
            await goes_to(user, "nothing is replaced")
            await user.presses("space")
            await user.sees("there is nothing to undo")

        assert ask_restore(world, tell, Restore(1, target_dir=str(tmp_path / "out"))) == []

    def test_who_is_not_here_is_served_as_well(self, world: World, tmp_path: Path) -> None:
        world.write_accounts(["alice"])

        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            lines = shown(user)
            (of_bob,) = [at for at, line in enumerate(lines) if line.startswith("bob") and "x1, c" in line]
            assert "out/cloud/users/bob" in lines[of_bob + 1]

        ask_restore(world, tell, Restore(1, target_dir=str(tmp_path / "out")))

    def test_a_read_only_session_restores_nothing_beside(self, world: World, tmp_path: Path) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("cannot restore --to: this session is")
            assert user.edge.main is None

        ask_restore(world, tell, Restore(1, target_dir=str(tmp_path / "out")), size=(160, 40), read_only=True)

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
    def test_every_size(self, world: World, tmp_path: Path, size: tuple[int, int]) -> None:
        async def tell(user: Patient) -> None:
            if size[0] >= 60:
                await user.sees("READY")
                await user.sees("(•) into a directory")
                await user.sees("out")
                await user.sees("same as")
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(1, target_dir=str(tmp_path / "out")), size) == [None]


class TestRevision:
    def test_existing_revisions_can_be_chosen(self, world: World) -> None:
        plant(world.data("chat"), {"7": {}, "x2": {}, "not one": {}, "current": {}})
        world.add(2, "chat", {"29": {"g": "1"}}, rev="29", time=LATER)

        async def tell(user: Patient) -> None:
            await user.sees("(•) x1 installed  ( ) 29 as saved  ( ) 7  ( ) x2")
            await goes_to(user, "x1 installed")
            await user.presses("space")
            await user.sees("the snap will not see the data of revision 29")
            await user.sees("--revision=29")
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2), (160, 40)) == [Restore(2, revision="29")]

    def test_revisions_go_round_and_the_saved_one_is_first_beside(self, world: World, tmp_path: Path) -> None:
        world.add(2, "chat", {"29": {"g": "1"}}, rev="29", time=LATER)

        async def tell(user: Patient) -> None:
            await goes_to(user, "x1 installed")
            await user.presses("space", "space")
            await user.sees("(•) x1 installed")
            await goes_to(user, "in place")
            await user.presses("space")
            await user.sees("(•) 29 as saved")

        ask_restore(world, tell, Restore(2), (160, 40))

    def test_not_for_several_snaps(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert not any(line.startswith("Revision") for line in shown(user))

        ask_restore(world, tell)


class TestLooking:
    def test_sizes_of_the_snapshot_and_of_the_undo_are_shown(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            system = [line for line in shown(user) if line.startswith("system")]
            assert any("2 files" in line and "2 B" in line for line in system)
            (undo,) = [line for line in shown(user) if line.startswith("Undo")]
            assert "holds 10 B until " in undo

        ask_restore(world, tell, size=(160, 40))

    def test_restore_can_be_confirmed_before_all_is_counted(self, world: World) -> None:
        views = [view for view in place_of(world).restore_planner().stages(Restore(1))]

        async def tell(user: Patient) -> None:
            dialog = user.app.screen
            assert isinstance(dialog, AskRestore)
            dialog.on_looked(Looked(Restore(1), views[1]))
            await user.sees("counting its files…")
            assert not user.answer.waits
            await user.presses("enter")

        assert [(view.losses_known, view.contents_known) for view in views] == [
            (False, False),
            (True, False),
            (True, False),
            (True, True),
        ]
        assert ask_restore(world, tell) == [Restore(1)]

    def test_device_nodes_turn_up_and_can_be_had(self, world: World) -> None:
        node = tarfile.TarInfo("common/\x1b[31mnull")
        node.type, node.devmajor, node.devminor = tarfile.CHRTYPE, 1, 3
        world.add(2, "chat", tgz({"common": {}}, extra=[node]), time=LATER)

        async def tell(user: Patient) -> None:
            await user.sees("READY WITH LOSS")
            await user.sees("1 device node skipped")
            assert user.answer.text.startswith("Restore without 1 device node")
            await goes_to(user, "node skipped")
            await user.presses("l")
            await user.sees(r"common/\x1b[31mnull")
            await goes_to(user, "restore device nodes")
            await user.presses("space")
            await user.sees("1 device node, restored too")
            await user.sees("✓ READY")
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2)) == [Restore(2, devices=True)]

    def test_an_archive_that_cannot_be_unpacked_is_found(self, world: World) -> None:
        world.add(2, "chat", b"no gzip at all", time=LATER)

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("restore another set")
            assert user.edge.main is None

        ask_restore(world, tell, Restore(2), (160, 40))

    def test_nobody_looks_on_when_the_dialog_is_left(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs: list[Progress] = []

        def stages(
            _planner: RestorePlanner, _wanted: Restore, progress: Progress
        ) -> Iterator[RestorePreview]:
            jobs.append(progress)
            yield from ()

        monkeypatch.setattr(RestorePlanner, "stages", stages)

        async def tell(user: Patient) -> None:
            await user.presses("f5")
            assert [job.stopping for job in jobs] == [True, False]
            await user.presses("escape")
            assert [job.stopping for job in jobs] == [True, True]

        assert ask_restore(world, tell) == [None]

    def test_a_stopped_look_says_nothing_more(self, world: World) -> None:
        progress = Progress()
        views = place_of(world).restore_planner().stages(Restore(1), progress)
        assert not next(views).losses_known
        progress.stop()
        with pytest.raises(Cancelled):
            next(views)
