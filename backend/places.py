"""Which engine answers for a root, and where our own state about it lies."""

import os

from backend.direct import DirectEngine
from backend.errors import InvalidInputError
from backend.layout import Layout


def own_state(layout: Layout) -> str:
    """The folder of our journal for a root: below the root itself where it can be written (decision 6).

    Otherwise a folder of the user's own, one for each root, told apart by device and inode.
    """
    if os.access(_existing(layout.own_state), os.W_OK):
        return layout.own_state
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    if layout.is_machine:
        return os.path.join(base, "snapstow")
    found = os.stat(layout.root)
    return os.path.join(base, "snapstow", "roots", f"{found.st_dev}-{found.st_ino}")


def _existing(path: str) -> str:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def engine_for(root: str, kind: str = "auto") -> DirectEngine:
    """The engine for a root: `files`, or `auto`, which is the same for now.

    InvalidInputError when the root is no directory, or for an engine that is not there yet.
    """
    if kind == "snapd":
        raise InvalidInputError("the snapd engine is not there yet: use --engine files")
    if not os.path.isdir(root):
        raise InvalidInputError(f"cannot work below {root}: it is not a directory")
    layout = Layout(root)
    return DirectEngine(layout, own_state(layout))
