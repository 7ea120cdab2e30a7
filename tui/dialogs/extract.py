"""The dialog before marked files and folders are put back: every path, every conflict, in words."""

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

from backend import Advanced, Cancelled, Event, Extract, Progress, SnapshotError, Started, command_line
from backend.restore import Verdict
from tui.dialogs import extract_lines as extractlines
from tui.dialogs.base import LineList
from tui.dialogs.extract_lines import NAMES, PLACE, POLICY, UNDO, PartKey, View
from tui.dialogs.folding import Unfolding
from tui.dialogs.restore import DIGITS, Proof
from tui.dialogs.restore_lines import verdict_text, windows
from tui.phrases import count_phrase
from tui.session.paths import PathListing, absolute, in_folder, working_directory
from tui.session.place import Place
from tui.text import plain, size_text
from tui.widgets.path_input import PathInput

_FOLDER = "extracted"


class Looked(Message):
    """What an extraction would do is known, or how far the looking is, or why there is no plan."""

    def __init__(self, wanted: Extract, view: View, trouble: str = "") -> None:
        super().__init__()
        self.wanted = wanted
        self.view = view
        self.trouble = trouble


class AskExtract(Unfolding[Extract | None]):
    """Shows the plan of an extraction; answers with what was confirmed, or None."""

    KEYS = "Space select · l list · y copy · Tab next · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,R", "look", "Refresh", show=False),
    ]

    def __init__(self, place: Place, wanted: Extract) -> None:
        where = f"#{wanted.set_id}" if wanted.set_id else plain(wanted.file.rpartition("/")[2])
        super().__init__(f"Restore {count_phrase(len(wanted.items), 'item')} from {where}")
        self._place = place
        self._wanted = wanted
        self._progress = Progress()
        self._view = View()
        self._told = ""
        self._base = working_directory()
        self._fitting: PathListing | None = None

    def fields(self) -> Iterable[Widget]:
        """The directory to put it into, another owner, and where a number is typed."""
        yield PathInput(self._base, self._wanted.target_dir or in_folder(self._base, _FOLDER), id="to")
        yield Input(
            id="owner", compact=True, placeholder="another owner: alice=bob gives alice's data to bob"
        )
        yield Proof()

    def answers(self) -> Iterable[Button]:
        """To do it, or not."""
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
        self._plan_anew()

    # -- planning

    def _plan_anew(self) -> None:
        self._progress.stop()
        self._view, self._told = View(), ""
        wanted = self._wanted
        self._progress = Progress(lambda event: self._tell(wanted, event))
        self.query_one("#proof", Proof).value = ""
        self._show()
        self._look(wanted, self._progress)

    def _tell(self, wanted: Extract, event: Event) -> None:
        match event:
            case Started(_, total):
                self.post_message(Looked(wanted, View(total=total or 0)))
            case Advanced(done):
                self.post_message(Looked(wanted, View(done=done, total=self._view.total)))

    @work(thread=True, group="plan")
    def _look(self, wanted: Extract, progress: Progress) -> None:
        try:
            refused = self._place.refusal(wanted.action)
            plan = self._place.engine.plan_extract(wanted, progress)
            progress.raise_if_cancelled()
            self.post_message(Looked(wanted, View(plan, refused)))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(Looked(wanted, View(), str(trouble)))

    def on_looked(self, message: Looked) -> None:
        """Show what is known; a thread may tell it after the dialog was left."""
        asked = replace(message.wanted, undo_window=self._wanted.undo_window)
        if not self.is_open or asked != self._wanted or (self._view.plan and not message.view.plan):
            return
        self._view, self._told = message.view, message.trouble
        if message.view.plan is None and not message.trouble:
            self.sum_up(self._summary())
            return
        self._show()
        if self._may_confirm() and self.lines.highlighted in (None, 0) and self.focused is self.lines:
            self.query_one("#yes", Button).focus()

    # -- showing

    @property
    def _is_blocked(self) -> bool:
        plan, view = self._view.plan, self._view
        return bool(self._told or view.refused or (plan and plan.verdict is Verdict.BLOCKED))

    def _show(self) -> None:
        view, wanted, plan = self._view, self._wanted, self._view.plan
        self.sum_up(self._summary())
        self.show_lines(extractlines.lines_of(view, wanted, self.unfolded, self._fitting))
        self.show_command(command_line(wanted, self._place.words))
        self.query_one("#to", PathInput).display = bool(wanted.target_dir)
        self.query_one("#owner").display = any(":user/" in item for item in wanted.items)
        final = bool(plan) and not self._is_blocked and extractlines.is_final(plan, wanted) if plan else False
        proof = self.query_one("#proof", Proof)
        proof.display = final
        if plan is not None and final:
            number = extractlines.proof_of(plan, wanted)
            proof.placeholder = f"what is replaced cannot be recovered: type {number} to continue"
        button = self.query_one("#yes", Button)
        button.display = not self._is_blocked
        button.label = Content(extractlines.answer_text(plan, wanted) if plan else "Checking…")
        button.refresh(layout=True)
        button.variant = "error" if final else "primary"
        button.disabled = not self._may_confirm()

    def _summary(self) -> Content:
        view = self._view
        if self._told:
            return Content.assemble(verdict_text(Verdict.BLOCKED), f"  {plain(self._told)}")
        if view.plan is None:
            done = f" {size_text(view.done).strip()} of {size_text(view.total).strip()}" if view.total else ""
            return Content(f"Looking for the selected files…{done} · Esc leaves")
        if view.refused:
            return Content.assemble(verdict_text(Verdict.BLOCKED), f"  {plain(view.refused)}")
        reasons = len(view.plan.reasons)
        conflicts = f" · {count_phrase(reasons, 'reason')} below: choose another policy, or select less"
        text = f"{size_text(view.plan.size).strip()} to restore{conflicts if reasons else ''}"
        return Content.assemble(verdict_text(view.plan.verdict), f"  {text}")

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Go through places, names, policies and undo windows; list what is in a folder."""
        self.say("")
        wanted = self._wanted
        match message.key:
            case PartKey():
                self.unfold({message.key})
            case key if key == PLACE:
                self._want(
                    replace(wanted, target_dir="" if wanted.target_dir else self._typed(), strip=False)
                )
            case key if key == NAMES:
                self._want(replace(wanted, strip=not wanted.strip))
            case key if key == POLICY:
                self._want(replace(wanted, policy=extractlines.next_policy(wanted)))
            case key if key == UNDO:
                around = windows(wanted.undo_window)
                chosen = around[(around.index(wanted.undo_window) + 1) % len(around)]
                self._wanted = replace(wanted, undo_window=chosen)
                self._show()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The same as choosing; any line of an archive lists it."""
        self.on_line_list_marked(LineList.Marked(self.fold_of(message.key) or message.key))

    def fold_of(self, key: Hashable) -> Hashable | None:
        """The archive that a line tells of."""
        part_key = key[0] if isinstance(key, tuple) and key else key
        return part_key if isinstance(part_key, PartKey) else None

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._show()

    def _want(self, wanted: Extract) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._plan_anew()

    def _typed(self) -> str:
        path = absolute(self.query_one("#to", PathInput).typed, self._base)
        return path.rstrip("/") or "/"

    @on(Input.Changed, "#to")
    def plan_there(self) -> None:
        """Plan for the directory that is typed now."""
        if self._wanted.target_dir:
            self._want(replace(self._wanted, target_dir=self._typed()))

    @on(Input.Changed, "#owner")
    def plan_for(self, event: Input.Changed) -> None:
        """Plan for the owners that are typed now."""
        owners = tuple(event.value.replace(",", " ").split())
        self._want(replace(self._wanted, owners=owners))

    def on_path_input_listed(self, message: PathInput.Listed) -> None:
        """Show how the path can go on."""
        self._fitting = message.listing
        if self._wanted.target_dir and self.is_open:
            self._show()

    # -- answering

    def on_key(self, event: Key) -> None:
        """A digit typed anywhere goes to the proof."""
        proof = self.query_one("#proof", Proof)
        if not isinstance(self.focused, Input) and proof.display and event.character in DIGITS:
            proof.focus()
            proof.insert_text_at_cursor(event.character)
            event.stop()

    def _may_confirm(self) -> bool:
        plan = self._view.plan
        if plan is None or self._is_blocked:
            return False
        proof = self.query_one("#proof", Proof).value
        is_final = extractlines.is_final(plan, self._wanted)
        return not is_final or proof == extractlines.proof_of(plan, self._wanted)

    @on(Input.Changed, "#proof")
    def weigh(self) -> None:
        """The button can be pressed once the number is right."""
        self.query_one("#yes", Button).disabled = not self._may_confirm()

    @on(Input.Submitted, "#to")
    @on(Input.Submitted, "#owner")
    def go_on(self) -> None:
        """It is typed; the button answers."""
        button = self.query_one("#yes", Button)
        (self.lines if button.disabled or not button.display else button).focus()

    @on(Input.Submitted, "#proof")
    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was shown."""
        plan = self._view.plan
        if self._may_confirm():
            self.dismiss(self._wanted)
        elif plan is not None:
            self.say(f"type {extractlines.proof_of(plan, self._wanted)} to continue: this cannot be undone")

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)
