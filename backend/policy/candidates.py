"""What a policy is asked about, what it answers, and what is never let go."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

AUTOMATIC = "automatic: snapd's own rules"
FUTURE = "its time is in the future: counts as now"


@dataclass(frozen=True)
class Candidate:
    """A set here, or a copy in a repository; `id` is unique among those that are judged together.

    `time` is in seconds since the epoch, `size` in bytes. `verified` and `broken` name those of the `snaps`
    whose data were verified, or cannot be trusted. `copies` counts verified copies in other places. Sets of
    different hosts say nothing of each other.
    """

    id: str
    snaps: tuple[str, ...]
    time: float
    size: int = 0
    verified: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    pinned: bool = False
    note: str = ""
    automatic: bool = False
    copies: int = 0
    host: str = ""


class Decision(NamedTuple):
    """Whether a candidate is kept, and why, or why not."""

    candidate: Candidate
    kept: bool
    reasons: tuple[str, ...]


class Reasons:
    """Why each candidate is kept, in the order in which that was noticed, each reason once."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[str, None]] = defaultdict(dict)

    def add(self, candidate: Candidate, reason: str) -> None:
        """Note one more reason."""
        self._by_id[candidate.id][reason] = None

    def of(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the reasons of a candidate; without any, nothing keeps it."""
        return tuple(self._by_id.get(candidate.id, ()))


@dataclass(frozen=True)
class SnapLine:
    """The sets of one snap of one host that people made, the newest first.

    Those whose time is in the future are `ahead`.
    """

    snap: str
    sound: tuple[Candidate, ...]
    broken: tuple[Candidate, ...] = ()
    ahead: tuple[Candidate, ...] = field(default=())

    @property
    def newest(self) -> Candidate | None:
        """The newest sound set, one of the future only where there is no other."""
        return next(iter((*self.sound, *self.ahead)), None)

    @property
    def newest_verified(self) -> Candidate | None:
        """The newest sound set that was verified."""
        return next((each for each in (*self.sound, *self.ahead) if self.snap in each.verified), None)


def lines_of(candidates: Iterable[Candidate], now: float) -> list[SnapLine]:
    """Sort the sets that people made by host and snap."""
    by_snap: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda each: (each.time, each.id), reverse=True):
        if not candidate.automatic:
            for snap in candidate.snaps:
                by_snap[candidate.host, snap].append(candidate)
    return [_line(snap, by_snap[host, snap], now) for host, snap in sorted(by_snap)]


def _line(snap: str, newest_first: Sequence[Candidate], now: float) -> SnapLine:
    sound = [candidate for candidate in newest_first if snap not in candidate.broken]
    return SnapLine(
        snap,
        sound=tuple(candidate for candidate in sound if candidate.time <= now),
        broken=tuple(candidate for candidate in newest_first if snap in candidate.broken),
        ahead=tuple(candidate for candidate in sound if candidate.time > now),
    )


def protect(candidates: Iterable[Candidate], lines: Iterable[SnapLine], reasons: Reasons) -> None:
    """Note what stays whatever is asked for, but for the newest sets.

    That is what is pinned, automatic, of the future, the newest verified of a snap, broken without such one.
    """
    for candidate in candidates:
        for reason in filter(None, _peculiarities(candidate)):
            reasons.add(candidate, reason)
    for line in lines:
        if verified := line.newest_verified:
            reasons.add(verified, f"newest verified of {line.snap}")
        for candidate in line.broken if not verified else ():
            reasons.add(candidate, f"broken, but no other set of {line.snap} is verified")
        for candidate in line.ahead:
            reasons.add(candidate, FUTURE)


def _peculiarities(candidate: Candidate) -> Iterator[str]:
    yield "" if candidate.snaps else "what it holds is not known"
    if candidate.pinned:
        yield f"pinned: {candidate.note}" if candidate.note else "pinned"
    yield AUTOMATIC if candidate.automatic else ""


def protect_newest(lines: Iterable[SnapLine], reasons: Reasons, but: Iterable[str] = ()) -> None:
    """Note the newest sound set of every snap, `but` those of some."""
    excepted = frozenset(but)
    for line in lines:
        if line.snap in excepted or (newest := line.newest) is None:
            continue
        is_only = len(line.sound) + len(line.ahead) == 1
        reasons.add(newest, f"the only copy of {line.snap}" if is_only else f"newest of {line.snap}")


def protect_unnamed(candidates: Iterable[Candidate], named: Sequence[str], reasons: Reasons) -> None:
    """Note the sets that hold other snaps than those that are named, if any are."""
    for candidate in candidates if named else ():
        for snap in candidate.snaps:
            if snap not in named:
                reasons.add(candidate, f"{snap} is not named")


def newer_sets(lines: Iterable[SnapLine]) -> Mapping[str, Mapping[str, int]]:
    """Count how many sound sets are newer than each sound set, by its id and the snap."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for line in lines:
        for number, candidate in enumerate(line.sound):
            counts[candidate.id][line.snap] = number
    return counts
