"""What to let go where room is needed: what is missed least, and never what has to stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from backend.policy.candidates import (
    Candidate,
    Decision,
    Reasons,
    lines_of,
    newer_sets,
    protect,
    protect_newest,
    protect_unnamed,
)


class Freeing(NamedTuple):
    """What is proposed: a decision on every candidate, those that go first, in the order of least regret.

    `freed` and `wanted` are in bytes.
    """

    decisions: tuple[Decision, ...]
    freed: int
    wanted: int

    @property
    def missing(self) -> int:
        """The bytes by which it falls short of what is wanted; 0 where it suffices."""
        return max(0, self.wanted - self.freed)


def free(candidates: Sequence[Candidate], wanted: int, now: float, *, named: Sequence[str] = ()) -> Freeing:
    """Propose what to let go to free `wanted` bytes: what has verified copies elsewhere, is broken, is old.

    What `decide` keeps whatever the rules stays here too. With `named`, only sets of these snaps go, and the
    newest set of one of them as well, unless it is verified, pinned or automatic.
    """
    reasons, lines = Reasons(), lines_of(candidates, now)
    protect(candidates, lines, reasons)
    protect_newest(lines, reasons, but=named)
    protect_unnamed(candidates, named, reasons)
    going = _enough(sorted((each for each in candidates if not reasons.of(each)), key=_regret), wanted)
    chosen = {candidate.id for candidate in going}
    newer = newer_sets(lines)
    staying = (candidate for candidate in candidates if candidate.id not in chosen)
    return Freeing(
        (
            *(
                Decision(candidate, False, _grounds(candidate, newer.get(candidate.id, {})))
                for candidate in going
            ),
            *(Decision(each, True, reasons.of(each) or ("not needed for that",)) for each in staying),
        ),
        freed=sum(candidate.size for candidate in going),
        wanted=wanted,
    )


def _regret(candidate: Candidate) -> tuple[bool, bool, float, str]:
    """How much it would be missed: the smallest goes first."""
    return (not candidate.copies, not candidate.broken, candidate.time, candidate.id)


def _enough(least_regret_first: Iterable[Candidate], wanted: int) -> list[Candidate]:
    """The first of them that free enough, without those that the others made needless."""
    going: list[Candidate] = []
    freed = 0
    for candidate in least_regret_first:
        if freed >= wanted:
            break
        if candidate.size > 0:
            going.append(candidate)
            freed += candidate.size
    for candidate in reversed(going[:-1]):
        if freed - candidate.size >= wanted:
            going.remove(candidate)
            freed -= candidate.size
    return going


def _grounds(candidate: Candidate, newer: Mapping[str, int]) -> tuple[str, ...]:
    fewest = min(newer, key=lambda snap: newer[snap], default="")
    texts = (
        f"{candidate.copies} verified elsewhere" if candidate.copies else "",
        "broken" if candidate.broken else "",
        f"{newer[fewest]} newer of {fewest}" if newer.get(fewest) else "",
    )
    return tuple(filter(None, texts)) or ("named",)
