"""A machine's clocks that pass when a test says so."""

import time
from uuid import uuid4

from backend.host.clock import Clock, Moment

HOUR = 3600.0


class FakeClock(Clock):
    """Clocks that stand still until they are told what happened."""

    def __init__(self, wall: float | None = None, boot: float = 1000.0) -> None:
        self._wall = time.time() if wall is None else wall
        self._boot = boot
        self._boot_id = str(uuid4())

    def wall(self) -> float:
        """The seconds since the epoch."""
        return self._wall

    def now(self) -> Moment:
        """Both clocks."""
        return Moment(self._wall, self._boot, self._boot_id)

    def run(self, seconds: float) -> None:
        """Let the machine run for so long."""
        self._wall += seconds
        self._boot += seconds

    def jump(self, seconds: float) -> None:
        """Set the clock on the wall."""
        self._wall += seconds

    def reboot(self, *, off: float = 0.0, wall: float | None = None) -> None:
        """Stop the machine, for so long, and start it; one without a clock tells a `wall` of its own."""
        self._wall = self._wall + off if wall is None else wall
        self._boot = 0.0
        self._boot_id = str(uuid4())
