"""The command on a real terminal: what is seen while it works, and what Ctrl-C does."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.support.builders import World
from tests.tui.support.driver import Snapstow

MEGABYTES = 160


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "small"})
    world.write_state()
    return Snapstow(world)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Snapstow:
    """A snap that takes seconds to save; every test must leave it as it was."""
    world = World(tmp_path_factory.mktemp("large") / "root")
    world.install("hello", data={})
    world.write_state()
    noise = os.urandom(1 << 20)
    with open(world.data("hello") / "x1/large", "wb") as file:
        for _ in range(MEGABYTES):
            file.write(noise)
    return Snapstow(world)


def leftovers(snapstow: Snapstow) -> list[str]:
    """Files below the root that a save must not leave."""
    paths = []
    for folder, _, names in os.walk(snapstow.world.snapshots):
        paths += [f"{folder}/{name}" for name in names if stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode)]
    return paths


@pytest.mark.parametrize(
    ("columns", "figures"), [(80, r"[1-9]\d? %  [1-9][\d.]+ of 16\d\.\d MB"), (40, r"[1-9]\d? %")]
)
def test_progress_stays_on_one_line_and_control_c_undoes_everything(
    columns: int, figures: str, large: Snapstow
) -> None:
    with large.terminal("save", columns=columns) as terminal:
        terminal.until(lambda: bool(re.match(f"Saving 1 of 2 .*━.*  {figures}", terminal.screen.display[0])))
        assert len(terminal.text) == 1
        assert len(terminal.text[0]) < columns - 2
        terminal.press(b"\x03")
        code = terminal.ended()
    assert code == 130
    assert terminal.text == ["error: cancelled; nothing was changed"]
    assert leftovers(large) == []
    assert large("--json", "jobs").document[0]["state"] == "cancelled"


def test_the_part_is_shown_in_full_width(large: Snapstow) -> None:
    with large.terminal("save", columns=120) as terminal:
        terminal.until(lambda: "hello, system" in terminal.screen.display[0])
        terminal.press(b"\x03")
        assert terminal.ended() == 130


def test_progress_is_gone_at_the_end(snapstow: Snapstow) -> None:
    with snapstow.terminal("save") as terminal:
        assert terminal.ended() == 0
    assert b"\x1b[K" in terminal.seen
    header, row = terminal.text
    assert header.startswith("Set  Snap")
    assert row.startswith("1    hello")


def test_width_is_that_of_the_terminal_even_when_output_goes_elsewhere(
    large: Snapstow, tmp_path: Path
) -> None:
    with large.terminal("save", columns=40, wrap=f'exec "$@" > {tmp_path}/out') as terminal:
        terminal.until(lambda: " of " in terminal.screen.display[0])
        assert len(terminal.text) == 1
        terminal.press(b"\x03")
        assert terminal.ended() == 130
    assert (tmp_path / "out").read_bytes() == b""


def test_no_progress_where_standard_error_is_no_terminal(snapstow: Snapstow, tmp_path: Path) -> None:
    with snapstow.terminal("save", wrap=f'"$@" 2> {tmp_path}/err') as terminal:
        assert terminal.ended() == 0
    assert b"\x1b" not in terminal.seen
    assert (tmp_path / "err").read_bytes() == b""


def test_no_progress_among_json(snapstow: Snapstow) -> None:
    with snapstow.terminal("--json", "save") as terminal:
        assert terminal.ended() == 0
    assert b"\x1b" not in terminal.seen
    assert b'{"event": "result"' in terminal.seen


def test_control_c_at_a_query(large: Snapstow) -> None:
    store = large.world.snapshots
    store.mkdir(parents=True, exist_ok=True)
    names = [f"{number}_hello_1.0_x1.zip" for number in range(1, 3000)]
    for name in names:
        (store / name).write_bytes(b"PK")
    try:
        with large.terminal("saved", wrap='echo begins; "$@"; echo code $?') as terminal:
            terminal.until(lambda: "begins" in terminal.text)
            terminal.press(b"\x03")
            terminal.ended()
    finally:
        for name in names:
            (store / name).unlink()
    assert b"Set  Snap" not in terminal.seen


def test_a_snapshot_is_not_written_to_a_terminal(snapstow: Snapstow) -> None:
    snapstow.world.add(1, "hello")
    with snapstow.terminal("export-snapshot", "1", "-", columns=120) as terminal:
        assert terminal.ended() == 5
    assert b"PK" not in terminal.seen
    assert terminal.text == [
        "error: cannot export a snapshot to a terminal: name a file, or redirect standard output"
    ]


def test_a_snapshot_is_not_read_from_a_terminal(snapstow: Snapstow) -> None:
    with snapstow.terminal("import-snapshot", "-", columns=120) as terminal:
        assert terminal.ended() == 5
    assert terminal.text == [
        "error: cannot import a snapshot from a terminal: name a file, or redirect standard input"
    ]


def test_hostile_names_do_nothing_to_the_terminal(snapstow: Snapstow) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\u202e\r\n\t"
    world = snapstow.world
    world.add(1, "hello", time="2001-01-01T00:00:00Z", broken=evil)
    world.add(2, "hello", time="2001-01-01T00:00:00Z")
    (world.data("hello") / "x1" / evil).write_text("x")
    for arguments in (
        ("saved",),
        ("restore", "2", "--plan"),
        ("check-snapshot", "1"),
        ("doctor",),
        ("forget", evil),
    ):
        with snapstow.terminal(*arguments, columns=160) as terminal:
            terminal.ended()
        shown = terminal.seen.replace(b"\r\n", b"").replace(b"\x1b[K", b"").replace(b"\r", b"")
        assert min(shown) >= ord(" ")
        assert "\u202e" not in terminal.seen.decode()
