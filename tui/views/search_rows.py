"""What was found by name, as rows of a table: one for each version of a file, the newest first."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from backend import Progress, Snapshot
from backend.browse import History, Hit, Missed, PathPattern, Version, histories, search_files
from tui.phrases import count_phrase
from tui.text import amount_text, cut_middle, plain
from tui.views.columns import Heading, columns_of
from tui.views.file_rows import age_of, time_text
from tui.views.table import Column, Line, Row, Step

MOST = 20_000
_INTERVAL = 0.5
_FEW_SETS = 2
_FEW_MISSED, _PLACE = 3, 24  # places that are named, and the cells of each
_HEADINGS = (
    Heading("FILE"),
    Heading("SNAP"),
    Heading("SIZE", right=True),
    Heading("CHANGED", right=True),
    Heading("IN SETS"),
)
_FILE, _SNAP, _SIZE, _CHANGED, _SETS = range(len(_HEADINGS))
_STEPS = (
    Step(_FILE, 34),
    Step(_SNAP, 12),
    Step(_FILE, 24),
    Step(_SNAP, 0),
    Step(_SIZE, 0),
    Step(_CHANGED, 0),
    Step(_FILE, 8),
    Step(_SETS, 6),
)


class VersionKey(NamedTuple):
    """The row of one version of a file."""

    snap: str
    user: str
    path: bytes
    state: tuple[object, ...]


class FileVersion(NamedTuple):
    """One version of a file: the file with all its versions, and which of them it is."""

    history: History
    number: int

    @property
    def version(self) -> Version:
        """The version itself."""
        return self.history.versions[self.number]

    @property
    def newest(self) -> Hit:
        """Where it is in the newest set that has it."""
        return self.version.hits[0]

    @property
    def before(self) -> "FileVersion | None":
        """The version before it, where one is known."""
        number = self.number + 1
        return self._replace(number=number) if number < len(self.history.versions) else None

    @property
    def key(self) -> VersionKey:
        """What identifies its row."""
        history = self.history
        return VersionKey(history.snap, history.user, history.path, self.version.state)

    @property
    def path_text(self) -> str:
        """The path, not yet harmless."""
        note = " [name too long]" if self.history.is_too_long else ""
        return f"{self.history.path.decode('utf-8', 'surrogateescape')}{note}"


class SearchProgress(NamedTuple):
    """How far a search is: snapshots searched, and in all; what could not be searched."""

    done: int = 0
    total: int = 0
    missed: tuple[Missed, ...] = ()
    complete: bool = False
    stopped: bool = False
    cut: bool = False


class Search:
    """Looks for a pattern in snapshots and files; for one thread. What is indexed is searched first."""

    def __init__(self, where: Sequence[Snapshot | str], pattern: PathPattern, state_dir: str) -> None:
        self._where = where
        self._pattern = pattern
        self._state_dir = state_dir
        self._met: set[tuple[str, str, bytes, int]] = set()
        self._missed: dict[tuple[str, str], Missed] = {}
        self._hits: list[Hit] = []
        self._is_cut = False

    def run(self, progress: Progress, tell: Callable[[list[FileVersion], SearchProgress], None]) -> None:
        """Search; tells what was found, and how far it is, about twice a second. Raises Cancelled."""
        total, due = len(self._where), 0.0
        for reads in (False, True):
            for number, place in enumerate(self._where):
                self._note(place, reads=reads, progress=progress)
                if progress.clock() >= due:
                    tell(file_versions(self._hits), self._progress(number + 1 if reads else 0))
                    due = progress.clock() + _INTERVAL
        tell(file_versions(self._hits), self._progress(total)._replace(complete=True))

    def _progress(self, done: int) -> SearchProgress:
        return SearchProgress(done, len(self._where), tuple(self._missed.values()), cut=self._is_cut)

    def _note(self, place: Snapshot | str, *, reads: bool, progress: Progress) -> None:
        for hit in search_files([place], self._pattern, self._state_dir, progress, read_others=reads):
            if isinstance(hit, Missed):
                self._missed[hit.file, hit.entry] = hit
                continue
            key = (hit.file, hit.entry, hit.path, hit.node.id)
            self._is_cut = len(self._hits) >= MOST
            if key not in self._met and not self._is_cut:
                self._met.add(key)
                self._hits.append(hit)


def file_versions(hits: Sequence[Hit]) -> list[FileVersion]:
    """Every version of every file, those of one file together, the newest first."""
    return [
        FileVersion(history, number) for history in histories(hits) for number in range(len(history.versions))
    ]


# -- rows


def rows(versions: Sequence[FileVersion], now: float) -> list[Row]:
    """A row for each version."""
    return [Row(version.key, partial(_line, version, now), sign=_sign(version)) for version in versions]


def columns(shown: Sequence[Row], room: int) -> list[Column]:
    """The columns for rows in a room of cells."""
    return columns_of(_HEADINGS, shown, room, _STEPS)


def _sign(version: FileVersion) -> str:
    return "▸" if version.newest.node.is_folder else " "


def _line(version: FileVersion, now: float) -> Line:
    node = version.newest.node
    cells = (
        plain(version.path_text),
        owner_text(version),
        amount_text(node.size),
        age_of(node.mtime_ns, now),
        sets_text(version.version, _FEW_SETS),
    )
    return Line(cells, ("" if version.number == 0 else "dim", "dim", "", "dim", ""))


def about(version: FileVersion) -> str:
    """All about a version, in a sentence."""
    node = version.newest.node
    facts = (
        plain(version.path_text),
        f"changed {time_text(node.mtime_ns)}",
        f"in {sets_text(version.version)}",
    )
    return " · ".join(facts)


def owner_text(version: FileVersion) -> str:
    """The snap, and whose data it is."""
    history = version.history
    return f"{plain(history.snap)}, {plain(history.user)}" if history.user else plain(history.snap)


def sets_text(version: Version, most: int = 1000) -> str:
    """Where a version is: the sets, the newest first, or the file's name."""
    names = [
        f"#{hit.snapshot.set_id}" if hit.snapshot.set_id else plain(hit.file.rpartition("/")[2])
        for hit in version.hits
    ]
    distinct = list(dict.fromkeys(names))
    more = f" +{len(distinct) - most}" if distinct[most:] else ""
    return " ".join(distinct[:most]) + more


# -- how far it is, and what was not searched


def progress_text(progress: SearchProgress, versions: Sequence[FileVersion], reading: str = "") -> str:
    """How far a search is, and what it came to."""
    files = _files_text(versions) + (f", the first {MOST:,} only" if progress.cut else "")
    of_all = f"of {count_phrase(progress.total, 'snapshot')} searched"
    if progress.stopped:
        return f"stopped: {progress.done} {of_all}, {files} so far"
    if not progress.complete:
        what = f": {plain(reading)}" if reading else ""
        return (
            f"searching {min(progress.done + 1, progress.total)} of {progress.total}{what} · {files} so far"
        )
    unread = len({missed.file for missed in progress.missed if not missed.entry})
    done = f"{progress.total - unread} {of_all}" if unread else of_all.removeprefix("of ")
    return f"{files if versions else 'nothing found'} · {done}"


def _files_text(versions: Sequence[FileVersion]) -> str:
    files = sum(version.number == 0 for version in versions)
    of_all = f" in {count_phrase(len(versions), 'version')}" if len(versions) > files else ""
    return f"{count_phrase(files, 'file')}{of_all}"


def missed_text(missed: Sequence[Missed], *, reasons: bool = False) -> str:
    """What could not be searched, with reasons if wanted, in one line; nothing where all could."""
    parts = [place for place in missed if place.entry]
    wholes = [place for place in missed if not place.entry]
    texts = (("not searched", wholes), ("only in part", parts))
    return "; ".join(f"{text}: {_places_text(places, reasons=reasons)}" for text, places in texts if places)


def _places_text(places: Sequence[Missed], *, reasons: bool) -> str:
    names = [
        f"{_place_text(place)} ({plain(place.reason)})" if reasons else cut_middle(_place_text(place), _PLACE)
        for place in places
    ]
    names[_FEW_MISSED:] = [f"{len(places) - _FEW_MISSED} more"] if places[_FEW_MISSED:] else []
    return ", ".join(names)


def _place_text(missed: Missed) -> str:
    if missed.snapshot is None:
        return plain(missed.file)
    whose = missed.entry.removeprefix("user/").removesuffix(".tgz") if "/" in missed.entry else ""
    names = (f"#{missed.snapshot.set_id}", missed.snapshot.snap, whose)
    return plain(" ".join(filter(None, names)))
