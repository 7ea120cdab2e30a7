"""What needs attention at a place, in sections of rows: each row leads to where something can be done."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from backend import Finding, UndoOffer
from backend.format import unix_time
from backend.jobs import JobState
from backend.store import CheckState
from tui.phrases import offer_phrase, rough_span_phrase
from tui.session.inventory import InventoryData
from tui.session.job_views import JobView
from tui.text import amount_text, cells, cut_path, moment_text, plain
from tui.views.set_keys import SetKey, SnapKey
from tui.views.set_rows import DAY, STYLES, check_text, short_age
from tui.views.table import CLOSED, GAP, OPEN, Column, Line, Row, Step, fitted, row_of

SOON = 7 * DAY
_PATH = 40  # cells
_SHOWN = 200
_LEAD = len("  ├   ")
ELSEWHERE = ("broken", "hidden", "undo", "automatic", "change", "interrupted", "waiting")
NOTHING = "Nothing needs attention."


class Section(Enum):
    """What is listed below one heading."""

    FAILED = "Failed and damaged"
    OLD = "Old and never verified"
    JOBS = "Interrupted and failed jobs"
    DOCTOR = "Found by doctor"
    UNDO = "Undo data"
    EXPIRING = "Expiring soon"


class RestKey(NamedTuple):
    """The row of all that a section has no room for."""

    section: Section


class JobKey(NamedTuple):
    """A row of a job."""

    name: str


class OfferKey(NamedTuple):
    """A row of what a job keeps to be undone."""

    job: int


class FindingKey(NamedTuple):
    """A row of something that doctor found."""

    kind: str
    path: str
    text: str


class Care(NamedTuple):
    """What is known of a place: its sets, its jobs, what they keep, what doctor found."""

    stock: InventoryData
    jobs: Sequence[JobView]
    offers: Sequence[UndoOffer]
    findings: Sequence[Finding]


class Item(NamedTuple):
    """Something that needs attention: what, how it stands, why or what can be done, and the style of that.

    `about` says more than a row has room for.
    """

    key: Hashable
    name: str
    state: str
    note: str
    style: str
    about: str = ""


class Listed(NamedTuple):
    """What is in a section: how much in all, and the first of it."""

    total: int
    items: list[Item]


def items_of(care: Care, now: float) -> dict[Section, Listed]:
    """What there is in each section; those with nothing in them are left out."""
    counts = care.stock.counts
    bad, due = (CheckState.FAILED, CheckState.BROKEN), (CheckState.OLD, CheckState.NEVER)
    listed = {
        Section.FAILED: (sum(counts[state] for state in bad), _snapshots(care.stock, now, bad)),
        Section.OLD: (sum(counts[state] for state in due), _snapshots(care.stock, now, due)),
    }
    sections = {
        section: Listed(count, [*islice(items, _SHOWN)]) for section, (count, items) in listed.items()
    }
    for section, some in (
        (Section.JOBS, _jobs(care.jobs, now)),
        (Section.DOCTOR, _findings(for_doctor(care.findings))),
        (Section.UNDO, _undo(care.offers)),
        (Section.EXPIRING, _expiring(care.stock, now)),
    ):
        items = list(some)
        sections[section] = Listed(len(items), items[:_SHOWN])
    return {section: members for section, members in sections.items() if members.items}


def for_doctor(findings: Sequence[Finding]) -> list[Finding]:
    """What doctor found and no other section has."""
    return [finding for finding in findings if finding.kind not in ELSEWHERE]


def expiring(stock: InventoryData, now: float) -> list[int]:
    """The automatic sets that go by themselves within a week, the first to go first."""
    times = {number: unix_time(when) for number, when in stock.expiry.items() if number in stock.by_id}
    return sorted((number for number in times if times[number] - now < SOON), key=times.__getitem__)


def _snapshots(stock: InventoryData, now: float, states: Sequence[CheckState]) -> Iterator[Item]:
    for set_ in reversed(stock.sets):
        for snapshot in set_.snapshots:
            status = stock.status_of(snapshot)
            if status.state in states:
                fault = plain(snapshot.broken or status.fault)
                advice = "c checks it" if status.state is not CheckState.FAILED else "c checks it again"
                note = fault or advice
                name = f"#{set_.set_id} {plain(snapshot.snap) or 'unreadable'} {plain(snapshot.version)}"
                key = SnapKey(set_.set_id, snapshot.path)
                yield Item(key, name.rstrip(), check_text(status, now), note, STYLES[status.state])


def _jobs(jobs: Sequence[JobView], now: float) -> Iterator[Item]:
    for job in jobs:
        if job.is_waiting or (job.is_bad and not job.seen):
            is_open = job.state is JobState.INTERRUPTED
            way = "Enter, then t ends it" if is_open else plain(job.error)
            state = f"{job.state.value} {short_age(now - (job.result.ended or job.started))}"
            yield Item(JobKey(job.name), f"{job.called}: {plain(job.short)}", state, way, "bad")


def _findings(findings: Sequence[Finding]) -> Iterator[Item]:
    for finding in findings:
        size = f" · {amount_text(finding.size)}" if finding.size else ""
        way = "Enter repairs it" if finding.repair else "left alone"
        name = cut_path(plain(finding.path), _PATH) or plain(finding.text)
        remedy = f" · a repair would {plain(finding.repair)}" if finding.repair else ""
        about = f"{plain(finding.text)}{remedy}"
        yield Item(FindingKey(*finding[:3]), name, f"{finding.kind}{size}", way, "warn", about)


def _undo(offers: Sequence[UndoOffer]) -> Iterator[Item]:
    for offer in offers:
        name = f"job {offer.job}: {offer_phrase(offer)} {', '.join(map(plain, offer.snaps))}"
        held = "kept in the repository" if offer.copies else f"holds {amount_text(offer.held)}"
        until = f"until {moment_text(offer.until)}" + (f"; kept: {plain(offer.doubt)}" if offer.doubt else "")
        yield Item(OfferKey(offer.job), name.rstrip(), held, until, "dim")


def _expiring(stock: InventoryData, now: float) -> Iterator[Item]:
    for number in expiring(stock, now):
        left = unix_time(stock.expiry[number]) - now
        when = f"in {rough_span_phrase(left)}" if left > 0 else "at any moment"
        names = stock.labels[number][0].names
        yield Item(SetKey(number), f"#{number} {names}", when, "e exports it to a file that stays", "warn")


def care_rows(sections: Mapping[Section, Listed], closed: frozenset[Hashable] = frozenset()) -> list[Row]:
    """The items below their headings, which can be closed."""
    return [row for section, listed in sections.items() for row in _section(section, listed, closed)]


def _section(section: Section, listed: Listed, closed: frozenset[Hashable]) -> Iterator[Row]:
    count, items = listed.total, listed.items
    heading = Line((f"{section.value}  {count:,}",), ("heading",))
    is_open = section not in closed
    yield row_of(section, heading)._replace(sign=OPEN if is_open else CLOSED)
    for item in items if is_open else ():
        branch = "  └ " if item is items[-1] and len(items) == count else "  ├ "
        line = Line((item.name, item.state, item.note, item.about), ("", item.style, "dim"))
        yield row_of(item.key, line)._replace(depth=1, tree=branch)
    if is_open and len(items) < count:
        more = Line((f"{count - len(items):,} more: Enter lists all, worst first",), ("dim",))
        yield row_of(RestKey(section), more)._replace(depth=1, tree="  └ ")


def care_columns(sections: Mapping[Section, Listed], room: int) -> list[Column]:
    """The columns for that room: the notes are cut first, then the names."""
    items = [item for listed in sections.values() for item in listed.items]
    widest = [
        max((cells(item.name) + _LEAD for item in items), default=8),
        max((cells(item.state) for item in items), default=8),
        max((cells(item.note) for item in items), default=8),
    ]
    widths = fitted(widest, room, (Step(0, 48), Step(2, 24), Step(0, 30), Step(2, 0), Step(0, 12)))
    headings = ("WHAT", "STATE", "WHY, OR WHAT CAN BE DONE")
    return [Column(heading, width, gap=GAP) for heading, width in zip(headings, widths, strict=True) if width]
