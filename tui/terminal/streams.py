"""Standard streams that take nothing any more."""

import os
from typing import TextIO


def discard(stream: TextIO) -> None:
    """Drop without a word what waits in a stream that takes nothing any more, and all that follows."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):  # it is no file, or closed
        pass
    finally:
        os.close(nowhere)
