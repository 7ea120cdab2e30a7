"""Which sets of a place have copies elsewhere, as far as that is known here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backend import Engine, SnapshotSet
from backend.engine import known_copies
from backend.repository import content_hash_of, digest_of


class CopyMark(NamedTuple):
    """A copy of a set: in which repository, when it was last read back from here (0.0: never), its trouble.

    Times are in seconds since the epoch.
    """

    repository: str
    checked: float
    trouble: str

    @property
    def is_sound(self) -> bool:
        """Whether it was read back, and found sound."""
        return bool(self.checked) and not self.trouble


@dataclass(frozen=True)
class CopiesElsewhere:
    """The copies of the sets of a place by number; without `repositories` nobody asks for any.

    `newest` is when the newest set was saved of which a copy was read back and is sound (0.0: none).
    """

    repositories: tuple[str, ...] = ()
    by_set: Mapping[int, tuple[CopyMark, ...]] = field(default_factory=dict)
    newest: float = 0.0

    def of_set(self, number: int) -> tuple[CopyMark, ...]:
        """The copies of a set."""
        return self.by_set.get(number, ())

    def words_of(self, number: int) -> str:
        """What a filter looks at: `copies:none`, `copies:offsite`."""
        if not self.repositories:
            return ""
        names = dict.fromkeys(mark.repository for mark in self.of_set(number) if not mark.trouble)
        return " ".join(f"copies:{name}" for name in names or ("none",))


def copies_elsewhere(engine: Engine, sets: Iterable[SnapshotSet]) -> CopiesElsewhere:
    """Look which sets have copies, by what is kept here; reads the disk, so for threads."""
    known = known_copies(engine)
    marks: dict[str, list[CopyMark]] = {}
    newest = 0.0
    for repository, copies in known.items():
        for copy in copies:
            mark = CopyMark(repository, copy.checked, copy.trouble)
            marks.setdefault(copy.name.digest, []).append(mark)
            if mark.is_sound:
                newest = max(newest, float(copy.name.time))
    digests = {group.set_id: digest_of(content_hash_of(group)) for group in sets} if marks else {}
    by_set = {number: tuple(marks[digest]) for number, digest in digests.items() if digest in marks}
    return CopiesElsewhere(tuple(known), by_set, newest)
