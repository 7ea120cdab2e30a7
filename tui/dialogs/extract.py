"""The dialog before selected files and directories are restored: every path, every conflict, in words."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Advanced, Cancelled, Event, Extract, Progress, SnapshotError, Started
from backend.restore import ExtractPlan, Verdict
from tui.dialogs.answers import Piece
from tui.dialogs.extract_lines import (
    NAMES,
    POLICIES,
    POLICY,
    PartKey,
    answer_text,
    lines_of,
    proof_of,
)
from tui.dialogs.field import Field
from tui.dialogs.lines import Line, LineList, chosen_of
from tui.dialogs.plan import PlanDialog
from tui.dialogs.restore_lines import PLACE, UNDO, verdict_piece
from tui.phrases import count_phrase
from tui.session.place import Place
from tui.text import amount_text, plain


class View(NamedTuple):
    """What an extraction would do, or how far the looking is; `trouble` is why it cannot be had at all."""

    plan: ExtractPlan | None = None
    trouble: str = ""
    done: int = 0
    total: int = 0


class Looked(Message):
    """What is known of an extraction."""

    def __init__(self, wanted: Extract, view: View) -> None:
        super().__init__()
        self.wanted = wanted
        self.view = view


class AskExtract(PlanDialog[Extract]):
    """Shows the plan of an extraction; answers with what was confirmed, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "map", "Map owners", show=False),
    ]

    def __init__(self, place: Place, wanted: Extract) -> None:
        where = f"#{wanted.set_id}" if wanted.set_id else plain(wanted.file.rpartition("/")[2])
        title = f"Restore {count_phrase(len(wanted.items), 'item')} from {where}"
        super().__init__(title, place, wanted, "extracted")
        self._view = View()

    def fields(self) -> Iterable[Widget]:
        """The directory to restore into, another owner, and where a number is typed."""
        target_dir, proof = super().fields()
        yield target_dir
        yield Field(
            "Owners", Input(id="owner", compact=True, placeholder="alice=bob: alice's data become bob's")
        )
        yield proof

    # -- planning

    def plan(self, wanted: Extract) -> None:
        """Plan it in a thread."""
        self._view = View()
        self._progress = Progress(lambda event: self._report(wanted, event))
        self.redraw()
        self._look(wanted, self._progress)

    def _report(self, wanted: Extract, event: Event) -> None:
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
            self.post_message(Looked(wanted, View(trouble=str(trouble))))

    def on_looked(self, message: Looked) -> None:
        """Show what is known."""
        view = message.view
        if not self.is_wanted(message.wanted) or (self._view.plan and not view.plan):
            return
        self._view = view
        if view.plan is None and not view.trouble:
            self.sum_up(self.summary())
            return
        self.redraw()
        self.focus_answer()

    # -- showing

    @property
    def is_planned(self) -> bool:
        """Whether every path is known."""
        return self._view.plan is not None

    @property
    def is_blocked(self) -> bool:
        """Whether it cannot be had as it is wanted."""
        plan = self._view.plan
        return bool(self._view.trouble) or (plan is not None and plan.verdict is Verdict.BLOCKED)

    @property
    def proof(self) -> str:
        """The number to type where something is replaced that no undo brings back."""
        return proof_of(self._view.plan, self._wanted) if self._view.plan else ""

    def plan_lines(self) -> list[Line]:
        """The choices, then every path."""
        return lines_of(self._view.plan, self._wanted, self.unfolded, self._completions)

    def answer_text(self) -> str:
        """What Enter does."""
        return answer_text(self._view.plan) if self._view.plan else ""

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        self.show_field("owner", shown=any(":user/" in item for item in self._wanted.items))

    def summary(self) -> Content:
        """What it comes to, or how far the looking is."""
        view = self._view
        if view.trouble:
            return Content(plain(view.trouble))
        if view.plan is None:
            done = f" {amount_text(view.done)} of {amount_text(view.total)}" if view.total else ""
            return Content(f"Looking for the selected files…{done}")
        reasons = len(view.plan.reasons)
        conflicts = f" · {count_phrase(reasons, 'reason')} below: choose another policy, or select less"
        return Content(f"{amount_text(view.plan.size)} to restore{conflicts if reasons else ''}")

    @property
    def verdict(self) -> Piece:
        """What it comes to, as far as it is known."""
        view = self._view
        if view.plan is None:
            return verdict_piece(Verdict.BLOCKED, complete=bool(view.trouble)) if view.trouble else Piece("")
        return verdict_piece(Verdict.BLOCKED if view.trouble else view.plan.verdict)

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Go through places, names, policies and undo windows; list what is in a directory."""
        self.say("")
        wanted = self._wanted
        match message.key:
            case PartKey():
                self.unfold({message.key})
            case key if key == PLACE:
                self.want(replace(wanted, target_dir=self.target_of(message.choice), strip=False))
            case key if key == NAMES:
                self.want(replace(wanted, strip=chosen_of((False, True), wanted.strip, message.choice)))
            case key if key == POLICY:
                self.want(replace(wanted, policy=chosen_of(POLICIES, wanted.policy, message.choice)))
            case key if key == UNDO:
                self.choose_window(message.choice)

    def fold_of(self, key: Hashable) -> Hashable | None:
        """The archive that a line belongs to."""
        part_key = key[0] if isinstance(key, tuple) and key else key
        return part_key if isinstance(part_key, PartKey) else None

    @on(Input.Changed, "#owner")
    def plan_for(self, event: Input.Changed) -> None:
        """Plan for the owners that are typed now."""
        owners = tuple(event.value.replace(",", " ").split())
        self.want(replace(self._wanted, owners=owners))

    def action_map(self) -> None:
        """Say whose data become whose."""
        if self.is_shown("owner"):
            self.query_one("#owner", Input).focus()
        else:
            self.say("nothing to map: no data of users are selected")
