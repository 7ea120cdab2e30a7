"""Copies that rules, or a lack of room, let go; and what uploads left that died."""

from backend.engine.copies.upkeep import let_go
from backend.engine.protocol import Engine
from backend.engine.pruning import PrunePlan, changes, judged, shortage_text
from backend.errors import SnapshotError
from backend.operations import PruneCopies
from backend.policy import Candidate
from backend.progress import Progress
from backend.repository import Copy, Repository, content_hash_of
from backend.results import Result


def plan_copy_pruning(
    engine: Engine, operation: PruneCopies, repository: Repository, progress: Progress
) -> PrunePlan:
    """Say which copies a prune would let go, and why; changes nothing.

    A copy counts as verified when it was read back from here, and as pinned when its set is.

    Raises:
        SnapshotError: what is pinned, or configured, cannot be told, or the repository did not answer.
        Cancelled: the job was stopped.
    """
    groups = engine.sets()
    pins = engine.pins.by_set(groups)
    pinned = {content_hash_of(group): pins[group.set_id].note for group in groups if group.set_id in pins}
    candidates = [
        _candidate(copy, pinned)
        for copy in repository.copies(progress)
        if operation.all_hosts or copy.name.host == repository.host
    ]
    return judged(operation, candidates, engine)


def _candidate(copy: Copy, pinned: dict[str, str]) -> Candidate:
    """A copy as the policy sees it; of one that cannot be read here it is not known what it holds."""
    notes = [note for content_hash, note in pinned.items() if copy.name.matches(content_hash)]
    if (pin := _pin_of(copy)) is not None:
        notes.append(pin)
    return Candidate(
        id=str(copy.name),
        snaps=copy.snaps,
        time=float(copy.name.time),
        size=max(copy.stored, 0),
        verified=frozenset(copy.snaps if copy.is_verified else ()),
        broken=frozenset(copy.snaps if copy.trouble else ()),
        pinned=bool(notes),
        note=next(filter(None, notes), ""),
        host=copy.name.host,
    )


def _pin_of(copy: Copy) -> str | None:
    """The note of the pin that its set had when it was copied."""
    try:
        return copy.manifest.pin
    except SnapshotError:
        return None


def prune(engine: Engine, operation: PruneCopies, repository: Repository, progress: Progress) -> Result:
    """Let go what a plan says, and what uploads left; what was not shown as going stays.

    Raises:
        SnapshotError: what is pinned, or configured, cannot be told, or the repository did not answer.
        Cancelled: the job was stopped; what was forgotten by then stays forgotten.
    """
    plan = plan_copy_pruning(engine, operation, repository, progress)
    shown = set(operation.confirmed) or {candidate.id for candidate in plan.going}
    for text in changes(plan, shown):
        progress.note(text)
    doomed = {candidate.id for candidate in plan.going} & shown
    copies = [copy for copy in repository.known() if str(copy.name) in doomed]
    freed = let_go(repository, copies, progress, at_once=operation.now)
    return Result(
        left_out=(shortage_text(plan),) if plan.missing else (),
        freed=freed + _clean_up(repository, engine.journal.clock.wall(), progress),
        copies=tuple(str(copy.name) for copy in copies),
        undo_job=int(progress.name) if copies and not operation.now else 0,
    )


def _clean_up(repository: Repository, now: float, progress: Progress) -> int:
    """Remove payloads that belong to no copy any more, and what uploads left; returns the bytes."""
    orphans = repository.orphans(now)
    with progress.step("Removing what is left of uploads", parts=len(orphans)):
        for orphan in orphans:
            progress.raise_if_cancelled()
            repository.remove_orphan(orphan)
            progress.note(f"{orphan.key} is removed: no copy needs it")
        repository.sweep()
    return sum(orphan.size for orphan in orphans)
