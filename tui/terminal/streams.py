"""Standard streams that are closed, or take nothing any more."""

import fcntl
import os
from typing import TextIO


def is_open_for(fd: int, access: int) -> bool:
    """Whether a descriptor can be read (`os.O_RDONLY`) or written (`os.O_WRONLY`); a closed one cannot."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE in (access, os.O_RDWR)
    except OSError:
        return False


def discard(stream: TextIO) -> None:
    """Drop without a word what waits in a stream that takes nothing any more, and all that follows."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):  # it is no file, or closed
        pass
    finally:
        os.close(nowhere)
