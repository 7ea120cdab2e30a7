"""How far a job is, as pieces of text that every face draws the same."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tui.session.job_progress import JobProgress, PartView, PhaseView
from tui.text import amount_text, cells, cut_middle, plain, unit_of

DONE, AHEAD = "━", "─"
_SHORTEST_BAR, _LONGEST_BAR = 8, 60
_SHORTEST_TITLE, _LONGEST_TITLE = 12, 28  # of it, beside figures and beside a bar
_PART_NAMES, _PART_BAR = 24, 30
_WORTH_TELLING = 1.0  # a second: what took less, and no bytes, is not told of afterwards
_PAST = {
    "Checking": "Checked",
    "Comparing": "Compared",
    "Exporting": "Exported",
    "Finishing": "Finished",
    "Forgetting": "Forgot",
    "Importing": "Imported",
    "Measuring": "Measured",
    "Putting": "Put",
    "Reading": "Read",
    "Removing": "Removed",
    "Restoring": "Restored",
    "Rolling": "Rolled",
    "Saving": "Saved",
    "Unpacking": "Unpacked",
    "Waiting": "Waited",
}


class Span(NamedTuple):
    """A piece of harmless text, and the name of what it is drawn like, or nothing."""

    text: str
    style: str = ""


Spans = tuple[Span, ...]


def width_of(spans: Iterable[Span]) -> int:
    """Return the columns that a line takes."""
    return sum(cells(span.text) for span in spans)


def flat(spans: Iterable[Span]) -> str:
    """Return a line as text alone."""
    return "".join(span.text for span in spans)


# -- amounts and times


def done_text(done: int, total: int | None, *, about: bool = False) -> str:
    """Return how much is done of how much: `1.9 of 2.4 GB`, `1.9 of about 2.4 GB`, `1.9 GB`."""
    if not total:
        return amount_text(done)
    factor, unit = unit_of(total)
    decimals = 0 if unit == "B" else 1
    of = "of about" if about else "of"
    return f"{done / factor:.{decimals}f} {of} {total / factor:.{decimals}f} {unit}"


def rate_text(rate: float) -> str:
    """Return bytes a second: `81 MB/s`; nothing where there are none."""
    if not 0 < rate < float("inf"):
        return ""
    factor, unit = unit_of(rate)
    return f"{rate / factor:.{int(rate / factor < 9.95 and unit != 'B')}f} {unit}/s"


def left_text(left: float | None) -> str:
    """Return the time left, as exact as it can be known: `0:08 left`, `about 2:30 left`, `about 3 h left`."""
    if left is None or not 0 <= left < float("inf"):
        return ""
    if left < 55:
        return f"0:{_rounded(left, 1 if left < 9.5 else 5):02} left"
    if left < 595:
        minutes, seconds = divmod(_rounded(left, 10), 60)
        return f"about {minutes}:{seconds:02} left"
    hours, minutes = divmod(_rounded(left / 60, 1 if left < 3500 else 5), 60)
    if not hours:
        return f"about {minutes} min left"
    return f"about {hours} h {minutes:02} min left" if hours < 10 else f"about {hours} h left"


def clock_text(seconds: float) -> str:
    """Return a span of time in whole seconds: `0:08`, `3:20`, `1:02:03`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _rounded(amount: float, step: int) -> int:
    return round(amount / step) * step


# -- the whole job on one line


def bar(share: float, width: int) -> Spans:
    """Return a bar of that many cells: heavy for what is done, light for what is left."""
    done = int(max(0.0, min(1.0, share)) * width)
    return Span(DONE * done, "accent"), Span(AHEAD * (width - done), "track")


def progress_line(
    progress: JobProgress, width: int, head: Sequence[Span] = (), *, longest: int = _LONGEST_BAR
) -> Spans:
    """Return a job on one line: head, bar, `62 %  6.2 of 10.1 GB  78 MB/s  0:51 left`.

    In at most `width` columns: the bar, at its longest `longest`, becomes shorter, then rate, amount and time
    are left out, then the head is cut.
    """
    needed = min(width_of(head), _LONGEST_TITLE) + (_SHORTEST_BAR + 2 if progress.total else 0)
    for facts in _facts(progress):
        spans = tuple(part for fact in facts for part in (Span("  "), fact))
        room = width - width_of(spans) - needed
        needed = min(width_of(head), _SHORTEST_TITLE)
        if room >= 0 or not facts:
            break
    else:
        spans = ()
    cut_head = _cut(head, width - width_of(spans))
    gap = 2 if cut_head else 0
    room = min(longest, width - width_of(cut_head) - width_of(spans) - gap)
    if not progress.total or room < _SHORTEST_BAR or not facts:
        return (*cut_head, *(spans if cut_head else spans[1:]))
    return (*cut_head, Span(" " * gap), *bar(progress.share, room), *spans)


def _facts(progress: JobProgress) -> Iterable[Sequence[Span]]:
    """What can be said in figures, in fewer and fewer of them."""
    left = Span(left_text(progress.left))
    rate = Span(rate_text(progress.rate), "quiet")
    phase = progress.phase
    if progress.total:
        percent = Span(f"{progress.percent} %", "strong")
        amount = Span(done_text(progress.done, progress.total, about=progress.about), "quiet")
        choices = [[percent, amount, rate, left], [percent, amount, left], [percent, left], [percent], []]
    elif phase and phase.done:
        amount = Span(done_text(phase.done, None), "quiet")
        choices = [[amount, rate], [amount], []]
    else:
        choices = [[]]
    return ([fact for fact in facts if fact.text] for facts in choices)


def _cut(spans: Sequence[Span], width: int) -> Spans:
    """A line in at most that many columns: its last pieces are shortened in their middle."""
    kept: list[Span] = []
    for span in spans:
        text = cut_middle(span.text, max(0, width))
        width -= cells(text)
        kept.append(span._replace(text=text))
    return tuple(span for span in kept if span.text)


# -- its phases and parts


def phase_text(phase: PhaseView) -> str:
    """Return a phase that is under way: `Unpacking 2 of 3`."""
    title = plain(phase.title)
    if phase.parts < 2:
        return title
    return f"{title} {min(phase.parts, phase.parts_ended + 1)} of {phase.parts}"


def phases_line(progress: JobProgress, width: int) -> Spans:
    """Return the phases with their state: `✓ Checked 6.1 GB in 0:19   ▸ Unpacking 2 of 3   · Putting`.

    Where there is no room for all, what is past goes first, then what is to come.
    """
    past = [Span(f"✓ {_past_text(phase)}", "good") for phase in progress.phases if _is_worth_telling(phase)]
    present = [phase for phase in progress.phases if phase.has_begun and not phase.has_ended]
    now = [Span(f"▸ {phase_text(phase)}", "strong") for phase in present]
    ahead = [Span(f"· {plain(phase.title)}", "quiet") for phase in progress.phases if not phase.has_begun]
    for number in range(len(past) + 1):
        line = _joined([*past[number:], *now, *ahead])
        if width_of(line) <= width:
            return line
    return _cut(_joined(now), width)


def _joined(pieces: Sequence[Span]) -> Spans:
    gaps = [Span(""), *[Span("   ")] * max(0, len(pieces) - 1)]
    return tuple(span for pair in zip(gaps, pieces, strict=False) for span in pair)


def _is_worth_telling(phase: PhaseView) -> bool:
    return phase.has_ended and (bool(phase.total and phase.done) or phase.seconds >= _WORTH_TELLING)


def _past_text(phase: PhaseView) -> str:
    """A phase that is over: `Checked 6.1 GB in 0:19`."""
    verb, _, rest = plain(phase.title).partition(" ")
    amount = amount_text(phase.done) if phase.done else ""
    took = f"in {clock_text(phase.seconds)}" if phase.seconds >= _WORTH_TELLING else ""
    return " ".join(filter(None, (_PAST.get(verb, verb), rest, amount, took)))


def part_lines(parts: Sequence[PartView], width: int, rows: int) -> Iterable[Spans]:
    """Return the parts that move at the same time, each with its bar, in so many rows; none for one."""
    if len(parts) < 2 or rows < 1:
        return
    shown = parts if len(parts) <= rows else parts[: rows - 1]
    names = min(_PART_NAMES, max((cells(plain(part.name)) for part in shown), default=0))
    for part in shown:
        yield _part_line(part, width, names)
    if more := len(parts) - len(shown):
        text = f"  {'and ' if shown else ''}{more} {'more' if shown else 'parts'} under way"
        yield (Span(text, "quiet"),)


def _part_line(part: PartView, width: int, names: int) -> Spans:
    name = cut_middle(plain(part.name), names)
    head = Span(f"  {name}{' ' * (names - cells(name))}  ")
    amount = Span(f"  {done_text(part.done, part.total)}", "quiet")
    room = min(_PART_BAR, width - width_of((head, amount)))
    if not part.total or room < _SHORTEST_BAR:
        return head, Span(amount.text.strip(), "quiet")
    return (head, *bar(part.done / part.total, room), amount)
