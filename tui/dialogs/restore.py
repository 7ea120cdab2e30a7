"""The dialog before a restore: what it would do, in words, and the choice of what it takes."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input

from backend import Cancelled, Progress, Restore, SnapshotError, command_line
from backend.restore import RestorePlanner, RestorePreview, Verdict
from tui.dialogs.base import LineList
from tui.dialogs.folding import Unfolding
from tui.dialogs.restore_lines import (
    DEVICES,
    PLACE,
    REVISION,
    UNDO,
    LossKey,
    SnapKey,
    UserKey,
    answer_text,
    is_final,
    lines_of,
    verdict_text,
    windows,
)
from tui.phrases import count_phrase
from tui.session.paths import PathListing, absolute, in_folder, working_directory
from tui.session.place import Place
from tui.text import local_time_text, plain
from tui.widgets.path_input import PathInput

DIGITS = tuple("0123456789")


class Looked(Message):
    """The plan became known, or why there is none."""

    def __init__(self, wanted: Restore, preview: RestorePreview | None, trouble: str = "") -> None:
        super().__init__()
        self.wanted = wanted
        self.preview = preview
        self.trouble = trouble


class Proof(Input):
    """Takes digits only, and leaves the keys of the dialog to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "screen.lines('cursor_down')", "Down", show=False, priority=True),
        Binding("k", "screen.lines('cursor_up')", "Up", show=False, priority=True),
        Binding("space", "screen.lines('mark')", "Select", show=False, priority=True),
        Binding("l", "screen.unfold", "List", show=False, priority=True),
        Binding("y", "screen.copy", "Copy command", show=False, priority=True),
    ]

    def __init__(self) -> None:
        # The first digit brings the focus: what the focus selects, the second would replace.
        super().__init__(id="proof", compact=True, restrict="[0-9]*", max_length=20, select_on_focus=False)


class AskRestore(Unfolding[Restore | None]):
    """Shows the plan of a restore; answers with what was confirmed, or None."""

    NOTHING_FOLDED = "nothing to list: no file would be lost"
    KEYS = "Space select · l list · y copy · Tab next · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,R", "look", "Refresh", show=False),
    ]

    def __init__(self, place: Place, wanted: Restore) -> None:
        super().__init__(f"Restore #{wanted.set_id}")
        self._place = place
        self._wanted = wanted
        self._planner = place.restore_planner()
        self._progress = Progress()
        self._preview = RestorePreview()
        self._is_planned = False
        self._base = working_directory()
        self._fitting: PathListing | None = None

    def fields(self) -> Iterable[Widget]:
        """The directory to restore beside into, and where the number of the set is typed."""
        beside = self._wanted.target_dir or in_folder(self._base, f"restored-{self._wanted.set_id}")
        yield PathInput(self._base, beside, id="to")
        yield Proof()

    def answers(self) -> Iterable[Button]:
        """To restore, or not."""
        yield Button("Restore", id="yes", compact=True, variant="primary", disabled=True)
        yield Button("Cancel", id="no", compact=True)

    def on_mount(self) -> None:
        """Look at what would happen."""
        self.lines.focus()
        self.say("")
        self._plan_anew()

    def on_unmount(self) -> None:
        """Look no more."""
        self._progress.stop()

    def action_look(self) -> None:
        """Look at everything anew."""
        self._planner = self._place.restore_planner()
        self._plan_anew()

    def _plan_anew(self) -> None:
        self._progress.stop()
        self._progress = Progress()
        self._preview = replace(self._preview, losses_known=False, contents_known=False)
        self.query_one("#proof", Proof).value = ""
        self._show()
        self._look(self._wanted, self._planner, self._progress)

    @work(thread=True, exclusive=True, group="plan")
    def _look(self, wanted: Restore, planner: RestorePlanner, progress: Progress) -> None:
        try:
            for preview in planner.stages(wanted, progress):
                progress.raise_if_cancelled()
                self.post_message(Looked(wanted, preview))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(Looked(wanted, None, str(trouble)))

    def on_looked(self, message: Looked) -> None:
        """Show what is known; a thread may tell it after the dialog was left."""
        asked = replace(message.wanted, undo_window=self._wanted.undo_window)
        if not self.is_open or asked != self._wanted:
            return
        if message.preview is None:
            self._preview = RestorePreview()
            self.show_lines([])
            self.sum_up(Content.assemble(verdict_text(Verdict.BLOCKED), f"  {plain(message.trouble)}"))
            self.query_one("#yes", Button).display = False
            return
        if message.preview != self._preview:
            self._preview = message.preview
            self._show()
        if message.preview.losses_known and not self._is_planned:
            self._is_planned = True
            self._choose_focus()

    def _choose_focus(self) -> None:
        """Enter confirms at once where it can be taken back; never after the user began to choose."""
        if self._may_confirm() and self.lines.highlighted in (None, 0):
            self.query_one("#yes", Button).focus()

    # -- showing

    def _show(self) -> None:
        preview, wanted = self._preview, self._wanted
        self.sum_up(self._summary())
        self.show_lines(lines_of(preview, wanted, self.unfolded, self._fitting) if preview.snapshots else [])
        self.show_command(command_line(wanted, self._place.words))
        blocked = preview.losses_known and preview.verdict is Verdict.BLOCKED
        final = preview.losses_known and not blocked and is_final(preview, wanted)
        self.query_one("#to", PathInput).display = bool(wanted.target_dir)
        proof = self.query_one("#proof", Proof)
        proof.display = final
        why = "what is replaced cannot be recovered" if not wanted.undo_window else "files would be lost"
        proof.placeholder = f"{why}: type {wanted.set_id} to restore"
        button = self.query_one("#yes", Button)
        button.display = not blocked
        button.label = Content(answer_text(preview, wanted) if preview.losses_known else "Checking…")
        button.refresh(layout=True)
        button.variant = "error" if final else "primary"
        button.disabled = not self._may_confirm()

    def _summary(self) -> Content:
        preview = self._preview
        if not preview.snapshots:
            return Content("Checking what would be replaced… Esc leaves")
        snapshot, taken = preview.snapshots[0], len(self._wanted.snaps) or len(preview.snaps)
        phrases = [f"{taken} of {count_phrase(len(preview.snaps), 'snap')}"]
        phrases += (
            [f"saved {local_time_text(snapshot.time)[:16].replace('T', ' ')}"] if not snapshot.hidden else []
        )
        if not preview.losses_known:
            phrases.append("checking what would be lost… Esc leaves")
        elif not preview.contents_known and preview.verdict is not Verdict.BLOCKED:
            phrases.append("counting its files…")
        if preview.refusal:
            phrases.append(preview.refusal)
        return Content.assemble(
            verdict_text(preview.verdict, complete=preview.losses_known), f"  {plain(' · '.join(phrases))}"
        )

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose snaps and users; go through the undo windows."""
        self.say("")
        wanted = self._wanted
        match message.key:
            case SnapKey(snap) if len(self._preview.snaps) > 1:
                chosen = self._toggled(snap, wanted.snaps, self._preview.snaps, "snap")
                self._want(replace(wanted, snaps=chosen, revision=""))
            case UserKey(user):
                self._want(
                    replace(wanted, users=self._toggled(user, wanted.users, self._preview.users, "user"))
                )
            case key if key == UNDO:
                self._next_window()
            case key if key == DEVICES:
                self._want(replace(wanted, devices=not wanted.devices))
            case key if key == PLACE:
                self._want(
                    replace(wanted, target_dir="" if wanted.target_dir else self._typed(), revision="")
                )
            case key if key == REVISION:
                self._next_revision()
            case LossKey():
                self.unfold({message.key})

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """List what would be lost; elsewhere the same as choosing."""
        self.on_line_list_marked(LineList.Marked(message.key))

    def fold_of(self, key: Hashable) -> Hashable | None:
        """What would be lost, on its own line and on those of its names."""
        loss_key = key[0] if isinstance(key, tuple) and key else key
        return loss_key if isinstance(loss_key, LossKey) else None

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._show()

    def _toggled(
        self, name: str, chosen: tuple[str, ...], known: tuple[str, ...], what: str
    ) -> tuple[str, ...]:
        """The choice with a name more or less; none at all stands for everything."""
        now = set(chosen or known) ^ {name}
        if not now:
            self.say(f"at least one {what} has to stay selected")
            return chosen
        return () if now == set(known) else tuple(choice for choice in known if choice in now)

    def _next_window(self) -> None:
        wanted = self._wanted
        if wanted.target_dir:
            self.say("in another directory nothing is replaced: there is nothing to undo")
            return
        around = windows(wanted.undo_window)
        chosen = around[(around.index(wanted.undo_window) + 1) % len(around)]
        self._wanted = replace(wanted, undo_window=chosen)
        self._show()

    def _next_revision(self) -> None:
        around = [choice.revision for choice in self._preview.revisions]
        chosen = self._wanted.revision
        at = around.index(chosen) if chosen in around else -1
        self._want(replace(self._wanted, revision=around[(at + 1) % len(around)]))

    def _want(self, wanted: Restore) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._plan_anew()

    # -- the directory to restore beside into

    def _typed(self) -> str:
        path = absolute(self.query_one("#to", PathInput).typed, self._base)
        return path.rstrip("/") or "/"

    @on(Input.Changed, "#to")
    def plan_there(self) -> None:
        """Plan for the directory that is typed now."""
        if self._wanted.target_dir:
            self.say("")
            self._want(replace(self._wanted, target_dir=self._typed()))

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show how the path can go on."""
        self._fitting = message.listing
        if self._wanted.target_dir and self.is_open:
            self._show()

    # -- answering

    def on_key(self, event: Key) -> None:
        """A digit typed anywhere goes to the proof."""
        proof = self.query_one("#proof", Proof)
        if isinstance(self.focused, Input):
            return
        if proof.display and event.character in DIGITS:
            proof.focus()
            proof.insert_text_at_cursor(event.character)
            event.stop()

    def _may_confirm(self) -> bool:
        preview, wanted = self._preview, self._wanted
        if not preview.losses_known or preview.verdict is Verdict.BLOCKED:
            return False
        proof = self.query_one("#proof", Proof).value
        return not is_final(preview, wanted) or proof == str(wanted.set_id)

    @on(Input.Changed, "#proof")
    def weigh(self) -> None:
        """The button can be pressed once the number is right."""
        self.query_one("#yes", Button).disabled = not self._may_confirm()

    @on(Input.Submitted, "#to")
    def go_on(self) -> None:
        """The path is typed; the button answers."""
        button = self.query_one("#yes", Button)
        (self.lines if button.disabled or not button.display else button).focus()

    @on(Input.Submitted, "#proof")
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was shown."""
        if self._may_confirm():
            self.dismiss(self._preview.confirm(self._wanted))
        elif is_final(self._preview, self._wanted):
            self.say(f"type {self._wanted.set_id}, the number of the set, to restore it")

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)
