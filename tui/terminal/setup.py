"""What must be settled about the terminal before Textual is imported: it reads the environment only then."""

import os
import sys
from collections.abc import MutableMapping

FRAMES_OVER_SSH, FRAMES_AT_LEAST = "20", "10"


def can_draw(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether there is a terminal that screens can be drawn on."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and environment.get("TERM") != "dumb"


def prepare(environment: MutableMapping[str, str] = os.environ, *, low_bandwidth: bool = False) -> None:
    """No animations; few frames over SSH; the size is the terminal's own, whatever was exported.

    An empty NO_COLOR is none.
    """
    environment["TEXTUAL_ANIMATIONS"] = "none"
    if low_bandwidth:
        environment["TEXTUAL_FPS"] = FRAMES_AT_LEAST
    elif environment.get("SSH_CONNECTION"):
        environment.setdefault("TEXTUAL_FPS", FRAMES_OVER_SSH)
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    if environment.get("NO_COLOR") == "":
        del environment["NO_COLOR"]


def charset() -> str:
    """The name of the charset of the locale, as the system tells it."""
    import locale

    return locale.nl_langinfo(locale.CODESET)
