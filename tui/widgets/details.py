"""Everything known of what is chosen, as text beside the table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from backend import Number, Snapshot, UndoOffer
from tui.phrases import ago_phrase, count_phrase
from tui.session.inventory import NAMELESS, InventoryData
from tui.text import cells, local_time_text, moment_text, plain, size_text
from tui.views.set_rows import check_text
from tui.widgets.text import DiffStatic

Fact: TypeAlias = tuple[str, str]  # a label, or nothing where the one before goes on, and a text
LABEL = 9
_SHOWN = 50
_HASH = 24
UNKNOWN = "unknown without root"
_SETTINGS = 30


class Details(VerticalScroll, can_focus=False):
    """The details of what is chosen; scrolls with the mouse."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield DiffStatic()

    def show(self, facts: Sequence[Fact]) -> None:
        """Show other details from their beginning; only lines that differ are drawn."""
        text, room = Text(), max(8, self.size.width - 2 - LABEL)
        for label, value in facts:
            shown = f"{value[:_HASH]}…" if label == "hash" else value
            for number, line in enumerate(folded(shown, room)):
                text.append(f"{'' if number else label:<{LABEL}}", style="dim")
                text.append(f"{line}\n")
        if self.query_one(DiffStatic).show(text):
            self.scroll_home(animate=False)


def folded(text: str, room: int) -> list[str]:
    """A `plain` text in lines of at most `room` columns, broken at blanks where that can be."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(longer) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if cells(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return lines


def details_of(
    snapshots: Sequence[Snapshot], stock: InventoryData, offers: Sequence[UndoOffer], now: float
) -> list[Fact]:
    """One snapshot in full, or several in sum; what can be undone of their sets."""
    if not snapshots:
        return []
    facts = _one(snapshots[0], stock, now) if len(snapshots) == 1 else _several(snapshots, stock, now)
    return [*facts, *_undo(snapshots, offers)]


def _one(snapshot: Snapshot, stock: InventoryData, now: float) -> Iterator[Fact]:
    status = stock.status_of(snapshot)
    yield "set", f"#{snapshot.set_id}"
    yield "snap", plain(snapshot.snap) or NAMELESS
    yield "version", plain(snapshot.version) or "-"
    yield "revision", str(snapshot.revision)
    yield "saved", "unknown" if snapshot.hidden else local_time_text(snapshot.time)
    yield "stored", _bytes(snapshot.size)
    unpacked = stock.unpacked.get(snapshot.path)
    yield "unpacked", "not known" if unpacked is None else f"about {_bytes(unpacked)}"
    yield "check", check_text(status, now)
    if status.at:
        yield "", f"{_level(status.level)}, {ago_phrase(now - status.at)}"
    if snapshot.broken or status.fault:
        yield "reason", plain(snapshot.broken or status.fault)
    reason = plain(snapshot.broken)
    notes = [note for note in stock.notes_of(snapshot) if not reason or reason not in note]
    yield from (("note" if not n else "", note) for n, note in enumerate(notes))
    if when := expiry_text(snapshot, stock):
        yield "expires", when
    yield "snap-id", plain(snapshot.snap_id) or "-"
    yield "epoch", str(snapshot.epoch)
    settings = list(_settings(snapshot.conf or {}))
    yield "config", count_phrase(len(settings), "setting") if settings else "none"
    yield from (("", f"{name} = {value}") for name, value in settings[:_SETTINGS])
    yield from (("exclude" if not n else "", plain(p)) for n, p in enumerate(snapshot.exclude or ()))
    for entry in snapshot.entries:
        yield "archive", plain(entry)
        yield "hash", (snapshot.sums or {})[entry]
    yield "file", plain(snapshot.path)


def expiry_text(snapshot: Snapshot, stock: InventoryData) -> str:
    """When an automatic snapshot goes by itself; nothing for one that stays."""
    if when := stock.expiry.get(snapshot.set_id):
        return local_time_text(when)
    return UNKNOWN if snapshot.auto and not stock.knows_expiry else ""


def _settings(conf: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """The configuration, each value with its dotted name."""
    for name, value in conf.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{above}{name}.")
        else:
            shown = value.literal if isinstance(value, Number) else json.dumps(value, default=str)
            yield plain(f"{above}{name}"), plain(shown)


def _bytes(amount: int) -> str:
    return f"{size_text(amount).strip()} ({amount} bytes)"


def _level(level: str) -> str:
    return {"full": "every byte, by its hash", "structure": "hashes, and every archive read"}.get(
        level, level
    )


def _several(snapshots: Sequence[Snapshot], stock: InventoryData, now: float) -> Iterator[Fact]:
    total = stock.total_of(snapshots)
    numbers = list(dict.fromkeys(snapshot.set_id for snapshot in snapshots))
    yield "chosen", count_phrase(len(snapshots), "snapshot")
    yield "sets", _listed([f"#{number}" for number in numbers])
    yield "snaps", _listed([plain(name) for name in total.names])
    yield "users", _listed([plain(name) for name in total.users]) or "none"
    yield "oldest", ago_phrase(now - total.when) if total.when else "unknown"
    yield "stored", _bytes(total.size)
    yield "unpacked", "not known for all" if total.unpacked is None else f"about {_bytes(total.unpacked)}"
    yield "worst", check_text(total.status, now)
    yield from (("note" if not n else "", note) for n, note in enumerate(total.notes[:_SHOWN]))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _undo(snapshots: Sequence[Snapshot], offers: Sequence[UndoOffer]) -> Iterator[Fact]:
    numbers = {snapshot.set_id for snapshot in snapshots}
    for offer in offers:
        if offer.set_id in numbers:
            yield "undo", f"job {offer.job}, until {moment_text(offer.until)}"
            yield "", f"holds {size_text(offer.held).strip()}"
