"""Which root a journal is about: known by an id in our state folder there, wherever it lies now."""

import os
import re
from collections.abc import Mapping
from typing import Any

from backend.fs import files

_ID = re.compile(rb"[0-9a-f]{32}\n")
_LONGEST = 64


class RootId:
    """The random id of one root, in a file of its state folder."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._path = f"{state_dir}/root-id"

    def read(self) -> str:
        """Return the id; empty where there is none that can be read."""
        try:
            content = files.read_whole(self._path, _LONGEST)
        except OSError:
            return ""
        return content.decode().strip() if _ID.fullmatch(content) else ""

    def made(self) -> str:
        """Return the id, which is given now where there is none; not by two at the same time.

        Raises:
            OSError: it cannot be kept.
        """
        if not self.read():
            files.write_whole(self._path, f"{os.urandom(16).hex()}\n".encode())
        return self.read()

    def sweep(self) -> None:
        """Remove ids that were half written when their writer died; not while one is given."""
        files.sweep_half_written(self._state_dir, "root-id")


def is_same_root(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    """Whether a root that a journal recorded is the one that is present, under whatever path.

    The device may have another number than it had; a copy has another inode. Before roots had ids, the path
    or the device had to be the same.
    """
    if recorded.get("inode") != present["inode"]:
        return False
    if recorded.get("id") and present["id"]:
        return bool(recorded["id"] == present["id"])
    return any(recorded.get(key) == present[key] for key in ("path", "device"))


def rebased(document: Any, old: str, new: str) -> Any:
    """Return a document in which every path below the root `old`, if there is one, is one below `new`."""
    if old == new:
        return document
    match document:
        case dict():
            return {key: rebased(value, old, new) for key, value in document.items()}
        case list():
            return [rebased(value, old, new) for value in document]
        case str() if document == old or document.startswith(f"{old.rstrip('/')}/"):
            return f"{new.rstrip('/')}/{document[len(old) :].lstrip('/')}".rstrip("/") or "/"
    return document
