"""What the ledger knows of a snapshot, as dialogs say it."""

from textual.content import Content

from backend.store import CheckState, CheckStatus
from tui.dialogs.lines import BAD, DIM, GOOD, WARN
from tui.views.set_rows import check_text

_LOOKS = {CheckState.OK: GOOD, CheckState.OLD: WARN, CheckState.NEVER: DIM}


def status_text(status: CheckStatus, now: float) -> Content:
    """A status with its age, in its colour: `✓ verified 2h`, `✗ failed 1d`."""
    return Content.styled(check_text(status, now), _LOOKS.get(status.state, BAD))
