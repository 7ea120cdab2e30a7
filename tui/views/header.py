"""The line on top of the inventory: where one works on its left, what wants attention on its right."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from backend import UndoOffer
from backend.store import CheckState
from tui.session.inventory import InventoryData
from tui.session.job_views import JobView
from tui.text import cells, cut_middle, cut_path, plain

_BADGE = " snapstow "
_ROOT = 30
_GAP = 3


class Count(NamedTuple):
    """How many of a kind want attention: which `section` of the list has them, in words, in which style."""

    section: str
    text: str
    style: str


class Site(NamedTuple):
    """Where somebody works: host, root where it is another than `/`, user, and by what changes are made."""

    host: str
    root: str
    user: str
    engine: str


def attention(
    stock: InventoryData, jobs: Sequence[JobView], offers: Sequence[UndoOffer], findings: int
) -> Iterator[Count]:
    """What the header counts, the most urgent first."""
    bad = stock.counts[CheckState.FAILED] + stock.counts[CheckState.BROKEN]
    unseen = [job for job in jobs if job.is_bad and not job.seen]
    counts = (
        ("jobs", sum(job.is_running for job in jobs), "{} running", "$accent"),
        ("failed", bad, "{} failed", "$text-error"),
        ("interrupted", sum(job.is_waiting for job in jobs), "{} interrupted", "$text-error"),
        ("jobs", sum(not job.is_waiting for job in unseen), "jobs: {} failed", "$text-error"),
        ("doctor", findings, "doctor {}", "$text-warning"),
        ("old", stock.counts[CheckState.OLD], "{} old", "$text-warning"),
        ("undo", len(offers), "undo {}", "$text-muted"),
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


def title_text(title: str, facts: Sequence[str], width: int) -> Content:
    """What a screen above the inventory is about, and as many facts as there is room for."""
    badge = Content.assemble((_BADGE, "bold $badge-text on $badge"), "  ")
    lead = badge if badge.cell_length + cells(title) < width else Content(" ")
    text = Content.assemble(lead, (cut_middle(title, width - lead.cell_length - 1), "bold"))
    for number, fact in enumerate(facts):
        gap = " · " if number else "  "
        if text.cell_length + len(gap) + cells(fact) < width:
            text = Content.assemble(text, (f"{gap}{fact}", "$text-muted"))
    return text
