"""What the palette offers over the inventory, and the errands that have no key."""

import time
from collections.abc import Iterable, Sequence
from itertools import chain

from textual import work

from backend import Operation, Progress, Snapshot, SnapshotError
from backend.config import RepositoryConfig
from backend.format import retention_text
from backend.remote import inventory_hosts
from tui.screens.inventory.browser import InventoryBrowser
from tui.screens.inventory.palette_items import Known, attention, choices, jobs, verbs
from tui.screens.text_viewer import Document, TextViewer
from tui.session.open_file import TOP, Start
from tui.session.place import Place
from tui.text import aligned
from tui.views.care_rows import Section
from tui.views.palette_item import PaletteItem


class ErrandScreen(InventoryBrowser):
    """An inventory from which everything can be reached."""

    def refusal_of(self, action: str) -> str:
        """Why an action is not available, or nothing."""
        raise NotImplementedError

    def go_to(self, set_id: int, action: str = "") -> None:
        """Move the cursor to a set, whatever is filtered or selected, then run an action on it."""
        raise NotImplementedError

    def show_contents(self, source: Snapshot | str, start: Start = TOP) -> None:
        """Show what is in a snapshot of the place, or in a file of snapshots."""
        raise NotImplementedError

    def show_job(self, name: str) -> None:
        """Show the jobs, the cursor on the one of that name."""
        raise NotImplementedError

    def show_care(self, section: Section | None = None) -> None:
        """List what needs attention, the cursor on a section."""
        raise NotImplementedError

    # -- what the palette offers

    def choices(self, terms: Sequence[str]) -> Iterable[PaletteItem]:
        """Everything that matches every term."""
        known = self._known()
        fixed = chain(
            verbs(self, known), attention(self, known, time.time()), jobs(self, known) if terms else ()
        )
        yield from (item for item in fixed if item.matches(terms))
        yield from choices(self._inventory, terms, self, self.refusal_of)

    def _known(self) -> Known:
        retention = self.engine_summary.retention
        nothing = "" if self.chosen() else "there is no snapshot under the cursor"
        known = Known(self.care, nothing_chosen=nothing, no_prune=self.refusal_of("forget"))
        return known._replace(retention=retention_text(retention)) if retention else known

    # -- errands

    def look_into_chosen(self) -> None:
        """Show what is in the snapshot under the cursor."""
        self.show_contents(self.chosen()[0])

    def open_file(self) -> None:
        """Ask for a file of snapshots, and show what is in it."""
        from tui.dialogs.open_file import AskFile

        self.app.push_screen(AskFile(self._place), lambda path: self.show_contents(path) if path else None)

    def estimate(self) -> None:
        """Show what a save would read."""
        self.app.push_screen(
            TextViewer("Estimate of a save", lambda job: estimate_document(self._place, job))
        )

    def ask_prune(self) -> None:
        """Show what no rule keeps, or what frees some room, and forget it."""
        raise NotImplementedError

    @property
    def tick(self) -> float:
        """Seconds between two polls."""
        raise NotImplementedError

    async def launch(self, *operations: Operation) -> None:
        """Start operations, each as a job of its own."""
        raise NotImplementedError

    def everything(self) -> list[Snapshot]:
        """All snapshots of the place, as they are known now."""
        raise NotImplementedError

    def action_jobs(self) -> None:
        """Show all jobs."""
        raise NotImplementedError

    # -- copies elsewhere

    @property
    def _repositories(self) -> list[RepositoryConfig]:
        """The repositories that are configured; says why there are none."""
        try:
            repositories = list(self._place.engine.config.repositories.values())
        except SnapshotError as mistake:
            self.say(str(mistake))
            return []
        if not repositories:
            self.say("no repository is configured: snapstow help repo says how one is added")
        return repositories

    @work
    async def action_push(self) -> None:
        """Choose a repository, then copy what is selected there."""
        from tui.dialogs.push import AskPush

        if not (repositories := self._repositories) or self._inventory is None:
            return
        numbers = dict.fromkeys(snapshot.set_id for snapshot in self.chosen())
        sets = [self._inventory.by_id[number] for number in numbers]
        if not sets:
            self.say("there is nothing to push")
            return
        dialog = AskPush(self._place, sets, self._inventory.elsewhere, repositories)
        if push := await self.app.push_screen_wait(dialog):
            await self.launch(push)

    def action_copies(self) -> None:
        """Show the copies in repositories."""
        from tui.screens.copies.screen import CopiesScreen

        if repositories := self._repositories:
            names = [repository.name for repository in repositories]
            self.app.push_screen(CopiesScreen(self._place, self, names))

    def action_hosts(self) -> None:
        """Show the machines that are configured."""
        from tui.screens.hosts import HostsScreen

        try:
            config = self._place.engine.config.hosts
            hosts = inventory_hosts((), config)
        except SnapshotError as trouble:
            self.say(str(trouble))
        else:
            self.app.push_screen(HostsScreen(hosts, config.parallel))

    def ask_retention(self) -> None:
        """Show how long automatic snapshots are kept, and change it."""
        from tui.dialogs.retention import AskRetention

        self.app.push_screen(AskRetention(self._place), self._show_retention)

    def _show_retention(self, status: str | None) -> None:
        if status:
            self.say(status)
            self.action_reload()


def estimate_document(place: Place, progress: Progress) -> Document:
    """What a save of everything would read, and what would fail. Raises SnapshotError, Cancelled."""
    from backend.save import aims, survey_of
    from tui.views.survey import estimate_notes, estimate_rows

    layout = place.engine.layout
    with progress.step("Measuring"):
        surveys = [survey_of(layout, aim, progress) for aim in aims(layout, (), ())]
    lines = [*aligned(estimate_rows(surveys)), *estimate_notes(surveys)]
    return Document("what a save would read", [(line, "") for line in lines])
