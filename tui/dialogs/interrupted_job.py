"""What can be made of a job that was interrupted: to finish it, or to roll it back."""

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Button

from backend import SnapshotError
from backend.jobs import Resolution, Resolutions
from tui.dialogs.base import BAD, DIM, WARN, Dialog, Line, said
from tui.session.job_views import JobView
from tui.session.place import Place

FINISH, TAKE_BACK = "finish", "takeback"
_WORDS = {FINISH: "Finish", TAKE_BACK: "Roll back"}


class Known(Message):
    """What each way out would mean."""

    def __init__(self, ways: Resolutions) -> None:
        super().__init__()
        self.ways = ways


class AskEnding(Dialog[str | None]):
    """Tells both ways out of an interrupted job; answers with one, or None. Leaving is the default."""

    KEYS = "Tab next · y copy · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", "Back", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, place: Place, view: JobView) -> None:
        super().__init__(f"Job {view.id} was interrupted")
        self._place = place
        self._view = view

    def answers(self) -> Iterable[Button]:
        """Both ways, and to leave it."""
        for name, text in _WORDS.items():
            yield Button(Content(text), id=name, compact=True, classes="narrow")
        yield Button("Leave as is", id="leave", compact=True, variant="primary", classes="narrow")

    def on_mount(self) -> None:
        """Look what it left."""
        for name in _WORDS:
            self.query_one(f"#{name}", Button).display = False
        self.sum_up(said(self._view.command))
        self.query_one("#leave", Button).focus()
        self.show_lines([Line("looking", said("Checking what it left…", DIM))])
        self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        try:
            ways = self._place.engine.resolutions(self._view.id)
        except (SnapshotError, OSError) as trouble:
            ways = Resolutions(Resolution(refusal=str(trouble)), Resolution(refusal=str(trouble)))
        self.post_message(Known(ways))

    def on_known(self, message: Known) -> None:
        """Show both ways; a button only for one that is available."""
        if not self.is_open:
            return
        ways = message.ways
        lines = [*_lines(FINISH, ways.finish), *_lines(TAKE_BACK, ways.take_back)]
        if ways.finish.refusal == ways.take_back.refusal != "":
            lines = [Line("refusal", said(f"Nothing can be done: {ways.finish.refusal}.", BAD))]
        left = "Otherwise the next operation here ends it safely."
        lines.append(Line("else", said(left, DIM)))
        for name, way in ((FINISH, ways.finish), (TAKE_BACK, ways.take_back)):
            self.query_one(f"#{name}", Button).display = not way.refusal
        self.show_lines(lines)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the command that does what the button does."""
        name = event.widget.id or ""
        command = " ".join(["snapstow", *self._place.location_options, name, str(self._view.id)])
        self.show_command(command if name in _WORDS else "")

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """This way."""
        self.dismiss(event.button.id if event.button.id in _WORDS else None)


def _lines(name: str, way: Resolution) -> Iterable[Line]:
    label = Content.styled(f"{_WORDS[name]}: ", "bold")
    if way.refusal:
        yield Line(name, Content.assemble(label, said(f"not available: {way.refusal}.", WARN)))
    else:
        yield Line(name, Content.assemble(label, said(way.text)))
