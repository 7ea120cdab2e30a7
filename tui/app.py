"""The screens as one application: chooses the first screen and the theme."""

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import DescendantFocus, Event, Key
from textual.filter import LineFilter, NoColor
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import WorkerFailed

from backend import BugError
from tui.dialogs.base import ContentsWanted, HelpWanted
from tui.screens.inventory.screen import InventoryScreen
from tui.session.place import Place
from tui.terminal import themes
from tui.terminal.key_order import KeyOrder
from tui.terminal.lean_driver import LeanDriver
from tui.terminal.line_filters import AsciiOnly, CoalesceSegments
from tui.text import plain

GRACE = 2.0
_FUNCTION = re.compile(r"f\d+").fullmatch
_KEY_NAMES = {
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "backspace": "Bksp",
    "tab": "Tab",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


class Looks(NamedTuple):
    """How the screens are drawn: one of the themes, in ASCII only or not, few updates or not."""

    theme: str = themes.DARK
    ascii: bool = False
    low_bandwidth: bool = False

    @property
    def tick(self) -> float:
        """Seconds between two looks at what is under way."""
        return 0.5 if self.low_bandwidth else 0.25


_PALETTE = Binding("colon", "command_palette", "All", key_display=":")


class SnapstowApp(App[int]):
    """Snapstow in a terminal."""

    CSS_PATH = "styles.tcss"
    TITLE = "snapstow"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
        Binding("ctrl+l", "draw_again", "Draw again", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Palette", show=False, priority=True),
        _PALETTE,
    ]

    def __init__(self, place: Place, looks: Looks = Looks(), file: str = "") -> None:  # noqa: B008 - it is frozen
        super().__init__()
        self._file = file
        self.place = place
        self.looks = looks
        self.bug: BaseException | None = None
        self._order_of_keys = KeyOrder(self, super().on_event)
        self._filters_of_ours: list[LineFilter] = []
        if themes.is_colourless(os.environ):
            self._filters_of_ours.append(NoColor())
        if looks.ascii:
            self._filters_of_ours.append(AsciiOnly())
        self._filters_of_ours.append(CoalesceSegments())
        for theme in themes.themes():
            self.register_theme(theme)
        self._set_theme(looks.theme)

    def on_mount(self) -> None:
        """Hook the signals, show what there is."""
        self._hook_signals()
        self.app_resume_signal.subscribe(self, lambda _resumed: self.refresh(layout=True))
        inventory = InventoryScreen(self.place, self.looks.tick)
        self.push_screen(inventory)
        if self._file:
            inventory.call_after_refresh(inventory.show_contents, self._file)

    async def on_event(self, event: Event) -> None:
        """Let every key wait for the one before."""
        if isinstance(event, Key) and event.key == "f5":
            self.action_draw_again()
        if isinstance(event, Key) and not event.is_forwarded:
            await self._order_of_keys.take(event)
        else:
            await super().on_event(event)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """No cursor blinks: what is idle sends nothing."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    # -- looks

    def get_driver_class(self) -> type[Driver]:
        """What draws on the terminal."""
        driver = super().get_driver_class()
        return LeanDriver if driver is LinuxDriver else driver

    def action_draw_again(self) -> None:
        """Trust nothing of what the terminal shows."""
        if isinstance(self._driver, LeanDriver):
            self._driver.forget()
        self.refresh()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What is done to every line before it is drawn."""
        return [*super().get_line_filters(), *self._filters_of_ours]

    @property
    def is_thrifty(self) -> bool:
        """Whether as little as possible is to be sent."""
        return self.looks.low_bandwidth

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """No screen is seen through a dialog: Textual would paint all of it anew at its every tick."""
        return []

    def get_key_display(self, binding: Binding) -> str:
        """A key as it stands on a keyboard."""
        name = _KEY_NAMES.get(binding.key) or (binding.key.upper() if _FUNCTION(binding.key) else "")
        return binding.key_display or name or super().get_key_display(binding)

    def apply_theme(self, theme: str) -> None:
        """Change the theme, except where no colour is wanted."""
        if themes.is_colourless(os.environ):
            self.notify("NO_COLOR is set: no colours", markup=False)
        else:
            self._set_theme(theme)

    def _set_theme(self, theme: str) -> None:
        colours = themes.palette(theme)
        if theme == themes.LIGHT:
            self.ansi_theme_light = colours
        else:
            self.ansi_theme_dark = colours
        self.theme = theme

    def on_help_wanted(self, message: HelpWanted) -> None:
        """Explain keys, and what is known of the place."""
        from tui.dialogs.help import Help

        shared = [] if self.screen.is_modal else [_PALETTE]
        self.push_screen(Help(message.title, [*message.bindings, *shared], self._facts()))

    def on_contents_wanted(self, message: ContentsWanted) -> None:
        """Show what is in a file, above the dialog that asks for it."""
        for screen in self.screen_stack:
            if isinstance(screen, InventoryScreen):
                screen.show_contents(message.path)

    def _facts(self) -> Iterator[tuple[str, str]]:
        """How changes are made and why; where the journal is that the jobs write."""
        for screen in self.screen_stack:
            if isinstance(screen, InventoryScreen) and screen.engine_summary.about:
                yield "engine", plain(". ".join(screen.engine_summary.about))
        yield "log", f"J shows the log of each job; stored in {plain(self.place.engine.journal.folder)}"

    def action_command_palette(self) -> None:
        """Find a verb, a set or a theme."""
        from tui.dialogs.palette import Palette

        if isinstance(self.screen, Palette):
            self.screen.action_leave()
        else:
            self.push_screen(Palette(self.screen))

    async def action_quit(self) -> None:
        """Quit; jobs keep running."""
        self.exit()

    def action_help_quit(self) -> None:
        """Say how to leave (ctrl+c)."""
        self.notify("Ctrl+Q quits, jobs go on", markup=False)

    # -- bugs

    def _fatal_error(self) -> None:
        """Leave; Textual would print a traceback with the values of all variables."""
        error = sys.exc_info()[1]
        self.bug = error.error if isinstance(error, WorkerFailed) else error
        self._close_messages_no_wait()

    # -- the terminal

    def action_suspend_process(self) -> None:
        """Go to the background as any program on a terminal does (ctrl+z)."""
        if self.is_headless:
            return
        with self.suspend():
            before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            try:
                os.killpg(0, signal.SIGTSTP)
            finally:
                signal.signal(signal.SIGTSTP, before)

    def _hook_signals(self) -> None:
        """Leave the terminal as it was on SIGTERM and a hang-up; by force when the screen is stuck."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()

        def leave(number: int, _frame: object) -> None:
            """Leave soon; at the latest when the grace is over."""
            watchdog = threading.Timer(GRACE, lambda: os._exit(128 + number))
            watchdog.daemon = True
            watchdog.start()
            loop.call_soon_threadsafe(lambda: self.exit(return_code=128 + number))

        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, leave)


def run(place: Place, looks: Looks, *, mouse: bool = True, file: str = "") -> int:
    """Show the screens, with a `file` of snapshots on top, until the user leaves; returns the exit code.

    Raises BugError.
    """
    app = SnapstowApp(place, looks, file)
    app.run(mouse=mouse)
    if app.bug is not None:
        raise BugError(f"cannot continue: a bug in snapstow: {app.bug!r}") from app.bug
    return app.return_code or 0
