"""Everything about one job."""

import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.session.job_views import JobView
from tui.views import job_rows as jobtext
from tui.views.progress_text import Span, Spans, part_lines, phases_line, progress_line
from tui.widgets.panel import Titled
from tui.widgets.spans import show_lines

_FEWEST = 3
_SHORTEST_TAIL = 5
_BESIDES = 12  # lines of the panel that are about something else than parts
_PROGRESS = ("job-bar", "job-phases", "job-parts", "job-now", "job-since")


class JobPanel(Titled, VerticalScroll):
    """One job: what it is, how far, what it said last. Tab leads to it, and then the keys scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Texts that change more and more often; each line of its own is drawn by itself."""
        yield Static("Loading…", id="job-facts", markup=False)
        for name in _PROGRESS:
            yield Static("", id=name, markup=False)
        yield Static("", id="job-log", markup=False)

    def show(self, view: JobView, lines: tuple[str, ...]) -> None:
        """Show a job; only what changed is drawn."""
        width = max(20, self.app.size.width - (5 if self.has_class("panel") else 3))
        self.entitle(view.called)
        self._put("job-facts", jobtext.facts(view, time.time(), width))
        progress = list(self._progress(view, width)) if view.is_running else [[]] * len(_PROGRESS)
        for name, shown in zip(_PROGRESS, progress, strict=True):
            self._put(name, shown)
        tail = max(_SHORTEST_TAIL, self.size.height - _BESIDES - len(view.progress.parts))
        before = len(lines) - tail
        more = [f"… {before} earlier lines; Enter shows all"] if before > 0 else []
        log: list[Spans] = [(Span(line, "quiet"),) for line in (*more, *lines[-tail:])]
        self._put("job-log", log)

    def _progress(self, view: JobView, width: int) -> Iterator[Sequence[Spans]]:
        """What is under each of its names, nothing where there is nothing to say."""
        progress = view.progress
        if progress.phase is None:
            yield [(Span("starting…"),)]
            yield from ([], [])
        else:
            yield _line_or_none(progress_line(progress, width))
            yield _line_or_none(phases_line(progress, width))
            yield list(part_lines(progress.parts, width, max(_FEWEST, self.size.height - _BESIDES)))
        yield _line_or_none(jobtext.now_line(view, width))
        yield [jobtext.since_line(view, time.time())]

    def show_nothing(self, why: str) -> None:
        """Show that there is no job."""
        self._put("job-facts", [(Span(why),)])

    def _put(self, name: str, lines: Sequence[Spans]) -> None:
        show_lines(self.query_one(f"#{name}", Static), lines)


def _line_or_none(line: Spans) -> list[Spans]:
    """A line as a text of one line, or of none."""
    return [line] if line else []
