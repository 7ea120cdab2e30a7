"""The first screen: every set and its state; every verb starts here."""

import time
from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from backend import Operation, Restore, Snapshot, SnapshotError, SnapshotSet, Undo, command_line
from backend.jobs import JobRecord
from tui.dialogs.confirm import confirm_wait_screen
from tui.dialogs.lines import Line, styled
from tui.screens.care import CareScreen
from tui.screens.inventory import keys as verbkeys
from tui.screens.inventory.errands import ErrandScreen
from tui.screens.sub_screen import RestoringScreen
from tui.session.inventory import InventoryData
from tui.session.job_views import JobView
from tui.session.made_sets import MadeSets
from tui.session.open_file import TOP, Start
from tui.session.place import Place
from tui.terminal.clipboard import copied
from tui.views import job_rows
from tui.views.care_rows import Section
from tui.views.job_endings import ending_text
from tui.views.set_keys import EntryKey, SnapKey, owners_of
from tui.widgets.header import Header
from tui.widgets.table import LineTable


class JobsStarted(Message):
    """Jobs were started; `troubles` are those that could not be."""

    def __init__(self, jobs: list[JobRecord], troubles: list[str]) -> None:
        super().__init__()
        self.jobs = jobs
        self.troubles = troubles


class InventoryScreen(ErrandScreen):
    """Browse the sets of a place and start what is to be done with them."""

    BINDINGS: ClassVar[list[BindingType]] = list(verbkeys.KEYS)

    def __init__(self, place: Place, tick: float) -> None:
        super().__init__(place)
        self._tick = tick
        self._made_sets = MadeSets()
        self._is_warned = False
        self._trouble = ""

    # -- what is chosen

    def _chosen_sets(self) -> list[SnapshotSet]:
        """The sets that are chosen, each with the chosen snapshots only."""
        return verbkeys.grouped_by_set(self.chosen())

    def _snaps_of(self, part: SnapshotSet) -> tuple[str, ...]:
        return verbkeys.snaps_of(part, self._inventory)

    def _restore_of(self, part: SnapshotSet) -> Restore:
        """The restore of what is chosen of a set: only of those users whose rows were chosen."""
        users = owners_of(self._table.marked or {self._table.cursor_key})
        return Restore(part.set_id, self._snaps_of(part), users)

    def _is_refused(self, action: str) -> bool:
        """Whether an action is not available; says why."""
        if reason := self.refusal_of(action):
            self.say(reason)
        return bool(reason)

    def refusal_of(self, action: str) -> str:
        """Why an action is not available, as of the last poll; or nothing.

        A restore is available even where it cannot replace live data: its dialog explains both targets.
        """
        if action == "restore" and not self._place.read_only:
            return ""
        return self._availability.refusal(verbkeys.ACTIONS[action]) if action in verbkeys.ACTIONS else ""

    def go_to(self, set_id: int, action: str = "") -> None:
        """Move the cursor to a set, whatever is filtered or selected, then run an action on it."""
        self._table.action_mark_none()
        self._made_sets.forget()
        self.show_set(set_id)
        if action:
            self.call_later(self.run_action, action)

    def _one_set(self, verb: str) -> SnapshotSet | None:
        """The one set that is chosen, or None after saying why there is none."""
        sets = self._chosen_sets()
        if len(sets) != 1:
            self.say(f"select one set to {verb}" if sets else f"there is nothing to {verb}")
        return sets[0] if len(sets) == 1 else None

    # -- jobs

    async def _launch(self, *operations: Operation) -> None:
        """Start operations; where a job would end with the login, only after a warning, once."""
        if self._logout_warning and not self._is_warned:
            from tui.dialogs.confirm import Confirm

            lines = [Line("why", styled(self._logout_warning))]
            commands = "; ".join(
                command_line(operation, self._place.location_options) for operation in operations
            )
            if not await self.app.push_screen_wait(Confirm("Jobs end at logout", "Start", lines, commands)):
                return
            self._is_warned = True
        if free := await confirm_wait_screen(self, self._place, operations):
            self.start(*free)

    @property
    def tick(self) -> float:
        """Seconds between two polls of what is under way."""
        return self._tick

    async def launch(self, *operations: Operation) -> None:
        """Start operations for a screen above this one."""
        await self._launch(*operations)

    def start(self, *operations: Operation) -> None:
        """Start operations one after the other, each as a job of its own."""
        self._place.starts.begin()
        self._made_sets.begin()
        self._start(operations)

    @work(thread=True, group="start")
    def _start(self, operations: Sequence[Operation]) -> None:
        jobs, troubles = [], []
        for operation in operations:
            try:
                jobs.append(self._place.runner.start(operation))
            except SnapshotError as trouble:
                troubles.append(str(trouble))
        self.post_message(JobsStarted(jobs, troubles))

    def on_jobs_started(self, message: JobsStarted) -> None:
        """Say what could not be started, and poll what was."""
        self._place.starts.end(message.jobs)
        self._made_sets.await_those_of(message.jobs)
        self._trouble = "; ".join(message.troubles)
        if self._trouble:
            self.say(self._trouble)
        self._poll()

    def trouble(self) -> str:
        """Why the last operations were not started."""
        trouble, self._trouble = self._trouble, ""
        return trouble

    def show_jobs(self, jobs: list[JobView]) -> None:
        """Show them; note which set a save or an import that was started here has made."""
        super().show_jobs(jobs)
        self._made_sets.update(jobs)
        self._go_to_made()

    def show_inventory(self, inventory: InventoryData) -> None:
        """Show it, the cursor on the set that was made just now."""
        super().show_inventory(inventory)
        self._go_to_made()

    def on_screen_resume(self) -> None:
        """Look at once what has become of what was started."""
        if self._inventory is not None:
            self._poll()
            self._go_to_made()

    def on_line_table_moved(self, message: LineTable.Moved) -> None:
        """Leave the cursor alone from now on that somebody has put where it is."""
        super().on_line_table_moved(message)
        if message.by_key:
            self._made_sets.forget()

    def _go_to_made(self) -> None:
        """Put the cursor on a set that was made just now, once it is listed and no dialog is open."""
        made = self._made_sets.wanted
        if self.is_current and self._inventory is not None and made in self._inventory.by_id:
            self._made_sets.forget()
            before = self._table.cursor_key
            self.show_set(made)
            if self._table.cursor_key != before:
                self._table.unsettle()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Leave the cursor alone from now on for somebody who filters."""
        super().on_input_changed(event)
        self._made_sets.forget()

    def action_jobs(self) -> None:
        """Show all jobs."""
        self.show_job("")

    def show_job(self, name: str) -> None:
        """Show the jobs, the cursor on the one of that name."""
        from tui.screens.jobs.screen import JobsScreen

        self.app.push_screen(JobsScreen(self._place, self._board, self._tick, name))

    # -- what needs attention

    def action_care(self) -> None:
        """List what needs attention."""
        self.show_care()

    def show_care(self, section: Section | None = None) -> None:
        """List what needs attention, the cursor on a section."""
        self.app.push_screen(CareScreen(self._place, self, section))

    def on_header_chosen(self, message: Header.Chosen) -> None:
        """List what was counted."""
        if message.section is None:
            self.action_jobs()
        else:
            self.show_care(message.section)

    def _show_header(self) -> None:
        super()._show_header()
        for screen in self.app.screen_stack:
            if isinstance(screen, CareScreen) and screen.is_mounted:
                screen.fill()

    @property
    def is_watched(self) -> bool:
        """Whether somebody sees what is loaded: here, in what needs attention, or where jobs are started."""
        if any(job.is_running for job in self._jobs_shown):
            return self.is_current or isinstance(self.app.screen, CareScreen | RestoringScreen)
        return self.is_current or isinstance(self.app.screen, CareScreen)

    def tell_end(self, job: JobView) -> None:
        """Say what became of a job, on the screen above as well where it may have been started."""
        super().tell_end(job)
        if isinstance(top := self.app.screen, CareScreen | RestoringScreen):
            top.say(ending_text(job, time.time(), undo="u in the inventory"))

    # -- looking inside

    def look_inside(self, key: Hashable) -> bool:
        """Show what is in a snapshot, or in one of its archives."""
        if self._inventory is None or not isinstance(key, SnapKey | EntryKey):
            return False
        if snapshot := self._inventory.by_path.get(key.path):
            self.show_contents(snapshot, Start(entry=key.entry if isinstance(key, EntryKey) else ""))
        return True

    def show_contents(self, source: Snapshot | str, start: Start = TOP) -> None:
        """Show what is in a snapshot of the place, or in a file of snapshots."""
        from tui.screens.contents.screen import ContentsScreen

        self.app.push_screen(ContentsScreen(self._place, source, self, start))

    def action_find(self) -> None:
        """Find files by name."""
        from tui.screens.search import SearchScreen

        if where := self.chosen() if self._table.marked else self.everything():
            self.app.push_screen(SearchScreen(self._place, where, self))
        else:
            self.say("there is nothing to search")

    def everything(self) -> list[Snapshot]:
        """All snapshots of the place, as they are known now; the newest first."""
        return list(reversed(self._inventory.by_path.values())) if self._inventory is not None else []

    def action_compare(self) -> None:
        """Compare with another, or live data."""
        from tui.screens.compare_sets import comparison_screen
        from tui.views.difference_rows import pair_of

        pair = pair_of(self.chosen())
        if isinstance(pair, str):
            self.say(pair)
        else:
            self.app.push_screen(comparison_screen(self._place, pair, self))

    # -- verbs

    @work
    async def action_check(self) -> None:
        """Choose how, then verify."""
        from tui.dialogs.check import AskCheck

        if self._inventory is None or not self._inventory.sets:
            self.say("there is nothing to check")
            return
        chosen = [(part, self._snaps_of(part)) for part in self._chosen_sets()]
        dialog = AskCheck(chosen, self._inventory, self._place.location_options, self._place)
        if answer := await self.app.push_screen_wait(dialog):
            await self._launch(*answer)

    @work
    async def action_restore(self) -> None:
        """Show the plan, then restore."""
        from tui.dialogs.restore import AskRestore

        if not self._is_refused("restore") and (part := self._one_set("restore")):
            wanted = self._restore_of(part)
            if answer := await self.app.push_screen_wait(AskRestore(self._place, wanted)):
                await self._launch(answer)

    @work
    async def action_save(self) -> None:
        """Choose snaps and users, then save."""
        from tui.dialogs.save import AskSave

        if not self._is_refused("save") and (answer := await self.app.push_screen_wait(AskSave(self._place))):
            await self._launch(answer)

    @work
    async def action_export(self) -> None:
        """Choose a destination, then export."""
        from tui.dialogs.export import AskExport

        if (part := self._one_set("export")) and (
            answer := await self.app.push_screen_wait(AskExport(self._place, part))
        ):
            await self._launch(answer)

    @work
    async def action_import(self) -> None:
        """Look into a file, then import it."""
        from tui.dialogs.import_set import AskImport

        if not self._is_refused("import") and (
            answer := await self.app.push_screen_wait(AskImport(self._place))
        ):
            await self._launch(answer)

    @work
    async def action_forget(self) -> None:
        """Remove the selection, if confirmed."""
        from tui.dialogs.forget import AskForget

        sets = self._chosen_sets()
        if self._is_refused("forget") or self._inventory is None:
            return
        if not sets:
            self.say("there is nothing to forget")
            return
        place = self._place
        dialog = AskForget(sets, self._inventory, place.location_options, place.engine.trash_fault)
        if operations := await self.app.push_screen_wait(dialog):
            await self._launch(*operations)

    def ask_prune(self) -> None:
        """Show what no rule keeps, or what frees some room, and forget it."""
        self._ask_prune()

    @work
    async def _ask_prune(self) -> None:
        from tui.dialogs.prune import AskPrune

        if not self._is_refused("forget") and (
            operation := await self.app.push_screen_wait(AskPrune(self._place))
        ):
            await self._launch(operation)

    @work
    async def action_pin(self) -> None:
        """Pin the set under the cursor, change why, or let it go again."""
        from tui.dialogs.pin import AskPin

        if self._inventory is None or self._is_refused("pin") or (part := self._one_set("pin")) is None:
            return
        whole = self._inventory.by_id.get(part.set_id, part)
        if outcome := await self.app.push_screen_wait(AskPin(self._place, whole)):
            self.say(outcome)
            self.action_reload()

    @work
    async def action_undo(self) -> None:
        """Choose a job to undo."""
        from tui.dialogs.undo import AskUndo

        running = job_rows.running_restore(self._jobs_shown)
        if running is not None and not self._offers:
            self.say(job_rows.running_refusal(running))
        elif not self._is_refused("undo") and (
            answer := await self.app.push_screen_wait(AskUndo(self._place))
        ):
            await self._launch(Undo(answer))

    def action_copy(self) -> None:
        """Copy the command that restores it."""
        if (part := self._one_set("copy the command for")) is None:
            return
        text = command_line(self._restore_of(part), self._place.location_options)
        self.say(copied(self.app, text))

    def action_help(self) -> None:
        """Explain the keys of this screen."""
        from tui.dialogs.base import HelpWanted

        self.post_message(HelpWanted("Inventory", self.BINDINGS + LineTable.BINDINGS))
