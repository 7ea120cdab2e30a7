"""UNIX sockets: whether a snapd answers at one, whatever the length of its path."""

import os
from typing import TYPE_CHECKING

from backend.fs.files import opened

if TYPE_CHECKING:
    import socket

_LONGEST_SOCKET = 107


def daemon_answers(socket_path: str, timeout: float = 2.0) -> bool:
    """Whether something listens on the UNIX socket at `socket_path`, however long; waits `timeout` seconds.

    A socket that is too busy to answer, or that may not be asked, counts as answering.
    """
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connect(connection, socket_path)
        except (PermissionError, BlockingIOError, TimeoutError):
            return True
        except (OSError, ValueError):
            return False
    return True


def connect(connection: "socket.socket", socket_path: str) -> None:
    """Connect a UNIX socket to a path of any length."""
    if len(os.fsencode(socket_path)) <= _LONGEST_SOCKET:
        connection.connect(socket_path)
        return
    folder, name = os.path.split(socket_path)
    with opened(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) as fd:
        connection.connect(f"/proc/self/fd/{fd}/{name}")
