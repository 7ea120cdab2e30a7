"""`python -m tests.bench`: our speed beside the real snapd's, on this machine, in one run."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench import copies, limits, memory, report, screens
from tests.bench.cases import Case, Pair, alone, cold, estimating, listing, losing, starting
from tests.bench.corpus import MB, Corpus, make_snapshots, make_tiny_files
from tests.bench.report import Outcome
from tests.bench.rounds import Stopwatch, alternate
from tests.bench.worlds import FOUR, Daemon, Ours, folder_for, furnish, twin
from tests.support.realsnapd import RealSnapd, missing


class Bench:
    """One run: cases are measured as they come, results are printed at the end."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._outcomes: list[Outcome] = []
        self._explained: list[str] = []

    def measure(self, cases: Iterable[Case], pid: int | None = None) -> None:
        """Measure the cases whose name contains what was asked for; `pid` is the daemon's."""
        watch = Stopwatch(pid)
        for case in cases:
            if not any(word in case.name for word in self._arguments.only or [""]):
                continue
            sides = case.make()
            outcome = Outcome(case, alternate(sides, self._arguments.rounds, watch))
            self._outcomes.append(outcome)
            print("  ".join(next(iter(outcome.rows()))), file=sys.stderr, flush=True)
            if outcome.missed:
                self._explained.append(report.explanation(outcome, sides))

    def print(self) -> bool:
        """Print what came of it; whether every target was reached."""
        print(report.results(self._outcomes))
        if self._explained:
            print("Where the time goes:\n" + "\n".join(self._explained) + "\n")
        return not self._explained


def compare(arguments: argparse.Namespace, folder: Path, corpus: Corpus) -> bool:
    """Everything beside the real snapd."""
    bench = Bench(arguments)
    snapd = furnish(folder / "d", corpus, arguments.size * MB)
    ours = twin(snapd.base, folder / "o")
    with _running(snapd) as daemon:
        bench.measure([starting(daemon, ours)], snapd.pid)
        sets = {"big": daemon.save("big"), "shared": daemon.save("shared"), "four": daemon.save(*FOUR)}
        _copy(daemon.folder, ours.folder)
        ours.command("save", "big")
        sets["ours"] = ours.newest()
        _copy(ours.folder, daemon.folder)
        bench.measure(Pair(daemon, ours, sets, folder).cases(), snapd.pid)
    snapd = _furnish_small(folder, arguments)
    ours = twin(snapd.base, folder / "p")
    with _running(snapd) as daemon:
        bench.measure([*listing(daemon, ours), estimating(ours, "tiny"), losing(ours, "tiny")], snapd.pid)
    return bench.print()


def _furnish_small(folder: Path, arguments: argparse.Namespace) -> RealSnapd:
    (folder / "l").mkdir()
    snapd = RealSnapd(str(folder / "l"))
    make_tiny_files(snapd.install("tiny") / "common/data", arguments.files)
    make_snapshots(snapd.snapshots, arguments.snapshots // 5, 5)
    return snapd


def ours_alone(arguments: argparse.Namespace, folder: Path, corpus: Corpus) -> bool:
    """The same without a peer."""
    ours = Ours(furnish(folder / "o", corpus, arguments.size * MB).base)
    small = Ours(_furnish_small(folder, arguments).base)
    bench = Bench(arguments)
    bench.measure(
        [starting(None, ours), *alone(ours, arguments.size), estimating(small, "tiny"), losing(small, "tiny")]
    )
    return bench.print()


@contextmanager
def _running(snapd: RealSnapd) -> Iterator[Daemon]:
    try:
        yield Daemon(snapd.start())
    finally:
        snapd.kill()


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in source.glob("*.zip"):
        if not (target / path.name).exists():
            (target / path.name).write_bytes(path.read_bytes())


def from_disk(arguments: argparse.Namespace, folder: Path, corpus: Corpus) -> bool:
    """What depends on a disk, where its caches can be forgotten."""
    bench = Bench(arguments)
    ours = Ours(furnish(folder / "c", corpus, arguments.size * MB).base)
    bench.measure([cold(ours, arguments.size)])
    return bench.print()


def peak_memory(arguments: argparse.Namespace, folder: Path, corpus: Corpus) -> bool:
    """Little data beside much."""
    sizes = (arguments.small, arguments.large)
    peaks: list[Mapping[str, memory.Peak]] = [memory.peaks(folder, corpus, size * MB) for size in sizes]
    print(report.memory(peaks[0], peaks[1], (f"{sizes[0]} MB", f"{sizes[1]} MB")))
    return report.fits(*peaks)


def parse() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    parser.add_argument("--size", type=int, default=200, metavar="MB", help="data of the largest snap (200)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each case (5)")
    parser.add_argument("--snapshots", type=int, default=5000, metavar="N", help="files to list (5000)")
    parser.add_argument("--files", type=int, default=100_000, metavar="N", help="files to estimate (100000)")
    parser.add_argument("--small", type=int, default=100, metavar="MB", help="little data, for memory (100)")
    parser.add_argument("--large", type=int, default=1000, metavar="MB", help="much data, for memory (1000)")
    parser.add_argument("--at", default="/dev/shm", metavar="DIR", help="where to measure (/dev/shm)")
    parser.add_argument("--disk", default="/var/tmp", metavar="DIR", help="a real disk (/var/tmp)")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only cases with this in their name")
    parser.add_argument("--screens", action="store_true", help="the screens only, at 2 x --snapshots")
    parser.add_argument("--copies", action="store_true", help="copies in a repository only")
    parser.add_argument("--no-speed", action="store_true", help="memory only")
    parser.add_argument("--no-memory", action="store_true", help="speed only")
    return parser.parse_args()


def main() -> int:
    """Measure and print; 1 where a target was missed."""
    arguments = parse()
    if arguments.screens:
        with folder_for(arguments.at) as folder:
            return 0 if screens.measure(folder, 2 * arguments.snapshots, arguments.rounds) else 1
    corpus = Corpus()
    if arguments.copies:
        with folder_for(arguments.at) as folder:
            return 0 if copies.measure(folder, corpus, arguments.size, arguments.rounds) else 1
    reached = True
    if not arguments.no_speed:
        obstacle = missing()
        if obstacle:
            print(f"Without the real snapd: {obstacle}.\n")
        with folder_for(arguments.at) as folder:
            reached = (ours_alone if obstacle else compare)(arguments, folder, corpus)
        if os.access(limits.CACHES, os.W_OK):
            with folder_for(arguments.disk) as folder:
                reached = from_disk(arguments, folder, corpus) and reached
    if not arguments.no_memory:
        with folder_for(arguments.disk) as folder:
            reached = peak_memory(arguments, folder, corpus) and reached
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
