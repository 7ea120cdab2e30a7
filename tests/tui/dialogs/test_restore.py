"""The dialog before a restore, told as stories over small worlds."""

import pytest
from textual.widgets import Input

from backend import Restore
from tests.support.builders import World
from tests.support.fakes import Disk
from tests.tui.support.dialogs import goes_to, line_list
from tests.tui.support.patient import Patient
from tests.tui.support.restoring import ask_restore
from tui.dialogs.answers import Answer
from tui.dialogs.loss_list import ShowLosses

DAY = 24 * 3600


class TestRestore:
    def test_enter_confirms_what_can_be_taken_back(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            assert user.app.focused is line_list(user)
            assert user.answer == Answer("enter", "Enter", "Restore")
            await user.sees("(•) 24 h")
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1)]

    def test_the_plan_tells_what_becomes_of_everybody(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("2 of 2 snaps")
            await user.sees("replaces x1, common")
            await user.sees("creates")
            await user.sees("same as  snapstow --demo restore 1")

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
            assert user.answer.waits
            await user.presses("enter", "3", "enter")
            await user.sees("type 2")
            assert user.answer.waits
            await user.presses("backspace", "2")
            assert not user.answer.waits
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2)) == [Restore(2)]

    def test_the_proof_takes_digits_and_leaves_other_keys_to_the_dialog(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("Type 1 to restore")
            await user.presses("1", "k", "y")
            assert user.app.screen.query_one("#proof", Input).value == "1"
            assert user.app.focused is line_list(user)
            assert user.app.clipboard.endswith("restore 1 --no-undo")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_another_choice_wants_the_number_again(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("Type 1 to restore")
            await user.presses("1")
            await goes_to(user, "chat")
            await user.presses("space")
            await user.sees("1 of 2 snaps")
            assert user.answer.waits
            await user.presses("enter")
            await user.sees("type 1, the number of the set")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_losses_are_listed_harmlessly(self, world: World) -> None:
        name = "x[]\x1b]0;T\x07[red]"
        (world.data("chat") / "common" / name).write_text("new")
        world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Patient) -> None:
            await user.sees("l lists them")
            assert "x[]" not in user.screen()
            await user.presses("l")
            await user.sees(r"x[]\x1b]0;T\x07[red]")
            await user.presses("escape")
            await user.sees("l lists them")
            assert "x[]" not in user.screen()

        ask_restore(world, tell, Restore(2), (120, 40))

    def test_l_lists_wherever_the_cursor_is_and_chooses_nothing(self, world: World) -> None:
        (world.data("chat") / "common" / "later").write_text("new")
        world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Patient) -> None:
            await user.sees("l lists them")
            await goes_to(user, "in place")
            await user.presses("l")
            await user.sees("common/later")
            await user.presses("escape")
            assert "(•) in place" in user.screen()
            await user.presses("2", "l")
            assert isinstance(user.app.screen, ShowLosses)
            await user.presses("escape")
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
            await user.sees("List what would be lost")
            assert "Open the line" not in user.screen()
            await user.sees("Choose the line, or clear it")

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
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",), ("alice",))]

    def test_undo_window_and_devices(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await goes_to(user, "device nodes")
            await user.presses("space")
            await goes_to(user, "24 h")
            await user.presses("space")
            await user.sees("(•) 7 d")
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1, devices=True, undo_window=7 * DAY)]

    def test_without_undo_the_number_has_to_be_typed(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("✓ READY")
            await goes_to(user, "24 h")
            await user.presses("space", "space")
            await user.sees("it cannot be undone")
            assert user.answer.waits == "type 1 first"
            await user.presses("1", "enter")

        assert ask_restore(world, tell) == [Restore(1, undo_window=0)]

    def test_blocked_cannot_be_confirmed_and_tells_the_way_out(self, world: World) -> None:
        path = world.add(3, "chat")
        path.write_bytes(path.read_bytes()[:50])

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("to fix")
            assert user.edge.main is None
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
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",))]

    def test_no_room_blocks(self, world: World, disk: Disk) -> None:
        disk.free = 1000

        async def tell(user: Patient) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("1.0 kB free at")
            assert user.edge.main is None

        assert ask_restore(world, tell, size=(160, 40)) == []

    def test_where_nothing_may_be_restored_the_plan_is_shown_all_the_same(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("this session is read-only")
            await user.sees("replaces x1, common")
            assert user.edge.main is None

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
                await user.sees("Enter Restore   Esc Cancel")
                await user.sees("same as")
                await goes_to(user, "device nodes")
                await user.sees("device nodes")
            await user.presses("escape")

        assert ask_restore(world, tell, size=size) == [None]
