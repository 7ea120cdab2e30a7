"""The screens on a real terminal: they come and go as a terminal's other programs do, and leave no trace."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import World
from tests.tui.support.driver import Snapstow, Terminal

RESTORED = (b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h")
EVIL = "\x1b]0;title\x07\x1b[2J\u202e[red]x[/] \x9b31m"


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "small"})
    world.add(1, "hello", users={"alice": {"x1": {"f": "1"}}}, time="2024-01-01T00:00:00Z")
    world.write_state()
    return Snapstow(world)


def opened(terminal: Terminal) -> Terminal:
    terminal.until(lambda: any("#1" in line for line in terminal.text) and "Help" in terminal.text[-1])
    return terminal


def test_start_and_quit(snapstow: Snapstow) -> None:
    with snapstow.terminal() as terminal:
        opened(terminal).press(b"q")
        assert terminal.ended() == 0
    assert all(code in terminal.seen for code in RESTORED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_give_the_terminal_back(number: signal.Signals, snapstow: Snapstow) -> None:
    with snapstow.terminal() as terminal:
        opened(terminal)
        os.kill(terminal.process.pid, number)
        assert terminal.ended() == 128 + number
    end = terminal.seen[-400:]
    assert all(code in end for code in RESTORED)


def test_a_hang_up_ends_it(snapstow: Snapstow) -> None:
    with snapstow.terminal() as terminal:
        opened(terminal)
        terminal.hang_up()
        assert terminal.process.wait(30) == 128 + signal.SIGHUP


def test_other_sizes_and_back(snapstow: Snapstow) -> None:
    with snapstow.terminal(COLUMNS="100", LINES="50") as terminal:
        assert len(opened(terminal).screen.display[0]) == 80
        for columns, rows in ((60, 15), (40, 10), (20, 5), (80, 24)):
            terminal.resize(columns, rows)
            terminal.rest(0.3)
            assert terminal.process.poll() is None
        terminal.until(
            lambda: "SNAPS" in terminal.screen.display[2] and "Help" in terminal.screen.display[23]
        )
        terminal.press(b"q")
        assert terminal.ended() == 0


def test_to_the_background_and_back(snapstow: Snapstow) -> None:
    script = 'set -m; "$@"; echo stopped; fg >/dev/null; echo over $?'
    with snapstow.terminal(wrap=script) as terminal:
        opened(terminal).press(b"\x1a")
        opened(terminal)
        terminal.rest(0.3)
        before = terminal.seen
        assert b"stopped" in before
        assert all(code in before for code in RESTORED)
        terminal.press(b"q")
        terminal.ended()
    assert b"over 0" in terminal.seen[len(before) :]


@pytest.mark.parametrize("keys", [b"", b"l", b"r", b"e", b"f", b":", b"J"])
def test_no_name_is_obeyed(keys: bytes, snapstow: Snapstow) -> None:
    snapstow.world.add(9, "hello", time="2024-01-02T00:00:00Z", broken=EVIL, users={"alice": {"x1": {}}})
    with snapstow.terminal(columns=120) as terminal:
        opened(terminal)
        for key in keys:
            terminal.press(bytes([key]))
            terminal.rest(0.4)
        assert terminal.process.poll() is None
        assert b"\x1b]0;" not in terminal.seen
        assert b"\x1b[2J" not in terminal.seen
        assert "\u202e".encode() not in terminal.seen
        assert b"\xc2\x9b" not in terminal.seen


def test_a_click_is_a_key(snapstow: Snapstow) -> None:
    with snapstow.terminal() as terminal:
        column = opened(terminal).screen.display[-1].index("? Help") + 1
        for kind in (b"M", b"m"):
            terminal.press(b"\x1b[<0;%d;24" % column + kind)
        terminal.until(lambda: any("Help: Inventory" in line for line in terminal.text))


def test_without_the_mouse_it_is_not_asked_for(snapstow: Snapstow) -> None:
    with snapstow.terminal("browse", "--no-mouse") as terminal:
        opened(terminal).press(b"q")
        assert terminal.ended() == 0
    assert b"\x1b[?1000h" not in terminal.seen


@pytest.mark.parametrize(
    ("wrap", "changes"),
    [('"$@" < /dev/null', {}), ('"$@" 2> /dev/null', {}), ('"$@" | cat', {}), ("", {"TERM": "dumb"})],
)
def test_where_no_screen_can_be_drawn_there_is_the_listing(
    wrap: str, changes: dict[str, Any], snapstow: Snapstow
) -> None:
    with snapstow.terminal(wrap=wrap, columns=80, **changes) as terminal:
        assert terminal.ended() == 0
    assert b"\x1b" not in terminal.seen
    assert terminal.text[0].startswith("Set  Snap")


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_only_ascii_where_the_charset_is_another(locale: str, snapstow: Snapstow) -> None:
    snapstow.world.add(9, "hello", time="2024-01-02T00:00:00Z", broken="gr\u00fc\u00df \u6f22\udce9")
    with snapstow.terminal(LC_ALL=locale) as terminal:
        opened(terminal).press(b"?")
        terminal.until(lambda: any("Help: Inventory" in line for line in terminal.text))
        terminal.press(b"\x1b")
        terminal.rest(0.3)
        terminal.press(b"q")
        assert terminal.ended() == 0
    assert terminal.seen.isascii()


def test_ascii_can_be_asked_for(snapstow: Snapstow) -> None:
    with snapstow.terminal("browse", "--ascii") as terminal:
        opened(terminal).press(b"q")
        assert terminal.ended() == 0
    assert terminal.seen.isascii()


def test_no_colour_is_no_colour(snapstow: Snapstow) -> None:
    with snapstow.terminal("browse", "--theme", "dark", NO_COLOR="1", COLORTERM="truecolor") as terminal:
        opened(terminal).press(b"q")
        assert terminal.ended() == 0
    codes = {code for match in re.findall(rb"\x1b\[([\d;]*)m", terminal.seen) for code in match.split(b";")}
    attributes = {b"%d" % code for code in (0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29)}
    assert codes <= {b"", b"39", b"49", *attributes}


def test_an_unknown_theme_is_refused(snapstow: Snapstow) -> None:
    with snapstow.terminal("browse", "--theme", "neon", columns=120) as terminal:
        assert terminal.ended() == 2
    assert "there is no theme `neon': choose terminal, dark, light, contrast" in terminal.text[0]
