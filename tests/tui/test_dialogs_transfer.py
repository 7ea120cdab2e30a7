"""The dialogs before an export, an import and a forget, and the typing of paths."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Button

from backend import Checked, CheckState, Export, Forget, Import, Job
from backend.wire import content_json
from tests.backend.test_peek import rewritten
from tests.builders import World
from tests.tui.patient import Patient, patiently
from tui.dialogs.export import AskExport
from tui.dialogs.forget import AskForget, Loss, forgets, losses
from tui.dialogs.take_in import AskImport
from tui.paths import absolute, landing, listing
from tui.place import Place, Stock

HOSTILE = ["[red]x", "a\x1b]0;T\x07", "n\u202egpj", "caf\udce9"]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """The working directory."""
    before = os.getcwd()
    here = tmp_path / "here"
    here.mkdir()
    os.chdir(here)
    yield here
    os.chdir(before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    world.install("hello", version="2.0", rev="x2")
    world.add(1, "hello", users={"alice": {"common": {"f": "1"}}})
    world.add(1, "other")
    return world


@pytest.fixture
def exported(world: World, here: Path) -> Path:
    world.engine.export(Export(1, str(here / "e.snapshot")), Job())
    return here / "e.snapshot"


def place_of(user: Patient) -> Place:
    return user.app.place


def export(user: Patient, set_id: int = 1, snaps: int = 9) -> AskExport:
    (part,) = place_of(user).engine.sets(set_id)
    return AskExport(place_of(user), part._replace(snapshots=part.snapshots[:snaps]))


# -- paths


def test_what_a_typed_path_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    cases = {"": "/b/", "x": "/b/x", "~/x": "/home/me/x", "/a//c/": "/a/c/", "..": "/", "../": "/", "/": "/"}
    assert {typed: absolute(typed, "/b") for typed in cases} == cases


def test_how_a_path_can_go_on(here: Path) -> None:
    for name in ("one", "once", "two"):
        (here / name).write_text("1")
    (here / "tree").mkdir()
    (here / ".hidden").write_text("")
    assert [one.name for one in listing("", str(here)).entries] == ["tree", "once", "one", "two"]
    assert listing("o", str(here)).kept == "on"
    assert listing("tr", str(here)).kept == "tree/"
    assert listing(".", f"{here}/x").trouble == ""
    assert [one.name for one in listing(".h", str(here)).entries] == [".hidden"]
    assert listing("none/x", str(here)).trouble == "No such file or directory"
    assert listing("a\0b", str(here)).trouble == "" or listing("a\0b/c", str(here)).trouble


def test_where_a_file_would_land(here: Path) -> None:
    (here / "taken").write_text("123")
    os.mkfifo(here / "pipe")
    assert landing("new", str(here), "1.snapshot").path == f"{here}/new"
    assert landing("", str(here), "1.snapshot").path == f"{here}/1.snapshot"
    assert landing("new", str(here), "n").free > 0
    stands = landing("taken", str(here), "n").stands
    assert stands is not None
    assert stands.size == 3
    assert "not a file" in landing("pipe", str(here), "n").trouble
    assert "no directory" in landing("none/x", str(here), "n").trouble


# -- export


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15)])
def test_enter_exports_to_the_name_that_is_offered(world: World, here: Path, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(export(user))
        await user.sees("free there")
        assert "bytes) to write" in user.screen()
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [Export(1, f"{here}/1.snapshot")]


def test_tab_completes_and_a_directory_gets_the_name(world: World, here: Path) -> None:
    (here / "backups").mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(export(user))
        await user.types("ba", "#path")
        await user.presses("tab")
        await user.sees("backups/1.snap")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [Export(1, f"{here}/backups/1.snapshot")]


def test_a_file_that_stands_there_is_replaced_only_after_a_yes(world: World, here: Path) -> None:
    (here / "1.snapshot").write_text("precious")

    async def tell(user: Patient) -> None:
        await user.is_asked(export(user))
        await (await user.presses("enter")).sees("would be replaced: type yes")
        await (await user.presses("enter")).sees("would be replaced")
        assert user.answers == []
        await user.types("yes")
        await user.presses("enter")

    assert patiently(str(world.root), tell, (80, 24)) == [Export(1, f"{here}/1.snapshot")]


def test_what_is_broken_is_named_and_left_out_by_choice(world: World, here: Path) -> None:
    path = world.add(1, "third")
    path.write_bytes(path.read_bytes().replace(b"meta.sha3_384", b"meta.sha3_38x"))

    async def tell(user: Patient) -> None:
        await user.is_asked(export(user))
        await user.sees("✗ broken")
        await (await user.presses("enter")).sees("broken: third; choose to leave that out")
        await user.presses("down", "down", "down", "space")
        await user.sees("--skip-broken")
        user.button().press()
        await user.waits()

    assert patiently(str(world.root), tell) == [Export(1, f"{here}/1.snapshot", skip_broken=True)]


def test_where_nothing_can_be_written_nothing_is_exported(world: World, here: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(export(user, snaps=1))
        await user.sees("exported as a whole")
        await user.types("/nowhere/x", "#path")
        await (await user.presses("enter")).sees("there is no directory /nowhere")
        await user.presses("escape")

    assert patiently(str(world.root), tell) == [None]


# -- import


def test_a_file_is_chosen_looked_into_and_imported(world: World, exported: Path, tmp_path: Path) -> None:
    other = World(tmp_path / "other", users=["bob"])
    other.install("hello", version="2.0", rev="x2")

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.sees("e.snapshot")
        await user.presses("down", "enter")
        await user.sees("set #1 of where it was exported")
        for words in ("hello  1.0 rev x1", "here 2.0 rev x2", "not installed here", "alice"):
            assert words in user.screen()
        assert "no such user here: alice" in user.screen()
        user.button().press()
        await user.waits()

    assert patiently(str(other.root), tell, (100, 30)) == [Import(str(exported))]
    assert other.names() == []


def test_what_is_here_already_is_told(world: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.types("e.snapshot", "#path")
        await user.sees("the same is here as #1")
        assert "import-snapshot" in user.screen()

    patiently(str(world.root), tell)


def test_what_an_import_would_refuse_is_not_offered(world: World, exported: Path) -> None:
    exported.write_bytes(exported.read_bytes()[:-4096])

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.types("e.snapshot", "#path")
        await user.sees("it would be refused")
        assert not user.button().display
        await (await user.presses("enter")).sees("it would be refused:")

    assert patiently(str(world.root), tell, (80, 24)) == []


def test_a_wrong_content_hash_is_accepted_by_choice(world: World, exported: Path, tmp_path: Path) -> None:
    wrong = content_json(b"\1" * 32)
    raw = rewritten(exported.read_bytes(), lambda n, data: (n, wrong if n == "content.json" else data))
    exported.write_bytes(raw)

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.types("e.snapshot", "#path")
        await (await user.presses("enter")).sees("content hash of the set does not fit; choose")
        await user.presses("down", "home", "space")
        await user.sees("--accept-hash")
        user.button().press()
        await user.waits()

    root = World(tmp_path / "other").root
    assert patiently(str(root), tell) == [Import(str(exported), accept_hash=True)]


def test_directories_are_walked_with_enter_and_h(world: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.sees("e.snapshot")
        await user.presses("down", "h")
        await user.sees("here/")
        await user.types("/nowhere/", "#path")
        await user.sees("No such file or directory")
        await (await user.presses("enter")).sees("choose a file first")

    patiently(str(world.root), tell)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_can_be_chosen(
    world: World, exported: Path, here: Path, name: str
) -> None:
    os.rename(exported, here / name)

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await user.sees("1 name")
        await user.presses("down", "enter")
        await user.sees("the same is here as #1")
        assert "\x1b" not in user.screen()
        user.button().press()
        await user.waits()

    assert patiently(str(world.root), tell) == [Import(f"{here}/{name}")]


# -- forget


def stock_of(world: World, **states: CheckState) -> Stock:
    stock = Place(world.engine, ()).stock()
    standing = {
        one.path: Checked(states.get(f"s{one.set_id}", CheckState.NEVER))
        for part in stock.sets
        for one in part.snapshots
    }
    return stock._replace(standing=standing)


def test_the_last_copy_is_counted_by_owner(world: World) -> None:
    world.add(2, "hello")
    stock = stock_of(world)
    assert losses([stock.sets[0]], stock) == [Loss("hello", ("alice",)), Loss("other", ("system",))]
    assert losses([stock.sets[1]], stock) == []
    assert losses(list(stock.sets), stock)[0] == Loss("hello", ("system", "alice"))


def test_a_failed_copy_is_no_copy(world: World) -> None:
    world.add(2, "other")
    stock = stock_of(world, s1=CheckState.FAILED)
    assert losses([stock.sets[1]], stock) == [Loss("other", ("system",))]
    assert losses([stock.sets[0]], stock) == []


def test_the_last_verified_copy_is_told(world: World) -> None:
    world.add(2, "other")
    world.add(3, "other")
    stock = stock_of(world, s2=CheckState.OK)
    assert losses([stock.sets[1]], stock) == [Loss("other", ("system",), (1, 3))]
    assert losses([stock.sets[1]], stock_of(world, s2=CheckState.OK, s3=CheckState.OLD)) == []


def test_a_part_of_a_set_is_named_by_its_snaps(world: World) -> None:
    stock = stock_of(world)
    (one,) = stock.sets
    assert forgets([one], stock) == [Forget(1)]
    part = one._replace(snapshots=one.snapshots[:1])
    assert forgets([part], stock) == [Forget(1, ("hello",))]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_number_of_the_set_has_to_be_typed(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        stock = place_of(user).stock()
        await user.is_asked(AskForget(list(stock.sets), stock, ("--demo",)))
        await user.sees("the last usable copy of other (system)")
        assert "snapstow --demo forget 1" in user.screen()
        await (await user.presses("enter")).sees("type 1 to forget for good")
        await user.types("2")
        assert user.button().disabled
        await (await user.presses("enter")).sees("type 1 to forget for good")
        assert user.answers == []
        await user.types("#1")
        assert not user.button().disabled
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [True]


def test_several_sets_are_forgotten_by_a_word_and_esc_keeps_them(world: World) -> None:
    world.add(2, "hello")

    async def tell(user: Patient) -> None:
        stock = place_of(user).stock()
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.sees("Forget 2 sets")
        await user.presses("escape")
        await user.is_asked(AskForget(list(stock.sets), stock))
        await user.types("forget")
        assert isinstance(user.button(), Button)
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [False, True]
