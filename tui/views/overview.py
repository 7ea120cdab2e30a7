"""What a place holds, as three lines of pictures or one of counts: space, checks, what was saved when."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from backend import Snapshot
from backend.format import unix_time
from backend.store import CheckState
from tui.phrases import count_phrase
from tui.session.inventory import CHECK_WORDS, InventoryData, Pivot
from tui.text import amount_text, plain
from tui.views.set_rows import DAY, STYLES, short_age

DAYS = 60
GOOD, WARN, BAD, DIM = "$text-success", "$text-warning", "$text-error", "$text-muted"

_SHARES = ("$share-1", "$share-2", "$share-3")
_LEVELS = " ▁▂▃▄▅▆▇█"
_HEAD = 8
_BARS = ((150, DAYS), (90, DAYS // 2), (0, DAYS // 3))  # from which width on a bar has how many cells
_COLOURS = {"good": GOOD, "warn": WARN, "bad": BAD, "dim": DIM}
_BEST_FIRST = (CheckState.OK, CheckState.OLD, CheckState.NEVER, CheckState.FAILED, CheckState.BROKEN)


class Part(NamedTuple):
    """A part of a whole: how much, in which style it is drawn, and what stands beside the bar."""

    amount: float
    style: str
    legend: Content = Content("")
    sign: str = "━"


def pictures(stock: InventoryData, now: float, width: int) -> Content:
    """The three lines, each in at most `width` cells."""
    bar = next(size for least, size in _BARS if width >= least)
    room = max(0, width - _HEAD - bar - 2)
    space, checks = _space(stock, room), _checks(stock)
    return Content("\n").join(
        [
            _line("Space", _bar(space, bar), [part.legend for part in space], room),
            _line(
                "Checks",
                _bar(checks, bar),
                [*(part.legend for part in checks), *_elsewhere(stock, now)],
                room,
            ),
            _line("Saved", Content.styled(_spark(stock, now, bar), "$accent"), _newest(stock, now), room),
        ]
    )


def counts_line(stock: InventoryData, width: int) -> Content:
    """The same on one line: how many snapshots are in which state, and the space."""
    checks = Content("  ").join([part.legend for part in _checks(stock)])
    facts = f"{count_phrase(len(stock.sets), 'set')} · {amount_text(stock.stored)}"
    free = f"{facts} · {amount_text(stock.free)} free"
    for text in (free, facts):
        if (room := width - checks.cell_length - len(text)) >= 2:
            return Content.assemble(checks, " " * room, (text, DIM))
    return checks


def _line(name: str, bar: Content, legends: Iterable[Content], room: int) -> Content:
    """A name, a bar, and as many legends as there is room for."""
    line, used = Content.assemble((f"{name:<{_HEAD}}", DIM), bar), 0
    for legend in legends:
        used += 2 + legend.cell_length
        if used > room + 2:
            break
        line = Content.assemble(line, "  ", legend)
    return line


def _space(stock: InventoryData, room: int) -> list[Part]:
    """What takes the space: the largest snaps, all others, what is free; as many as can be named."""
    groups = stock.groups[Pivot.SNAP]
    largest = sorted(groups, key=lambda name: -groups[name].total.size)
    for named in range(min(len(largest), len(_SHARES)), -1, -1):
        parts = [
            _share(plain(name), groups[name].total.size, style)
            for name, style in zip(largest[:named], _SHARES, strict=False)
        ]
        if others := largest[named:]:
            size = sum(groups[name].total.size for name in others)
            parts.append(_share(f"{len(others)} more", size, DIM))
        parts.append(_share("free", stock.free, "$border-blurred", text=DIM)._replace(sign="─"))
        if sum(part.legend.cell_length + 2 for part in parts) <= room + 2:
            break
    return parts


def _share(name: str, size: int, style: str, text: str = "") -> Part:
    return Part(size, style, Content.assemble((name, text or style), " ", amount_text(size)))


def _checks(stock: InventoryData) -> list[Part]:
    """How many snapshots are in which state, the good ones first."""
    counted = [(state, stock.counts[state], _COLOURS[STYLES[state]]) for state in _BEST_FIRST]
    return [
        Part(count, style, Content.styled(f"{count} {CHECK_WORDS[state]}", style))
        for state, count, style in counted
        if count
    ]


def _bar(parts: Sequence[Part], width: int) -> Content:
    """Parts side by side, none too small to be seen; each ends with a notch, so that they differ in grey."""
    cells = shared([part.amount for part in parts], width)
    last = max((number for number, count in enumerate(cells) if count), default=0)
    return Content.assemble(
        *(
            (_stroke(part.sign, count, is_last=number == last), part.style)
            for number, (part, count) in enumerate(zip(parts, cells, strict=True))
            if count
        )
    )


def _stroke(sign: str, count: int, *, is_last: bool) -> str:
    return sign * count if is_last or count < 2 else f"{sign * (count - 1)}╸"


def shared(amounts: Sequence[float], width: int) -> list[int]:
    """`width` cells shared by amounts: all of them, at least one for each that is something."""
    total = sum(amounts)
    if not total:
        return [0 for _ in amounts]
    cells = [max(1, int(amount / total * width)) if amount else 0 for amount in amounts]
    largest = max(range(len(cells)), key=cells.__getitem__)
    cells[largest] += width - sum(cells)
    return cells


def _spark(stock: InventoryData, now: float, width: int) -> str:
    """How many sets were saved on the last days, the oldest on the left."""
    counts = [0] * width
    for total in stock.totals.values():
        day = int((now - total.when) // DAY)
        if total.when and 0 <= day < DAYS:
            counts[width - 1 - day * width // DAYS] += 1
    most = max(counts)
    return "".join(_LEVELS[-(-count * (len(_LEVELS) - 1) // most) if count else 0] for count in counts)


def _newest(stock: InventoryData, now: float) -> Iterator[Content]:
    """For each snap the age of its newest snapshot that is verified."""
    yield Content.styled(f"{DAYS} days   newest verified", DIM)
    known = ((name, snapshot, _saved(snapshot)) for name, snapshot in stock.newest.items())
    for name, snapshot, at in sorted(known, key=lambda item: -item[2]):
        if snapshot is None:
            yield Content.styled(f"{plain(name)} never !", BAD)
        elif stock.status_of(snapshot).state is CheckState.OK:
            yield Content.styled(f"{plain(name)} {short_age(now - at)}", GOOD)
        else:
            yield Content.styled(f"{plain(name)} {short_age(now - at)} !", WARN)


def _elsewhere(stock: InventoryData, now: float) -> Iterator[Content]:
    """How old the newest set is that has a copy elsewhere which was read back."""
    if not stock.elsewhere.repositories:
        return
    head = ("verified copy elsewhere ", DIM)
    if newest := stock.elsewhere.newest:
        yield Content.assemble(head, (short_age(now - newest), GOOD))
    else:
        yield Content.assemble(head, ("never !", WARN))


def _saved(snapshot: Snapshot | None) -> float:
    return unix_time(snapshot.time) if snapshot else 0.0
