"""The dialog before a restore, told as stories over small worlds."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from backend import Cancelled, Progress, Restore
from backend.restore import RestorePlanner, RestorePreview
from tests.support.builders import World, plant, tgz
from tests.support.fakes import Disk
from tests.tui.support import dialogs
from tests.tui.support.dialogs import LATER, Tell, goes_to, line_list, shown
from tests.tui.support.patient import Patient
from tui.dialogs.restore import AskRestore, Looked
from tui.session.place import Place

DAY = 24 * 3600


def place_of(world: World) -> Place:
    return Place(world.engine, ("--demo",))


def ask_restore(
    world: World,
    tell: Tell,
    wanted: Restore | None = None,
    size: tuple[int, int] = (80, 40),
    **options: Any,
) -> list[Any]:
    """Ask, let `tell` answer; returns the answers: none when the dialog is still there."""

    def dialog(place: Place) -> AskRestore:
        return AskRestore(place, wanted or Restore(1))

    return dialogs.ask(world, dialog, tell, size, **options)


class TestRestore:
    def test_enter_confirms_what_can_be_taken_back(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert user.app.focused is user.button()
            assert str(user.button().label) == "Restore, undo for 24 hours"
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1)]

    def test_the_plan_tells_what_becomes_of_everybody(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("2 of 2 snaps")
            await user.sees("replaces x1, common")
            await user.sees("creates")
            await user.sees("same as: snapstow --demo restore 1")

        ask_restore(world, tell, size=(160, 40))

    def test_who_is_not_here_is_skipped_with_the_reason(self, world: World) -> None:
        world.write_accounts(["alice"])

        async def tell(user: Patient) -> None:
            await user.sees("unknown user bob")
            await user.sees("skip")

        ask_restore(world, tell, size=(160, 40))

    def test_loss_wants_the_number_typed(self, world: World) -> None:
        world.add(2, "cloud", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Patient) -> None:
            await user.sees("READY WITH LOSS")
            await user.sees("2 files newer than the snapshot")
            assert user.button().disabled
            assert user.app.focused is not user.button()
            await user.presses("enter", "3", "enter")
            await user.sees("type 2")
            assert user.button().disabled
            await user.presses("backspace", "2")
            assert not user.button().disabled
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2)) == [Restore(2)]

    def test_the_proof_takes_digits_and_leaves_other_keys_to_the_dialog(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("type 1 to restore")
            await user.presses("1", "j", "y")
            assert user.app.screen.query_one("#proof", Input).value == "1"
            assert user.app.focused is line_list(user)
            assert user.app.clipboard.endswith("restore 1 --no-undo")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_another_choice_wants_the_number_again(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("type 1 to restore")
            await user.presses("1")
            await goes_to(user, "chat")
            await user.presses("space")
            await user.sees("1 of 2 snaps")
            assert user.button().disabled
            await user.presses("tab", "enter")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_losses_are_listed_harmlessly(self, world: World) -> None:
        name = "x[]\x1b]0;T\x07[red]"
        (world.data("chat") / "common" / name).write_text("new")
        world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Patient) -> None:
            await user.sees("(l lists)")
            assert "x[]" not in user.screen()
            await goes_to(user, "newer than")
            await user.presses("enter")
            await user.sees(r"x[]\x1b]0;T\x07[red]")
            await user.presses("l")
            await user.sees("(l lists)")
            assert "x[]" not in user.screen()

        ask_restore(world, tell, Restore(2), (120, 40))

    def test_l_lists_wherever_the_cursor_is_and_chooses_nothing(self, world: World) -> None:
        (world.data("chat") / "common" / "later").write_text("new")
        world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Patient) -> None:
            await user.sees("(l lists)")
            await goes_to(user, "in place")
            await user.presses("l")
            await user.sees("common/later")
            assert "(in place)" in user.screen()
            await user.presses("2", "l")
            await user.sees("(l lists)")
            assert "common/later" not in user.screen()
            await goes_to(user, "in place")
            await user.presses("space")
            await user.types("/restored", "#to")
            await user.presses("l")
            await user.sees("/restoredl")

        assert ask_restore(world, tell, Restore(2), (120, 40)) == []

    def test_l_says_that_nothing_would_be_lost(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await user.presses("l")
            await user.sees("no file would be lost")

        assert ask_restore(world, tell) == []

    def test_help_tells_what_each_key_does(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await user.presses("question_mark")
            await user.sees("List what the line stands for")
            assert "Open the line" not in user.screen()
            await user.sees("Select the line, or clear it")

        assert ask_restore(world, tell, size=(120, 40)) == []

    def test_snaps_and_users_are_chosen_by_space(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await goes_to(user, "chat")
            await user.presses("space")
            await user.sees("1 of 2 snaps")
            await goes_to(user, "cloud")
            await user.presses("space")
            await user.sees("at least one snap")
            await goes_to(user, "bob", after="Data of")
            await user.presses("space")
            await user.sees("restore 1 cloud --users=alice")
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",), ("alice",))]

    def test_undo_window_and_devices(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await goes_to(user, "device nodes")
            await user.presses("space")
            await goes_to(user, "24 hours")
            await user.presses("space")
            assert str(user.button().label) == "Restore, undo for 7 days"
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1, devices=True, undo_window=7 * DAY)]

    def test_without_undo_the_button_says_so(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await goes_to(user, "24 hours")
            await user.presses("space", "space")
            assert "no undo" in str(user.button().label)
            await user.presses("1", "enter")

        assert ask_restore(world, tell) == [Restore(1, undo_window=0)]

    def test_blocked_cannot_be_confirmed_and_tells_the_way_out(self, world: World) -> None:
        path = world.add(3, "chat")
        path.write_bytes(path.read_bytes()[:50])

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("to fix")
            assert not user.button().display
            await user.presses("enter", "3", "enter", "space")
            assert not user.answers
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(3)) == [None]

    def test_blocked_snaps_can_be_left_out(self, world: World) -> None:
        common = world.data("chat") / "common"
        (common / "f").unlink()
        common.rmdir()
        common.symlink_to("/etc")

        async def tell(user: Patient) -> None:
            await user.sees("it is a symbolic link")
            await user.sees("skip chat")
            await goes_to(user, "chat ")
            await user.presses("space")
            await user.sees("✓ READY")
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",))]

    def test_no_room_blocks(self, world: World, disk: Disk) -> None:
        disk.free = 1000

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("1000B free at")
            assert not user.button().display

        assert ask_restore(world, tell, size=(160, 40)) == []

    def test_where_nothing_may_be_restored_the_plan_is_shown_all_the_same(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("this session is read-only")
            await user.sees("replaces x1, common")
            assert not user.button().display

        assert ask_restore(world, tell, size=(160, 40), read_only=True) == []

    def test_a_set_that_is_gone(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("no snapshot set with the given ID")
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(99)) == [None]

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
    def test_every_size(self, world: World, size: tuple[int, int]) -> None:
        async def tell(user: Patient) -> None:
            if size[0] >= 60:
                await user.sees("READY")
                await user.sees("Restore, undo for 24 hours")
                await user.sees("same as")
                await goes_to(user, "device nodes")
                await user.sees("device nodes")
            await user.presses("escape")

        assert ask_restore(world, tell, size=size) == [None]


class TestBeside:
    def test_space_on_the_place_asks_for_a_directory(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        to = f"{tmp_path}/restored-1"

        async def tell(user: Patient) -> None:
            await goes_to(user, "in place")
            await user.presses("space")
            await user.sees("Restore into the directory")
            assert f"Undo     nothing is replaced; to undo, remove {to}" in shown(user)
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1, to=to)]

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
            assert not user.button().display
            await user.sees("choose another directory")
            await user.types("some", "#to")
            await user.sees("Tab completes: somewhere/")
            await user.presses("tab")
            await user.sees(f"--to={tmp_path}/somewhere")
            await user.presses("enter")
            assert user.app.focused is user.button()
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, to=f"{tmp_path}/somewhere")]

    def test_space_again_is_in_place_again(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await goes_to(user, "in place")
            await user.presses("space", "space")
            assert not user.app.screen.query_one("#to").display
            await user.sees("(in place)")
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1)]

    def test_newer_files_are_not_lost_beside(self, world: World, tmp_path: Path) -> None:
        world.add(2, "cloud", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")
        wanted = Restore(2, to=str(tmp_path / "out"))

        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert not user.app.screen.query_one("#proof", Input).display
            await user.presses("enter")

        assert ask_restore(world, tell, wanted) == [wanted]

    def test_there_is_nothing_to_keep_for_an_undo(self, world: World, tmp_path: Path) -> None:
        async def tell(user: Patient) -> None:
            await goes_to(user, "nothing is replaced")
            await user.presses("space")
            await user.sees("there is nothing to undo")

        assert ask_restore(world, tell, Restore(1, to=str(tmp_path / "out"))) == []

    def test_who_is_not_here_is_served_as_well(self, world: World, tmp_path: Path) -> None:
        world.write_accounts(["alice"])

        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert any(line.startswith("bob") and "out/cloud/users/bob" in line for line in shown(user))

        ask_restore(world, tell, Restore(1, to=str(tmp_path / "out")))

    def test_a_read_only_session_restores_nothing_beside(self, world: World, tmp_path: Path) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("cannot restore --to: this session is")
            assert not user.button().display

        ask_restore(world, tell, Restore(1, to=str(tmp_path / "out")), size=(160, 40), read_only=True)

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
    def test_every_size(self, world: World, tmp_path: Path, size: tuple[int, int]) -> None:
        async def tell(user: Patient) -> None:
            if size[0] >= 60:
                await user.sees("READY")
                await user.sees("Restore into the directory")
                await user.sees("out")
                await user.sees("same as")
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(1, to=str(tmp_path / "out")), size) == [None]


class TestRevision:
    def test_existing_revisions_can_be_chosen(self, world: World) -> None:
        plant(world.data("chat"), {"7": {}, "x2": {}, "not one": {}, "current": {}})
        world.add(2, "chat", {"29": {"g": "1"}}, rev="29", time=LATER)

        async def tell(user: Patient) -> None:
            await user.sees("(x1 installed) 29 as saved  7  x2   Space changes")
            await goes_to(user, "x1 installed")
            await user.presses("space")
            await user.sees("the snap will not see the data of revision 29")
            await user.sees("--revision=29")
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2), (160, 40)) == [Restore(2, revision="29")]

    def test_revisions_go_round_and_the_saved_one_is_first_beside(self, world: World, tmp_path: Path) -> None:
        world.add(2, "chat", {"29": {"g": "1"}}, rev="29", time=LATER)

        async def tell(user: Patient) -> None:
            await goes_to(user, "x1 installed")
            await user.presses("space", "space")
            await user.sees("(x1 installed)")
            await goes_to(user, "in place")
            await user.presses("space")
            await user.sees("(29 as saved)")

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
            system = next(line for line in shown(user) if line.startswith("system") and "cloud" in line)
            assert "2 files, 2B, in " in system
            (undo,) = [line for line in shown(user) if line.startswith("Undo")]
            assert "holds 10B until " in undo

        ask_restore(world, tell, size=(160, 40))

    def test_restore_can_be_confirmed_before_all_is_counted(self, world: World) -> None:
        views = [view for view in place_of(world).restore_planner().stages(Restore(1))]

        async def tell(user: Patient) -> None:
            dialog = user.app.screen
            assert isinstance(dialog, AskRestore)
            dialog.on_looked(Looked(Restore(1), views[1]))
            await user.sees("counting its files…")
            assert not user.button().disabled
            user.button().focus()
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
            assert str(user.button().label).startswith("Restore without 1 device node")
            await goes_to(user, "node skipped")
            await user.presses("l")
            await user.sees(r"common/\x1b[31mnull")
            await goes_to(user, "restore device nodes")
            await user.presses("space")
            await user.sees("1 device node, restored as well")
            await user.sees("✓ READY")
            user.button().focus()
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2)) == [Restore(2, devices=True)]

    def test_an_archive_that_cannot_be_unpacked_is_found(self, world: World) -> None:
        world.add(2, "chat", b"no gzip at all", time=LATER)

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("restore another set")
            assert not user.button().display

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
