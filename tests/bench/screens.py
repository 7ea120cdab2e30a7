"""The screens at ten thousand snapshots: first rows, every key, following the place, memory.

Told in CPU seconds of the event loop, which others on the machine disturb least, and beside a place with few
snapshots: what a key costs there is Textual's. No drawing on a terminal is counted.
"""

import asyncio
import os
import statistics
import time
from asyncio import Handle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from backend import open_engine
from tests.bench.corpus import make_snapshots, write_snapshot
from tests.support.builders import World, plant
from tests.tui.support.settling import press, settled
from tests.tui.support.user import User, at
from tui.app import SnapstowApp
from tui.screens.inventory.screen import InventoryScreen
from tui.session.place import Place
from tui.widgets.table import LineTable

IN_EACH = 4
FEW = 40
KEY_LIMIT = 0.1
ROWS_LIMIT = 0.5
GROWTH_LIMIT = 8 << 20
CHANGES = 200
_SETTLED_AFTER = 40  # changes: from then on memory is to stay as it is
_KEYS = (
    *("down", "pagedown", "end", "home", "asterisk", "down", "space", "minus"),
    *("o", "o", "o", "o", "v", "l", "end", "h", "v", "l", "end", "asterisk", "space", "minus", "h", "v"),
    *("slash", "9", "9", "backspace", "escape"),
)


class Start(NamedTuple):
    """How the first screen came: seconds until a frame, from there to the first rows and to the last.

    `block` are the CPU seconds of the longest piece of work that the event loop could not interrupt.
    """

    frame: float
    rows: float
    all: float
    block: float


class Figures(NamedTuple):
    """What was found at a place. `keys` has the CPU seconds from a key until all is drawn."""

    cold: Start
    warm: Start
    keys: Mapping[str, float]


def furnish(folder: Path, snapshots: int) -> World:
    """A root with so many snapshots, where an index can be kept."""
    world = World(folder)
    plant(world.root / "var/lib/snapstow", {})
    make_snapshots(world.snapshots, snapshots // IN_EACH, IN_EACH)
    world.write_state()
    return world


async def figures(world: World, rounds: int) -> Figures:
    """Open the screens on a place, cold and warm, and press every key in turn."""
    sets = len(os.listdir(world.snapshots)) // IN_EACH
    cold, warm = await _start(world, sets), await _start(world, sets)
    seconds: dict[str, list[float]] = {}
    async with at(_place(world), User) as user:
        for _ in range(rounds):
            for number, key in enumerate(_KEYS):
                before = time.thread_time()
                await press(user.app, key)
                seconds.setdefault(f"{number + 1} {key}", []).append(time.thread_time() - before)
                await user.waits()
    return Figures(cold, warm, {name: statistics.median(times) for name, times in seconds.items()})


def _place(world: World) -> Place:
    return Place(open_engine(str(world.root)), ())


async def _start(world: World, sets: int) -> Start:
    begun = time.perf_counter()
    app = SnapstowApp(_place(world))
    with _blocks() as blocks:
        async with app.run_test(size=(120, 40)):
            frame = time.perf_counter()
            first = await _until(app, 1)
            last = await _until(app, sets)
            await settled(app)
    return Start(frame - begun, first - frame, last - frame, max(blocks))


async def _until(app: SnapstowApp, rows: int) -> float:
    """The time at which the table has so many rows."""
    while len(app.screen.query_one(LineTable)._lines) < rows:
        await asyncio.sleep(0.002)
    return time.perf_counter()


@contextmanager
def _blocks() -> Iterator[list[float]]:
    """The CPU seconds of everything that the event loop runs in one piece."""
    run, seconds = Handle._run, [0.0]

    def timed(handle: Handle) -> Any:
        before = time.thread_time()
        try:
            return run(handle)
        finally:
            seconds.append(time.thread_time() - before)

    Handle._run = timed  # type: ignore[method-assign, assignment] # there is no hook for it
    try:
        yield seconds
    finally:
        Handle._run = run  # type: ignore[method-assign] # measures every call


async def growth(world: World) -> tuple[int, int]:
    """Resident bytes after some changes of the directory, and after many."""
    sizes = []
    async with at(_place(world), User) as user:
        for number in range(CHANGES):
            if number % 2:
                next(world.snapshots.glob("9999_*")).unlink()
            else:
                write_snapshot(world.snapshots, 9999, "app-0", b"saved data\n")
            user.screen_of(InventoryScreen).action_reload()
            await user.waits()
            sizes.append(_resident())
    return max(sizes[: _SETTLED_AFTER + 1]), max(sizes[_SETTLED_AFTER + 1 :])


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(folder: Path, snapshots: int, rounds: int) -> bool:
    """Measure and print; whether everything promised was kept."""
    few, many = furnish(folder / "few", FEW), furnish(folder / "many", snapshots)
    small, large = (asyncio.run(figures(world, rounds)) for world in (few, many))
    print(f"{'first screen, ms':22}{'frame':>8}{'rows':>8}{'all':>8}{'block':>8}")
    for name, start in (("cold", large.cold), ("warm", large.warm), (f"{FEW} snapshots", small.warm)):
        print(f"{name:22}" + "".join(f"{seconds * 1000:8.0f}" for seconds in start))
    print(f"\n{'a key until drawn, ms':22}{FEW:>8}{snapshots:>8}{'ratio':>8}")
    for name, slow in large.keys.items():
        fast = small.keys[name]
        print(f"{name:22}{fast * 1000:8.1f}{slow * 1000:8.1f}{slow / fast:8.2f}")
    before, after = asyncio.run(growth(many))
    print(f"\nmemory after {CHANGES} changes: {before >> 20} MiB, then {after >> 20} MiB")
    return _all_kept(large, after - before)


def _all_kept(large: Figures, grown: int) -> bool:
    broken = [f"the key {name}" for name, seconds in large.keys.items() if seconds > KEY_LIMIT]
    for name, start in (("cold", large.cold), ("warm", large.warm)):
        broken += [f"the first rows, {name}"] * (start.rows > ROWS_LIMIT)
        broken += [f"the longest block, {name}"] * (start.block > KEY_LIMIT)
    broken += ["memory"] * (grown > GROWTH_LIMIT)
    print("MISSED: " + ", ".join(broken) if broken else "All of it as promised.")
    return not broken
