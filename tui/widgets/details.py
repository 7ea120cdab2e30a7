"""Everything known of what is chosen, as text beside the table."""

from collections.abc import Sequence

from rich.text import Text

from backend import Checked, CheckState, Snapshot
from tui.place import Stock
from tui.present import local_time_text, plain, size_text
from tui.rows import check_text, short_age, worst


def details_of(snapshots: Sequence[Snapshot], stock: Stock, now: float) -> Text:
    """One snapshot in full, or several in sum."""
    if not snapshots:
        return Text("")
    lines = _one(snapshots[0], stock, now) if len(snapshots) == 1 else _several(snapshots, stock)
    text = Text()
    for label, value in lines:
        text.append(f"{label:<9}" if label else " " * 9, style="dim")
        text.append(f"{value}\n")
    return text


def _one(snapshot: Snapshot, stock: Stock, now: float) -> list[tuple[str, str]]:
    standing = stock.standing.get(snapshot.path, Checked(CheckState.NEVER))
    lines = [
        ("set", f"#{snapshot.set_id}"),
        ("snap", plain(snapshot.snap) or "(unreadable)"),
        ("version", plain(snapshot.version) or "-"),
        ("revision", str(snapshot.revision)),
        ("saved", "unknown" if snapshot.hidden else local_time_text(snapshot.time)),
        ("stored", f"{size_text(snapshot.size).strip()} ({snapshot.size} bytes)"),
        ("check", check_text(standing, now)),
    ]
    if standing.at:
        lines.append(("", f"{standing.level or 'hash'}, {short_age(now - standing.at)} ago"))
    if snapshot.broken or standing.fault:
        lines.append(("reason", plain(snapshot.broken or standing.fault)))
    lines += [("snap-id", plain(snapshot.snap_id) or "-"), ("epoch", str(snapshot.epoch))]
    lines.append(("config", f"{len(snapshot.conf)} keys" if snapshot.conf else "none"))
    lines += [("exclude" if not n else "", plain(p)) for n, p in enumerate(snapshot.exclude or ())]
    for entry in snapshot.entries:
        lines.append(("archive", plain(entry)))
        lines.append(("", f"{(snapshot.sums or {})[entry][:24]}…"))
    lines.append(("file", plain(snapshot.path.rpartition("/")[2])))
    return lines


def _several(snapshots: Sequence[Snapshot], stock: Stock) -> list[tuple[str, str]]:
    standing = worst(snapshots, stock)
    return [
        ("chosen", f"{len(snapshots)} snapshots"),
        ("sets", ", ".join(f"#{number}" for number in dict.fromkeys(one.set_id for one in snapshots))),
        ("snaps", ", ".join(dict.fromkeys(plain(one.snap or "(unreadable)") for one in snapshots))),
        ("stored", size_text(sum(one.size for one in snapshots)).strip()),
        ("worst", standing.state.value),
    ]
