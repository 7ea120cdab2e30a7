"""A comparison as rows of a table, and the reading of it on a thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import NamedTuple

from backend import Progress, Snapshot
from backend.browse import Kind
from backend.compare import (
    Absent,
    Change,
    ComparedSide,
    CompareOptions,
    Comparison,
    Difference,
    KeyChange,
    Tally,
    TextDiff,
)
from tui.phrases import count_phrase
from tui.session.place import Place
from tui.text import amount_text, plain
from tui.views.columns import Heading, columns_of
from tui.views.table import Column, Line, Row, Step

MOST = 20_000
_HEADINGS = (
    Heading("PATH"),
    Heading("BEFORE", right=True),
    Heading("AFTER", right=True),
    Heading("BYTES", right=True),
    Heading("NOTE"),
)
_PATH, _BEFORE, _AFTER, _BYTES, _NOTE = range(len(_HEADINGS))
_STEPS = (
    Step(_NOTE, 12),
    Step(_BEFORE, 0),
    Step(_PATH, 40),
    Step(_AFTER, 0),
    Step(_PATH, 30),
    Step(_NOTE, 0),
    Step(_PATH, 16),
    Step(_BYTES, 0),
    Step(_PATH, 4),
)
_SIGNS = {
    Change.ADDED: ("+", "good"),
    Change.REMOVED: ("-", "bad"),
    Change.CHANGED: ("~", "warn"),
    Change.METADATA: ("≈", "dim"),
    Change.SAME: ("=", "dim"),
}
_INTERVAL = 0.5
_LONGEST_VALUE = 40


class Pair(NamedTuple):
    """What is compared of a snap: a snapshot, or a file that holds one, with another, or the data in place.

    The older side comes first; None stands for the data in place.
    """

    snap: str
    before: Snapshot | str
    after: Snapshot | str | None


class SetPair(NamedTuple):
    """Snapshots of one set to compare with those of another, the older first, or with the data in place."""

    before: tuple[Snapshot, ...]
    after: tuple[Snapshot, ...] | None


class KeyOf(NamedTuple):
    """A row of a path: whose it is, and where."""

    owner: str
    path: bytes
    kind: str


class ConfigKey(NamedTuple):
    """A row of a key of the configuration."""

    key: str


class Differences(NamedTuple):
    """What is known of a comparison so far: the first `MOST` differences (`cut` are those beyond).

    `labels` name the sides, `editions` their versions. `files` counts the files of each kind, `added` and
    `removed` are bytes, of all differences.
    """

    labels: tuple[str, str] = ("", "")
    editions: tuple[str, str] = ("", "")
    configuration: tuple[KeyChange, ...] = ()
    differences: tuple[Difference, ...] = ()
    files: Mapping[Change, int] = {}
    added: int = 0
    removed: int = 0
    notes: tuple[str, ...] = ()
    cut: int = 0
    complete: bool = False


def pair_of(chosen: Sequence[Snapshot]) -> Pair | SetPair | str:
    """What snapshots of one set (with the data in place), or of two, mean; or why they mean nothing."""
    sets: dict[int, list[Snapshot]] = {}
    for snapshot in sorted(chosen, key=lambda snapshot: snapshot.set_id):
        sets.setdefault(snapshot.set_id, []).append(snapshot)
    if not 1 <= len(sets) <= 2:
        return "select two sets or snapshots to compare, or one for the live data"
    before, after = [*sets.values(), None][:2]
    assert before is not None
    snaps = [{snapshot.snap for snapshot in side} for side in sets.values()]
    if not set.intersection(*snaps):
        names = " with ".join(", ".join(map(plain, sorted(names))) for names in snaps)
        return f"cannot compare {names}: they are different snaps"
    if len(before) > 1 or (after and len(after) > 1):
        return SetPair(tuple(before), tuple(after) if after else None)
    if broken := [snapshot for snapshot in chosen if snapshot.broken]:
        return f"cannot compare: #{broken[0].set_id} is damaged"
    return Pair(before[0].snap, before[0], after[0] if after else None)


class Comparer:
    """Compares a pair; its methods are for threads, one at a time."""

    def __init__(self, place: Place, pair: Pair) -> None:
        self._place = place
        self._pair = pair
        self._lock = Lock()
        self._comparison: Comparison | None = None

    @contextmanager
    def opened(self, progress: Progress) -> Iterator[Comparison]:
        """The comparison, opened at the first use."""
        with self._lock:
            if self._comparison is None:
                self._comparison = self._open(progress)
            yield self._comparison

    def _open(self, progress: Progress) -> Comparison:
        engine = self._place.engine
        comparison = Comparison(self._pair.snap, engine.layout, engine.state_dir)
        try:
            for side in (self._pair.before, self._pair.after):
                label = f"#{side.set_id}" if isinstance(side, Snapshot) else ""
                comparison.add(label, side, progress)
        except BaseException:
            comparison.close()
            raise
        return comparison

    def close(self) -> None:
        """Let go of the files, once nobody uses them."""
        with self._lock:
            if self._comparison is not None:
                self._comparison.close()
                self._comparison = None

    def run(self, options: CompareOptions, progress: Progress, tell: Callable[[Differences], None]) -> None:
        """Say what differs, again and again as it becomes known. Raises SnapshotError, Cancelled."""
        with self.opened(progress) as comparison:
            before, after = comparison.facets
            summary = Differences(
                labels=(_label(before), _label(after)),
                editions=(_edition(before), _edition(after)),
                configuration=tuple(comparison.configuration),
            )
            collected = _Collected(summary, comparison.notes)
            due = progress.clock() + _INTERVAL
            for difference in comparison.differences(progress, options):
                collected.add(difference)
                if progress.clock() >= due:
                    tell(collected.differences())
                    due = progress.clock() + _INTERVAL
            tell(collected.differences()._replace(complete=True))

    def diff_of(self, key: "KeyOf", progress: Progress) -> TextDiff:
        """The unified diff of one file. Raises SnapshotError, Cancelled."""
        with self.opened(progress) as comparison:
            return comparison.text_diff(key.owner, key.path, progress)

    def marks_of(self, differences: Sequence[Difference]) -> tuple[str, ...]:
        """How the paths are written for an extraction; needs a comparison that was opened."""
        assert self._comparison is not None
        return tuple(map(self._comparison.mark_of, differences))


class _Collected:
    """Differences as they come: the first ones, and the sums."""

    def __init__(self, summary: Differences, notes: Sequence[str]) -> None:
        self._summary = summary
        self._notes = notes
        self._kept: list[Difference] = []
        self._tally = Tally()
        self._passed = 0

    def add(self, difference: Difference) -> None:
        """Take in one."""
        self._tally.add(difference)
        self._passed += 1
        if len(self._kept) < MOST:
            self._kept.append(difference)

    def differences(self) -> Differences:
        """All so far."""
        tally = self._tally
        return self._summary._replace(
            differences=tuple(self._kept),
            files=dict(tally.files),
            added=tally.added,
            removed=tally.removed,
            notes=tuple(dict.fromkeys(self._notes)),
            cut=self._passed - len(self._kept),
        )


def _label(facet: ComparedSide) -> str:
    return "live data" if facet.snapshot is None else plain(facet.label)


def _edition(facet: ComparedSide) -> str:
    return f"{plain(facet.version)} rev {facet.revision}".strip()


# -- rows


def columns(shown: Sequence[Row], room: int) -> list[Column]:
    """The columns for rows in a room of cells."""
    return columns_of(_HEADINGS, shown, room, _STEPS)


def rows(result: Differences) -> list[Row]:
    """The configuration first, then the paths by owner."""
    some = [Row(ConfigKey(change.key), partial(_key_line, change)) for change in result.configuration]
    return some + [Row(key_of(difference), partial(_line, difference)) for difference in result.differences]


def key_of(difference: Difference) -> KeyOf:
    """What identifies the row of a difference."""
    return KeyOf(difference.owner, difference.path, difference.kind)


def _key_line(key_change: KeyChange) -> Line:
    sign, style = _SIGNS[key_change.change]
    values = f"{value_text(key_change.before)} → {value_text(key_change.after)}"
    text = f"{sign} configuration {plain(key_change.key)}: {values}"
    return Line((text, "", "", "", "configuration"), (style, "dim", "dim", "dim", "dim"))


def value_text(value: object) -> str:
    """A value of the configuration on one line, short."""
    if value is Absent.ABSENT:
        return "(not set)"
    text = plain(json_text(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def json_text(value: object) -> str:
    """A value as JSON, a number as it is written."""
    import json

    literal = getattr(value, "literal", None)
    if isinstance(literal, str):
        return literal
    return json.dumps(
        value, default=lambda number: getattr(number, "literal", str(number)), ensure_ascii=False
    )


def _line(difference: Difference) -> Line:
    sign, style = _SIGNS[difference.change]
    whose = f"{plain(difference.owner)}: " if difference.owner else ""
    slash = "/" if difference.kind == Kind.FOLDER.value else ""
    note = (
        count_phrase(difference.files, "file")
        if difference.folded
        else ", ".join(difference.metadata) or difference.change.value
    )
    cells = (
        f"{sign} {whose}{plain(difference.text)}{slash}",
        _size(difference.before),
        _size(difference.after),
        delta_text(difference),
        note,
    )
    return Line(cells, (style, "dim", "dim", "", "dim"))


def _size(size: int | None) -> str:
    return "-" if size is None else amount_text(size)


def delta_text(difference: Difference) -> str:
    """By how many bytes it grew or shrank; nothing where it did not."""
    delta = (difference.after or 0) - (difference.before or 0)
    if not delta or (difference.kind == Kind.FOLDER.value and not difference.folded):
        return ""
    return f"{'+' if delta > 0 else '-'}{amount_text(abs(delta))}"


def bytes_text(added: int, removed: int) -> str:
    """By how many bytes data grew and shrank; nothing where they did not."""
    amounts = (("+", added), ("-", removed))
    return " ".join(f"{sign}{amount_text(amount)}" for sign, amount in amounts if amount)


def sums(result: Differences) -> str:
    """What it comes to in one line."""
    phrases = [
        f"{_SIGNS[change][0]} {result.files.get(change, 0):,} {change.value}"
        for change in Change
        if result.files.get(change, 0)
    ]
    if result.configuration:
        phrases.append(count_phrase(len(result.configuration), "key"))
    if amounts := bytes_text(result.added, result.removed):
        phrases.append(amounts)
    if result.cut:
        phrases.append(f"only the first {MOST:,} are shown")
    return " · ".join(phrases)
