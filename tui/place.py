"""The place a session works at: its engine, what starts jobs there, and how a command names it."""

import os
import sys
from typing import NamedTuple

from backend import Checked, DirectEngine, Ledger, Runner, Snapshot, SnapshotSet, free_space
from tui.present import notes_text

# Starts this very program again, wherever it lies and whatever directory the new process starts in.
_BECOME = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.cli import main; sys.exit(main())"


class Stock(NamedTuple):
    """What a place holds at a moment: sets, the standing of each snapshot by path, free bytes.

    `haystacks` are what a filter looks at, one text for each snapshot by path, in lower case.
    """

    sets: tuple[SnapshotSet, ...]
    standing: dict[str, Checked]
    free: int
    haystacks: dict[str, str]

    @property
    def stored(self) -> int:
        """The bytes of all archives."""
        return sum(one.size for one in self.sets)


def haystack(one: Snapshot) -> str:
    """Everything of a snapshot that a filter may be about."""
    words = (f"#{one.set_id}", one.snap, one.version, str(one.revision), *one.users, notes_text(one))
    return " ".join(words).lower()


class Place:
    """One root and everything a screen needs of it. `words` are the options that name it in a command."""

    def __init__(self, engine: DirectEngine, words: tuple[str, ...], *, read_only: bool = False) -> None:
        self.engine = engine
        self.words = words
        self.read_only = read_only
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        command = [sys.executable, "-c", _BECOME, here, "--root", engine.layout.root, "run-job"]
        self.runner = Runner(engine.journal, command)
        self._ledger = Ledger(engine.journal.folder)

    def stock(self) -> Stock:
        """Look at everything; reads the disk, so never from the event loop."""
        sets = tuple(self.engine.sets())
        snapshots = [snapshot for one in sets for snapshot in one.snapshots]
        standing = self._ledger.standing(snapshots)
        haystacks = {one.path: haystack(one) for one in snapshots}
        return Stock(sets, standing, free_space(self.engine.layout.snapshots), haystacks)

    def stamp(self) -> tuple[int, ...]:
        """Changes whenever the stock may have changed."""
        stamps = []
        for path in (self.engine.layout.snapshots, f"{self.engine.journal.folder}/ledger.sqlite"):
            try:
                stamps.append(os.stat(path).st_mtime_ns)
            except OSError:
                stamps.append(0)
        return tuple(stamps)

    def refusal(self, verb: str) -> str:
        """Why a verb cannot be had here, or nothing."""
        if self.read_only:
            return f"cannot {verb}: this session is read-only"
        return self.engine.refusal(verb) or ""
