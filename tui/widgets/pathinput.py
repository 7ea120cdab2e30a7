"""A path that is typed: completed by Tab, its directory read off the event loop."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.paths import PathListing, listing
from tui.present import plain


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
        self._base = base
        self._meant = value
        self._known: PathInput.Listed | None = None
        self._completing = False

    @property
    def typed(self) -> str:
        """The text as it is meant: names that cannot be shown are kept as they are.

        An absolute path typed behind another one counts alone.
        """
        shown = plain(self._meant)
        text = self._meant + self.value[len(shown) :] if self.value.startswith(shown) else self.value
        before, again, absolute = text.rpartition("//")
        return f"/{absolute}" if before and again else text

    def put(self, text: str) -> None:
        """Show another path, the cursor at its end."""
        self._meant = text
        self.value = plain(text)
        self.cursor_position = len(self.value)

    def on_mount(self) -> None:
        """Look at once."""
        self._list(self.typed)

    def on_input_changed(self) -> None:
        """Look again."""
        self._list(self.typed)

    @work(thread=True, exclusive=True, group="listing")
    def _list(self, typed: str) -> None:
        self.post_message(self.Listed(typed, listing(typed, self._base)))

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
        found = known.listing
        if len(found.kept) <= len(found.prefix):
            self.screen.focus_next()
        elif self.typed.endswith(found.prefix):
            self.put(self.typed[: len(self.typed) - len(found.prefix)] + found.kept)
        else:
            self.put(f"{found.folder.rstrip('/')}/{found.kept}")
