"""What reaches the terminal, in bytes: a slow link must not be kept busy by what is not looked at."""

import pytest

from backend import Save
from tests.support.builders import World
from tests.tui.support.driver import Snapstow, Terminal

FIRST_SCREEN = {(80, 24): 12_000, (120, 40): 24_000}
DIALOG = {(80, 24): (6_000, 3_000), (120, 40): (15_000, 5_000)}  # as usual, with low bandwidth
A_KEY = 1_000
A_TICK = 300
QUIET = 0.5
SECONDS = 3
IDLE = 3.0


@pytest.fixture(scope="module")
def snapstow(tmp_path_factory: pytest.TempPathFactory) -> Snapstow:
    world = World(tmp_path_factory.mktemp("budget") / "root")
    world.install("hello", data={"f": "small"})
    for number in range(1, 41):
        world.add(number, "hello", users={"alice": {"x1": {"f": "1"}}}, time="2024-01-01T00:00:00Z")
    world.write_state()
    return Snapstow(world)


def shown(terminal: Terminal) -> bool:
    return any("#40" in line for line in terminal.text) and "? Help" in terminal.text[-1]


@pytest.mark.parametrize("size", FIRST_SCREEN)
@pytest.mark.parametrize(("colours", "term"), [("truecolor", "xterm-256color"), ("", "xterm")])
def test_the_inventory_with_its_details(
    size: tuple[int, int], colours: str, term: str, snapstow: Snapstow
) -> None:
    columns, rows = size
    with snapstow.terminal(columns=columns, rows=rows, COLORTERM=colours, TERM=term) as terminal:
        terminal.until(lambda: shown(terminal))
        first = terminal.rest(QUIET)
        assert first <= FIRST_SCREEN[size], f"the first screen took {first}"
        terminal.mark()
        idle = terminal.rest(IDLE)
        assert idle == 0, f"idle sent {terminal.seen[-idle:]!r}"
        for key in (b"j", b"k", b"j", b" "):
            terminal.mark()
            terminal.press(key)
            taken = terminal.rest(QUIET)
            assert 0 < taken <= A_KEY, f"{key!r} took {taken}: {terminal.seen[-taken:]!r}"
        terminal.press(b"q")
        assert terminal.ended() == 0


@pytest.mark.parametrize(("size", "most"), [((80, 24), 10_000), ((120, 40), 20_000)])
def test_the_help_is_drawn_once(size: tuple[int, int], most: int, snapstow: Snapstow) -> None:
    columns, rows = size
    with snapstow.terminal(columns=columns, rows=rows, COLORTERM="truecolor") as terminal:
        terminal.until(lambda: shown(terminal))
        terminal.rest(QUIET)
        terminal.mark()
        terminal.press(b"?")
        terminal.until(lambda: any("Help: " in line for line in terminal.text))
        taken = terminal.rest(QUIET)
        assert 0 < taken <= most, f"the help took {taken}"


@pytest.mark.parametrize("key", [b"?", b"e", b"f"])
def test_nothing_blinks_where_something_can_be_typed(key: bytes, snapstow: Snapstow) -> None:
    with snapstow.terminal() as terminal:
        terminal.until(lambda: shown(terminal))
        terminal.press(key)
        terminal.until(lambda: "╭" in "".join(terminal.text))
        terminal.rest(QUIET)
        terminal.mark()
        assert terminal.rest(2 * QUIET) == 0, terminal.seen[-300:]


def test_a_tick_of_progress(snapstow: Snapstow) -> None:
    engine = snapstow.world.engine
    with engine.journal.job(Save(), engine.root) as record:
        record.tell({"event": "started", "title": "Saving hello", "total": 4_000_000})
        with snapstow.terminal(columns=120, COLORTERM="truecolor") as terminal:
            terminal.until(lambda: any("save all snaps" in line for line in terminal.text))
            terminal.rest(QUIET)
            terminal.mark()
            record.tell({"event": "advanced", "done": 2_000_000})
            terminal.until(lambda: any("2.0 of 4.0 MB" in line for line in terminal.text))
            taken = terminal.rest(QUIET / 5)
            assert 0 < taken <= A_TICK, f"a tick took {taken}: {terminal.seen[-taken:]!r}"


@pytest.mark.parametrize(("options", "most"), [((), 600), (("--low-bandwidth",), 300)])
@pytest.mark.parametrize("size", FIRST_SCREEN)
def test_a_running_job_on_its_screen(
    size: tuple[int, int], options: tuple[str, ...], most: int, snapstow: Snapstow
) -> None:
    columns, rows = size
    engine, total = snapstow.world.engine, 4_000_000_000
    with engine.journal.job(Save(), engine.root) as record:
        record.tell({"event": "started", "title": "Saving hello", "total": total})
        with snapstow.terminal(*options, columns=columns, rows=rows, COLORTERM="truecolor") as terminal:
            terminal.until(lambda: shown(terminal))
            terminal.press(b"J")
            terminal.until(lambda: any("Save all snaps" in line for line in terminal.text))
            terminal.rest(QUIET)
            terminal.mark()
            for tenth in range(1, 10 * SECONDS + 1):
                record.tell({"event": "advanced", "done": tenth * 40_000_000 + tenth * tenth})
                terminal.listen(0.1)
            taken = terminal.rest(0) / SECONDS
            assert 0 < taken <= most, f"{taken:.0f} bytes a second: {terminal.seen[-400:]!r}"


def test_with_low_bandwidth_a_running_job_is_drawn_at_most_twice_a_second(snapstow: Snapstow) -> None:
    engine = snapstow.world.engine
    with engine.journal.job(Save(), engine.root) as record:
        record.tell({"event": "started", "title": "Saving hello", "total": 4_000_000})
        with snapstow.terminal("--low-bandwidth") as terminal:
            terminal.until(lambda: shown(terminal))
            terminal.rest(QUIET)
            drawings = 0
            for tenth in range(1, 10 * SECONDS + 1):
                record.tell({"event": "advanced", "done": tenth * 10_000})
                drawings += terminal.listen(0.1) > 0
            assert 0 < drawings <= 2 * SECONDS + 1


@pytest.mark.parametrize("options", [(), ("--low-bandwidth",)])
@pytest.mark.parametrize("size", DIALOG)
def test_a_dialog_over_a_running_job_costs_its_opening_and_nothing_more(
    size: tuple[int, int], options: tuple[str, ...], snapstow: Snapstow
) -> None:
    columns, rows = size
    most = DIALOG[size][bool(options)]
    engine = snapstow.world.engine
    with engine.journal.job(Save(), engine.root) as record:
        record.tell({"event": "started", "title": "Saving hello", "total": 4_000_000})
        with snapstow.terminal(*options, columns=columns, rows=rows, COLORTERM="truecolor") as terminal:
            terminal.until(lambda: shown(terminal))
            terminal.rest(QUIET)
            terminal.mark()
            terminal.press(b"c")
            terminal.until(lambda: any("Esc Cancel" in line for line in terminal.text))
            opened = terminal.rest(QUIET)
            assert 0 < opened <= most, f"the dialog took {opened}"
            terminal.mark()
            for tenth in range(1, 10 * SECONDS + 1):
                record.tell({"event": "advanced", "done": tenth * 40_000})
                terminal.listen(0.1)
            taken = terminal.rest(0)
            assert taken == 0, f"under the dialog {taken} were sent: {terminal.seen[-taken:]!r}"
