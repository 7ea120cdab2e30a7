"""The dialog before a restore: what it would do, in words, and the choice of what it takes."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from backend import Cancelled, Progress, Restore, SnapshotError
from backend.restore import RestorePlan, RestorePlanner, RestorePreview, Verdict
from tui.dialogs.answers import Piece
from tui.dialogs.lines import Line, LineList, chosen_of
from tui.dialogs.plan import PlanDialog
from tui.dialogs.restore_lines import (
    DEVICES,
    PLACE,
    REVISION,
    UNDO,
    Fold,
    LossKey,
    SnapKey,
    UserKey,
    answer_text,
    is_final,
    lines_of,
    verdict_piece,
)
from tui.phrases import count_phrase
from tui.session.place import Place
from tui.text import plain, time_text

_FEW = 3


class Looked(Message):
    """The plan became known, or why there is none."""

    def __init__(self, wanted: Restore, preview: RestorePreview, trouble: str = "") -> None:
        super().__init__()
        self.wanted = wanted
        self.preview = preview
        self.trouble = trouble


class AskRestore(PlanDialog[Restore]):
    """Shows the plan of a restore; answers with what was confirmed, or None."""

    NOTHING_FOLDED = "nothing to list: no file would be lost"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "paths", "Paths", show=False),
    ]

    def __init__(self, place: Place, wanted: Restore) -> None:
        super().__init__(f"Restore #{wanted.set_id}", place, wanted, f"restored-{wanted.set_id}")
        self._planner = place.restore_planner()
        self._preview = RestorePreview()
        self._trouble = ""
        self._shows_paths = False

    # -- planning

    def action_look(self) -> None:
        """Look at everything anew."""
        self._planner = self._place.restore_planner()
        super().action_look()

    def plan(self, wanted: Restore) -> None:
        """Plan it in a thread; what was known stays until more is."""
        self._preview = replace(self._preview, losses_known=False, contents_known=False)
        self._trouble = ""
        self.redraw()
        self._look(wanted, self._planner, self._progress)

    @work(thread=True, exclusive=True, group="plan")
    def _look(self, wanted: Restore, planner: RestorePlanner, progress: Progress) -> None:
        try:
            for preview in planner.stages(wanted, progress):
                progress.raise_if_cancelled()
                self.post_message(Looked(wanted, preview))
        except Cancelled:
            return
        except (SnapshotError, OSError) as trouble:
            self.post_message(Looked(wanted, RestorePreview(), str(trouble)))

    def on_looked(self, message: Looked) -> None:
        """Show what is known."""
        if not self.is_wanted(message.wanted):
            return
        if message.preview != self._preview or message.trouble:
            self._preview, self._trouble = message.preview, message.trouble
            self.redraw()
        self.focus_answer()

    # -- showing

    @property
    def is_planned(self) -> bool:
        """Whether what would be lost is known."""
        return self._preview.losses_known

    @property
    def is_blocked(self) -> bool:
        """Whether it cannot be had as it is wanted."""
        return bool(self._trouble) or (self.is_planned and self._preview.verdict is Verdict.BLOCKED)

    @property
    def proof(self) -> str:
        """The number of the set, where files would be lost or it cannot be undone."""
        return str(self._wanted.set_id) if is_final(self._preview, self._wanted) else ""

    def plan_lines(self) -> list[Line]:
        """The plan and its choices; nothing as long as the set is not known."""
        preview = self._preview
        if not preview.snapshots:
            return []
        return lines_of(preview, self._wanted, Fold(self.unfolded, self._shows_paths), self._completions)

    def answer_text(self) -> str:
        """What Enter does."""
        return answer_text(self._preview)

    @property
    def verdict(self) -> Piece:
        """What it comes to, as far as it is known."""
        verdict = Verdict.BLOCKED if self._trouble else self._preview.verdict
        return verdict_piece(verdict, complete=bool(self._trouble) or self.is_planned)

    def summary(self) -> Content:
        """What is restored, how far the look at it is, and why it is not possible."""
        preview = self._preview
        if self._trouble:
            return Content(plain(self._trouble))
        if not preview.snapshots:
            return Content("looking for what would be replaced…")
        snapshot, taken = preview.snapshots[0], len(self._wanted.snaps) or len(preview.snaps)
        phrases = [f"{taken} of {count_phrase(len(preview.snaps), 'snap')}"]
        if not snapshot.hidden:
            phrases.append(f"saved {time_text(snapshot.time)}")
        if not preview.losses_known:
            phrases.append("looking for what would be lost…")
        elif not preview.contents_known and preview.verdict is not Verdict.BLOCKED:
            phrases.append("counting its files…")
        if preview.refusal:
            phrases.append(preview.refusal)
        return Content(plain(" · ".join(phrases)))

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        snaps = [plain(snap) or "(unreadable)" for snap in self._preview.snaps]
        names = ", ".join(snaps) if len(snaps) <= _FEW else ""
        self.entitle(f"Restore #{self._wanted.set_id} {names}".rstrip())

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose snaps and users; go through the undo windows."""
        self.say("")
        wanted = self._wanted
        match message.key:
            case SnapKey(snap) if len(self._preview.snaps) > 1:
                chosen = self._toggled(snap, wanted.snaps, self._preview.snaps, "snap")
                self.want(replace(wanted, snaps=chosen, revision=""))
            case UserKey(user):
                chosen = self._toggled(user, wanted.users, self._preview.users, "user")
                self.want(replace(wanted, users=chosen))
            case key if key == UNDO:
                self.choose_window(message.choice)
            case key if key == DEVICES:
                self.want(replace(wanted, devices=not wanted.devices))
            case key if key == PLACE:
                self.want(replace(wanted, target_dir=self.target_of(message.choice), revision=""))
            case key if key == REVISION:
                revisions = [choice.revision for choice in self._preview.revisions]
                self.want(replace(wanted, revision=chosen_of(revisions, wanted.revision, message.choice)))
            case _ if fold := self.fold_of(message.key):
                self.unfold({fold})

    def action_paths(self) -> None:
        """Show where each archive goes, or only what goes to an unusual place."""
        self._shows_paths = not self._shows_paths
        self.redraw()

    def action_unfold(self) -> None:
        """List what would be lost; on the line of something else, what that stands for."""
        fold = self.fold_of(self.lines.cursor_key)
        plans = [plan for plan in self._preview.plans if any(entry.lost.files for entry in plan.active)]
        if fold is None and plans and self._preview.losses_known:
            self._list_losses(plans)
        else:
            super().action_unfold()

    def _list_losses(self, plans: Sequence[RestorePlan]) -> None:
        from tui.dialogs.loss_list import ShowLosses

        title = f"What restoring #{self._wanted.set_id} would lose"
        self.app.push_screen(ShowLosses(title, plans, self._place.engine.layout))

    def fold_of(self, key: Hashable) -> Hashable | None:
        """What of an archive does not come back, on its own line and on those of its names."""
        loss_key = key[0] if isinstance(key, tuple) and key else key
        return loss_key if isinstance(loss_key, LossKey) else None

    def _toggled(
        self, name: str, chosen: tuple[str, ...], known: tuple[str, ...], what: str
    ) -> tuple[str, ...]:
        """The choice with a name more or less; none at all stands for everything."""
        now = set(chosen or known) ^ {name}
        if not now:
            self.say(f"at least one {what} has to stay selected")
            return chosen
        return () if now == set(known) else tuple(choice for choice in known if choice in now)

    def choose_window(self, choice: int | None) -> None:
        """Choose an undo window, where there is something to undo."""
        if self._wanted.target_dir:
            self.say("in another directory nothing is replaced: there is nothing to undo")
        else:
            super().choose_window(choice)

    # -- answering

    def confirmed(self) -> Restore:
        """What is wanted, with what was shown of it."""
        return self._preview.confirm(self._wanted)
