"""The results as tables, and where the time goes for what is too slow."""

import cProfile
import io
import pstats
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.bench.cases import BARE, COMMAND, ENGINE, FAST, SNAPD, Case, Target
from tests.bench.memory import LIMIT, Peak
from tests.bench.rounds import Series, Side

_LINES = 10
_TELLING = 0.1  # seconds of CPU: what is counted in ticks of 10 ms says nothing below


class Outcome(NamedTuple):
    """A case and what came of it."""

    case: Case
    series: Series

    @property
    def missed(self) -> list[Target]:
        """The targets that were not reached."""
        return [target for target in self.case.targets if not self._reached(target)]

    def _reached(self, target: Target) -> bool:
        growth = self._growth(target)
        fits = growth is None or target.larger is None or growth <= target.larger
        return fits and self.series.ratio(target.slow, target.fast)[0] >= target.times

    def rows(self) -> Iterable[tuple[str, ...]]:
        """A line for each target, or one where nothing is promised."""
        present = self.series.rounds[0]
        peer = SNAPD if SNAPD in present else BARE
        targets = self.case.targets or tuple(Target(s, peer, 0.0) for s in (ENGINE,) if peer in present)
        for target in targets:
            yield self._row(target)
        if not targets:
            yield (self.case.name, "", "", *self._times((ENGINE,)), *[""] * 6)
        if COMMAND in present and peer in present and all(t.fast != COMMAND for t in targets):
            yield self._row(Target(COMMAND, peer, 0.0, "whole command"))

    def _row(self, target: Target) -> tuple[str, ...]:
        middle, least, most = self.series.ratio(target.slow, target.fast)
        bar = f"{target.times:.2f}" if target.times else ""
        bar += f", {target.larger:+.0f} %" if target.larger is not None else ""
        verdict = ("reached" if self._reached(target) else "MISSED") if bar else ""
        return (
            self.case.name,
            target.text,
            *self._times((target.slow, target.fast)),
            f"{middle:.2f} ({least:.2f}..{most:.2f})",
            self._cpu(target),
            bar,
            verdict,
            self._size(target),
            f"{self.series.busy}/{len(self.series.rounds)}",
        )

    def _times(self, sides: Iterable[str]) -> list[str]:
        return [f"{self.series.median(side) * 1000:.0f} ms" for side in sides]

    def _cpu(self, target: Target) -> str:
        ours = self.series.cpu(target.fast)
        return f"{self.series.cpu(target.slow) / ours:.2f}" if ours > _TELLING else ""

    def _size(self, target: Target) -> str:
        growth = self._growth(target)
        return "" if growth is None else f"{growth:+.2f} %"

    def _growth(self, target: Target) -> float | None:
        """How many per cent more we stored than snapd."""
        sizes = self.case.sizes
        if SNAPD not in sizes or target.fast not in sizes:
            return None
        return 100 * (sizes[target.fast] / sizes[SNAPD] - 1)


HEADER = ("operation", "", "peer", "ours", "ratio (least..most)", "CPU", "target", "", "size", "busy")


def results(outcomes: Sequence[Outcome]) -> str:
    """The table of all cases."""
    rows = [HEADER, *(row for outcome in outcomes for row in outcome.rows())]
    busy = sum(outcome.series.busy for outcome in outcomes)
    rounds = sum(len(outcome.series.rounds) for outcome in outcomes)
    return f"{_aligned(rows)}\n\nRounds with foreign load that had to be kept: {busy} of {rounds}.\n"


def fits(*measured: Mapping[str, Peak]) -> bool:
    """Whether every peak of our own process is below the limit."""
    return all(peak.ours < LIMIT for peaks in measured for peak in peaks.values())


def memory(small: Mapping[str, Peak], large: Mapping[str, Peak], names: tuple[str, str]) -> str:
    """The table of peaks; what is promised is our own process, tar's is beside it."""
    rows = [("peak memory, MiB", names[0], names[1], "", "children")]
    for operation, peak in large.items():
        rows.append(
            (
                operation,
                _mebibytes(small[operation].ours),
                _mebibytes(peak.ours),
                "reached" if max(peak.ours, small[operation].ours) < LIMIT else "MISSED",
                _mebibytes(peak.children),
            )
        )
    return _aligned(rows)


def explanation(outcome: Outcome, sides: Mapping[str, Side]) -> str:
    """Where the time of a missed target goes: CPU of both sides, and a profile of ours."""
    series = outcome.series
    lines = [f"{outcome.case.name}:"]
    lines += [
        f"  {side}: {series.median(side) * 1000:.0f} ms, CPU {series.cpu(side) * 1000:.0f} ms"
        for side in series.rounds[0]
    ]
    for name in {target.fast for target in outcome.missed} & {ENGINE, FAST} & sides.keys():
        lines.append(_profile(sides[name]))
    return "\n".join(lines)


def _profile(side: Side) -> str:
    """The most expensive functions of the calling thread; waiting for others shows as locks."""
    profile = cProfile.Profile()
    profile.runcall(side.run)
    side.after()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(_LINES)
    lines = text.getvalue().split("\n")
    start = next(number for number, line in enumerate(lines) if "tottime" in line)
    return "\n".join(f"    {line}" for line in lines[start:] if line)


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
