"""What can be made of a job that was interrupted: to finish it, or to roll it back."""

from collections.abc import Iterable, Iterator

from textual import work
from textual.content import Content
from textual.message import Message

from backend import SnapshotError
from backend.jobs import Resolution, Resolutions
from tui.dialogs.base import CHOOSE, Dialog
from tui.dialogs.lines import BAD, DIM, WARN, Line, LineList, choice_content, chosen_of, styled
from tui.session.job_views import JobView
from tui.session.place import Place

FINISH, TAKE_BACK = "finish", "takeback"
_LEAVE = ""
_WORDS = {FINISH: "Finish", TAKE_BACK: "Roll back"}
_ANSWERS = {_LEAVE: "Leave as is", **_WORDS}
_CHOICE = "choice"


class Known(Message):
    """What each way out would mean."""

    def __init__(self, ways: Resolutions) -> None:
        super().__init__()
        self.ways = ways


class AskEnding(Dialog[str | None]):
    """Tells both ways out of an interrupted job; answers with one, or None. Leaving is the default."""

    KEYS = (CHOOSE,)
    ANSWER = _ANSWERS[_LEAVE]

    def __init__(self, place: Place, view: JobView) -> None:
        super().__init__(f"Job {view.id} was interrupted")
        self._place = place
        self._view = view
        self._ways: Resolutions | None = None
        self._chosen = _LEAVE

    def on_mount(self) -> None:
        """Look what it left."""
        self.sum_up(styled(self._view.command))
        self.lines.focus()
        self.show_lines([Line("looking", styled("Checking what it left…", DIM))])
        self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        try:
            ways = self._place.engine.resolutions(self._view.id)
        except (SnapshotError, OSError) as trouble:
            ways = Resolutions(Resolution(refusal=str(trouble)), Resolution(refusal=str(trouble)))
        self.post_message(Known(ways))

    def on_known(self, message: Known) -> None:
        """Show both ways; only one that is available can be chosen."""
        if self.is_open:
            self._ways = message.ways
            self._redraw(message.ways)

    def _redraw(self, ways: Resolutions) -> None:
        self.show_lines([*self._choices(ways), *_told(ways)])
        self.answer_with(_ANSWERS[self._chosen])
        name, options = self._chosen, self._place.location_options
        self.show_command(" ".join(["snapstow", *options, name, str(self._view.id)]) if name else "")

    def _choices(self, ways: Resolutions) -> Iterator[Line]:
        if len(open_ways := _open_ways(ways)) > 1:
            options = [(_ANSWERS[name], name == self._chosen) for name in open_ways]
            yield Line(_CHOICE, choice_content(options))

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose another way."""
        if self._ways is not None and message.key == _CHOICE:
            self._chosen = chosen_of(_open_ways(self._ways), self._chosen, message.choice)
            self._redraw(self._ways)

    def confirm(self) -> None:
        """This way."""
        self.dismiss(self._chosen or None)


def _open_ways(ways: Resolutions) -> list[str]:
    """What can be chosen: to leave it, and what is not refused."""
    both = ((FINISH, ways.finish), (TAKE_BACK, ways.take_back))
    return [_LEAVE, *(name for name, way in both if not way.refusal)]


def _told(ways: Resolutions) -> Iterator[Line]:
    if ways.finish.refusal == ways.take_back.refusal != "":
        yield Line("refusal", styled(f"Nothing can be done: {ways.finish.refusal}.", BAD))
    else:
        yield from _lines(FINISH, ways.finish)
        yield from _lines(TAKE_BACK, ways.take_back)
    yield Line("else", styled("Otherwise the next operation here ends it safely.", DIM), gap=True)


def _lines(name: str, way: Resolution) -> Iterable[Line]:
    head = Content.styled(f"{_WORDS[name]}: ", "bold")
    if way.refusal:
        yield Line(name, styled(f"not available: {way.refusal}.", WARN), head=head, gap=True)
    else:
        yield Line(name, styled(way.text), head=head, gap=True)
