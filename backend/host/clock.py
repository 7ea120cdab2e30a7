"""The clocks of a machine: the one on the wall, which anybody may set, and the one that counts since boot."""

import time
from typing import NamedTuple

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Moment(NamedTuple):
    """A moment by both clocks, in seconds: since the epoch, and since the start of the boot with that id."""

    wall: float
    boot: float
    boot_id: str


class Clock:
    """The clocks of this machine."""

    def wall(self) -> float:
        """Return the seconds since the epoch, as far as the machine knows them."""
        return time.time()

    def now(self) -> Moment:
        """Read both clocks; the id of the boot is empty where the kernel does not tell it."""
        try:
            with open(_BOOT_ID, "rb") as file:
                boot_id = file.read(64).strip().decode("ascii", "replace")
        except OSError:
            boot_id = ""
        return Moment(self.wall(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id)
