"""What the screens above the inventory leave to it: starting jobs, and showing them."""

from typing import Any, Protocol

from textual.screen import Screen

from backend import Operation, Snapshot
from tui.session.open_file import TOP, Start


class Launcher(Protocol):
    """A screen that starts jobs, and polls every `tick` seconds what is under way."""

    @property
    def tick(self) -> float:
        """Seconds between two polls."""

    async def launch(self, *operations: Operation) -> None:
        """Start operations, each as a job of its own."""

    def everything(self) -> list[Snapshot]:
        """All snapshots of the place, as they are known now."""

    def show_contents(self, source: Snapshot | str, start: Start = TOP) -> None:
        """Show what is in a snapshot of the place, or in a file of snapshots."""

    def action_jobs(self) -> None:
        """Show all jobs."""


def is_acting(screen: Screen[Any]) -> bool:
    """Whether an action of a screen is under way, be it only a question: it is about the present engine."""
    acting = ("default", "start", "act")
    return any(
        worker.node is screen and worker.group in acting and not worker.is_finished
        for worker in screen.workers
    )
