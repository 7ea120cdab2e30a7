"""What must be settled about the terminal before Textual is imported: it reads the environment only then."""

import os
import sys
from collections.abc import MutableMapping


def can_draw(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether there is a terminal that screens can be drawn on."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and environment.get("TERM") != "dumb"


def prepare(environment: MutableMapping[str, str] = os.environ) -> None:
    """No animations; few frames over SSH; the size is the terminal's own, whatever was exported."""
    environment.setdefault("TEXTUAL_ANIMATIONS", "none")
    if environment.get("SSH_CONNECTION"):
        environment.setdefault("TEXTUAL_FPS", "20")
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
