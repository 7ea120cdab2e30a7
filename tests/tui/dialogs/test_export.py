"""Stories of an export being asked for."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from backend import Export
from backend.transfer import Destination, ExportChoice, ExportPlan
from tests.support.builders import World
from tests.support.command import snapstow
from tests.tui.support.command_world import damage
from tests.tui.support.looks import Piece, pieces
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import (
    HOSTILE,
    cursor_name,
    exported_set,
    place_of,
    reads,
    stands_on,
    wording,
    working_directory,
    world_of_two,
)
from tui.dialogs.export import AskExport
from tui.dialogs.export_preview import Weight, obstacle

__all__ = ["exported_set", "working_directory", "world_of_two"]

SIZES = [(80, 24), (60, 15)]


def ask(user: Patient, snaps: int = 9) -> AskExport:
    (part,) = place_of(user).engine.sets(1)
    return AskExport(place_of(user), part._replace(snapshots=part.snapshots[:snaps]))


def bytes_to_write(user: Patient) -> int:
    """What the dialog says the file takes."""
    size = re.search(r"\(([\d,]+) bytes\) to write", wording(user))
    assert size
    return int(size[1].replace(",", ""))


def whole(here: Path, name: str = "1.snapshot", **options: Any) -> Export:
    return Export(1, f"{here}/{name}", checksum=True, **options)


@pytest.mark.parametrize("size", SIZES)
def test_enter_exports_to_the_name_that_is_offered(world: World, here: Path, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "free there,")
        for part in ("bytes) to write", " after", "[x] hello", "[x] other"):
            assert part in wording(user)
        await user.presses("enter")

    assert patiently(str(world.root), tell, size) == [whole(here)]


def test_check_known_to_the_ledger_stands_beside_each_snap(world: World, here: Path) -> None:
    assert snapstow(world.root, "check-snapshot", "1", "other").code == 0

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "free there")
        hello, other = (line for line in user.dialog().splitlines() if "[x] hello" in line or "other" in line)
        assert "? never" in hello
        assert "✓ verified 0s" in other or "✓ verified 1s" in other
        assert not user.edge.verdict
        assert piece_of(user, "? never").style.color != piece_of(user, "✓ verified").style.color

    patiently(str(world.root), tell)


def piece_of(user: Patient, text: str) -> Piece:
    return next(piece for piece in pieces(user.app) if text in piece.text)


def test_a_failed_check_is_a_warning_and_the_answer_says_so(world: World, here: Path) -> None:
    damage(world.snapshots / "1_hello_1.0_x1.zip")
    assert snapstow(world.root, "check-snapshot", "1").code == 4

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "free there")
        assert "its last check failed: " in wording(user)
        assert "✗ failed" in wording(user)
        assert "Export anyway" in wording(user)
        assert user.edge.verdict == "✗ CHECK FAILED"
        assert "--force" in wording(user)
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [whole(here, force=True)]


def test_snaps_chosen_in_the_inventory_are_exported(world: World, here: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user, snaps=1))
        await reads(user, "free there")
        assert "[x] hello" in wording(user)
        assert "[ ] other" in wording(user)
        assert "snapstow --demo export-snapshot 1" in wording(user)
        await user.presses("enter")

    answer = patiently(str(world.root), tell)
    assert answer == [Export(1, f"{here}/1.snapshot", snaps=("hello",), checksum=True)]


def test_snaps_are_chosen_and_the_size_follows(world: World, here: Path) -> None:
    sizes: list[int] = []

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "bytes) to write")
        sizes.append(bytes_to_write(user))
        await stands_on(user, "hello")
        await reads(await user.presses("space"), "[ ] hello")
        await reads(user, "bytes) to write")
        sizes.append(bytes_to_write(user))
        await user.presses("minus")
        await reads(user, "nothing is selected")
        await user.presses("enter")
        await reads(await user.waits(), "nothing is selected: select a snap with Space")
        await reads(await user.presses("asterisk"), "free there")
        sizes.append(bytes_to_write(user))
        await stands_on(user, "other")
        await user.presses("space")
        await reads(user, "free there")
        await user.presses("enter")
        await user.waits()

    answer = patiently(str(world.root), tell)
    assert answer == [Export(1, f"{here}/1.snapshot", snaps=("hello",), checksum=True)]
    assert sizes[1] < sizes[0] == sizes[2]


def test_the_size_shown_is_that_of_the_file(world: World, here: Path) -> None:
    weights: list[int] = []

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user, snaps=1))
        await reads(user, "free there")
        weights.append(bytes_to_write(user))
        await user.presses("enter")

    (export,) = patiently(str(world.root), tell)
    assert export == Export(1, f"{here}/1.snapshot", snaps=("hello",), checksum=True)
    world.do(export)
    assert weights == [os.path.getsize(export.file)]


def test_tab_completes_and_a_directory_gets_the_name(world: World, here: Path) -> None:
    (here / "backups").mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await user.types("ba", "#path")
        await reads(user, "backups/")
        await user.presses("tab")
        await reads(user, "free there")
        assert user.app.screen.query_one("#path", Input).value == "backups/"
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [whole(here, "backups/1.snapshot")]


@pytest.mark.parametrize("name", ["1.snapshot", "1.snapshot.sha256"])
def test_a_file_that_stands_there_is_replaced_only_after_a_yes(world: World, here: Path, name: str) -> None:
    (here / name).write_text("precious")

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, f"{name} already exists")
        await reads(await user.presses("enter"), f"{name} would be replaced: type yes")
        await reads(await user.presses("enter"), "would be replaced")
        assert user.answers == []
        await user.types("yes")
        await user.presses("enter")

    assert patiently(str(world.root), tell, (80, 24)) == [whole(here)]


def test_without_a_checksum_the_old_one_stays(world: World, here: Path) -> None:
    (here / "1.snapshot.sha256").write_text("precious")

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "already exists")
        await stands_on(user, "SHA-256")
        await user.presses("space")
        await reads(user, "free there")
        assert "already exists" not in wording(user)
        await user.presses("enter")
        await user.waits()

    assert patiently(str(world.root), tell) == [Export(1, f"{here}/1.snapshot")]


def test_broken_snapshots_are_named_and_left_out_by_choice(world: World, here: Path) -> None:
    path = world.add(1, "third")
    path.write_bytes(path.read_bytes().replace(b"meta.sha3_384", b"meta.sha3_38x"))

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "✗ damaged")
        await reads(await user.presses("enter"), "damaged: third; deselect with Space")
        await stands_on(user, "third")
        await user.presses("space")
        await reads(user, "--skip-broken")
        await reads(user, "free there")
        await user.presses("enter")
        await user.waits()

    assert patiently(str(world.root), tell) == [whole(here, skip_broken=True)]


def test_a_part_beside_something_broken_is_a_part(world: World) -> None:
    path = world.add(1, "third")
    path.write_bytes(path.read_bytes().replace(b"meta.sha3_384", b"meta.sha3_38x"))
    (group,) = world.engine.sets(1)
    plan, by_name = (
        ExportPlan(1, group.snapshots),
        {snapshot.snap: snapshot.path for snapshot in group.snapshots},
    )
    part = ExportChoice(frozenset([by_name["hello"]]), checksum=False)
    assert plan.operation(part, "/f") == Export(1, "/f", snaps=("hello",))
    other = plan.toggled(plan.toggled(part, by_name["other"]), by_name["hello"])
    assert other.chosen == {by_name["other"]}


BLOCKED: dict[str, Callable[[Path, World], str]] = {
    "no checksum can be written beside a FIFO": lambda here, _world: f"{here}/pipe",
    "export to another directory": lambda _here, world: f"{world.snapshots}/x",
}


@pytest.mark.parametrize("reason", BLOCKED)
def test_where_nothing_can_be_written_nothing_is_exported(world: World, here: Path, reason: str) -> None:
    os.mkfifo(here / "pipe")

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await user.types(BLOCKED[reason](here, world), "#path")
        await reads(user, reason)
        await user.presses("enter")
        assert user.answers == []
        await user.presses("escape", "escape")

    assert patiently(str(world.root), tell) == [None]


def test_too_large_for_the_file_system_or_for_the_room() -> None:
    where = Destination("/m/x", free=10**12, largest=2**32 - 1, limit="on that file system (vfat)")
    draft = ExportChoice(frozenset(["a"]))
    assert "on that file system (vfat) a file can have" in obstacle(Weight(2**32), where, draft)
    assert not obstacle(Weight(2**32 - 1), where, draft)
    assert "not enough free space" in obstacle(Weight(10), Destination("/m/x", free=9), draft)
    assert obstacle(Weight(1), Destination("/m/x", 9, sums_trouble="odd"), draft) == "odd"
    assert not obstacle(Weight(1), Destination("/m/x", 9, sums_trouble="odd"), draft._replace(checksum=False))


def test_a_set_that_is_gone_says_so(world: World, here: Path) -> None:
    async def tell(user: Patient) -> None:
        asked = ask(user)
        for name in world.names():
            (world.snapshots / name).unlink()
        await user.is_asked(asked)
        await reads(user, "there is no set #1 any more")
        await user.presses("enter")
        assert user.answers == []

    patiently(str(world.root), tell)


# -- walking


def test_the_directory_is_walked_and_the_name_kept(world: World, here: Path) -> None:
    (here / "a" / "b").mkdir(parents=True)

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(user, "free there")
        await user.types(f"{here}/mine.snap", "#path")
        await reads(await user.presses("f2"), "a/")
        await stands_on(user, "a/")
        await reads(await user.presses("enter"), "b/")
        await stands_on(user, "b/")
        await reads(await user.presses("l"), "this directory is empty")
        await reads(await user.presses("h"), "b/")
        assert cursor_name(user) == "b"
        await reads(await user.presses("escape"), "[x] hello")
        await user.presses("enter")

    assert patiently(str(world.root), tell, (60, 15)) == [whole(here, "a/mine.snap")]


def test_a_name_is_taken_from_the_directory_and_asked_about(world: World, here: Path) -> None:
    (here / "old.snapshot").write_text("precious")

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await user.presses("f2")
        await stands_on(user, "old.snapshot")
        await reads(await user.presses("enter"), "old.snapshot already exists")
        await user.presses("enter")
        assert user.answers == []

    patiently(str(world.root), tell)


def test_typing_narrows_the_directory_down(world: World, here: Path) -> None:
    for name in ("one", "other", "two"):
        (here / name).mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await user.types("o", "#path")
        await reads(user, "2 names")
        await user.presses("down")
        await stands_on(user, "other/")
        await reads(await user.presses("enter"), "this directory is empty")
        await user.presses("escape")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [whole(here, "other/1.snapshot")]


def test_a_dead_key_says_why(world: World, here: Path) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(await user.presses("down", "h"), "F2 shows the directory; there h")
        await reads(await user.presses("full_stop"), "F2 shows the directory; there .")
        await user.presses("f2")
        await reads(await user.presses("asterisk"), "Esc goes back to them")

    patiently(str(world.root), tell)


@pytest.mark.parametrize("name", HOSTILE[1::2])
def test_hostile_names_are_walked_through(world: World, here: Path, name: str) -> None:
    (here / name).mkdir()

    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await reads(await user.presses("f2"), "1 name")
        await user.presses("end")
        await reads(await user.presses("enter"), "this directory is empty")
        await user.presses("escape")
        await user.presses("enter")

    assert patiently(str(world.root), tell) == [whole(here, f"{name}/1.snapshot")]


@pytest.mark.parametrize("size", [(40, 10), (20, 5)])
def test_on_the_smallest_screen_nothing_breaks(world: World, here: Path, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        await user.is_asked(ask(user))
        await user.presses("down", "space", "f2", "down", "f2", "down", "escape", "escape")

    assert patiently(str(world.root), tell, size) == [None]
