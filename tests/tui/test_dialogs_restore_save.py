"""The dialogs before a restore, a save and an undo, and the help, told as stories over small worlds."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from backend import Cancelled, Job, Restore, Save
from tests.builders import Link, World
from tests.tui.user import User
from tui.app import SnapstowApp
from tui.dialogs import planned, survey
from tui.dialogs.help import Help
from tui.dialogs.restore import AskRestore
from tui.dialogs.save import AskSave, Found
from tui.dialogs.survey import Sizes, look_around
from tui.dialogs.undo import AskUndo
from tui.place import Place

LATER = "2999-01-01T00:00:00Z"
DAY = 24 * 3600
Tell = Callable[["Asked"], Awaitable[object]]


class Asked(User):
    """Somebody who is asked something."""

    async def waits(self) -> "Asked":
        await self.pilot.pause(0.01)
        if threads := [worker for worker in self.app.workers if worker._thread_worker]:
            await self.app.workers.wait_for_complete(threads)
        await self.pilot.pause(0.01)
        return self

    async def sees(self, text: str, tries: int = 20) -> "Asked":
        await super().sees(text, tries)
        return self

    async def types(self, text: str) -> None:
        """Put a text into the box, its last letter by the key."""
        box = self.app.screen.query_one(Input)
        box.focus()
        await self.waits()
        box.value += text[:-1]
        box.cursor_position = len(box.value)
        await self.presses(text[-1])

    async def goes_to(self, text: str, after: str = "") -> None:
        """Put the cursor on the first line that holds a text, below the one that holds `after`."""
        lines = self.app.screen.lines
        lines.focus()
        texts = [str(line.head) + str(line.text) for line in lines._shown]
        start = next(number for number, line in enumerate(texts) if after in line)
        lines.highlighted = next(n for n, line in enumerate(texts) if n >= start and text in line)
        await self.waits()

    @property
    def button(self) -> Button:
        return self.app.screen.query_one("#yes", Button)

    def is_over(self) -> bool:
        return not isinstance(self.app.screen, ModalScreen)


def place_of(world: World, **options: Any) -> Place:
    return Place(world.engine, ("--demo",), **options)


def ask(dialog: ModalScreen[Any], place: Place, tell: Tell, size: tuple[int, int] = (80, 24)) -> list[Any]:
    """Ask, let `tell` answer; returns the answers: none when the dialog is still there."""
    answers: list[Any] = []

    async def play() -> None:
        app = SnapstowApp(place)
        async with app.run_test(size=size) as pilot:
            user = Asked(app, pilot)
            await user.waits()
            app.push_screen(dialog, answers.append)
            await user.waits()
            await tell(user)

    asyncio.run(play())
    return answers


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two installed snaps with data, and set 1 of both, saved when all that was already there."""
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "12345"}, data={"g": "1"}, users={"alice": {"h": "123"}, "bob": {}})
    world.install("chat", common={"f": "1"})
    for snap in ("cloud", "chat"):
        world.remember(snap)
    tree = {"x1": {"g": "1"}, "common": {"f": "1"}}
    world.add(1, "cloud", tree, users={"alice": {"common": {"h": "1"}}, "bob": {"common": {}}}, time=LATER)
    world.add(1, "chat", tree, time=LATER)
    return world


def ask_restore(
    world: World,
    tell: Tell,
    wanted: Restore | None = None,
    size: tuple[int, int] = (80, 40),
    **options: Any,
) -> list[Any]:
    place = place_of(world, **options)
    return ask(AskRestore(place, wanted or Restore(1)), place, tell, size)


class TestRestore:
    def test_enter_confirms_what_can_be_taken_back(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("✓ READY")
            assert user.app.focused is user.button
            assert str(user.button.label) == "Restore, undo for 24 h"
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1)]

    def test_the_plan_tells_what_becomes_of_everybody(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("2 of 2 snaps")
            await user.sees("replaces x1, common")
            await user.sees("makes")
            await user.sees("same as: snapstow --demo restore 1")

        ask_restore(world, tell, size=(160, 40))

    def test_who_is_not_here_is_skipped_with_the_reason(self, world: World) -> None:
        world.write_accounts(["alice"])

        async def tell(user: Asked) -> None:
            await user.sees("unknown user bob")
            await user.sees("skip")

        ask_restore(world, tell, size=(160, 40))

    def test_loss_wants_the_number_typed(self, world: World) -> None:
        world.add(2, "cloud", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Asked) -> None:
            await user.sees("READY WITH LOSS")
            await user.sees("2 files newer than the snapshot")
            assert user.button.disabled
            assert user.app.focused is not user.button
            await user.presses("enter", "3", "enter")
            await user.sees("type 2")
            assert user.button.disabled
            await user.presses("backspace", "2")
            assert not user.button.disabled
            await user.presses("enter")

        assert ask_restore(world, tell, Restore(2)) == [Restore(2)]

    def test_the_proof_takes_digits_and_leaves_other_keys_to_the_dialog(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("type 1 to restore")
            await user.presses("1", "j", "y")
            assert user.app.screen.query_one("#proof", Input).value == "1"
            assert user.app.focused is user.app.screen.lines
            assert user.app.clipboard.endswith("restore 1 --no-undo")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_another_choice_wants_the_number_again(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("type 1 to restore")
            await user.presses("1")
            await user.goes_to("chat")
            await user.presses("space")
            await user.sees("1 of 2 snaps")
            assert user.button.disabled
            await user.presses("tab", "enter")

        assert ask_restore(world, tell, Restore(1, undo_window=0)) == []

    def test_what_would_be_lost_is_listed_harmlessly(self, world: World) -> None:
        name = "x[]\x1b]0;T\x07[red]"
        (world.data("chat") / "common" / name).write_text("new")
        world.add(2, "chat", {"common": {"f": "1"}}, time="2000-01-01T00:00:00Z")

        async def tell(user: Asked) -> None:
            await user.sees("(l lists)")
            assert "x[]" not in user.screen()
            await user.goes_to("newer than")
            await user.presses("enter")
            await user.sees(r"x[]\x1b]0;T\x07[red]")
            await user.presses("l")
            await user.sees("(l lists)")
            assert "x[]" not in user.screen()

        ask_restore(world, tell, Restore(2), (120, 40))

    def test_snaps_and_users_are_chosen_by_space(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("✓ READY")
            await user.goes_to("chat")
            await user.presses("space")
            await user.sees("1 of 2 snaps")
            await user.goes_to("cloud")
            await user.presses("space")
            await user.sees("one snap at least")
            await user.goes_to("bob", after="Data of")
            await user.presses("space")
            await user.sees("restore 1 cloud --users=alice")
            user.button.focus()
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",), ("alice",))]

    def test_undo_window_and_devices(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("✓ READY")
            await user.goes_to("device nodes")
            await user.presses("space")
            await user.goes_to("24 h")
            await user.presses("space")
            assert str(user.button.label) == "Restore, undo for 7 days"
            user.button.focus()
            await user.presses("enter")

        assert ask_restore(world, tell) == [Restore(1, devices=True, undo_window=7 * DAY)]

    def test_without_undo_the_button_says_so(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("✓ READY")
            await user.goes_to("24 h")
            await user.presses("space", "space")
            assert "no undo" in str(user.button.label)
            await user.presses("1", "enter")

        assert ask_restore(world, tell) == [Restore(1, undo_window=0)]

    def test_blocked_cannot_be_confirmed_and_tells_the_way_out(self, world: World) -> None:
        path = world.add(3, "chat")
        path.write_bytes(path.read_bytes()[:50])

        async def tell(user: Asked) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("way out")
            assert not user.button.display
            await user.presses("enter", "3", "enter", "space")
            assert not user.is_over()
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(3)) == [None]

    def test_what_is_blocked_can_be_left_out(self, world: World) -> None:
        common = world.data("chat") / "common"
        (common / "f").unlink()
        common.rmdir()
        common.symlink_to("/etc")

        async def tell(user: Asked) -> None:
            await user.sees("it is a symbolic link")
            await user.sees("leave chat out with Space")
            await user.goes_to("chat ")
            await user.presses("space")
            await user.sees("✓ READY")
            user.button.focus()
            await user.presses("enter")

        assert ask_restore(world, tell, size=(160, 40)) == [Restore(1, ("cloud",))]

    def test_no_room_blocks(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planned, "free_space", lambda _path: 1000)

        async def tell(user: Asked) -> None:
            await user.sees("✗ BLOCKED")
            await user.sees("1000B free at")
            assert not user.button.display

        assert ask_restore(world, tell, size=(160, 40)) == []

    def test_where_nothing_may_be_restored_the_plan_is_shown_all_the_same(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("this session is read-only")
            await user.sees("replaces x1, common")
            assert not user.button.display

        assert ask_restore(world, tell, size=(160, 40), read_only=True) == []

    def test_a_set_that_is_gone(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("there is no set #99")
            await user.presses("escape")

        assert ask_restore(world, tell, Restore(99)) == [None]

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
    def test_every_size(self, world: World, size: tuple[int, int]) -> None:
        async def tell(user: Asked) -> None:
            if size[0] >= 60:
                await user.sees("READY")
                await user.sees("Restore, undo for 24 h")
                await user.sees("same as")
                await user.goes_to("device nodes")
                await user.sees("device nodes")
            await user.presses("escape")

        assert ask_restore(world, tell, size=size) == [None]


def ask_save(world: World, tell: Tell, size: tuple[int, int] = (100, 40)) -> list[Any]:
    place = place_of(world)
    return ask(AskSave(place), place, tell, size)


class TestSave:
    def test_enter_saves_everything(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("2 snaps, 3 users")
            assert str(user.button.label) == "Save 2 snaps"
            await user.presses("enter")

        assert ask_save(world, tell) == [Save()]

    def test_sizes_by_snap_and_user_and_what_it_took_last_time(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            user.app.screen._follow()
            await user.sees("10B in 4 files")
            await user.sees("3B in 1 file ")
            lines = user.screen().splitlines()
            assert "9B in 3 files" in next(line for line in lines if "] cloud" in line)
            assert "last time" in next(line for line in lines if "] cloud" in line)
            assert "3B in 1 file " in next(line for line in lines if "] alice" in line)
            assert "about" in next(line for line in lines if "to store" in line)

        ask_save(world, tell)

    def test_snaps_and_users_are_chosen_by_space(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.goes_to("chat")
            await user.presses("space")
            await user.goes_to("root ")
            await user.presses("space")
            await user.sees("save cloud --users=alice,bob")
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell, (160, 40)) == [Save(("cloud",), ("alice", "bob"))]

    def test_none_and_all(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.presses("minus")
            assert user.button.disabled
            await user.presses("enter")
            assert not user.is_over()
            await user.presses("asterisk")
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell) == [Save()]

    def test_one_user_stays(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            for name in ("root ", "alice", "bob"):
                await user.goes_to(name)
                await user.presses("space")
            await user.sees("one user at least")
            await user.sees("--users=bob")

        ask_save(world, tell, (160, 40))

    def test_a_pattern_is_checked_while_it_is_typed(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.types("$HOME")
            await user.sees("must start with one of")
            await user.presses("enter")
            await user.sees("same as")
            assert "--exclude" not in user.screen()
            user.button.focus()
            await user.presses("enter")
            assert not user.is_over()

        assert ask_save(world, tell) == []

    def test_a_pattern_is_added_measured_and_taken_out_again(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            box = user.app.screen.query_one("#pattern", Input)
            await user.types("$SNAP_COMMON/*")
            assert "must start" not in user.screen()
            await user.presses("enter")
            await user.sees("keeps 6B out")
            assert box.value == ""
            await user.goes_to("$SNAP_COMMON")
            await user.presses("space")
            assert "keeps" not in user.screen()
            await user.types("$SNAP_DATA/cache")
            await user.presses("enter")
            await user.types("$SNAP_USER_COMMON/c")
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell) == [Save(exclude=("$SNAP_DATA/cache", "$SNAP_USER_COMMON/c"))]

    def test_the_forecast_rests_on_what_left_out_the_same(self, world: World) -> None:
        world.add(2, "cloud", time="2999-02-02T00:00:00Z", exclude=("$SNAP_DATA/cache",), size=77_000)
        world.add(2, "chat", time="2999-02-02T00:00:00Z", exclude=("$SNAP_DATA/cache",), size=1_000)

        async def tell(user: Asked) -> None:
            await user.sees("about 49")
            await user.types("$SNAP_DATA/cache")
            await user.presses("enter")
            await user.sees("about 78.0kB to store")
            await user.types("$SNAP_DATA/other")
            await user.presses("enter")
            await user.sees("at most 49")

        ask_save(world, tell)

    def test_options(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            assert "may not be room" not in user.screen()
            await user.goes_to("fast")
            await user.presses("space")
            await user.goes_to("keep files that change")
            await user.presses("enter")
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell) == [Save(fast=True, accept_changed=True)]

    def test_what_will_go_wrong_is_told_before(self, world: World) -> None:
        world.write_state("{")
        (world.root / "snap/chat/x1/meta/snap.yaml").write_text("{")
        shutil.rmtree(world.home("bob"))
        (world.root / "home/zoe/snap").mkdir(parents=True)

        async def tell(user: Asked) -> None:
            await user.sees("will not be recorded")
            await user.sees("chat cannot be saved")
            await user.sees("belongs to no known user")
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell, (160, 40)) == [Save(("cloud",))]

    def test_too_little_room_is_told_and_can_be_overruled(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(survey, "free_space", lambda _path: 1000)

        async def tell(user: Asked) -> None:
            await user.sees("✗ there may not be room")
            await user.goes_to("start although")
            await user.presses("space")
            assert "✗ there may not be room" not in user.screen()
            user.button.focus()
            await user.presses("enter")

        assert ask_save(world, tell) == [Save(ignore_space=True)]

    def test_nothing_is_installed(self, tmp_path: Path) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("there is nothing to save")
            await user.presses("space", "asterisk", "enter", "escape")

        assert ask_save(World(tmp_path / "empty"), tell) == [None]

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
    def test_every_size(self, world: World, size: tuple[int, int]) -> None:
        async def tell(user: Asked) -> None:
            if size[0] >= 60:
                await user.sees("2 snaps, 3 users")
                await user.sees("Save 2 snaps")
                await user.sees("leave out")
            await user.presses("escape")

        assert ask_save(world, tell, size) == [None]

    @pytest.mark.parametrize("answer", ["escape", "enter"])
    def test_it_can_be_left_at_any_moment(self, world: World, answer: str) -> None:
        async def tell(user: Asked) -> None:
            dialog = AskSave(user.app.place)
            await user.app.push_screen(dialog)
            dialog.post_message(Found(look_around(user.app.place)))
            dialog.action_leave()
            dialog.post_message(Found(look_around(user.app.place)))
            dialog.fit()
            await user.waits()
            await user.presses(answer)

        assert len(ask_save(world, tell)) == 1

    def test_measuring_stops_when_it_is_to(self, world: World) -> None:
        place = place_of(world)
        sizes = Sizes(place, look_around(place))
        job = Job()
        job.stop()
        with pytest.raises(Cancelled):
            sizes.measure_all(job)
        assert not sizes.done


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("$SNAP_COMMON/cache", 30),
        ("$SNAP_COMMON/*/a", 10),
        ("$SNAP_COMMON/c*", 31),
        ("$SNAP_COMMON/away/passwd", 0),
        ("$SNAP_COMMON", 31),
        ("$SNAP_DATA/cache", 0),
        ("$SNAP_USER_COMMON/.h*", 7),
        (r"$SNAP_COMMON/c\*", None),
    ],
)
def test_what_a_pattern_takes_out(tmp_path: Path, pattern: str, taken: int | None) -> None:
    world = World(tmp_path / "root")
    common = {"cache": {"a": "1" * 10, "b": "2" * 20}, "c": "3", "away": Link("/etc")}
    world.install("cloud", common=common, users={"alice": {".hidden": "1234567"}})
    place = place_of(world)
    found = Sizes(place, look_around(place)).taken_out(pattern, Job())
    assert (None if found is None else sum(found.values())) == taken


class TestUndo:
    def test_nothing_to_take_back(self, world: World) -> None:
        async def tell(user: Asked) -> None:
            await user.sees("Nothing can be taken back")
            await user.presses("enter")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell) == [None]

    def test_enter_takes_the_chosen_one_back(self, world: World) -> None:
        first = world.do(Restore(1)).undo_job
        second = world.do(Restore(1, ("chat",))).undo_job

        async def tell(user: Asked) -> None:
            await user.sees("restore of #1  chat")
            await user.sees(f"job {second} changed the same snaps later")
            await user.sees(f"undo {second}")
            await user.presses("j")
            await user.sees(f"Take back job {first}")
            await user.presses("enter")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell) == [first]

    def test_escape_takes_nothing_back(self, world: World) -> None:
        world.do(Restore(1))

        async def tell(user: Asked) -> None:
            await user.sees("until")
            await user.presses("escape")

        place = place_of(world)
        assert ask(AskUndo(place), place, tell, (60, 15)) == [None]


class TestHelp:
    def test_keys_with_their_effects_can_be_searched(self, world: World) -> None:
        place = place_of(world)

        async def tell(user: Asked) -> None:
            await user.sees("What can be done here")
            await user.sees("Choose a restore to take back")
            await user.types("take back")
            await user.sees("Choose a restore to take back")
            assert "Export" not in user.screen()
            await user.types("zzz")
            await user.sees("no key matches")
            await user.presses("escape")

        from tui.inventory import Inventory

        assert ask(Help("Inventory", list(Inventory.BINDINGS)), place, tell) == [None]

    @pytest.mark.parametrize("size", [(60, 15), (40, 10)])
    def test_long_help_scrolls_while_one_types(self, world: World, size: tuple[int, int]) -> None:
        place = place_of(world)

        async def tell(user: Asked) -> None:
            await user.presses(*["pagedown"] * 15)
            await user.sees("more")

        from tui.inventory import Inventory

        assert ask(Help("Inventory", list(Inventory.BINDINGS)), place, tell, size) == []
