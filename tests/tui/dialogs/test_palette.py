"""The palette and the key bar: what can be done here and now, and nothing else."""

from pathlib import Path

import pytest

from backend import Export, Save, Snapshot, SnapshotSet
from backend.model import Revision
from tests.support.builders import World
from tests.tui.support.dialogs import shown
from tests.tui.support.patient import Patient, patiently
from tui.cli.arguments.verbs import VERBS as VERBS_OF_THE_COMMAND_LINE
from tui.dialogs.palette import Palette
from tui.dialogs.palette import line_of as palette_line
from tui.screens.contents.screen import ContentsScreen
from tui.screens.inventory.palette_items import choices
from tui.screens.inventory.screen import InventoryScreen
from tui.screens.jobs.screen import JobsScreen
from tui.session.inventory import InventoryData, Pivot
from tui.terminal import themes
from tui.views.palette_item import PaletteItem
from tui.views.set_keys import SetKey
from tui.widgets.key_bar import Key, fitted
from tui.widgets.table import LineTable

VERBS = [Key(name[0], name[0], name.title(), name) for name in ("restore", "check", "save", "export")]
HELP = Key("question_mark", "?", "Help", "help")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "x"})
    for number in range(1, 6):
        world.add(number, "hello", users={"alice": {"x1": {}}}, time=f"2024-01-0{number}T00:00:00Z")
    world.write_state()
    return world


# -- the key bar


@pytest.mark.parametrize(("width", "shown"), [(80, "rcse?"), (40, "rcs?"), (20, "r?"), (9, "?"), (0, "?")])
def test_the_last_key_is_help_at_any_width(width: int, shown: str) -> None:
    assert "".join(key.shown for key in fitted([*VERBS, HELP], width)) == shown


@pytest.mark.parametrize(
    ("width", "bar"),
    [
        (80, "Enter Open r Restore c Check s Save e Export i Import d Compare ? Help"),
        (
            120,
            "Enter Open r Restore c Check s Save e Export i Import d Compare F Find / Filter u Undo"
            " J Jobs : All ? Help",
        ),
    ],
)
def test_the_bar_has_the_keys_in_the_order_of_use_and_fills_its_width(
    width: int, bar: str, world: World
) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("#5")
        line = user.screen().splitlines()[-1]
        assert " ".join(line.split()) == bar
        assert len(line) >= width - 6

    patiently(str(world.root), tell, (width, 24))


def test_the_bar_has_what_works_where_a_filter_is_typed(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.sees("#5")
        await user.presses("slash", "h")
        assert user.screen().splitlines()[-1].split("  ") == [" Enter Keep filter", "", "Esc Clear filter"]
        await user.presses("enter")
        assert "r Restore" in user.screen().splitlines()[-1]

    patiently(str(world.root), tell)


def test_refused_verbs_are_not_shown_and_say_why(world: World) -> None:
    async def tell(user: Patient) -> None:
        bar = user.screen().splitlines()[-1]
        assert "Restore" not in bar
        assert "Check" in bar
        assert bar.rstrip().endswith("? Help")
        await user.presses("r")
        assert "read-only" in user.screen().splitlines()[-2]

    patiently(str(world.root), tell, read_only=True)


def test_a_click_on_the_bar_is_the_key(world: World) -> None:
    async def tell(user: Patient) -> None:
        at = user.screen().splitlines()[-1].index("? Help")
        await user.pilot.click(offset=(at + 1, 39))
        await user.sees("Help: Inventory")

    patiently(str(world.root), tell)


# -- the palette


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
def test_a_verb_is_found_by_its_name_and_done(key: str, world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses(key)
        assert "Show the plan, then restore" in user.screen()
        await user.presses(*"export", "enter")
        await user.sees("Export")
        assert not isinstance(user.app.screen, Palette)

    patiently(str(world.root), tell)


def test_a_set_is_gone_to(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("v", "colon", *"go to #2", "enter")
        await user.waits()
        assert user.app.screen.query_one(LineTable).cursor_key == SetKey(2)

    patiently(str(world.root), tell)


def test_a_set_is_acted_on_whatever_was_marked(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("space", "space", "colon", *"forget #2", "enter")
        await user.sees("#2")
        await user.sees("Forget")
        assert "#5" not in "".join(user.screen().splitlines()[-25:-3])

    patiently(str(world.root), tell)


def test_the_cursor_moves_while_the_search_goes_on(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("colon", *"theme", "down", "down")
        palette = user.app.screen
        assert isinstance(palette, Palette)
        assert palette.lines.highlighted == 2
        await user.presses("enter")
        assert user.app.theme == themes.LIGHT

    patiently(str(world.root), tell)


def test_refused_verbs_are_in_the_palette_with_their_reason(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("colon")
        assert isinstance(user.app.screen, Palette)
        (restore,) = (line for line in shown(user) if "Restore" in line)
        assert "this session is read-only" in restore
        await user.presses(*"restore #2", "enter")
        assert isinstance(user.app.screen, Palette)
        assert "this session is read-only" in user.screen()

    patiently(str(world.root), tell, read_only=True)


def test_refused_items_look_different_from_the_others() -> None:
    item = PaletteItem("Restore", lambda: None, "r", "show the plan")
    lines = [palette_line(0, choice, 60) for choice in (item, item._replace(refusal="no"))]
    assert lines[0].text.spans != lines[1].text.spans
    assert lines[1].text.plain.split() == ["Restore", "no"]


def test_every_verb_of_the_command_line_is_in_the_palette(world: World) -> None:
    async def tell(user: Patient) -> None:
        for verb in VERBS_OF_THE_COMMAND_LINE:
            await user.presses("colon")
            await user.types(verb)
            lines = shown(user)
            assert lines, f"{verb} is not in the palette"
            palette = user.app.screen
            assert isinstance(palette, Palette)
            assert any(verb in choice.verbs for choice in palette.choices_shown), verb
            await user.presses("escape")

    patiently(str(world.root), tell)


@pytest.mark.parametrize("screen", ["J", "F"])
def test_screens_above_offer_what_the_first_one_offers(screen: str, world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses(screen)
        await user.app.run_action("command_palette")
        await user.waits()
        await user.types("go to #2")
        await user.presses("enter")
        await user.waits()
        assert isinstance(user.app.screen, InventoryScreen)
        assert user.table.cursor_key == SetKey(2)

    patiently(str(world.root), tell)


def test_jobs_are_found_by_what_they_do(world: World) -> None:
    world.do(Save(("hello",)))

    async def tell(user: Patient) -> None:
        await user.presses("colon")
        await user.types("job save hello")
        assert any("save hello" in line for line in shown(user))
        await user.presses("enter")
        assert isinstance(user.app.screen, JobsScreen)

    patiently(str(world.root), tell)


def test_a_file_is_opened_by_its_path(world: World, tmp_path: Path) -> None:
    world.do(Export(2, str(tmp_path / "two.snapshot")))

    async def tell(user: Patient) -> None:
        await user.presses("colon")
        await user.types("open a file")
        await user.presses("enter")
        await user.sees("Look into a file")
        await user.presses("enter")
        await user.sees("choose a file first")
        await user.types(str(tmp_path / "two.snapshot"))
        await user.sees("snapstow --demo open ")
        await user.presses("enter")
        await user.sees("two.snapshot")
        assert isinstance(user.app.screen, ContentsScreen)
        assert "hello" in user.screen()
        await user.presses("escape")
        assert isinstance(user.app.screen, InventoryScreen)

    patiently(str(world.root), tell)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("estimate", "what a save would read"),
        ("doctor", "What needs attention"),
        ("look inside", "#5 hello rev x1"),
    ],
)
def test_verbs_without_a_key_are_done(typed: str, seen: str, world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("g", "colon")
        await user.types(typed)
        await user.presses("enter")
        await user.sees(seen)

    patiently(str(world.root), tell)


def test_only_what_makes_sense_here(world: World) -> None:
    async def tell(user: Patient) -> None:
        await user.presses("colon")
        assert isinstance(user.app.screen, Palette)
        lines = "\n".join(shown(user))
        assert [
            name for name in ("Restore", "Quit", "sort by age", "group by user") if name not in lines
        ] == []
        for name in ("Screenshot", "Maximize", "Focus Next"):
            assert name not in lines

    patiently(str(world.root), tell)


class Nowhere:
    """A list of sets that nobody looks at."""

    def go_to(self, set_id: int, action: str = "") -> None:
        raise AssertionError

    def group_by(self, pivot: Pivot) -> None:
        raise AssertionError

    def sort_by(self, sort: object) -> None:
        raise AssertionError


def sets(count: int, snap: str = "hello") -> InventoryData:
    snapshots = [
        Snapshot(number, "2024-01-01T00:00:00Z", snap, Revision(1)) for number in range(1, count + 1)
    ]
    return InventoryData(tuple(SnapshotSet(snapshot.set_id, (snapshot,)) for snapshot in snapshots))


def test_ten_thousand_sets_are_not_listed() -> None:
    stock = sets(10_000)
    first_choices: list[PaletteItem] = []
    for choice in choices(stock, ["hello"], Nowhere(), lambda _action: ""):
        first_choices.append(choice)
        if len(first_choices) == 3:
            break
    assert [choice.name.split()[-2] for choice in first_choices] == ["#10000"] * 3
    assert [c.name for c in choices(stock, ["go", "#777 "[:-1]], Nowhere(), lambda _action: "")][-1] == (
        "go to #777 hello"
    )
    assert len(list(choices(stock, [], Nowhere(), lambda _action: ""))) < 20


@pytest.mark.parametrize("name", ["x[/]", "[red]", "a\x1b]0;T\x07", "n\u202egpj", "caf\udce9", "a\nb"])
def test_hostile_names_are_shown_plainly(name: str, world: World) -> None:
    offered = list(choices(sets(1, name), ["go"], Nowhere(), lambda _action: ""))
    assert len(offered) == 1
    assert offered[0].name.isprintable()
    offered[0].name.encode()
