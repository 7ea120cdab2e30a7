"""The dialog before a restore: what it would do, in words, and the choice of what it takes."""

from collections.abc import Hashable
from dataclasses import replace

from textual import work
from textual.content import Content
from textual.message import Message

from backend import Cancelled, Progress, Restore, SnapshotError
from backend.restore import RestorePlanner, RestorePreview, Verdict
from tui.dialogs.base import Line, LineList
from tui.dialogs.plan import PlanDialog
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
)
from tui.phrases import count_phrase
from tui.session.place import Place
from tui.text import local_time_text, plain


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

    def __init__(self, place: Place, wanted: Restore) -> None:
        super().__init__(f"Restore #{wanted.set_id}", place, wanted, f"restored-{wanted.set_id}")
        self._planner = place.restore_planner()
        self._preview = RestorePreview()
        self._trouble = ""

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

    @property
    def loss(self) -> str:
        """What is lost for good."""
        return "files would be lost" if self._wanted.undo_window else super().loss

    def plan_lines(self) -> list[Line]:
        """The plan and its choices; nothing as long as the set is not known."""
        preview = self._preview
        if not preview.snapshots:
            return []
        return lines_of(preview, self._wanted, self.unfolded, self._completions)

    def answer_text(self) -> str:
        """What the button says it does."""
        return answer_text(self._preview, self._wanted)

    def summary(self) -> Content:
        """What it comes to, and whether it is possible."""
        preview = self._preview
        if self._trouble:
            return Content.assemble(verdict_text(Verdict.BLOCKED), f"  {plain(self._trouble)}")
        if not preview.snapshots:
            return Content("Checking what would be replaced… Esc leaves")
        snapshot, taken = preview.snapshots[0], len(self._wanted.snaps) or len(preview.snaps)
        phrases = [f"{taken} of {count_phrase(len(preview.snaps), 'snap')}"]
        if not snapshot.hidden:
            phrases.append(f"saved {local_time_text(snapshot.time)[:16].replace('T', ' ')}")
        if not preview.losses_known:
            phrases.append("checking what would be lost… Esc leaves")
        elif not preview.contents_known and preview.verdict is not Verdict.BLOCKED:
            phrases.append("counting its files…")
        if preview.refusal:
            phrases.append(preview.refusal)
        verdict = verdict_text(preview.verdict, complete=preview.losses_known)
        return Content.assemble(verdict, f"  {plain(' · '.join(phrases))}")

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
                self.next_window()
            case key if key == DEVICES:
                self.want(replace(wanted, devices=not wanted.devices))
            case key if key == PLACE:
                self.want(replace(wanted, target_dir=self.other_target, revision=""))
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

    def _toggled(
        self, name: str, chosen: tuple[str, ...], known: tuple[str, ...], what: str
    ) -> tuple[str, ...]:
        """The choice with a name more or less; none at all stands for everything."""
        now = set(chosen or known) ^ {name}
        if not now:
            self.say(f"at least one {what} has to stay selected")
            return chosen
        return () if now == set(known) else tuple(choice for choice in known if choice in now)

    def next_window(self) -> None:
        """Choose the next undo window, where there is something to undo."""
        if self._wanted.target_dir:
            self.say("in another directory nothing is replaced: there is nothing to undo")
        else:
            super().next_window()

    def _next_revision(self) -> None:
        around = [choice.revision for choice in self._preview.revisions]
        chosen = self._wanted.revision
        at = around.index(chosen) if chosen in around else -1
        self.want(replace(self._wanted, revision=around[(at + 1) % len(around)]))

    # -- answering

    def confirmed(self) -> Restore:
        """What is wanted, with what was shown of it."""
        return self._preview.confirm(self._wanted)
