"""A path that is typed: completed by Tab, its directory read off the event loop."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input
from textual.worker import get_current_worker

from tui.session.paths import PathListing, listing
from tui.text import plain


class PathInput(Input):
    """A path, relative to `base` where it is not absolute; what does not print is shown visibly.

    Tells `Listed` when it knows what could follow. Tab completes; where it cannot, it goes on to the next.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", show=False)]

    class Listed(Message):
        """What could follow `typed` is known."""

        def __init__(self, typed: str, listing: PathListing) -> None:
            super().__init__()
            self.typed = typed
            self.listing = listing

    def __init__(self, base: str, value: str = "", *, id: str | None = None) -> None:
        super().__init__(plain(value), select_on_focus=False, compact=True, id=id)
        self.cursor_blink = False
        self.shows_hidden = False
        self._base = base
        self._meant = value
        self._known: PathInput.Listed | None = None
        self._completing = False

    @property
    def typed(self) -> str:
        """The text as it is meant."""
        return as_meant(self._meant, self.value)

    @property
    def is_edited(self) -> bool:
        """Whether somebody typed since the path was put here."""
        return self.value != plain(self._meant)

    def put(self, text: str) -> None:
        """Show another path, the cursor at its end."""
        self._meant = text
        self.value = plain(text)
        self.cursor_position = len(self.value)

    def on_mount(self) -> None:
        """Look at once."""
        self.look()

    def on_input_changed(self) -> None:
        """Look again."""
        self.look()

    def look(self) -> None:
        """Read the directory anew."""
        self._list(self.typed)

    @work(thread=True, exclusive=True, group="listing")
    def _list(self, typed: str) -> None:
        worker = get_current_worker()
        paths = listing(typed, self._base, hidden=self.shows_hidden, is_stopped=lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.post_message(self.Listed(typed, paths))

    def on_path_input_listed(self, message: "PathInput.Listed") -> None:
        """Complete what was waiting for it; older answers are dropped."""
        if message.typed != self.typed:
            message.stop()
            return
        self._known = message
        if self._completing:
            self.action_complete()

    def action_complete(self) -> None:
        """Complete as far as it is certain, now or as soon as it is known."""
        known = self._known
        self._completing = known is None or known.typed != self.typed
        if known is None or self._completing:
            return
        paths = known.listing
        if len(paths.kept) <= len(paths.prefix):
            self.screen.focus_next()
        elif self.typed.endswith(paths.prefix):
            self.put(self.typed[: len(self.typed) - len(paths.prefix)] + paths.kept)
        else:
            self.put(f"{paths.folder.rstrip('/')}/{paths.kept}")


def as_meant(put: str, shown: str) -> str:
    """What a text means that was `put` there and edited since, where `shown` stands there now.

    Names of it that cannot be shown are kept as they are, as long as they stand there whole. An absolute path
    typed behind another one counts alone.
    """
    kept = put
    while kept and not shown.startswith(plain(kept)):
        kept = kept[: kept.rfind("/", 0, len(kept) - 1) + 1]
    before, again, absolute = (kept + shown[len(plain(kept)) :]).rpartition("//")
    return f"/{absolute}" if before and again else before + again + absolute
