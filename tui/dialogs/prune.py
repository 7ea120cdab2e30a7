"""The dialog of a prune: what goes and what stays, each with its reason, by rules or to free some room."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Prune, SnapshotError, command_line
from backend.engine import PrunePlan, plan_prune
from backend.policy import Decision
from tui.dialogs.answers import Answer
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD, DIM, GOOD, WARN, Line, styled
from tui.phrases import count_phrase
from tui.session.place import Place
from tui.text import age_text, amount_in, amount_text
from tui.views.prune_plan import freed_text, plan_sentences, reasons_text, snaps_text, verdict_text

_PROOF = "prune"
_SIZES = 20


class Planned(Message):
    """What a prune would do is known, or why it is not; and why nothing of it can be kept."""

    def __init__(self, operation: Prune, plan: PrunePlan | None, fault: str, trouble: str = "") -> None:
        super().__init__()
        self.operation = operation
        self.plan = plan
        self.fault = fault
        self.trouble = trouble


class AskPrune(Dialog[Prune | None]):
    """Shows the plan of a prune, by the rules that are configured, or of what frees so much; answers with it.

    What goes is kept for an undo; where it is not, a word has to be typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "at_once", "At once", show=False, tooltip="Keep nothing for an undo, or keep it")
    ]
    KEYS = (Answer("ctrl+n", "^N", "keep it or not"),)
    ANSWER = "Prune"
    FIELDS_FIRST = True

    def __init__(self, place: Place) -> None:
        super().__init__("Prune")
        self._place = place
        self._plan: PrunePlan | None = None
        self._fault = ""
        self._trouble = ""
        self._is_at_once = False

    def fields(self) -> Iterable[Widget]:
        """How much is to be freed, and the word where nothing is kept."""
        rules = "what no rule keeps; or e.g. 20 GB"
        yield Field("Free", Input(id="free", compact=True, max_length=_SIZES, placeholder=rules))
        yield Field(f"Type {_PROOF} to forget", Input(id="proof", compact=True, max_length=_SIZES))

    def on_mount(self) -> None:
        """Plan by the rules."""
        self.show_field("proof", shown=False)
        self.query_one("#free", Input).focus()
        self._look_again()

    # -- what is planned

    @property
    def _amount(self) -> int | None:
        """The bytes that are to be freed; 0 for what no rule keeps, None where what is typed is no amount."""
        typed = self.query_one("#free", Input).value.strip()
        return amount_in(typed) if typed else 0

    @property
    def _is_final(self) -> bool:
        return self._is_at_once or bool(self._fault)

    @property
    def _operation(self) -> Prune:
        window = 0 if self._is_final else Prune.undo_window
        return Prune(free=self._amount or 0, undo_window=window)

    @on(Input.Changed, "#free")
    def _look_again(self) -> None:
        self._plan = None
        self._trouble = "" if self._amount is not None else "type an amount such as 20 GB or 500 MB"
        self._redraw()
        if not self._trouble:
            self._look(self._operation)

    @work(thread=True, exclusive=True, group="plan")
    def _look(self, operation: Prune) -> None:
        fault = self._place.engine.trash_fault()
        try:
            self.post_message(Planned(operation, plan_prune(operation, self._place.engine), fault))
        except (SnapshotError, OSError) as trouble:
            self.post_message(Planned(operation, None, fault, str(trouble)))

    def on_planned(self, message: Planned) -> None:
        """Show the plan, unless something else was typed meanwhile."""
        if self.is_open and message.operation.free == (self._amount or 0) and self._amount is not None:
            self._plan, self._fault, self._trouble = message.plan, message.fault, message.trouble
            self._redraw()

    def action_at_once(self) -> None:
        """Keep nothing, or keep it after all."""
        if self._fault:
            self.say(f"nothing can be kept: {self._fault}")
        else:
            self._is_at_once = not self._is_at_once
            self._redraw()

    # -- showing

    def _redraw(self) -> None:
        plan = self._plan
        self.show_lines([*_lines(plan, time.time())] if plan else [])
        self.sum_up(self._sum())
        self.show_command(command_line(self._operation, self._place.location_options))
        self.show_field("proof", shown=bool(plan and plan.going) and self._is_final)
        self.weigh()

    def _sum(self) -> Content:
        plan = self._plan
        if self._trouble:
            return styled(self._trouble, BAD)
        if plan is None:
            return styled("looking what would go…")
        if not plan.going:
            return styled(" ".join(plan_sentences(plan, self._operation)))
        going, every = len(plan.going), len(plan.decisions)
        text = f"{going} of {count_phrase(every, 'set')}: {freed_text(plan, self._operation)}"
        short = f"; {amount_text(plan.missing)} less than wanted" if plan.missing else ""
        fault = f" (nothing is kept: {self._fault})" if self._fault else ""
        return Content.assemble((text, BAD if self._is_final else ""), (short, WARN), fault)

    # -- answering

    @on(Input.Changed, "#proof")
    def weigh(self) -> None:
        """Say what Enter does, and for what it waits."""
        if self._plan is not None and not self._plan.going:
            self.answer_with("")
        else:
            self.answer_with("Forget permanently" if self._is_final else self.ANSWER, self._waits)

    @property
    def _waits(self) -> str:
        if self._plan is None:
            return self._trouble or "looking what would go…"
        is_typed = self.query_one("#proof", Input).value.strip() == _PROOF
        return f"type {_PROOF} first" if self._is_final and not is_typed else ""

    def confirm(self) -> None:
        """Prune what is shown, or leave where nothing goes."""
        if self._plan is not None and not self._plan.going:
            self.leave()
        elif self._plan is not None and not self._waits:
            shown = tuple(candidate.id for candidate in self._plan.going)
            self.dismiss(replace(self._operation, confirmed=shown))
        elif self._plan is not None:
            self.say(f"type {_PROOF} to forget permanently, or Esc to keep")


def _lines(plan: PrunePlan, now: float) -> Iterator[Line]:
    """What goes first, then what stays, each with its reason."""
    for decision in plan.decisions:
        yield Line(decision.candidate.id, _text(decision, now))
    for snap, number in plan.newest_good.items():
        newest = f"newest verified set then: #{number}" if number else "no verified set is left"
        yield Line(("newest", snap), styled(f"{snap}: {newest}", DIM if number else WARN))


def _text(decision: Decision, now: float) -> Content:
    candidate = decision.candidate
    age = age_text(max(0.0, now - candidate.time)) if candidate.time > 0 else "-"
    about = f"#{candidate.id}  {age}  {amount_text(candidate.size)}  {snaps_text(candidate)}"
    style = GOOD if decision.kept else WARN
    verdict = (f"{verdict_text(decision)}  ", style)
    return Content.assemble(
        verdict, (about, "bold" if not decision.kept else ""), f"  {reasons_text(decision)}"
    )
