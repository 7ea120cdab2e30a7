"""The dialog about automatic snapshots: how long snapd keeps them, and the change of that."""

from collections.abc import Iterable, Iterator

from textual import on, work
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import InvalidInputError, Progress, SnapshotError
from backend.format import RETENTION_NOTE, RETENTION_SYNTAX, parse_retention, retention_text, retention_words
from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import BAD, WARN, Line, styled
from tui.session.place import Place


class Known(Message):
    """How long they are kept, in snapd's spelling; why that is not known; why it cannot be changed."""

    def __init__(self, present: str, trouble: str = "", refusal: str = "") -> None:
        super().__init__()
        self.present = present
        self.trouble = trouble
        self.refusal = refusal


class Changed(Message):
    """It was changed, or why not."""

    def __init__(self, trouble: str = "") -> None:
        super().__init__()
        self.trouble = trouble


class AskRetention(Dialog[str | None]):
    """Shows how long automatic snapshots are kept, and changes it; answers with what was done, or None."""

    LEAVES = "Leave as is"

    def __init__(self, place: Place) -> None:
        super().__init__("Automatic snapshots")
        self._place = place
        self._present = ""
        self._is_busy = False

    def fields(self) -> Iterable[Widget]:
        """The new time."""
        yield Field("Keep for", Input(id="time", compact=True, max_length=10, placeholder="14d, or no"))

    def on_mount(self) -> None:
        """Ask how long they are kept."""
        self.show_field("time", shown=False)
        self.sum_up("Asking how long they are kept…")
        self.show_lines(list(_lines()))
        self.lines.focus()
        self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        daemon = self._place.engine.daemon
        refusal = daemon.retention_refusal()
        if self._place.read_only:
            refusal = "cannot change how long automatic snapshots are kept: this session is read-only"
        try:
            self.post_message(Known(daemon.retention(), refusal=refusal))
        except SnapshotError as trouble:
            self.post_message(Known("", str(trouble), refusal))

    def on_known(self, message: Known) -> None:
        """Show it; let another time be typed, where it can be changed."""
        if not self.is_open:
            return
        self._present = message.present
        if message.trouble:
            self.sum_up(styled(message.trouble, BAD))
        else:
            self.sum_up(f"{retention_text(message.present)}.")
        is_open = not (message.trouble or message.refusal)
        self.say("" if message.trouble else message.refusal, WARN)
        self.show_field("time", shown=is_open)
        if is_open:
            self.query_one("#time", Input).focus()
            self.answer_with(_answer(""), "type a time first")
        self.fit()

    # -- typing

    def _typed(self) -> str:
        """What was typed, as snapd spells it; empty where nothing is to be changed, or nothing was typed."""
        wanted = parse_retention(self.query_one("#time", Input).value.strip())
        return "" if wanted == self._present else wanted

    @on(Input.Changed, "#time")
    def weigh(self) -> None:
        """Say at once whether it can be taken, and what it means."""
        try:
            wanted, fault = self._typed(), ""
        except InvalidInputError as reason:
            wanted, fault = "", str(reason)
        self.answer_with(_answer(wanted), "" if wanted else "type a time first")
        self.say(fault)
        command = " ".join(("snapstow", *self._place.location_options, "retention", retention_words(wanted)))
        self.show_command(command if wanted else "")

    # -- answering

    def confirm(self) -> None:
        """Have it changed, or say what has to be typed; leave where it cannot be changed."""
        if not self.is_shown("time"):
            self.leave()
        elif not self._is_busy:
            self._confirm_typed()

    def _confirm_typed(self) -> None:
        try:
            wanted = self._typed()
        except InvalidInputError:
            wanted = ""
        if wanted:
            self._is_busy = True
            self.answer_with(_answer(wanted), "snapd changes it…")
            self._change(wanted)
        else:
            self.say(f"type {RETENTION_SYNTAX}; Esc leaves it as it is")

    @work(thread=True, group="change")
    def _change(self, wanted: str) -> None:
        try:
            self._place.engine.daemon.set_retention(wanted, Progress())
            self._present = wanted
            self.post_message(Changed())
        except SnapshotError as trouble:
            self.post_message(Changed(str(trouble)))

    def on_changed(self, message: Changed) -> None:
        """Leave, or say why it was not changed."""
        self._is_busy = False
        if not self.is_open:
            return
        if message.trouble:
            self.say(message.trouble, BAD)
        else:
            self.dismiss(f"{retention_text(self._present)} from now on")


def _answer(wanted: str) -> str:
    if not wanted:
        return "Change"
    return "Disable automatic snapshots" if wanted == "no" else f"Keep for {retention_words(wanted)}"


def _lines() -> Iterator[Line]:
    yield Line("what", styled("snapd saves one automatically when the last revision of a snap is removed."))
    yield Line("accepted", styled(f"Accepted: {RETENTION_SYNTAX}."))
    yield Line("standing", styled(RETENTION_NOTE))
