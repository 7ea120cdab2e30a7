"""The line on top of the inventory: where one works on its left, what wants attention on its right."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from backend.jobs import JobState
from backend.store import CheckState
from tui.text import cells, cut_middle, cut_path, plain
from tui.views.care_rows import Care, Section, expiring, for_doctor

_BADGE = " snapstow "
_ROOT = 30
_GAP = 3


class Count(NamedTuple):
    """How many of a kind want attention, in words and in a style; `section` lists them, or the jobs do."""

    section: Section | None
    text: str
    style: str


class Site(NamedTuple):
    """Where somebody works: host, root where it is another than `/`, user, and by what changes are made."""

    host: str
    root: str
    user: str
    engine: str


def attention(care: Care, now: float) -> Iterator[Count]:
    """What the header counts, the most urgent first."""
    states, jobs = care.stock.counts, care.jobs
    unseen = [job for job in jobs if job.is_waiting or (job.is_bad and not job.seen)]
    cut_off = sum(job.is_waiting or job.state is JobState.INTERRUPTED for job in unseen)
    counts = (
        (None, sum(job.is_running for job in jobs), "{} running", "$accent"),
        (Section.FAILED, states[CheckState.FAILED], "{} failed", "$text-error"),
        (Section.FAILED, states[CheckState.BROKEN], "{} damaged", "$text-error"),
        (Section.JOBS, cut_off, "jobs: {} interrupted", "$text-error"),
        (Section.JOBS, len(unseen) - cut_off, "jobs: {} failed", "$text-error"),
        (Section.DOCTOR, len(for_doctor(care.findings)), "doctor {}", "$text-warning"),
        (Section.OLD, states[CheckState.OLD], "{} old", "$text-warning"),
        (Section.EXPIRING, len(expiring(care.stock, now)), "{} expiring", "$text-warning"),
        (Section.UNDO, len(care.offers), "undo {}", "$text-muted"),
    )
    return (Count(section, text.format(count), style) for section, count, text, style in counts if count)


def fitted_counts(counts: Sequence[Count], width: int) -> list[Count]:
    """As many as leave room for the name and the host."""
    shown: list[Count] = []
    for count in counts:
        width -= cells(count.text) + _GAP
        if width < len(_BADGE):
            break
        shown.append(count)
    return shown


def site_text(site: Site, width: int) -> Content:
    """Where one works, in at most `width` cells: the engine goes first, the host last."""
    root = f":{cut_path(plain(site.root), _ROOT)}" if site.root else ""
    facts = " · ".join(filter(None, (plain(site.user), plain(site.engine))))
    for host, rest in (
        (site.host + root, facts),
        (site.host + root, plain(site.user)),
        (site.host + root, ""),
        (site.host, ""),
    ):
        text = Content.assemble((_BADGE, "bold $badge-text on $badge"), "  ", (plain(host), "bold"))
        text = Content.assemble(text, (f"  {rest}" if rest else "", "$text-muted"))
        if text.cell_length <= width:
            return text
    return Content.styled(_BADGE, "bold $badge-text on $badge")


def title_text(title: str, facts: Sequence[str | Count], width: int) -> Content:
    """What a screen above the inventory is about, and as many facts and counts as there is room for."""
    badge = Content.assemble((_BADGE, "bold $badge-text on $badge"), "  ")
    lead = badge if badge.cell_length + cells(title) < width else Content(" ")
    text = Content.assemble(lead, (cut_middle(title, width - lead.cell_length - 1), "bold"))
    for number, fact in enumerate(facts):
        gap = " · " if number else "  "
        shown, style = (fact.text, fact.style) if isinstance(fact, Count) else (fact, "$text-muted")
        if text.cell_length + len(gap) + cells(shown) < width:
            text = Content.assemble(text, (gap, "$text-muted"), (shown, style))
    return text
