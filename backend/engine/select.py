"""Which engine answers for a root."""

import os
from typing import TYPE_CHECKING

from backend.engine.files import FilesEngine
from backend.engine.state_folder import own_state
from backend.errors import InvalidInputError, UnreachableError
from backend.host.layout import Layout
from backend.host.socket import daemon_answers

if TYPE_CHECKING:
    from backend.engine.protocol import Engine


def open_engine(
    root: str, kind: str = "auto", config_path: str = "", *, reads_files: bool = True
) -> "Engine":
    """Make the engine for a root: `files`, `snapd`, or `auto`, which is snapd where one answers for the root.

    `config_path` is the file that configures it, empty for the usual one of this machine. Without
    `reads_files` a snapd is asked for everything, as where its files lie elsewhere.

    Raises:
        InvalidInputError: the root is no directory.
        UnreachableError: snapd is asked for, and does not answer.
    """
    files = files_engine(root, config_path)
    engine = files if kind == "files" else _auto_engine(files, reads_files=reads_files)
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
    return _auto_engine(
        FilesEngine(Layout(engine.layout.root), engine.state_dir, config_path=engine.config_path)
    )


def _auto_engine(files: FilesEngine, *, reads_files: bool = True) -> "Engine":
    socket = files.layout.socket
    if not (os.path.exists(socket) and daemon_answers(socket)):
        return files
    from backend.engine.snapd.engine import SnapdEngine

    return SnapdEngine(files, reads_files=None if reads_files else False)


def files_engine(root: str, config_path: str = "") -> FilesEngine:
    """The engine that works on the files below a root; InvalidInputError when that is no directory."""
    if not os.path.isdir(root):
        raise InvalidInputError(f"cannot work below {root}: it is not a directory")
    layout = Layout(root)
    return FilesEngine(layout, own_state(layout), config_path=config_path)
