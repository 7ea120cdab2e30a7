"""What is in archives as rows of a table: pure functions of what was met there."""

import stat
from collections.abc import Iterator, Sequence
from functools import partial

from backend import Snapshot
from backend.browse import Flag, Kind, Node, Order
from backend.format import minute_text
from tui.phrases import count_phrase
from tui.session.open_file import SYSTEM, Folder, Item, Location, Reading, Stage
from tui.text import amount_text, plain
from tui.views.columns import Heading, columns_of
from tui.views.set_rows import short_age
from tui.views.table import Column, Line, Row, Step

_BAR = 6
_LATEST = 1 << 40
_HEADINGS = (
    Heading("NAME"),
    Heading("SIZE", right=True),
    Heading(""),
    Heading("FILES", right=True),
    Heading("CHANGED"),
    Heading("MODE"),
    Heading("OWNER"),
    Heading("NOTE"),
)
_NAME, _SIZE, _BARS, _FILES, _CHANGED, _MODE, _OWNER, _NOTE = range(len(_HEADINGS))
_STEPS = (
    Step(_NOTE, 24),
    Step(_OWNER, 0),
    Step(_MODE, 0),
    Step(_FILES, 0),
    Step(_NAME, 30),
    Step(_BARS, 0),
    Step(_NOTE, 12),
    Step(_CHANGED, 0),
    Step(_NAME, 16),
    Step(_NOTE, 0),
    Step(_SIZE, 0),
    Step(_NAME, 4),
)
_SIGNS = {
    Kind.FOLDER: "▸",
    Kind.LINK: "→",
    Kind.HARD_LINK: "=",
    Kind.FIFO: "|",
    Kind.CHARACTER: "#",
    Kind.BLOCK: "#",
}
_FORMATS = {
    Kind.FOLDER: stat.S_IFDIR,
    Kind.LINK: stat.S_IFLNK,
    Kind.FIFO: stat.S_IFIFO,
    Kind.CHARACTER: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
}
_ODD = (
    (Flag.ABSOLUTE, "ABSOLUTE name", "bad"),
    (Flag.CLIMBING, "LEADS OUT by ..", "bad"),
    (Flag.TOO_LONG, "name TOO LONG", "bad"),
    (Flag.OUTSIDE, "OUTSIDE of the data", "bad"),
    (Flag.DANGLING, "link to NOTHING", "bad"),
    (Flag.REPLACED, "REPLACED later in the archive", "warn"),
    (Flag.SPARSE, "with holes", "dim"),
)
_UNUSABLE = Flag.ABSOLUTE | Flag.CLIMBING | Flag.TOO_LONG | Flag.OUTSIDE


def columns(shown: Sequence[Row], room: int) -> list[Column]:
    """The columns for rows in a room of cells."""
    return columns_of(_HEADINGS, shown, room, _STEPS)


def row_of(item: Item, of_all: int) -> Row:
    """A row; its bar is a share of `of_all` bytes."""
    sign = _SIGNS.get(item.node.kind, " ") if item.node is not None else "▸"
    return Row(item.location, partial(line_of, item, of_all), sign=sign)


def line_of(item: Item, of_all: int) -> Line:
    """What is drawn of something."""
    note, style = note_of(item)
    snapshot, node = item.snapshot, item.node
    if node is None:
        sizes = (amount_text(snapshot.size), _bar(snapshot.size, of_all), "")
        about = (snapshot.time[:16].replace("T", " "), "", "")
    else:
        is_known = item.reading is None or item.reading.stage is not Stage.UNREAD
        files = f"{node.files:,}" if node.is_folder else ""
        sizes = (amount_text(node.size), _bar(node.size, of_all), files) if is_known else ("-", "", "")
        rights = (mode_text(node), owner_text(node)) if item.reading is None else ("", "")
        about = (time_text(node.mtime_ns), *rights)
    return Line((name_of(item), *sizes, *about, note), ("", "", "dim", "dim", "dim", "dim", "dim", style))


def name_of(item: Item) -> str:
    """The name to show: the tops in words."""
    if item.node is None:
        snapshot = item.snapshot
        return f"{plain(snapshot.snap) or '(unreadable)'} {plain(snapshot.version)} rev {snapshot.revision}"
    if item.reading is not None:
        return f"{owner_of(item.location)}'s data"
    return top_name(item.location, item.snapshot) or plain(item.node.text)


def top_name(spot: Location, snapshot: Snapshot) -> str:
    """What a top of an archive is, in words; nothing for anything else."""
    if spot.path == b"common":
        return "common data"
    return "data of this revision" if spot.path == str(snapshot.revision).encode() else ""


def owner_of(spot: Location) -> str:
    """Whose archive it is."""
    if spot.entry in ("", SYSTEM):
        return "system"
    return plain(spot.entry.removeprefix("user/").removesuffix(".tgz"))


def note_of(item: Item) -> tuple[str, str]:
    """What is to be known of something, and how it looks."""
    node, snapshot = item.node, item.snapshot
    if node is None:
        return (
            (f"BROKEN: {plain(snapshot.broken)}", "bad")
            if snapshot.broken
            else (plain(snapshot.summary), "dim")
        )
    if item.reading is not None:
        return _reading_note(item.reading)
    for flag, text, style in _ODD:
        if node.flags & flag:
            return f"{text}{_target(node)}", style
    if top_name(item.location, snapshot):
        return plain(node.text), "dim"
    return _target(node).strip(), "dim"


def _reading_note(reading: Reading) -> tuple[str, str]:
    match reading.stage:
        case Stage.READING:
            return f"being read, {percent(reading)}", "dim"
        case Stage.UNREAD:
            return f"not read yet, {amount_text(reading.total)} stored", "dim"
        case Stage.STOPPED:
            return "INCOMPLETE: reading was stopped", "warn"
        case Stage.FAILED:
            return f"cannot be read: {plain(reading.reason)}", "bad"
        case Stage.READ:
            return "", ""


def percent(reading: Reading) -> str:
    """How much of an archive was read."""
    return f"{100 * reading.done // reading.total if reading.total else 0} %"


def _target(node: Node) -> str:
    if node.kind is Kind.LINK:
        return f" → {plain(_text(node.link))}"
    if node.kind is Kind.HARD_LINK:
        return f" the same as {plain(_text(node.link))}"
    if node.kind in (Kind.CHARACTER, Kind.BLOCK):
        return f" {node.kind.value} {plain(_text(node.link))}"
    return " fifo" if node.kind is Kind.FIFO else ""


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _bar(size: int, of_all: int) -> str:
    """A share as a bar; at least a sliver of what is there at all."""
    if not of_all or not size:
        return ""
    eighths = max(1, min(8 * _BAR, round(8 * _BAR * size / of_all)))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def time_text(nanoseconds: int) -> str:
    """A local time to the minute; nothing for what the archive tells no time of."""
    seconds = nanoseconds // 10**9
    if not 0 < seconds < _LATEST:
        return "-"
    return minute_text(seconds) or "-"


def age_of(nanoseconds: int, now: float) -> str:
    """How long ago a time is; nothing for what the archive tells no time of."""
    seconds = nanoseconds / 10**9
    return short_age(now - seconds) if 0 < seconds < _LATEST else "-"


def mode_text(node: Node) -> str:
    """The mode as ls shows it."""
    return stat.filemode(_FORMATS.get(node.kind, stat.S_IFREG) | node.mode & 0o7777)


def owner_text(node: Node) -> str:
    """User and group: names where the archive has them, else numbers."""
    user = plain(_text(node.user)) or str(node.uid)
    group = plain(_text(node.group)) or str(node.gid)
    return user if user == group else f"{user}:{group}"


def refusal_to_take(item: Item) -> str:
    """Why something cannot be taken out of its archive, or nothing."""
    if item.snapshot.broken:
        return "it cannot be selected: the snapshot is damaged"
    if item.node is None or item.reading is not None:
        return ""
    if item.node.flags & _UNUSABLE:
        return "it cannot be selected: its name leads out of the data, and it is never unpacked"
    if item.node.flags & Flag.REPLACED:
        return "it cannot be selected: a later member of the same name wins"
    return ""


# -- above and below the table


def trail(spot: Location, snapshot: Snapshot | None, file: str) -> str:
    """The way to a place, in words."""
    if snapshot is None or spot.held < 0:
        return file
    steps = [f"#{snapshot.set_id} {plain(snapshot.snap)} rev {snapshot.revision}" if snapshot.set_id else ""]
    steps[0] = steps[0] or f"{plain(snapshot.snap)} rev {snapshot.revision}"
    if spot.entry not in ("", SYSTEM):
        steps.append(f"{owner_of(spot)}'s data")
    if spot.path:
        top, slash, rest = spot.path.partition(b"/")
        steps.append(top_name(Location(spot.held, spot.entry, top), snapshot) or plain(_text(top) or "/"))
        if slash and rest:
            steps.append(plain(_text(rest)))
    return " › ".join(steps)


def facts(folder: Folder, order: Order, running: Sequence[tuple[Location, Reading]]) -> Iterator[str]:
    """What is told of a folder, the most important first."""
    yield count_phrase(folder.entries, "entry", "entries")
    if folder.size:
        yield amount_text(folder.size)
    if order is not Order.NAME:
        yield f"by {order.value}"
    if folder.files:
        yield count_phrase(folder.files, "file")
    if running:
        yield running_text(running)


def running_text(running: Sequence[tuple[Location, Reading]]) -> str:
    """What is being read, and how far."""
    spot, reading = running[0]
    more = f" and {len(running) - 1} more" if running[1:] else ""
    return f"reading {owner_of(spot)}'s data: {percent(reading)}{more}"
