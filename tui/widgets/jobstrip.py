"""The running and failed jobs on one line, in every screen."""

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from backend import JobState
from tui.follow import JobView
from tui.present import progress_line


class JobStrip(Static):
    """Shows the newest running job's progress and how many there are; nothing when nothing happens."""

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show how the jobs stand."""
        running = [job for job in jobs if job.is_running]
        failed = [job for job in jobs if job.state in (JobState.FAILED, JobState.INTERRUPTED)]
        self.display = bool(running or failed)
        text = Text()
        if running:
            job = running[0]
            more = f" (+{len(running) - 1})" if len(running) > 1 else ""
            line = progress_line(job.progress, max(20, self.app.size.width - 24))
            text.append(f" job {job.id}{more}: {line}")
        if failed:
            text.append(f" {len(failed)} failed or interrupted: J shows them", style="bold red")
        self.update(text, layout=False)
