"""Why a living job makes no progress, as far as the kernel tells: it waits, is suspended, or is stuck."""

import re

_LOCKS, _STATUS = "/proc/locks", "/proc/{}/stat"
_LARGEST = 1 << 20
_WAITING = re.compile(r"(\d+): -> FLOCK +\w+ +\w+ +(\d+) ")
_HOLDING = re.compile(r"(\d+): FLOCK +\w+ +\w+ +(\d+) ")


def blocker(locks: str, pid: int) -> int | None:
    """Who holds the lock that a process waits for, by the text of /proc/locks; 0 unknown, None: none."""
    waits = {found[1] for found in _WAITING.finditer(locks) if int(found[2]) == pid}
    if not waits:
        return None
    return next((int(found[2]) for found in _HOLDING.finditer(locks) if found[1] in waits), 0)


def standstill(pid: int) -> tuple[str, int]:
    """Why a process stands still, in words or nothing, and the process it waits for, or 0."""
    holder = blocker(_text(_LOCKS), pid)
    if holder is not None:
        return "waiting for another job", holder
    state = _text(_STATUS.format(pid)).rpartition(")")[2].split()[:1]
    if state in (["T"], ["t"]):
        return "suspended; SIGCONT lets it go on", 0
    return ("waiting for the disk" if state == ["D"] else ""), 0


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except OSError:
        return ""
