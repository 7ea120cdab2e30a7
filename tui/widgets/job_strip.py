"""The running and failed jobs on one line, in every screen."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from tui.session.job_views import JobView
from tui.text import cut_middle, plain, progress_line

_LEAST = 8


class JobStrip(Static):
    """Shows the newest running job's progress and how many there are, and what went wrong unseen.

    Nothing when nothing happens; never more than one line.
    """

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show how the jobs stand."""
        text = strip_text(jobs, self.app.size.width - (2 if self.has_class("panel") else 0))
        self.display = bool(text.plain)
        if self.content != text:
            self.update(text, layout=False)


def strip_text(jobs: Sequence[JobView], width: int) -> Text:
    """The line for jobs, newest first, in at most `width` cells."""
    running = [job for job in jobs if job.is_running]
    bad = sum(1 for job in jobs if job.is_bad and not job.seen)
    news = ""
    if waiting := [job for job in jobs if job.is_waiting]:
        news = f" job {waiting[-1].id} was interrupted amid replacing data: J, then finish or roll back"
        if running or cell_len(news) > width:
            news = f" job {waiting[-1].id} waits: J"
    elif bad:
        news = f" {bad} failed or interrupted: J shows them"
        if running or cell_len(news) > width:
            news = f" {bad} failed: J"
    text = Text(no_wrap=True, overflow="ellipsis")
    if running:
        text.append(_running_text(running, width - cell_len(news)))
    return text.append(news, style="bold red")


def _running_text(running: Sequence[JobView], width: int) -> str:
    job = running[0]
    more = f" (+{len(running) - 1})" if len(running) > 1 else ""
    head = f" {job.name if job.change else f'job {job.name}'}{more}: "
    room = max(_LEAST, width - cell_len(head))
    if job.stall:
        return head + cut_middle(plain(f"{job.short}: {job.stall}"), room)
    if not job.progress.title:
        return head + cut_middle(plain(job.short), room)
    return head + progress_line(job.progress, room)
