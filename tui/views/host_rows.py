"""Machines as rows of a table."""

from collections.abc import Mapping, Sequence

from backend.remote import HostReport
from tui.text import amount_text, plain
from tui.views.columns import Heading, columns_of
from tui.views.set_rows import DAY, short_age
from tui.views.table import Column, Line, Row, Step, row_of

_HEADINGS = (
    Heading("HOST"),
    Heading("WAY"),
    Heading("SETS", right=True),
    Heading("VERIFIED"),
    Heading("BAD", right=True),
    Heading("FREE", right=True),
    Heading("COPIED", right=True),
    Heading("NOTE"),
)
_HOST, _WAY, _SETS, _VERIFIED, _BAD, _FREE, _COPIED, _NOTE = range(len(_HEADINGS))
_STEPS = (Step(_NOTE, 30), Step(_WAY, 0), Step(_FREE, 0), Step(_COPIED, 0), Step(_NOTE, 12), Step(_HOST, 12))
_OLD = 7 * DAY


def host_rows(
    hosts: Sequence[str], reports: Mapping[str, HostReport], notes: Mapping[str, str], now: float
) -> list[Row]:
    """A row for each machine; `notes` are what became of what was begun there."""
    return [row_of(host, _line(host, reports.get(host), notes.get(host, ""), now)) for host in hosts]


def host_columns(rows: Sequence[Row], room: int) -> list[Column]:
    """The columns that fit."""
    return columns_of(_HEADINGS, rows, room, _STEPS)


def _line(host: str, report: HostReport | None, note: str, now: float) -> Line:
    if report is None:
        return Line((plain(host), "asking…", *[""] * 5, note), ("", "dim"))
    machine = report.status
    if machine is None:
        return Line((plain(host), *[""] * 6, note or plain(report.reason)), ("", *["bad"] * 7))
    never = machine.unverified
    worst = (
        f"never: {', '.join(never[:2])}"
        if never
        else short_age(now - machine.oldest)
        if machine.newest
        else ""
    )
    copied = "" if machine.copied is None else short_age(now - machine.copied) if machine.copied else "never"
    is_late = bool(never) or (bool(machine.newest) and now - machine.oldest > _OLD)
    interrupted = f"{machine.interrupted} interrupted" if machine.interrupted else ""
    texts = (
        *(plain(host), report.way.value, str(machine.sets), plain(worst), str(machine.bad or "")),
        *(amount_text(machine.free), copied, note or interrupted),
    )
    verified = "warn" if is_late else "good"
    return Line(texts, ("", "dim", "", verified, "bad", "dim", "warn" if copied == "never" else "", "dim"))


def sum_text(hosts: Sequence[str], reports: Mapping[str, HostReport]) -> str:
    """How many were asked, and how many answered."""
    reached = sum(report.is_reached for report in reports.values())
    waiting = len(hosts) - len(reports)
    failed = len(reports) - reached
    parts = (
        f"{reached} of {len(hosts)} answered",
        f"{failed} failed" * bool(failed),
        f"{waiting} to come" * bool(waiting),
    )
    return " · ".join(filter(None, parts))
