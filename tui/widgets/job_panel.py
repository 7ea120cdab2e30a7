"""Everything about one job."""

import time
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.session.job_views import JobView
from tui.views import job_rows as jobtext

TAIL = 5

_FEWEST = 3
_BESIDES = 8  # lines of the panel that are about something else than progress


class JobPanel(VerticalScroll):
    """One job: what it is, how far, what it said last. Tab leads to it, and then the keys scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Texts that change more and more often."""
        yield Static("Loading…", id="job-facts", markup=False)
        yield Static("", id="job-progress", markup=False)
        yield Static("", id="job-now", markup=False)
        yield Static("", id="job-log", markup=False)

    def show(self, view: JobView, lines: tuple[str, ...]) -> None:
        """Show a job; only what changed is drawn."""
        width = max(20, self.app.size.width - 4)
        rows = max(_FEWEST, self.size.height - _BESIDES)
        self._put("#job-facts", jobtext.facts(view, time.time()))
        self._put("#job-progress", jobtext.progress_text(view, width, rows, time.time()))
        self._put("#job-now", jobtext.now_text(view, width))
        before = len(lines) - TAIL
        more = [f"… {before} earlier lines; Enter shows all"] if before > 0 else []
        self._put("#job-log", Text("\n".join([*more, *lines[-TAIL:]]), style="dim"))

    def show_nothing(self, why: str) -> None:
        """Show that there is no job."""
        self._put("#job-facts", Text(why))

    def _put(self, name: str, text: Text) -> None:
        """Change a text where it differs; the layout only where its height may."""
        widget = self.query_one(name, Static)
        before = widget.content if isinstance(widget.content, Text) else None
        if before == text:
            return
        same_height = before is not None and (
            name == "#job-log" or before.plain.count("\n") == text.plain.count("\n")
        )
        if widget.display != bool(text.plain):
            widget.display = bool(text.plain)
        widget.update(text, layout=not same_height)
