"""Everything known of what is chosen, in sections: what is most wanted first, hashes and paths last."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from backend import Number, Snapshot, UndoOffer
from backend.store import CheckState, CheckStatus
from tui.phrases import ago_phrase, count_phrase
from tui.session.inventory import NAMELESS, InventoryData, Part, Total
from tui.text import amount_text, moment_text, plain, time_text
from tui.views.set_rows import GLYPHS, STYLES, check_text

UNKNOWN = "unknown without root"

_SHOWN = 50
_SETTINGS = 30
_HASH = 24
_LEVELS = {"full": "every byte", "structure": "every byte and archive"}


class Fact(NamedTuple):
    """A label, or nothing where the fact before goes on, and a harmless text in a style of tables.

    With an amount `at_edge`, the text is cut to the room left of it.
    """

    label: str
    text: str
    style: str = ""
    at_edge: str = ""


class Section(NamedTuple):
    """Facts below a heading."""

    title: str
    facts: tuple[Fact, ...]


def sections_of(
    snapshots: Sequence[Snapshot],
    stock: InventoryData,
    offers: Sequence[UndoOffer],
    now: float,
    *,
    parts: Mapping[str, Part] = {},
) -> list[Section]:
    """One snapshot in full, or several in sum; what can be undone of their sets."""
    if not snapshots:
        return []
    undo = list(_undo(snapshots, offers))
    if len(snapshots) > 1:
        drafts = _several(snapshots, stock, now, undo)
    else:
        drafts = _single(snapshots[0], stock, now, undo=undo, parts=parts)
    sections = (Section(title, tuple(facts)) for title, facts in drafts)
    return [section for section in sections if section.facts]


def title_of(snapshots: Sequence[Snapshot]) -> str:
    """What the details are about: `#91`, or how many snapshots."""
    numbers = {snapshot.set_id for snapshot in snapshots}
    if len(numbers) == 1:
        return f"#{numbers.pop()} details"
    return count_phrase(len(snapshots), "snapshot") if snapshots else "Details"


def sentence_of(snapshots: Sequence[Snapshot], stock: InventoryData, now: float) -> str:
    """What is chosen on one line: which it is, and its check or why it is broken."""
    if not snapshots:
        return ""
    if len(snapshots) == 1:
        snapshot, status = snapshots[0], stock.status_of(snapshots[0])
        revision = f"revision {snapshot.revision}" if snapshot.revision.number else ""
        facts = (_name(snapshot), revision, _check_phrase(status, snapshot.broken, now))
        return " · ".join(filter(None, facts))
    total = stock.total_of(snapshots)
    reasons = "; ".join(filter(None, (plain(snapshot.broken) for snapshot in snapshots)))
    worst = _check_phrase(total.status, reasons, now)
    return f"{count_phrase(len(snapshots), 'snapshot')} · {worst if reasons else f'worst: {worst}'}"


def _name(snapshot: Snapshot) -> str:
    return f"{plain(snapshot.snap) or NAMELESS} {plain(snapshot.version)}".rstrip()


def _check_phrase(status: CheckStatus, reason: str, now: float) -> str:
    """A status as a sentence tells it: `every byte verified 2 hours ago`."""
    ago = ago_phrase(now - status.at) if status.at else ""
    phrases = {
        CheckState.OK: f"{_LEVELS.get(status.level, status.level)} verified {ago}",
        CheckState.OLD: f"last verified {ago}",
        CheckState.NEVER: "never verified",
        CheckState.FAILED: f"check failed {ago}",
        CheckState.BROKEN: "damaged",
    }
    detail = plain(reason or status.fault)
    return f"{phrases[status.state].strip()}: {detail}" if detail else phrases[status.state].strip()


def _single(
    snapshot: Snapshot,
    stock: InventoryData,
    now: float,
    *,
    undo: list[Fact],
    parts: Mapping[str, Part],
) -> Iterator[tuple[str, Iterable[Fact]]]:
    yield _name(snapshot), [*_what(snapshot, stock), *undo]
    yield "Check", _check(snapshot, stock, now)
    yield "Configuration", _configuration(snapshot)
    yield "Archives", _archives(snapshot, parts)
    yield "File", _file(snapshot)


def _what(snapshot: Snapshot, stock: InventoryData) -> Iterator[Fact]:
    yield Fact("set", f"#{snapshot.set_id}")
    yield Fact("revision", str(snapshot.revision))
    yield Fact("saved", "unknown" if snapshot.hidden else time_text(snapshot.time))
    unpacked = stock.unpacked.get(snapshot.path)
    yield Fact("stored", amount_text(snapshot.size))
    yield Fact("unpacked", "not known" if unpacked is None else f"about {amount_text(unpacked)}")
    yield Fact("users", _listed([plain(name) for name in snapshot.users]) or "none")
    if when := expiry_text(snapshot, stock):
        yield Fact("expires", when)
    reason = plain(snapshot.broken)
    notes = [note for note in stock.remarks_of(snapshot) if note != reason]
    yield from _labelled("note", notes)


def _check(snapshot: Snapshot, stock: InventoryData, now: float) -> Iterator[Fact]:
    status = stock.status_of(snapshot)
    yield Fact("", check_text(status, now), STYLES[status.state])
    if status.at:
        yield Fact("", f"{_LEVELS.get(status.level, status.level)}, {ago_phrase(now - status.at)}")
    if fault := snapshot.broken or status.fault:
        yield Fact("", plain(fault), "bad")


def _configuration(snapshot: Snapshot) -> Iterator[Fact]:
    settings = list(_settings(snapshot.conf or {}))
    yield from (Fact("", f"{name} = {value}") for name, value in settings[:_SETTINGS])
    if not settings:
        yield Fact("", "no settings", "dim")
    elif len(settings) > _SETTINGS:
        yield Fact("", count_phrase(len(settings), "setting"), "dim")


def _archives(snapshot: Snapshot, parts: Mapping[str, Part]) -> Iterator[Fact]:
    for entry in snapshot.entries:
        part = parts.get(entry)
        yield Fact("", plain(entry), at_edge=amount_text(part.stored) if part else "")
    yield from _labelled("excluded", [plain(pattern) for pattern in snapshot.exclude or ()])


def _file(snapshot: Snapshot) -> Iterator[Fact]:
    yield Fact("", plain(snapshot.path))
    yield Fact("bytes", str(snapshot.size))
    yield Fact("snap-id", plain(snapshot.snap_id) or "-")
    yield Fact("epoch", str(snapshot.epoch))
    for entry in snapshot.entries:
        yield Fact("sha3-384", f"{plain((snapshot.sums or {})[entry])[:_HASH]}… {plain(entry)}")


def _labelled(label: str, texts: Iterable[str]) -> Iterator[Fact]:
    """Several facts of one kind, labelled once."""
    return (Fact("" if number else label, text) for number, text in enumerate(texts))


def expiry_text(snapshot: Snapshot, stock: InventoryData) -> str:
    """When an automatic snapshot goes by itself; nothing for one that stays."""
    if when := stock.expiry.get(snapshot.set_id):
        return time_text(when)
    return UNKNOWN if snapshot.auto and not stock.knows_expiry else ""


def _settings(conf: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """The configuration, each value with its dotted name."""
    for name, value in conf.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{above}{name}.")
        else:
            shown = value.literal if isinstance(value, Number) else json.dumps(value, default=str)
            yield plain(f"{above}{name}"), plain(shown)


def _several(
    snapshots: Sequence[Snapshot], stock: InventoryData, now: float, undo: list[Fact]
) -> Iterator[tuple[str, Iterable[Fact]]]:
    total = stock.total_of(snapshots)
    yield count_phrase(len(snapshots), "snapshot"), [*_sum(snapshots, total, now), *undo]
    yield "Check", [Fact("worst", check_text(total.status, now), STYLES[total.status.state])]
    yield "Snaps", _members(snapshots, stock)
    yield "Notes", [Fact("", note) for note in total.notes[:_SHOWN]]


def _sum(snapshots: Sequence[Snapshot], total: Total, now: float) -> Iterator[Fact]:
    numbers = list(dict.fromkeys(snapshot.set_id for snapshot in snapshots))
    several = len(numbers) > 1
    yield Fact("sets" if several else "set", _listed([f"#{number}" for number in numbers]))
    yield Fact("newest" if several else "saved", ago_phrase(now - total.when) if total.when else "unknown")
    yield Fact("stored", amount_text(total.size))
    unpacked = "not known for all" if total.unpacked is None else f"about {amount_text(total.unpacked)}"
    yield Fact("unpacked", unpacked)
    yield Fact("users", _listed([plain(name) for name in total.users]) or "none")


def _members(snapshots: Sequence[Snapshot], stock: InventoryData) -> Iterator[Fact]:
    """Each of them with its size and its check; with its set, where they are of several."""
    several = len({snapshot.set_id for snapshot in snapshots}) > 1
    for snapshot in snapshots[:_SHOWN]:
        status = stock.status_of(snapshot)
        style = STYLES[status.state]
        set_ = f"#{snapshot.set_id} " if several else ""
        text = f"{GLYPHS[status.state]} {set_}{_name(snapshot)}"
        yield Fact("", text, "" if style == "dim" else style, amount_text(snapshot.size))
    if len(snapshots) > _SHOWN:
        yield Fact("", f"and {len(snapshots) - _SHOWN} more", "dim")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _undo(snapshots: Sequence[Snapshot], offers: Sequence[UndoOffer]) -> Iterator[Fact]:
    numbers = {snapshot.set_id for snapshot in snapshots}
    for offer in offers:
        if not numbers.isdisjoint(offer.sets or (offer.set_id,)):
            yield Fact("undo", f"job {offer.job}, until {moment_text(offer.until)}")
            yield Fact("", f"holds {amount_text(offer.held)}")
