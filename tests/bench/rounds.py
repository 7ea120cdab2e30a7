"""Rounds of measurements: everybody once in each, in random order, again where the machine was busy.

Only times of one round are compared with one another: neighbours slow everything down in spells.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

BUSY = 0.25
_SHORT = 0.15
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def nothing() -> None:
    """No clearing up."""


class Side(NamedTuple):
    """One way to do something: `run` is timed, `after` puts everything back."""

    run: Callable[[], object]
    after: Callable[[], object] = nothing


class Timing(NamedTuple):
    """One measurement, in seconds: CPU is that of our processes and of the daemon."""

    wall: float
    cpu: float
    foreign: float


class Series(NamedTuple):
    """The rounds of one case; `busy` of them were kept although others used the machine."""

    rounds: tuple[Mapping[str, Timing], ...]
    busy: int

    def median(self, side: str) -> float:
        """The median wall time of a side."""
        return statistics.median(timings[side].wall for timings in self.rounds)

    def cpu(self, side: str) -> float:
        """The median CPU time of a side."""
        return statistics.median(timings[side].cpu for timings in self.rounds)

    def ratio(self, slow: str, fast: str) -> tuple[float, float, float]:
        """How many times faster `fast` is: the median over the rounds, the least, the most."""
        ratios = [timings[slow].wall / timings[fast].wall for timings in self.rounds]
        return statistics.median(ratios), min(ratios), max(ratios)


class Stopwatch:
    """Times a call, and tells how much of the machine others than we and the daemon used meanwhile."""

    def __init__(self, daemon: int | None) -> None:
        self._daemon = daemon

    def time(self, run: Callable[[], object]) -> Timing:
        """Run it once."""
        busy, ours = _machine_cpu(), self._own_cpu()
        start = time.perf_counter()
        run()
        wall = time.perf_counter() - start
        cpu = self._own_cpu() - ours
        foreign = max(0.0, _machine_cpu() - busy - cpu) / wall
        return Timing(wall, cpu, foreign)

    def _own_cpu(self) -> float:
        times = os.times()
        return sum(times[:4]) + _cpu_of(self._daemon)


def _machine_cpu() -> float:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * _TICK


def _cpu_of(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) * _TICK


def alternate(sides: Mapping[str, Side], rounds: int, watch: Stopwatch) -> Series:
    """Measure all sides so many times; a round with foreign load is taken again, at most as often."""
    kept: list[Mapping[str, Timing]] = []
    noisy: list[Mapping[str, Timing]] = []
    while len(kept) < rounds and len(kept) + len(noisy) < 2 * rounds:
        timings = _round(sides, watch)
        (noisy if _disturbed(timings) else kept).append(timings)
    missing = rounds - len(kept)
    noisy.sort(key=_disturbance)
    return Series((*kept, *noisy[:missing]), missing)


def _round(sides: Mapping[str, Side], watch: Stopwatch) -> Mapping[str, Timing]:
    times = {}
    for name in random.sample(list(sides), len(sides)):
        side = sides[name]
        times[name] = watch.time(side.run)
        side.after()
    return times


def _disturbed(timings: Mapping[str, Timing]) -> bool:
    # Ticks of 10 ms say nothing about what is over in a few of them.
    return any(timing.foreign > BUSY and timing.wall > _SHORT for timing in timings.values())


def _disturbance(timings: Mapping[str, Timing]) -> float:
    return max(timing.foreign for timing in timings.values())
