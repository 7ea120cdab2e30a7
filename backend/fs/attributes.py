"""What files have that no snapshot holds: capabilities, access lists, extended attributes.

To ask for each file would double the time of a walk. Asked are directories, files that can be run (only these
have capabilities), and all that is in a directory with attributes of its own: access lists are inherited.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator

_OF_THE_SYSTEM = frozenset(("security.selinux", "security.ima", "security.evm", "security.SMACK64"))
_NAMED = 3


class AttributeTally:
    """Counts files and directories that have attributes, and names the first three."""

    def __init__(self) -> None:
        self.number = 0
        self.examples: list[str] = []
        self._last = -1

    def look(
        self,
        fd: int,
        inside: Iterable[tuple[str, os.stat_result]],
        place: Callable[[str], str],
        *,
        is_first: bool = True,
    ) -> None:
        """Look at what is in an open directory, with `is_first` at that too; `place` names the paths."""
        has_any = _has_attributes(f"/proc/self/fd/{fd}/.")
        if has_any and is_first:
            self._count(place("").rstrip("/"))
        for name, status in inside:
            mode = status.st_mode
            is_asked = not stat.S_ISDIR(mode) if has_any else mode & 0o111 and stat.S_ISREG(mode)
            if is_asked and _has_attributes(f"/proc/self/fd/{fd}/{name}"):
                self._count(place(name))

    def look_at_entries(
        self, fd: int, entries: "Iterable[os.DirEntry[str]]", place: Callable[[str], str]
    ) -> None:
        """The same for entries that were listed of it, some at a time."""
        is_first = fd != self._last
        self._last = fd
        self.look(fd, _statuses(entries), place, is_first=is_first)

    def _count(self, path: str) -> None:
        self.number += 1
        if len(self.examples) < _NAMED:
            self.examples.append(path)

    @property
    def text(self) -> str:
        """What the snapshot does not hold, in a sentence; or nothing."""
        return attribute_text(self.number, self.examples)


def _statuses(entries: "Iterable[os.DirEntry[str]]") -> Iterator[tuple[str, os.stat_result]]:
    for entry in entries:
        try:
            yield entry.name, entry.stat(follow_symlinks=False)
        except OSError:
            continue  # it vanished just now


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
