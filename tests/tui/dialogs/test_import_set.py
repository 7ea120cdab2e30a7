"""Stories of an import being asked for: a file is found, looked into, and taken or not."""

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend import Epoch, Export, Import, Progress, SnapshotError
from backend.archive import read_export_file
from backend.format.export_manifest import content_json
from backend.transfer import ImportChoice, ImportPlan, plan_import
from tests.backend.archive.test_export_file import rewritten
from tests.support.builders import World
from tests.tui.support.dialogs import line_list
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import (
    exported_set,
    place_of,
    reads,
    stands_on,
    wording,
    working_directory,
    world_of_two,
)
from tui.dialogs.import_set import AskImport, Looking
from tui.screens.contents.screen import ContentsScreen
from tui.views.import_plan import obstacle_text

__all__ = ["exported_set", "working_directory", "world_of_two"]

SIZES = [(80, 24), (60, 15)]


@pytest.fixture
def other(tmp_path: Path) -> World:
    """Another root, without any set."""
    world = World(tmp_path / "other", users=["bob"])
    world.install("hello", version="2.0", rev="x2")
    return world


async def looks_into(user: Patient, path: Path | str, sees: str = "exported") -> Patient:
    await user.is_asked(AskImport(place_of(user)))
    await user.types(str(path), "#path")
    await reads(user, sees)
    return user


async def imports(user: Patient) -> None:
    await user.presses("enter")
    await user.waits()


# -- what is inside


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_chosen_looked_into_and_imported(
    other: World, exported: Path, size: tuple[int, int]
) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await stands_on(user, "e.snapshot")
        await user.presses("enter")
        await reads(user, "exported as set #1")
        assert "saved 2026-11-22 09:09" in wording(user)
        for text in (
            "hello  1.0 rev x1",
            "installed 2.0 rev x2, newer",
            "not installed",
            "no such user here",
        ):
            await stands_on(user, text)
        await stands_on(user, "does not expire")
        await imports(user)

    assert patiently(str(other.root), tell, size) == [Import(str(exported))]
    assert other.names() == []


@pytest.mark.parametrize(
    ("rev", "text"),
    [("x2", "newer than in the file"), ("x1", "the same revision"), ("7", "another revision")],
)
def test_the_installed_revision_is_compared(tmp_path: Path, exported: Path, rev: str, text: str) -> None:
    world = World(tmp_path / "third")
    world.install("hello", version="2.0", rev=rev)
    assert any(text in line for line in lines_about(world, exported))


def test_obstacles_of_a_later_restore_are_told(tmp_path: Path, here: Path) -> None:
    world = World(tmp_path / "from")
    world.add(1, "hello", snap_id="a" * 32, rev="9")
    world.add(1, "other", rev="9", epoch=Epoch((5,), (5,)))
    world.engine.export(Export(1, str(here / "e.snapshot")), Progress())
    target = World(tmp_path / "to")
    for snap in ("hello", "other"):
        target.install(snap, rev="4")
        target.remember(snap, rev="4", snap_id="b" * 32)
    lines = lines_about(target, here / "e.snapshot")
    assert any("is another snap of that name (ID bbbbbbb…, in the file aaaaaaa…)" in line for line in lines)
    assert any("cannot read this data (epoch 0, in the file 5)" in line for line in lines)


def lines_about(world: World, path: Path) -> list[str]:
    from tui.dialogs.import_preview import inside_lines

    inside = plan_import(world.engine, str(path), Progress())
    assert not inside.trouble
    return [line.text.plain for line in inside_lines(inside, ImportChoice(inside.snaps), 0)]


def test_duplicate_of_a_set_here_is_told(world: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot", "identical to #1")
        assert "Nothing would be added" in wording(user)
        assert "import-snapshot" in wording(user)
        assert "automatic" not in wording(user)

    patiently(str(world.root), tell)


def test_the_expiry_of_the_same_set_is_told(world: World, exported: Path) -> None:
    world.write_state(snapshots={"1": {"expiry-time": "2099-01-02T03:04:05Z"}})

    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot", "automatic set, which snapd removes after 2099-01-02")

    patiently(str(world.root), tell)


def test_a_part_is_chosen_and_judged_by_itself(world: World, exported: Path) -> None:
    for name in world.names():
        if "other" in name:
            (world.snapshots / name).unlink()

    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot", "does not expire")
        await stands_on(user, "other")
        await reads(await user.presses("space"), "identical to #1")
        await user.presses("asterisk")
        await reads(user, "does not expire")
        await reads(await user.presses("minus"), "nothing is selected")
        assert user.answer.waits == "choose a snap"
        await stands_on(user, "other")
        await reads(await user.presses("space"), "does not expire")
        await imports(user)

    assert patiently(str(world.root), tell, (80, 24)) == [Import(str(exported), snaps=("other",))]


def test_the_room_follows_the_choice(other: World, exported: Path) -> None:
    inside = plan_import(other.engine, str(exported), Progress())
    whole, none = ImportChoice(inside.snaps), ImportChoice()
    assert inside.added_bytes(none) < inside.added_bytes(whole) == os.path.getsize(exported)
    assert not obstacle_text(inside, whole)
    assert obstacle_text(inside, none).startswith("nothing is selected")
    assert "not enough free space" in obstacle_text(replace(inside, free=1 << 20), whole)


def test_a_wrong_content_hash_is_accepted_by_choice(other: World, exported: Path) -> None:
    wrong = content_json(b"\1" * 32)
    raw = rewritten(exported.read_bytes(), lambda n, data: (n, wrong if n == "content.json" else data))
    exported.write_bytes(raw)

    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot")
        await reads(await user.presses("enter"), "content hash of the set does not match; accept")
        await stands_on(user, "import it although")
        await reads(await user.presses("space"), "--accept-hash")
        await imports(user)

    assert patiently(str(other.root), tell) == [Import(str(exported), accept_hash=True)]


# -- looking inside before


async def dialog_as_it_is(user: Patient) -> tuple[object, ...]:
    await user.waits()
    screen = user.screen_of(AskImport)
    return screen.focused, screen.path_input.typed, line_list(user).cursor_key, user.dialog()


async def looks_inside(user: Patient, key: str) -> None:
    """Look inside, and be back at the dialog as it was."""
    before = await dialog_as_it_is(user)
    await user.presses(key)
    assert isinstance(user.app.screen, ContentsScreen)
    await (await user.sees("hello")).sees("other")
    await user.presses("escape")
    assert await dialog_as_it_is(user) == before


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_l_looks_inside_a_typed_file_and_esc_comes_back_to_the_dialog_as_it_was(
    other: World, exported: Path, size: tuple[int, int]
) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("i")
        await user.types("e.snapshot", "#path")
        await reads(user, "exported as set #1")
        assert "→ looks inside" in user.dialog()
        await looks_inside(user, "right")
        await stands_on(user, "other")
        await user.presses("space")
        await reads(user, "[ ] other")
        assert "l looks inside" in user.dialog()
        await looks_inside(user, "l")
        assert "[ ] other" in user.dialog()
        await user.presses("enter")
        await user.sees("#1")

    patiently(str(other.root), tell, size)
    assert [name for name in other.names() if "hello" in name]
    assert not [name for name in other.names() if "other" in name]


def test_l_on_a_file_of_the_directory_looks_inside_and_on_a_directory_goes_in(
    other: World, exported: Path
) -> None:
    (exported.parent / "below").mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await stands_on(user, "e.snapshot")
        await looks_inside(user, "l")
        await looks_inside(user, "right")
        await stands_on(user, "below")
        await reads(await user.presses("l"), "this directory is empty")

    patiently(str(other.root), tell)


def test_right_in_the_box_moves_its_cursor_as_long_as_it_can(other: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot")
        box = user.screen_of(AskImport).path_input
        await user.presses("home", "right")
        assert box.cursor_position == 1
        assert isinstance(user.app.screen, AskImport)

    patiently(str(other.root), tell)


def test_import_from_inside_goes_back_to_the_dialog_that_asks_for_that_file(
    other: World, exported: Path
) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        await stands_on(user, "e.snapshot")
        await user.presses("l")
        await (await user.sees("hello")).presses("i")
        assert isinstance(user.app.screen, AskImport)
        await reads(user, "exported as set #1")
        await imports(user)

    assert patiently(str(other.root), tell) == [Import(str(exported))]


def test_a_file_that_holds_no_snapshots_is_looked_into_and_says_so(other: World, here: Path) -> None:
    (here / "odd").write_text("hello " * 1000)

    async def tell(user: Patient) -> None:
        await looks_into(user, "odd", "not an export")
        await user.presses("right")
        assert isinstance(user.app.screen, ContentsScreen)
        await user.sees("cannot look into")
        await user.presses("escape")
        assert isinstance(user.app.screen, AskImport)

    patiently(str(other.root), tell)


# -- what is no export


def bare_zip(world: World, _exported: Path, path: Path) -> None:
    shutil.copy(world.snapshots / world.names()[0], path)


def compressed(_world: World, exported: Path, path: Path) -> None:
    path.write_bytes(gzip.compress(exported.read_bytes()))


def a_snap(_world: World, _exported: Path, path: Path) -> None:
    path.write_bytes(b"hsqs" + bytes(4096))


def text(_world: World, _exported: Path, path: Path) -> None:
    path.write_text("hello " * 1000)


def empty(_world: World, _exported: Path, path: Path) -> None:
    path.write_bytes(b"")


ODD: dict[str, Callable[[World, Path, Path], None]] = {
    "a single snapshot": bare_zip,
    "is compressed": compressed,
    "it is a snap to be installed": a_snap,
    "not an export": text,
    "it is empty": empty,
}


@pytest.mark.parametrize("reason", ODD)
def test_other_files_are_named_for_what_they_are(
    world: World, exported: Path, here: Path, reason: str
) -> None:
    ODD[reason](world, exported, here / "odd")
    inside = plan_import(world.engine, str(here / "odd"), Progress())
    assert reason in inside.trouble
    assert obstacle_text(inside, ImportChoice()) == inside.trouble


def test_other_files_are_not_offered(world: World, here: Path) -> None:
    os.mkfifo(here / "odd")

    async def tell(user: Patient) -> None:
        await looks_into(user, "odd", "FIFO")
        assert user.edge.main is None
        await user.presses("enter")
        assert user.answers == []
        await stands_on(await user.presses("f2"), "odd")
        await reads(await user.presses("enter"), "odd is a FIFO")

    patiently(str(world.root), tell)


def test_an_export_named_as_a_zip_is_one_all_the_same(other: World, exported: Path) -> None:
    exported.rename(exported.with_name("e.zip"))
    assert any("it is a valid export" in line for line in lines_about(other, exported.with_name("e.zip")))


def test_of_a_file_that_is_cut_short_the_readable_part_is_told(other: World, exported: Path) -> None:
    raw = exported.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        last = next(member for member in tar if "other" in member.name)
    exported.write_bytes(raw[: last.offset_data + 10])

    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot", "cannot be imported")
        assert "Readable: 1 snap (hello)" in wording(user)
        assert user.edge.main is None
        await reads(await user.presses("enter"), "cannot be imported:")

    assert patiently(str(other.root), tell, (80, 24)) == []


# -- between the look and the import


def test_the_import_finds_out_what_changed_since_the_look(other: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await looks_into(user, "e.snapshot", "does not expire")
        raw = bytearray(exported.read_bytes())
        raw[raw.index(b"archive.tgz") + 40] ^= 1
        exported.write_bytes(raw)
        await imports(user)

    (answer,) = patiently(str(other.root), tell)
    with pytest.raises(SnapshotError):
        other.do(answer)
    assert other.names() == []


def test_a_long_look_is_told_and_let_go_of(other: World, exported: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(place_of(user)))
        screen = user.screen_of(AskImport)
        typed = screen.path_input.typed
        screen.post_message(Looking(typed, size=80 * 10**9))
        screen.post_message(Looking(typed, done=12 * 10**9))
        await reads(user, "12.0 GB of 80.0 GB…")
        await reads(await user.presses("enter"), "still reading it")
        job = screen._progress
        await user.presses("escape")
        assert job.stopping

    assert patiently(str(other.root), tell) == [None]


def test_a_look_counts_what_it_passes_over(exported: Path) -> None:
    events: list[object] = []
    read_export_file(str(exported), Progress(events.append))
    assert events


def test_nothing_inside_is_nothing_to_import() -> None:
    assert obstacle_text(ImportPlan("/f", trouble="odd"), ImportChoice()) == "odd"
