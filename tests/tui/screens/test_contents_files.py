"""Previews, hostile names, files of snapshots and slow readings on the screen of contents."""

import shutil
import tarfile
from collections.abc import Callable

import pytest

from backend import Progress
from backend.browse import Tree
from tests.support import TOP
from tests.support.builders import World, tgz, uid_of
from tests.tui.support.contents_world import contents, goes_to, inventory, look, make_world
from tests.tui.support.patient import Patient, patiently
from tui.screens.contents.screen import ContentsScreen, item_text, without_inner
from tui.session.open_file import Location

world = pytest.fixture(make_world)
GOLDEN = TOP / "tests/golden"
HOSTILE = [
    "x[]red].txt",
    "[red]q",
    "[@click=app.bell]w",
    "a\x1b]0;T\x07",
    "n\u202egpj",
    "caf\udce9",
    "t\tb\nc",
]


class TestPreview:
    def test_a_text_is_shown_with_its_encoding(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("common data")
            await goes_to(user, "common data")
            await user.presses("enter")
            await goes_to(user, "notes.txt")
            await user.presses("enter")
            await user.sees("second")
            await user.sees("text · ASCII · 13 B")
            await user.presses("h")
            assert user.app.screen is contents(user)

        look(world, tell)

    def test_preview_follows_the_cursor_where_there_is_room(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("data of this revision")
            await goes_to(user, "data of this revision")
            await user.presses("enter")
            await user.sees("JSON")
            await user.sees('"port": 80')
            await user.presses("D")
            assert '"port": 80' not in user.screen()

        look(world, tell, (140, 30))

    def test_a_link_is_told_and_not_followed(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("common data")
            await goes_to(user, "common data")
            await user.presses("enter")
            await goes_to(user, "way")
            await user.presses("enter")
            await user.sees("→ /etc/passwd")
            assert "root:x:0" not in user.screen()

        look(world, tell)

    @pytest.mark.parametrize("keys", ["enter", "vertical_line"])
    def test_without_previews_no_content_is_ever_shown(self, world: World, keys: str) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("data of this revision")
            await goes_to(user, "data of this revision")
            await user.presses("enter")
            await user.sees("config")
            await user.presses(keys)
            await user.sees("previews are off")
            assert "port" not in user.screen()

        look(world, tell, (140, 30), previews=False)

    def test_a_pager_needs_a_terminal(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("data of this revision")
            await goes_to(user, "data of this revision")
            await user.presses("enter")
            await user.sees("config")
            await user.presses("vertical_line")
            await user.sees("there is no terminal to give to it")

        look(world, tell)


class TestHostile:
    def test_names_are_shown_harmless_and_kept_exact(self, world: World) -> None:
        world.add(2, "odd", {"common": {name: "1" for name in HOSTILE}})

        async def tell(user: Patient) -> None:
            await user.sees("#2")
            await user.presses("g", "l", "down", "enter")
            await user.sees("common data")
            await goes_to(user, "common data")
            await user.presses("enter")
            await user.sees("caf\\xe9")
            for text in (
                "x[]red].txt",
                "[red]q",
                "[@click=app.bell]w",
                "a\\x1b]0;T\\x07",
                "n\\u202egpj",
                "t\\x09b\\x0ac",
            ):
                assert text in user.screen()
            assert "\x1b" not in user.screen()
            await goes_to(user, "caf\\xe9")
            await user.presses("space")
            wanted = contents(user).extraction()
            assert wanted is not None
            assert wanted.items == ("odd:common/caf\udce9",)
            await user.presses("y")
            await user.sees("the command cannot be copied: a name in it is not printable")

        patiently(str(world.root), tell, (120, 30))

    def test_paths_leading_out_are_told_and_cannot_be_marked(self, world: World) -> None:
        extra = [tarfile.TarInfo("/etc/shadow"), tarfile.TarInfo("../up"), tarfile.TarInfo("other/x")]
        world.add(2, "odd", tgz({"common": {"f": "1"}}, uid_of("root"), extra))

        async def tell(user: Patient) -> None:
            await user.sees("#2")
            await user.presses("g", "l", "down", "enter")
            await user.sees("ABSOLUTE")
            await user.sees("LEADS OUT")
            await user.sees("OUTSIDE")
            await goes_to(user, "OUTSIDE")
            await user.presses("space")
            await user.sees("it cannot be selected")
            assert not contents(user).table.marked

        patiently(str(world.root), tell, (120, 30))

    def test_the_earlier_of_two_members_of_one_name_is_told(self, world: World) -> None:
        twice = [tarfile.TarInfo("common/f"), tarfile.TarInfo("common/f")]
        world.add(2, "odd", tgz({"common": {}}, uid_of("root"), twice))

        async def tell(user: Patient) -> None:
            await user.sees("#2")
            await user.presses("g", "l", "down", "enter")
            await user.sees("common data")
            await user.presses("enter")
            await user.sees("REPLACED later")
            assert user.screen().count("REPLACED") == 1

        patiently(str(world.root), tell, (100, 30))

    def test_a_truncated_archive_shows_what_is_readable_and_says_so(self, world: World) -> None:
        whole = tgz({"common": {f"f{number}": bytes([number]) * 30_000 for number in range(40)}})
        world.add(2, "cut", whole[: len(whole) * 2 // 3])

        async def tell(user: Patient) -> None:
            await user.sees("#2")
            await user.presses("g", "l", "down", "enter")
            await user.sees("incomplete")
            await user.presses("enter")
            await user.sees("f1")

        patiently(str(world.root), tell, (120, 30))

    def test_damage_is_told_above_the_table(self, world: World) -> None:
        world.add(2, "bad", {"common": {"f": "1"}}, sums={"archive.tgz": "0" * 96})

        async def tell(user: Patient) -> None:
            await user.sees("#2")
            await user.presses("g", "l", "down", "enter")
            await user.sees("differs from what was saved")

        patiently(str(world.root), tell, (120, 30))


class TestFiles:
    def test_an_export_of_the_real_snapd_lists_its_snapshots_first(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("hello")
            await user.sees("storey")
            await user.presses("enter")
            await user.sees("data of this revision")
            await user.presses("escape")
            await user.sees("storey")
            await user.presses("c")
            await user.sees("✓ OK")

        look(world, tell, file=str(GOLDEN / "1.snapshot"))

    def test_marks_in_a_file_are_taken_out_of_that_file(self, world: World) -> None:
        file = str(GOLDEN / "1.snapshot")

        async def tell(user: Patient) -> None:
            await user.sees("hello")
            await goes_to(user, "hello")
            await user.presses("space")
            wanted = contents(user).extraction()
            assert wanted is not None
            assert wanted.file == file
            assert wanted.items == ("hello",)

        look(world, tell, file=file)

    def test_a_loose_snapshot_is_opened_at_its_tops_and_cannot_be_imported(self, world: World) -> None:
        loose = world.root / "anything.zip"
        shutil.copy(next(world.snapshots.iterdir()), loose)

        async def tell(user: Patient) -> None:
            await user.sees("data of this revision")
            await user.presses("i")
            await user.sees("this is a single snapshot")

        look(world, tell, file=str(loose))

    def test_a_damaged_file_fails_its_check_with_every_fault(self, world: World) -> None:
        raw = bytearray(next(world.snapshots.iterdir()).read_bytes())
        at = raw.find(b"archive.tgz") + 60
        raw[at] ^= 0xFF
        (world.root / "bad.zip").write_bytes(raw)

        async def tell(user: Patient) -> None:
            await user.sees("incomplete")
            await user.presses("c")
            await user.sees("FAILED")
            await user.sees("archive.tgz")

        look(world, tell, file=str(world.root / "bad.zip"))

    def test_other_files_are_not_opened(self, world: World) -> None:
        (world.root / "none").write_text("nothing of ours")

        async def tell(user: Patient) -> None:
            await user.waits()
            assert "Opening" not in user.screen()
            await user.presses("escape")
            assert user.app.screen is inventory(user)

        look(world, tell, file=str(world.root / "none"))

    def test_a_snapshot_of_the_store_cannot_be_imported_and_says_why(self, world: World) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("common data")
            assert "Import" not in user.screen()
            await user.presses("i")
            await user.sees("already in the store")

        look(world, tell)


class TestReading:
    def test_leaving_while_it_is_read_stops_the_reading(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        met: list[str] = []
        close = Tree.close

        def closing(tree: Tree) -> None:
            met.append("closed")
            close(tree)

        monkeypatch.setattr(Tree, "index", endless(met))
        monkeypatch.setattr(Tree, "close", closing)

        async def tell(user: Patient) -> None:
            await user.sees("#1")
            await user.pilot.press("l", "down", "enter")
            await user.pilot.pause(0.01)
            while not any(isinstance(screen, ContentsScreen) for screen in user.app.screen_stack):
                await user.pilot.pause(0.01)
            while "begun" not in met:
                await user.pilot.pause(0.01)
            contents(user).dismiss()
            for _ in range(2000):  # its thread goes with the screen: nobody else waits for it
                if "closed" in met:
                    break
                await user.pilot.pause(0.01)
            assert list(dict.fromkeys(met)) == ["begun", "cancelled", "closed"]

        patiently(str(world.root), tell)

    def test_x_stops_it_and_what_was_met_stays_until_it_is_read_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        met: list[str] = []
        real = Tree.index

        async def tell(user: Patient) -> None:
            await user.sees("#1")
            monkeypatch.setattr(Tree, "index", endless(met))
            await user.pilot.press("l", "down", "enter")
            while "begun" not in met:
                await user.pilot.pause(0.01)
            await user.pilot.press("x")
            await user.waits()
            assert met == ["begun", "cancelled"]
            assert "reading stopped" in user.screen()
            monkeypatch.setattr(Tree, "index", real)
            await user.presses("f5")
            await user.sees("common data")

        patiently(str(world.root), tell)

    def test_the_second_visit_reads_nothing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def tell(user: Patient) -> None:
            await user.sees("alice's data")
            await user.sees("common data")
            await user.presses("h")
            monkeypatch.setattr("backend.browse.tree.index", lambda *_what: pytest.fail("it was read again"))
            await user.presses("enter")
            await user.sees("data of this revision")

        look(world, tell)


def endless(met: list[str]) -> Callable[[Tree, Progress], None]:
    """A reading that never ends by itself."""

    def index(_tree: Tree, progress: Progress) -> None:
        from threading import Event

        stopped = Event()
        with progress.on_cancel(stopped.set):
            met.append("begun")
            stopped.wait()
        met.append("cancelled")
        progress.raise_if_cancelled()

    return index


@pytest.mark.parametrize("size", [(60, 15), (40, 10), (20, 5), (3, 2)])
def test_no_size_is_too_small(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("enter", "down", "enter", "D", "escape", "escape", "o", "F", "escape", "d")
        assert user.screen().count("\n") == size[1] - 1

    look(world, tell, size)


def test_a_folder_is_not_taken_out_twice() -> None:
    inner = Location(0, "archive.tgz", b"common/a/b")
    assert without_inner([inner, Location(0, "archive.tgz", b"common/a")]) == [
        Location(0, "archive.tgz", b"common/a")
    ]
    assert without_inner([inner, Location(0)]) == [Location(0)]
    assert without_inner([inner, Location(0, "user/a.tgz")]) == sorted([inner, Location(0, "user/a.tgz")])


def test_a_whole_snapshot_is_named_by_its_snap(world: World) -> None:
    snapshot = world.engine.sets()[0].snapshots[0]
    assert item_text(Location(0), snapshot) == "cloud"
    assert item_text(Location(0, "user/alice.tgz"), snapshot) == "cloud:user/alice"
