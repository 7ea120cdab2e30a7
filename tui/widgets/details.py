"""Everything known of what is chosen, as text beside the table."""

import time
from collections.abc import Iterator, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from backend import Snapshot, UndoOffer
from tui.present import local_time_text, plain, size_text
from tui.rows import check_text, short_age
from tui.stock import NAMELESS, Stock
from tui.widgets.still import Still

_SHOWN = 50


class Details(VerticalScroll, can_focus=False):
    """The details of what is chosen; scrolls with the mouse."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Still()

    def show(self, text: Text) -> None:
        """Show other details from their beginning; only lines that differ are drawn."""
        if self.query_one(Still).show(text):
            self.scroll_home(animate=False)


def details_of(snapshots: Sequence[Snapshot], stock: Stock, offers: Sequence[UndoOffer], now: float) -> Text:
    """One snapshot in full, or several in sum; what can be taken back of their sets."""
    if not snapshots:
        return Text("")
    lines = _one(snapshots[0], stock, now) if len(snapshots) == 1 else _several(snapshots, stock, now)
    text = Text()
    for label, value in [*lines, *_undo(snapshots, offers)]:
        text.append(f"{label:<9}" if label else " " * 9, style="dim")
        text.append(f"{value}\n")
    return text


def _one(snapshot: Snapshot, stock: Stock, now: float) -> Iterator[tuple[str, str]]:
    standing = stock.standing_of(snapshot)
    yield "set", f"#{snapshot.set_id}"
    yield "snap", plain(snapshot.snap) or NAMELESS
    yield "version", plain(snapshot.version) or "-"
    yield "revision", str(snapshot.revision)
    yield "saved", "unknown" if snapshot.hidden else local_time_text(snapshot.time)
    yield "stored", _bytes(snapshot.size)
    unpacked = stock.unpacked.get(snapshot.path)
    yield "unpacked", "not known" if unpacked is None else f"about {_bytes(unpacked)}"
    yield "check", check_text(standing, now)
    if standing.at:
        yield "", f"{_level(standing.level)}, {short_age(now - standing.at)} ago"
    if snapshot.broken or standing.fault:
        yield "reason", plain(snapshot.broken or standing.fault)
    yield from (("note" if not n else "", note) for n, note in enumerate(stock.notes_of(snapshot)))
    yield "snap-id", plain(snapshot.snap_id) or "-"
    yield "epoch", str(snapshot.epoch)
    yield "config", f"{len(snapshot.conf)} keys" if snapshot.conf else "none"
    yield from (("exclude" if not n else "", plain(p)) for n, p in enumerate(snapshot.exclude or ()))
    for entry in snapshot.entries:
        yield "archive", plain(entry)
        yield "", f"{(snapshot.sums or {})[entry][:24]}…"
    yield "file", plain(snapshot.path.rpartition("/")[2])


def _bytes(amount: int) -> str:
    return f"{size_text(amount).strip()} ({amount} bytes)"


def _level(level: str) -> str:
    return {"full": "every byte, by its hash", "structure": "hashes, and every archive walked"}.get(
        level, level
    )


def _several(snapshots: Sequence[Snapshot], stock: Stock, now: float) -> Iterator[tuple[str, str]]:
    total = stock.total_of(snapshots)
    numbers = list(dict.fromkeys(one.set_id for one in snapshots))
    yield "chosen", f"{len(snapshots)} snapshots"
    yield "sets", _listed([f"#{number}" for number in numbers])
    yield "snaps", _listed([plain(name) for name in total.names])
    yield "users", _listed([plain(name) for name in total.users]) or "none"
    yield "oldest", f"{short_age(now - total.when)} ago" if total.when else "unknown"
    yield "stored", _bytes(total.size)
    yield "unpacked", "not known of all" if total.unpacked is None else f"about {_bytes(total.unpacked)}"
    yield "worst", check_text(total.standing, now)
    yield from (("note" if not n else "", note) for n, note in enumerate(total.notes[:_SHOWN]))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _undo(snapshots: Sequence[Snapshot], offers: Sequence[UndoOffer]) -> Iterator[tuple[str, str]]:
    numbers = {snapshot.set_id for snapshot in snapshots}
    for offer in offers:
        if offer.set_id in numbers:
            until = time.strftime("%a %H:%M", time.localtime(offer.until))
            yield "undo", f"job {offer.job}, until {until}"
            yield "", f"holds {size_text(offer.held).strip()}"
