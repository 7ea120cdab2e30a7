"""What files have that no snapshot holds: capabilities, access lists, extended attributes.

To ask for each file would double the time of a walk. Asked are directories, files that can be run (only these
have capabilities), and all that is in a directory with attributes of its own: access lists are inherited.
"""

import os
import stat
from collections.abc import Callable, Iterable

_OF_THE_SYSTEM = frozenset(("security.selinux", "security.ima", "security.evm", "security.SMACK64"))
RUNNABLE = 0o111
_NAMED = 3


class AttributeTally:
    """Counts files and directories that have attributes, and names the first three."""

    def __init__(self) -> None:
        self.number = 0
        self.examples: list[str] = []

    def enter(self, fd: int, place: Callable[[str], str], *, again: bool = False) -> bool:
        """Look at an open directory itself; whether all that is in it has to be looked at.

        `place` names the path of a name in it. Looked at `again`, it does not count.
        """
        has_any = _has_attributes(f"/proc/self/fd/{fd}/.")
        if has_any and not again:
            self._count(place("").rstrip("/"))
        return has_any

    def look(self, fd: int, name: str, mode: int, place: Callable[[str], str], *, inherits: bool) -> None:
        """Look at what is in the open directory, where its mode, or that it `inherits`, gives a reason to."""
        is_asked = not stat.S_ISDIR(mode) if inherits else mode & RUNNABLE and stat.S_ISREG(mode)
        if is_asked and _has_attributes(f"/proc/self/fd/{fd}/{name}"):
            self._count(place(name))

    def _count(self, path: str) -> None:
        self.number += 1
        if len(self.examples) < _NAMED:
            self.examples.append(path)

    @property
    def text(self) -> str:
        """What the snapshot does not hold, in a sentence; or nothing."""
        return attribute_text(self.number, self.examples)


def attribute_text(number: int, examples: Iterable[str]) -> str:
    """Say which files have what no snapshot holds; nothing where there are none."""
    if not number:
        return ""
    have = "1 file has" if number == 1 else f"{number} files have"
    named = ", ".join(examples)
    return (
        f"{have} capabilities, access lists or extended attributes, which snapshots do not hold: {named}"
        f"{' and others' if number > _NAMED else ''}"
    )


def _has_attributes(path: str) -> bool:
    try:
        return not _OF_THE_SYSTEM.issuperset(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return False
