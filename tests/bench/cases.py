"""What is measured, on both sides; and the speed that is promised for it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from backend import Check, Export, Import, Operation, Progress, Restore, Save
from backend.engine import FilesEngine, perform_recorded
from backend.model import ARCHIVE, Revision, Snapshot
from backend.restore.impact import losses
from backend.transfer.exporter import SnapshotExport
from tests.bench import limits
from tests.bench.rounds import Side, nothing
from tests.bench.worlds import FOUR, Daemon, Ours, environment, run_command

SNAPD, ENGINE, COMMAND, FAST, BARE = "snapd", "engine", "command", "fast", "bare"


class Target(NamedTuple):
    """`fast` is to be at least so many times faster than `slow` (less than 1: it may be slower).

    What it stores may be at most `larger` per cent larger than what snapd stores.
    """

    fast: str
    slow: str
    times: float
    text: str = ""
    larger: float | None = None


class Case(NamedTuple):
    """An operation; `make` gives the sides when its turn comes, `sizes` what they stored, in bytes."""

    name: str
    make: Callable[[], Mapping[str, Side]]
    targets: tuple[Target, ...] = ()
    sizes: dict[str, int] = {}  # noqa: RUF012 - always given anew where it is written to


def recorded(engine: FilesEngine, operation: Operation) -> int:
    """Carry out an operation as the command does, journal and all; the set's id."""
    return perform_recorded(operation, engine, lambda _job: lambda _event: None).set_id


class Pair:
    """The cases that both worlds take part in; `sets` are the ids both have by name."""

    def __init__(self, daemon: Daemon, ours: Ours, sets: Mapping[str, int], folder: Path) -> None:
        self._daemon = daemon
        self._ours = ours
        self._sets = sets
        self._folder = folder
        self._last = 0

    def cases(self) -> list[Case]:
        """In an order in which each leaves what the next one needs; imports come last."""
        return [
            self._save("save", ("big",), (6.0, 9.0)),
            self._save("save, set of two", FOUR[:2], (2.4, 6.0)),
            self._check("check, one archive", "big", 1.0),
            self._check("check, four archives", "shared", 1.8),
            self._check("check, set of four", "four", 0.0),
            self._restore("restore, our archive", "ours", ("big",), 2.5),
            self._restore("restore, snapd's archive", "big", ("big",), 2.2),
            self._restore("restore, set of four", "four", FOUR, 0.0),
            self._export("big"),
            self._total("big"),
            self._import("import, one archive", "big", 0.9),
            self._import("import, set of four", "four", 1.5),
        ]

    def _perform(self, operation: Operation) -> None:
        self._last = recorded(self._ours.engine(), operation)

    def _save(self, name: str, snaps: tuple[str, ...], least: tuple[float, float]) -> Case:
        sizes: dict[str, int] = {}

        def by_snapd() -> None:
            self._last = self._daemon.save(*snaps)

        def forget_theirs() -> None:
            sizes[SNAPD] = _stored(self._daemon.folder, self._last)
            self._daemon.act("forget", self._last)

        def forget_ours(side: str) -> None:
            made = self._ours.newest()
            sizes[side] = _stored(self._ours.folder, made)
            self._ours.forget(made)

        sides = {
            SNAPD: Side(by_snapd, forget_theirs),
            BARE: limits.packing(self._ours, snaps),
            ENGINE: Side(partial(self._perform, Save(snaps)), partial(forget_ours, ENGINE)),
            FAST: Side(partial(self._perform, Save(snaps, fast=True)), partial(forget_ours, FAST)),
            COMMAND: Side(partial(self._ours.command, "save", *snaps), partial(forget_ours, COMMAND)),
        }
        targets = (
            Target(ENGINE, SNAPD, least[0], "", 1.0),
            Target(FAST, SNAPD, least[1], "--fast", 7.0),
            Target(ENGINE, BARE, 0.0, "of tar -c"),
        )
        return Case(name, lambda: sides, targets, sizes)

    def _check(self, name: str, which: str, least: float) -> Case:
        number = self._sets[which]
        sides = {
            SNAPD: Side(partial(self._daemon.act, "check", number)),
            ENGINE: Side(partial(self._perform, Check(number))),
            COMMAND: Side(partial(self._ours.command, "check-snapshot", str(number))),
        }
        targets = (Target(ENGINE, SNAPD, least),) if least else ()
        if which == "big":
            sides[BARE] = limits.hashing(self._ours, number)
            targets = (*targets, Target(ENGINE, BARE, 1 / 1.15, "of bare hashlib"))
        return Case(name, lambda: sides, targets)

    def _restore(self, name: str, which: str, snaps: tuple[str, ...], least: float) -> Case:
        number = self._sets[which]
        arguments = ("restore", "--undo-window=1s", str(number))

        def by_snapd() -> None:
            self._daemon.act("restore", number)

        sides = {
            SNAPD: Side(by_snapd, self._daemon.settle),
            ENGINE: Side(partial(self._perform, Restore(number, undo_window=1)), self._ours.tidy),
            COMMAND: Side(partial(self._ours.command, *arguments), self._ours.tidy),
        }

        def make() -> Mapping[str, Side]:
            return {**sides, BARE: limits.unpacking(self._ours, snaps, _fresh(self._folder / name))}

        return Case(name, make, (Target(ENGINE, SNAPD, least), Target(ENGINE, BARE, 0.0, "of tar -x")))

    def _export(self, which: str) -> Case:
        number = self._sets[which]
        path = f"{self._folder}/out"

        def remove() -> None:
            os.unlink(path)

        sides = {
            SNAPD: Side(partial(self._daemon.export, number, path), remove),
            BARE: limits.copying(self._ours, number, path),
            ENGINE: Side(partial(self._perform, Export(number, path)), remove),
            COMMAND: Side(partial(self._ours.command, "export-snapshot", str(number), path), remove),
        }
        targets = (Target(ENGINE, SNAPD, 1.0), Target(ENGINE, BARE, 0.0, "of cp"))
        return Case("export", lambda: sides, targets)

    def _total(self, which: str) -> Case:
        def tell() -> None:
            SnapshotExport(self._ours.engine().store, self._sets[which]).close()

        return Case("export, the total known", lambda: {ENGINE: Side(tell)})

    def _import(self, name: str, which: str, least: float) -> Case:
        """Their content must be gone first: both sides refuse what they have already."""
        path = f"{self._folder}/{which}.export"

        def by_snapd() -> None:
            self._last = self._daemon.take_in(path)

        def make() -> Mapping[str, Side]:
            self._daemon.export(self._sets[which], path)
            self._daemon.act("forget", self._sets[which])
            self._ours.forget(self._sets[which])
            return {
                SNAPD: Side(by_snapd, lambda: self._daemon.act("forget", self._last)),
                BARE: limits.hashing_file(path),
                ENGINE: Side(partial(self._perform, Import(path)), self._forget_newest),
                COMMAND: Side(partial(self._ours.command, "import-snapshot", path), self._forget_newest),
            }

        return Case(name, make, (Target(ENGINE, SNAPD, least), Target(ENGINE, BARE, 0.0, "of bare hashlib")))

    def _forget_newest(self) -> None:
        self._ours.forget(self._ours.newest())


def listing(daemon: Daemon, ours: Ours) -> list[Case]:
    """Lists of many snapshots, without the index and with it."""
    index = Path(ours.engine().journal.folder) / "index.json"

    def unlink() -> None:
        index.unlink(missing_ok=True)

    def sides(before: Callable[[], None]) -> Mapping[str, Side]:
        before()
        return {
            SNAPD: Side(partial(daemon.command, "saved")),
            "snapd's API": Side(daemon.listing),
            ENGINE: Side(lambda: ours.engine().sets(), before),
            COMMAND: Side(partial(ours.command, "saved"), before),
        }

    def indexed() -> None:
        if not index.exists():
            index.parent.mkdir(parents=True, exist_ok=True)
            ours.command("saved")

    return [
        Case("list, first", partial(sides, unlink), _faster(3.5)),
        Case("list, again", partial(sides, indexed), _faster(3.5)),
    ]


def _faster(times: float) -> tuple[Target, ...]:
    return Target(ENGINE, SNAPD, times), Target(COMMAND, SNAPD, times, "whole command")


def estimating(ours: Ours, snap: str) -> Case:
    """Adding up sizes; the peer is find, for snapd's REST has no word for it."""
    place = f"{ours.root}/var/snap/{snap}"

    def find() -> None:
        done = subprocess.run(
            ["find", place, "-type", "f", "-printf", r"%s\n"], capture_output=True, check=True
        )
        sum(map(int, done.stdout.split()))

    sides = {
        BARE: Side(find),
        ENGINE: Side(lambda: ours.engine().estimate([snap], ["root"], Progress())),
        COMMAND: Side(partial(ours.command, "estimate", snap)),
    }
    return Case("estimate (beside find)", lambda: sides, (Target(ENGINE, BARE, 0.6, "of find"),))


def losing(ours: Ours, snap: str) -> Case:
    """Looking for what a restore would take away, where all of it is newer; the peer is find."""
    snapshot = Snapshot(1, "2020-01-01T00:00:00Z", snap, Revision(-1))
    layout = ours.engine().layout
    top = f"{layout.system_parent(snap)}/common"
    sides = {
        BARE: Side(lambda: subprocess.run(["find", top, "-printf", r"%s\n"], stdout=subprocess.DEVNULL)),
        ENGINE: Side(lambda: losses(snapshot, layout, ARCHIVE, [top])),
    }
    return Case("losses (beside find)", lambda: sides, (Target(ENGINE, BARE, 1 / 3.5, "of find"),))


def cold(ours: Ours, size: int) -> Case:
    """A restore whose archive has to come from the disk; the peer reads the archive and does nothing more."""
    number = recorded(ours.engine(), Save(("big",)))

    def tidy() -> None:
        ours.tidy()
        limits.forget_caches()

    sides = {
        BARE: limits.reading(lambda: [snapshot.path for snapshot in ours.read(number)], limits.forget_caches),
        ENGINE: Side(lambda: recorded(ours.engine(), Restore(number, undo_window=1)), tidy),
    }

    def make() -> Mapping[str, Side]:
        limits.forget_caches()
        return sides

    return Case(f"restore, cold disk ({size} MB)", make, (Target(ENGINE, BARE, 0.0, "of cat"),))


def starting(daemon: Daemon | None, ours: Ours) -> Case:
    """How long the shortest list takes."""
    sides = {
        BARE: Side(lambda: subprocess.run([sys.executable, "-c", "pass"], env=environment(), check=True)),
        COMMAND: Side(partial(ours.command, "saved")),
    }
    if daemon is not None:
        sides[SNAPD] = Side(partial(daemon.command, "saved"))
    return Case("start of saved", lambda: sides, (Target(COMMAND, BARE, 1 / 3.2, "of bare python"),))


def alone(ours: Ours, size: int) -> list[Case]:
    """Our side only, where there is no snapd."""
    sets = {"big": recorded(ours.engine(), Save(("big",)))}
    number = sets["big"]

    def forget() -> None:
        ours.forget(ours.newest())

    def operation(what: Operation) -> Callable[[], int]:
        return lambda: recorded(ours.engine(), what)

    by_name: dict[str, tuple[Operation, Callable[[], object]]] = {
        "save": (Save(("big",)), forget),
        "save --fast": (Save(("big",), fast=True), forget),
        "check": (Check(number), nothing),
        "restore, our archive": (Restore(number, undo_window=1), ours.tidy),
    }
    return [
        Case(f"{name} ({size} MB)", partial(_only, Side(operation(what), after)))
        for name, (what, after) in by_name.items()
    ]


def _only(side: Side) -> Mapping[str, Side]:
    return {ENGINE: side}


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _stored(folder: Path, set_id: int) -> int:
    return sum(path.stat().st_size for path in folder.glob(f"{set_id}_*.zip"))


__all__ = [
    "Case",
    "Pair",
    "Target",
    "alone",
    "cold",
    "estimating",
    "listing",
    "losing",
    "run_command",
    "starting",
]
