"""Whole sets that are compared, as rows: one for each snap, its differences summed up."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from backend.compare import Change, Presence, SnapSummary
from tui.phrases import count_phrase
from tui.text import plain
from tui.views.columns import Heading, columns_of
from tui.views.difference_rows import bytes_text
from tui.views.table import CLOSED, Column, Line, Row, Step

UNREADABLE = "(unreadable)"
_HEADINGS = (Heading("SNAP"), Heading("FILES"), Heading("BYTES"), Heading("CONFIGURATION"))
_STEPS = (Step(3, 0), Step(1, 20), Step(0, 16), Step(2, 0), Step(1, 8), Step(0, 8))


def rows(
    snaps: Mapping[str, Presence], summaries: Iterable[SnapSummary], labels: tuple[str, str]
) -> list[Row]:
    """A row for each snap, whether it was compared yet or not."""
    by_snap = {summary.snap: summary for summary in summaries}
    return [Row(snap, partial(_line, snap, by_snap.get(snap), labels), sign=CLOSED) for snap in snaps]


def columns(shown: Sequence[Row], room: int) -> list[Column]:
    """The columns for rows in a room of cells."""
    return columns_of(_HEADINGS, shown, room, _STEPS)


def _line(snap: str, summary: SnapSummary | None, labels: tuple[str, str]) -> Line:
    name = plain(snap) or UNREADABLE
    if summary is None:
        return Line((name, "not compared yet", "", ""), ("", "dim", "", ""))
    look = "bad" if summary.fault else "" if summary.differs else "dim"
    amounts = bytes_text(summary.tally.added, summary.tally.removed)
    cells = (name, files_text(summary, labels), amounts, keys_text(summary))
    return Line(cells, ("", look, "", "dim"))


def files_text(summary: SnapSummary, labels: tuple[str, str]) -> str:
    """How the files of a snap differ, which side has it, or why that is not known."""
    if summary.fault:
        return plain(summary.fault)
    if summary.presence is not Presence.BOTH:
        return f"only in {labels[summary.presence is Presence.AFTER]}"
    counts = {change: count for change, count in summary.tally.files.items() if change is not Change.SAME}
    text = ", ".join(f"{count:,} {change.value}" for change, count in counts.items() if count)
    incomplete = "" if summary.is_whole else " (not all could be read)"
    return (text or ("no differences" if not summary.differs else "no files")) + incomplete


def keys_text(summary: SnapSummary) -> str:
    """How many keys of the configuration differ; nothing where none does."""
    return count_phrase(summary.keys, "key") if summary.keys else ""


def sums(summaries: Sequence[SnapSummary], count: int) -> str:
    """What it comes to in one line."""
    if len(summaries) < count:
        return f"comparing {len(summaries) + 1} of {count}"
    unknown = sum(bool(summary.fault) for summary in summaries)
    differing = sum(summary.differs and not summary.fault for summary in summaries)
    facts = (f"{differing} different" if differing else "", f"{unknown} not compared" if unknown else "")
    counts = " · ".join(filter(None, facts))
    return f"{count_phrase(count, 'snap')} · {counts}" if counts else "no differences"
