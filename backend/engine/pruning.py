"""Pruning: what rules, or a lack of room, let go, decided by `backend.policy` and forgotten as one."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from backend.config import RetentionConfig
from backend.engine.knowledge import verified_copies
from backend.engine.protocol import Engine
from backend.format.metadata import set_time
from backend.format.timestamps import unix_time
from backend.model import SnapshotSet
from backend.operations import Forget, Prune, Pruning
from backend.policy import Candidate, Decision, decide, free
from backend.progress import Progress
from backend.repository import content_hash_of, digest_of
from backend.results import Result
from backend.store.pins import Pin
from backend.store.room import room_of
from backend.store.verifications import CheckStatus


class PrunePlan(NamedTuple):
    """What a prune would do, those that go first; it frees `missing` bytes less than wanted."""

    decisions: tuple[Decision, ...]
    missing: int = 0

    @property
    def going(self) -> tuple[Candidate, ...]:
        """What goes."""
        return tuple(decision.candidate for decision in self.decisions if not decision.kept)

    @property
    def freed(self) -> int:
        """The bytes that are free once nothing of it is kept any more."""
        return sum(candidate.size for candidate in self.going)

    @property
    def newest_good(self) -> dict[str, str]:
        """The newest verified set that stays of each snap of which something goes; empty where none is."""
        stays = sorted(
            (decision.candidate for decision in self.decisions if decision.kept),
            key=lambda candidate: candidate.time,
        )
        snaps = sorted({snap for candidate in self.going for snap in candidate.snaps})
        newest = {snap: candidate.id for candidate in stays for snap in candidate.verified}
        return {snap: newest.get(snap, "") for snap in snaps}


def plan_prune(operation: Prune, engine: Engine) -> PrunePlan:
    """Say what a prune here would let go, and why; changes nothing.

    Raises:
        SnapshotError: what is pinned, or configured, cannot be told.
    """
    return judged(operation, candidates_here(engine), engine)


def judged(operation: Pruning, candidates: Sequence[Candidate], engine: Engine) -> PrunePlan:
    """Judge candidates, from here or from a repository, by what a prune asks for, or what is configured."""
    now = engine.journal.clock.wall()
    if operation.free:
        freeing = free(candidates, operation.free, now, named=operation.snaps)
        return PrunePlan(freeing.decisions, freeing.missing)
    decisions = decide(candidates, _rules(operation, engine), now, named=operation.snaps)
    return PrunePlan(tuple(sorted(decisions, key=lambda decision: decision.kept)))


def _rules(operation: Pruning, engine: Engine) -> RetentionConfig:
    """The rules that the operation names, for all snaps; without any those that are configured."""
    return engine.config.retention if operation.is_empty else RetentionConfig(operation)


def candidates_here(engine: Engine) -> list[Candidate]:
    """Describe the sets that are here, but for those by which a restore through snapd can be undone.

    Where snapd forgets them, those that it does not see are left out, too.
    """
    guards, is_through_snapd = engine.guards(), bool(engine.daemon.version)
    groups = [
        group
        for group in engine.sets()
        if group.set_id not in guards
        and not (is_through_snapd and all(snapshot.hidden for snapshot in group.snapshots))
    ]
    snapshots = [snapshot for group in groups for snapshot in group.snapshots]
    room = room_of(snapshots)
    known = _Known(
        statuses=engine.check_statuses(snapshots),
        sizes={path: 0 if path in room.linked else size for path, size in room.sizes.items()},
        pins=engine.pins.by_set(groups),
        copies=verified_copies(engine),
    )
    return [_candidate(group, known) for group in groups]


class _Known(NamedTuple):
    """What is known of sets: of their files by path, of their pins by number, of their copies by digest."""

    statuses: dict[str, CheckStatus]
    sizes: dict[str, int]
    pins: dict[int, Pin]
    copies: Counter[str]


def _candidate(group: SnapshotSet, known: _Known) -> Candidate:
    states = [(snapshot.snap, known.statuses[snapshot.path].state) for snapshot in group.snapshots]
    pin = known.pins.get(group.set_id)
    return Candidate(
        id=str(group.set_id),
        snaps=tuple(dict.fromkeys(snapshot.snap for snapshot in group.snapshots)),
        time=_saved_at(group),
        size=sum(known.sizes.get(snapshot.path, 0) for snapshot in group.snapshots),
        verified=frozenset(snap for snap, state in states if state.is_verified),
        broken=frozenset(snap for snap, state in states if state.is_bad),
        pinned=pin is not None,
        note=pin.note if pin else "",
        automatic=any(snapshot.auto for snapshot in group.snapshots),
        copies=known.copies[digest_of(content_hash_of(group))] if known.copies else 0,
    )


def _saved_at(group: SnapshotSet) -> float:
    """When a set was saved; one that does not tell counts as of the beginning of time."""
    times = [snapshot for snapshot in group.snapshots if snapshot.time]
    return max(0.0, unix_time(set_time(times))) if times else 0.0


def prune(operation: Prune, engine: Engine, progress: Progress) -> Result:
    """Let go what a plan says, as one that one undo brings back; what was not shown as going stays."""
    plan = plan_prune(operation, engine)
    shown = set(operation.confirmed) or {candidate.id for candidate in plan.going}
    for text in changes(plan, shown):
        progress.note(text)
    doomed = [
        Forget(int(candidate.id), undo_window=operation.undo_window)
        for candidate in plan.going
        if candidate.id in shown
    ]
    result = engine.forget(doomed, progress) if doomed else Result()
    if not plan.missing:
        return result
    return replace(result, left_out=(*result.left_out, shortage_text(plan)))


def shortage_text(plan: PrunePlan) -> str:
    """Say that a plan frees less than was wanted."""
    return f"{plan.missing} bytes less than wanted are freed: nothing else may go"


def changes(plan: PrunePlan, shown: Collection[str]) -> Iterator[str]:
    """Say what is otherwise than when a plan was shown, of which `shown` went."""
    for decision in plan.decisions:
        key = decision.candidate.id
        name = f"set #{key}" if key.isdigit() else f"copy {key}"
        if decision.kept and key in shown:
            yield f"{name} stays, other than the plan showed: {', '.join(decision.reasons)}"
        elif not decision.kept and key not in shown:
            yield f"{name} stays: the plan did not show it"
