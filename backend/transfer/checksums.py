"""Checksums of exports, in files beside them as `sha256sum` writes and checks them."""

import os

from backend.fs import beneath, files
from backend.progress import Progress
from backend.transfer.destination import CHECKSUM

_LONGEST = 4096


def drop_stale_checksum(path: str, progress: Progress) -> None:
    """Remove the checksum of the file that is replaced; one that tells of others stays, which is noted."""
    sums = f"{path}{CHECKSUM}"
    try:
        mark, _, rest = files.read_whole(sums, _LONGEST).partition(b"  ")
        is_of_it = checksum_line(mark.decode("latin-1").lstrip("\\"), path) == mark + b"  " + rest
    except FileNotFoundError:
        return
    except OSError:
        is_of_it = False
    if is_of_it:
        beneath.unlink(sums)
        progress.note(f"{sums} told of the file before, and is removed")
    else:
        progress.note(f"{sums} is not written anew: it does not tell of this export")


def checksum_line(digest: str, path: str) -> bytes:
    """Return what `sha256sum` prints of a file in its own directory; odd names are escaped."""
    name = os.fsencode(os.path.basename(path))
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != name else b""
    return mark + digest.encode() + b"  " + escaped + b"\n"
