"""The looks: every text readable in every theme, no colour where none is wanted, ASCII where nothing else."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from backend import Check, open_engine
from tests.support.builders import World
from tests.tui.support.looks import contrast, in_front, pieces
from tests.tui.support.patient import Patient
from tests.tui.support.user import at
from tui.app import Looks
from tui.session.place import Place
from tui.terminal import themes
from tui.terminal.line_filters import in_ascii, is_needed
from tui.widgets.table import LineTable

EVERYWHERE = ("", "J", "r", "s", "e", "i", "f", "u", "question_mark", "colon")
STATES = ("good", "warn", "bad", "dim", "mark", "heading")
LEAST = {themes.DARK: 4.5, themes.LIGHT: 4.5, themes.CONTRAST: 7.0}
LINES = "─│╭╮╰╯├└┌┐┘━┃▔▁▂▃▄▅▆▇█▎▊▌▐ "
A_LINE = 1.4


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Sets of every standing, and a job that failed."""
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "x"})
    world.add(1, "hello", time="2024-01-01T00:00:00Z")
    world.add(2, "hello", time="2024-01-02T00:00:00Z", broken="damaged")
    world.add(3, "hello", time="2024-01-03T00:00:00Z")
    world.write_state()
    world.do(Check(1))
    return world


def drawn(
    world: World, tell: Callable[[Patient], Awaitable[None]], looks: Looks, size: tuple[int, int] = (120, 40)
) -> None:
    """Play a story with other looks."""

    async def play() -> None:
        place = Place(open_engine(str(world.root)), ("--demo",))
        async with at(place, Patient, size, looks) as user:
            await tell(user)

    asyncio.run(play())


async def everywhere(user: Patient, look: Callable[[str], Awaitable[None]]) -> None:
    """Look at every screen and dialog."""
    for key in EVERYWHERE:
        if key:
            await user.presses(key)
        await look(key or "inventory")
        if key:
            await user.presses("escape")
            assert len(user.app.screen_stack) == 2, f"{key} was not left:\n{user.screen()}"


def test_every_text_stands_out_from_what_is_behind_it(world: World) -> None:
    async def tell(user: Patient) -> None:
        async def look(where: str) -> None:
            for theme, least in LEAST.items():
                user.app.apply_theme(theme)
                await user.waits()
                texts = list(in_front(user.app))
                assert texts
                for piece in texts:
                    wanted = A_LINE if set(piece.text) <= set(LINES) else least
                    where_it_is = f"{theme}, {where}, line {piece.line}: {piece.text!r} {piece.style}"
                    assert piece.contrast >= wanted, f"{piece.contrast:.1f} {where_it_is}"

        await user.presses("space")
        await everywhere(user, look)

    drawn(world, tell, Looks())


def test_the_terminals_own_colours_are_the_only_ones_in_its_theme(world: World) -> None:
    async def tell(user: Patient) -> None:
        async def look(where: str) -> None:
            for piece in pieces(user.app):
                for tone in (piece.style.color, piece.style.bgcolor):
                    assert tone is None or tone.triplet is None, (where, piece)
                behind = piece.style.bgcolor
                assert behind is None or behind.is_default, (where, piece)

        await everywhere(user, look)

    drawn(world, tell, Looks(themes.TERMINAL))


@pytest.mark.parametrize("theme", LEAST)
def test_every_state_is_readable(theme: str, world: World) -> None:
    async def tell(user: Patient) -> None:
        table = user.app.screen.query_one(LineTable)
        behind = table.rich_style.bgcolor
        assert behind is not None
        for name in STATES:
            style = table.get_component_rich_style(f"table--{name}", partial=True)
            assert style.color is not None
            assert contrast(style.color, behind) >= LEAST[theme], name

    drawn(world, tell, Looks(theme))


def test_the_cursor_can_be_told_without_any_colour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def tell(user: Patient) -> None:
        async def look(where: str) -> None:
            for piece in pieces(user.app):
                for tone in (piece.style.color, piece.style.bgcolor):
                    assert tone is None or tone.is_default, (where, piece)
            header = 1
            turned = [piece for piece in pieces(user.app, blanks=True) if piece.style.reverse]
            has_choice = where != "u"  # nothing was restored here
            assert any(piece.line >= header for piece in turned) is has_choice, where

        await everywhere(user, look)
        user.app.apply_theme(themes.CONTRAST)
        await user.waits()
        assert user.app.theme == themes.TERMINAL

    drawn(world, tell, Looks(themes.chosen("", os.environ)))


@pytest.mark.parametrize("size", [(120, 40), (60, 15)])
def test_everything_is_ascii_when_asked(size: tuple[int, int], world: World) -> None:
    world.add(4, "hello", time="2024-01-04T00:00:00Z", broken="1é漢字")

    async def tell(user: Patient) -> None:
        async def look(where: str) -> None:
            for strip in user.app.screen._compositor.render_strips():
                assert strip.text.isascii(), (where, strip.text)
                assert cell_len(strip.text) == size[0]

        await user.presses("l", "l")
        await everywhere(user, look)

    drawn(world, tell, Looks(ascii=True), size)


def test_signs_have_their_own_ascii() -> None:
    assert in_ascii("✓ ~ ? ✗ ▸ ▾ ● … █░ a · b") == "+ ~ ? x > v * . #. a - b"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_ascii_is_as_wide(text: str) -> None:
    assert in_ascii(text).isascii()
    assert cell_len(in_ascii(text)) == cell_len(text)


@pytest.mark.parametrize(
    ("charset", "needed"),
    [("UTF-8", False), ("utf8", False), ("ANSI_X3.4-1968", True), ("ISO-8859-1", True), ("", False)],
)
def test_ascii_follows_the_charset(charset: str, needed: bool) -> None:
    assert is_needed(charset) is needed


@pytest.mark.parametrize(
    ("wanted", "environment", "theme"),
    [
        ("", {"TERM": "xterm-256color"}, themes.DARK),
        ("", {"TERM": "xterm", "COLORTERM": "truecolor"}, themes.DARK),
        ("", {"TERM": "xterm"}, themes.TERMINAL),
        ("", {"TERM": "linux"}, themes.TERMINAL),
        ("", {}, themes.TERMINAL),
        ("", {"TERM": "xterm-256color", "NO_COLOR": "1"}, themes.TERMINAL),
        ("", {"TERM": "xterm-256color", "NO_COLOR": ""}, themes.DARK),
        ("light", {"TERM": "linux"}, themes.LIGHT),
        ("light", {"NO_COLOR": "1"}, themes.TERMINAL),
        ("", {"SNAPSTOW_THEME": "contrast"}, themes.CONTRAST),
        ("light", {"SNAPSTOW_THEME": "contrast"}, themes.LIGHT),
        ("", {"SNAPSTOW_THEME": "", "TERM": "foot-256color"}, themes.DARK),
    ],
)
def test_which_theme_there_is_to_begin_with(wanted: str, environment: Mapping[str, str], theme: str) -> None:
    assert themes.chosen(wanted, environment) == theme


@pytest.mark.parametrize(("wanted", "named"), [("neon", ""), ("", "neon")])
def test_no_such_theme(wanted: str, named: str) -> None:
    with pytest.raises(ValueError, match="there is no theme `neon': choose terminal, dark, light, contrast"):
        themes.chosen(wanted, {"SNAPSTOW_THEME": named})
