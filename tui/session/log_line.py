"""The events of a job as lines of its log."""

from collections.abc import Mapping
from typing import Any

from backend import CheckResult
from tui.session.job_progress import sound
from tui.text import amount_text, plain

LONGEST_TEXT = 4000


def fault_line(verdict: CheckResult) -> str:
    """What a check found of an archive, as a line."""
    where = " ".join(filter(None, (f"#{verdict.set_id}", verdict.snap, verdict.entry)))
    return f"✗ {where}: {verdict.fault}"


def log_line(event: Mapping[str, Any]) -> str:
    """A line of the log for an event, empty for one that only counts."""
    match event:
        case {"event": "started", "title": str(title), "total": total}:
            amount = f" ({amount_text(sound(total) or 0)})" if isinstance(total, int) else ""
            return plain(f"= {title[:LONGEST_TEXT]}{amount}")
        case {"event": "entered", "part": str(part)}:
            return plain(f"  {part[:LONGEST_TEXT]}")
        case {"event": "noted", "text": str(text)}:
            return plain(f"! {text[:LONGEST_TEXT]}")
        case _:
            return ""
