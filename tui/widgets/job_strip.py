"""The running and failed jobs on one line, in every screen."""

from collections.abc import Iterator, Sequence

from textual.widgets import Static

from tui.session.job_views import JobView
from tui.text import cells, plain
from tui.views.progress_text import Span, Spans, progress_line
from tui.widgets.spans import show_lines


class JobStrip(Static):
    """Shows the newest running job and how many there are; where none runs, what went wrong unseen.

    Nothing when nothing happens; never more than one line, in a frame where there is room for one.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.border_title = "Jobs"
        self.display = False

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show how the jobs stand."""
        line = strip_line(jobs, self.app.size.width - (4 if self.has_class("panel") else 2))
        show_lines(self, [line] if line else [], fixed=self.display == bool(line))


def strip_line(jobs: Sequence[JobView], width: int) -> Spans:
    """Return the line for jobs, newest first, in at most `width` columns: what runs, else what went wrong."""
    if running := [job for job in jobs if job.is_running]:
        return _running(running, width)
    return next(((Span(text, "bad"),) for text in _news(jobs) if cells(text) <= width), ())


def _news(jobs: Sequence[JobView]) -> Iterator[str]:
    """What went wrong and was not looked at yet, in fewer and fewer words."""
    bad = sum(1 for job in jobs if job.is_bad and not job.seen)
    if waiting := [job for job in jobs if job.is_waiting]:
        yield f"job {waiting[-1].id} was interrupted amid replacing data: J, then finish or roll back"
        yield f"job {waiting[-1].id} waits: J"
    elif bad:
        yield f"{bad} failed or interrupted: J shows {'it' if bad == 1 else 'them'}"
        yield f"{bad} failed: J"


def _running(running: Sequence[JobView], width: int) -> Spans:
    job = running[0]
    more = f" (+{len(running) - 1})" if len(running) > 1 else ""
    name = Span(f"{job.name if job.change else f'job {job.name}'}{more}", "name")
    title = Span(f" {plain(job.title or job.short)}")
    phase = job.progress.phase
    if job.stall:
        head = (name, title, Span(f": {plain(job.stall)}", "warn"))
        return progress_line(job.progress._replace(phases=()), width, head)
    if phase is not None and phase.total is None:
        title = Span(f"{title.text}: {plain(phase.title)}")
    return progress_line(job.progress, width, (name, title))
