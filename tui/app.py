"""The screens as one application: chooses the first screen and the looks; works nothing out."""

import asyncio
import os
import signal
import threading
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from tui.inventory import Inventory
from tui.place import Place

GRACE = 2.0


class SnapstowApp(App[int]):
    """Snapstow in a terminal."""

    CSS_PATH = "styles.tcss"
    TITLE = "snapstow"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p,colon"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
    ]

    def __init__(self, place: Place, *, low_bandwidth: bool = False) -> None:
        super().__init__()
        self.place = place
        self.tick = 0.5 if low_bandwidth else 0.25

    def on_mount(self) -> None:
        """Choose the looks, hook the signals, show what there is."""
        if "NO_COLOR" in os.environ or os.environ.get("TERM", "") in ("linux", "xterm", "vt100", "screen"):
            self.theme = "ansi-dark"
        else:
            self.theme = os.environ.get("SNAPSTOW_THEME", "textual-dark")
        self._hook_signals()
        self.app_resume_signal.subscribe(self, lambda _resumed: self.refresh(layout=True))
        self.push_screen(Inventory(self.place, self.tick))

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
            watchdog = threading.Timer(GRACE, lambda: os._exit(128 + number))
            watchdog.daemon = True
            watchdog.start()
            loop.call_soon_threadsafe(lambda: self.exit(return_code=128 + number))

        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, leave)


def run(place: Place, *, low_bandwidth: bool = False, mouse: bool = True) -> int:
    """Show the screens until the user leaves; returns the exit code."""
    app = SnapstowApp(place, low_bandwidth=low_bandwidth)
    app.run(mouse=mouse)
    return app.return_code or 0
