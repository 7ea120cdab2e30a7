"""What was found by name, as rows of a table: each file with its versions, oldest first."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from backend import Progress, Snapshot
from backend.browse import History, Hit, Missed, Version, histories
from backend.browse import search_files as searched
from tui.phrases import count_phrase
from tui.text import plain, size_text
from tui.views.file_rows import time_text
from tui.views.table import Column, Line, Row

MOST = 20_000
_INTERVAL = 0.5
_GLOB = frozenset("*?[")
_SHOWS_TIMES = 60


class FileKey(NamedTuple):
    """The row of a file over time."""

    snap: str
    user: str
    path: bytes


class VersionKey(NamedTuple):
    """The row of one version of it."""

    file: FileKey
    number: int


class SearchProgress(NamedTuple):
    """How far a search is: snapshots searched, and in all; what could not be searched."""

    done: int = 0
    total: int = 0
    missed: tuple[Missed, ...] = ()
    complete: bool = False
    stopped: bool = False


def pattern_of(typed: str) -> str:
    """What is typed as a pattern: words without `*`, `?` and `[` are looked for anywhere in a name."""
    if not typed or any(sign in _GLOB for sign in typed):
        return typed
    folder, slash, name = typed.rpartition("/")
    return f"{folder}{slash}*{name}*"


class Search:
    """Looks for a pattern in snapshots and files; for one thread. What is indexed is searched first."""

    def __init__(self, where: Sequence[Snapshot | str], pattern: str, state_dir: str) -> None:
        self._where = where
        self._pattern = pattern
        self._state_dir = state_dir
        self._met: set[tuple[str, str, bytes, int]] = set()
        self._missed: dict[tuple[str, str], Missed] = {}
        self._hits: list[Hit] = []

    def run(self, progress: Progress, tell: Callable[[list[History], SearchProgress], None]) -> None:
        """Search; tells what was found, and how far it is, about twice a second. Raises Cancelled."""
        total, due = len(self._where), 0.0
        for reads in (False, True):
            for number, place in enumerate(self._where):
                self._note(place, reads=reads, progress=progress)
                if progress.clock() >= due or (reads and number + 1 == total):
                    done = SearchProgress(number + 1 if reads else 0, total, tuple(self._missed.values()))
                    tell(histories(self._hits), done)
                    due = progress.clock() + _INTERVAL
        tell(histories(self._hits), SearchProgress(total, total, tuple(self._missed.values()), complete=True))

    def _note(self, place: Snapshot | str, *, reads: bool, progress: Progress) -> None:
        for hit in searched([place], self._pattern, self._state_dir, progress, read_others=reads):
            if isinstance(hit, Missed):
                self._missed[hit.file, hit.entry] = hit
                continue
            key = (hit.file, hit.entry, hit.path, hit.node.id)
            if key not in self._met and len(self._hits) < MOST:
                self._met.add(key)
                self._hits.append(hit)


# -- rows


def columns(width: int) -> list[Column]:
    """The columns that fit."""
    times = [Column("CHANGED", 16)] if width >= _SHOWS_TIMES else []
    return [Column("FILE, AND ITS VERSIONS", 0), Column("SIZE", 7, right=True), *times, Column("IN", 16)]


def rows(histories: Sequence[History], width: int) -> Iterator[Row]:
    """Each file, its versions below it."""
    for history in histories:
        key = FileKey(history.snap, history.user, history.path)
        yield Row(key, partial(_file_line, history, width), 0, "▾")
        for number, version in enumerate(history.versions):
            draw = partial(_version_line, version, number, len(history.versions), width)
            yield Row(VersionKey(key, number), draw, 1)


def _file_line(history: History, width: int) -> Line:
    whose = f", {plain(history.user)}" if history.user else ""
    path = plain(history.path.decode("utf-8", "surrogateescape"))
    versions = count_phrase(len(history.versions), "version")
    blank = ("",) if width >= _SHOWS_TIMES else ()
    name = f"{plain(history.snap)}{whose}: {path}{' [name too long]' if history.is_too_long else ''}"
    return Line((name, "", *blank, versions), ("", "", *blank, "dim"))


def _version_line(version: Version, number: int, count: int, width: int) -> Line:
    node = version.hits[0].node
    name = "oldest" if number == 0 and count > 1 else "newest" if number + 1 == count else f"{number + 1}."
    link = f" → {plain(node.link.decode('utf-8', 'surrogateescape'))}" if node.link else ""
    kind = "" if not node.is_folder else " folder"
    times = (time_text(node.mtime_ns),) if width >= _SHOWS_TIMES else ()
    cells = (f"{name}{kind}{link}", size_text(node.size).strip(), *times, sets_text(version))
    return Line(cells, ("dim", "", *("dim" for _ in times), "dim"))


def sets_text(version: Version) -> str:
    """Where a version is: the sets, or the file's name."""
    names = [
        f"#{hit.snapshot.set_id}" if hit.snapshot.set_id else plain(hit.file.rpartition("/")[2])
        for hit in version.hits
    ]
    return ", ".join(dict.fromkeys(names))


def progress_text(progress: SearchProgress, count: int, reading: str) -> str:
    """How far it is, in words."""
    hits = count_phrase(count, "file")
    missed = (
        f" · {count_phrase(len(progress.missed), 'archive')} not fully searched" if progress.missed else ""
    )
    if progress.stopped:
        of_all = f"{progress.done} of {count_phrase(progress.total, 'snapshot')}"
        return f"{hits} found · stopped after {of_all}: the rest was not searched{missed}"
    if progress.complete:
        return f"{hits} found in {count_phrase(progress.total, 'snapshot')}{missed}"
    what = f": {plain(reading)}" if reading else ""
    return f"searching {progress.done + 1} of {progress.total}…{what} · {hits} so far · x stops{missed}"
