"""Which engine answers for a root, and where our own state about it lies."""

import os
from typing import TYPE_CHECKING

from backend.engine.files import FilesEngine
from backend.errors import InvalidInputError, UnreachableError
from backend.host.layout import Layout
from backend.host.socket import daemon_answers
from backend.host.user_directories import user_directory

if TYPE_CHECKING:
    from backend.engine.protocol import Engine


def own_state(layout: Layout) -> str:
    """The folder of our journal for a root: below the root itself where it can be written.

    Otherwise, and where that folder is somebody else's, one of the user's own for each root, distinguished by
    device and inode.
    """
    existing = _existing(layout.own_state)
    is_foreign = existing == layout.own_state and os.lstat(existing).st_uid != os.geteuid()
    if os.access(existing, os.W_OK) and not is_foreign:
        return layout.own_state
    return os.path.join(_users_state(), layout.own_name)


def user_state() -> str:
    """Return the user's own folder for what belongs to no root."""
    return os.path.join(_users_state(), "snapstow")


def _users_state() -> str:
    return user_directory("XDG_STATE_HOME", ".local/state")


def _existing(path: str) -> str:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def open_engine(root: str, kind: str = "auto") -> "Engine":
    """Make the engine for a root: `files`, `snapd`, or `auto`, which is snapd where one answers for the root.

    Raises:
        InvalidInputError: the root is no directory.
        UnreachableError: snapd is asked for, and does not answer.
    """
    files = files_engine(root)
    engine = files if kind == "files" else _auto_engine(files)
    if kind == "snapd" and engine is files:
        raise UnreachableError(
            f"cannot use the snapd engine: no snapd answers at {files.layout.socket}; use --engine files"
        )
    return engine


def reopen_engine(engine: "Engine") -> "Engine":
    """Make the engine that `auto` means now for the place of another one, with the same state directory.

    Raises:
        InvalidInputError: its root cannot be one any more.
    """
    return _auto_engine(FilesEngine(Layout(engine.layout.root), engine.state_dir))


def _auto_engine(files: FilesEngine) -> "Engine":
    socket = files.layout.socket
    if not (os.path.exists(socket) and daemon_answers(socket)):
        return files
    from backend.engine.snapd.engine import SnapdEngine

    return SnapdEngine(files)


def files_engine(root: str) -> FilesEngine:
    """The engine that works on the files below a root; InvalidInputError when that is no directory."""
    if not os.path.isdir(root):
        raise InvalidInputError(f"cannot work below {root}: it is not a directory")
    layout = Layout(root)
    return FilesEngine(layout, own_state(layout))
