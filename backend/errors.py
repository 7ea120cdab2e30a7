"""Every way in which the library refuses or fails, as one tree.

A message says what could not be done, to what, and why, in that order. Each class carries the exit code
of the command line (design: 0 done, 1 failed, 2 usage, 3 partial, 4 verification failed, 5 refused
beforehand, 11 busy, 77 not allowed, 130 cancelled). Nothing here knows how a message is drawn.
"""

import errno
import os
from collections.abc import Sequence


class SnapshotError(Exception):
    """Something could not be done; the text says what, to what, and why."""

    exit_code = 1


class IntegrityError(SnapshotError):
    """What was read is not what was written."""

    exit_code = 4


class InvalidInputError(SnapshotError):
    """A name, pattern, file or option that cannot be accepted; nothing was changed."""

    exit_code = 5


class UnknownUserError(InvalidInputError):
    """A user was named whom nobody knows; the text suggests whom was meant."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        from difflib import get_close_matches

        close = get_close_matches(name, known, 1)
        meant = f": did you mean {close[0]}?" if close else f"; known are {', '.join(known)}" if known else ""
        super().__init__(f'unknown user "{name}"{meant}')


class BlockedError(InvalidInputError):
    """The plan of an operation shows that it must not be carried out; nothing was changed."""


class NotFoundError(SnapshotError):
    """There is no such set, snap, user, entry or job."""


class ConflictError(SnapshotError):
    """Someone else is changing what this would change."""

    exit_code = 11


class DuplicateSetError(ConflictError):
    """What was to be imported is here already, as set `set_id` holding `snaps`."""

    exit_code = 0

    def __init__(self, set_id: int, snaps: Sequence[str], expires: str = "") -> None:
        super().__init__(f"cannot import snapshot, already available as snapshot id {set_id}")
        self.set_id = set_id
        self.snaps = tuple(snaps)
        self.expires = expires


class AlreadyFinishedError(ConflictError):
    """An import was committed or cancelled before; it cannot be cancelled any more."""

    def __init__(self) -> None:
        super().__init__("cannot cancel: import already finished")


class NotAllowedError(SnapshotError):
    """Rights are missing; the text says which, and how to get them."""

    exit_code = 77


class NoSpaceError(SnapshotError):
    """There is no room at `place`; `needed` and `free` are bytes, both 0 when it ran out on the way."""

    exit_code = 5

    def __init__(self, action: str, place: str, needed: int = 0, free: int = 0) -> None:
        more = f", at least {needed - free} B more is required" if needed else ""
        super().__init__(f'{action}: insufficient space in "{place}"{more}')
        self.place = place
        self.needed = needed
        self.free = free


class UnreachableError(SnapshotError):
    """snapd does not answer."""


class CommandError(SnapshotError):
    """A program gave up. `fatal` are the lines that say why, `harmless` the others it printed."""

    def __init__(self, message: str, fatal: Sequence[str] = (), harmless: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.fatal = tuple(fatal)
        self.harmless = tuple(harmless)


class ChangedError(CommandError):
    """A file changed or vanished while it was being read; reading it again may help."""


class MultiError(SnapshotError):
    """Several failures of one action, printed as an indented list."""

    DEEPEST = 8

    def __init__(self, header: str, errors: Sequence[Exception]) -> None:
        super().__init__(header)
        self.header = header
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return self._text(0)

    def _text(self, depth: int) -> str:
        if depth > self.DEEPEST:
            return f"circular or too deep error nesting (max {self.DEEPEST})?!"
        items = (e._text(depth + 1) if isinstance(e, MultiError) else str(e) for e in self.errors)
        return "\n".join([f"{self.header}:", *(f"{' ' * depth}- {item}" for item in items)])


class OpenEndedError(SnapshotError):
    """The job stays open, for the next start to end it."""


class UnrecordedError(OpenEndedError):
    """What was asked for is done, but the journal could not be written."""

    def __init__(self, verb: str, reason: object) -> None:
        super().__init__(f"{verb} is done, but the journal could not be written: {reason}")


class UntidiedError(OpenEndedError):
    """What was asked for is done, but something that is not needed any more could not be removed yet."""


class HalfDoneError(OpenEndedError):
    """What was asked for failed, and what had been done of it could not be undone either."""


class BugError(SnapshotError):
    """Something went wrong that nobody foresaw; the cause is attached."""


_SHORTAGES = {
    errno.ENOMEM: "not enough memory",
    errno.EMFILE: "too many open files (see ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.EAGAIN: "no more processes or threads can be started (see ulimit -u)",
}


def shortage(failure: BaseException) -> str:
    """Return what the machine or the limits of the process lacked, as a clause; empty for other failures."""
    match failure:
        case MemoryError():
            return _SHORTAGES[errno.ENOMEM]
        case RuntimeError() if "start new thread" in str(failure):
            return f"{_SHORTAGES[errno.ENOMEM]}, or too many threads"
        case OSError(errno=int(number)):
            return _SHORTAGES.get(number, "")
        case ImportError() if "map segment" in str(failure):
            return _SHORTAGES[errno.ENOMEM]
        case ImportError():
            return next((_SHORTAGES[n] for n in _SHORTAGES if os.strerror(n) in str(failure)), "")
        case _:
            return ""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The user asked to stop, and what had been done is undone."""

    exit_code = 130

    def __init__(self, message: str = "context canceled") -> None:
        super().__init__(message)
