"""What snapd is doing that is in the way of an operation, and the waiting for it."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from backend.engine.daemon import WAITING, SnapdChange
from backend.engine.snapd import undo as guards
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import watch
from backend.engine.snapd.responses import BusyError
from backend.operations import Forget, Operation, Restore, Save, Undo
from backend.progress import Progress
from backend.steps import SnapdAwaited

_READING = ("check-snapshot", "forget-snapshot")
_HARMLESS = ("pre-download", "become-operational", *_READING)
_EXCLUSIVE = (
    "remodel",
    "transition-ubuntu-core",
    "transition-to-snapd-snap",
    "create-recovery-system",
    "remove-recovery-system",
)

Done = TypeVar("Done")


class _Touched(NamedTuple):
    """What an operation would touch: snaps (None: all of them), and a set where `kinds` of changes do."""

    snaps: frozenset[str] | None
    set_id: int = 0
    kinds: tuple[str, ...] = ()

    def meets(self, change: SnapdChange) -> bool:
        """Whether a change is about the same."""
        if self.set_id and change.kind in self.kinds and change.set_id == self.set_id:
            return True
        if self.snaps is not None and not self.snaps:
            return False
        if change.kind in _EXCLUSIVE:
            return True
        if change.kind in _HARMLESS:
            return False
        return bool(change.names if self.snaps is None else change.names & self.snaps)


def in_the_way(site: SnapdContext, operation: Operation) -> SnapdChange | None:
    """The first unfinished change that an operation would have to wait for, as far as is known before."""
    touched = _touched(site, operation)
    if touched is None:
        return None
    return next((change for change in site.client.changes() if touched.meets(change)), None)


def _touched(site: SnapdContext, operation: Operation) -> _Touched | None:
    match operation:
        case Save(snaps):
            return _Touched(frozenset(snaps) or None)
        case Restore(set_id, snaps, target_dir=""):
            held = (snapshot.snap for group in site.sets(set_id) for snapshot in group.snapshots)
            return _Touched(frozenset(snaps or held), set_id, ("forget-snapshot",))
        case Undo(number):
            offers = guards.offers(site)
            chosen = next((offer for offer in offers if number in (0, offer.job)), None)
            return _Touched(frozenset(chosen.snaps)) if chosen else None
        case Forget(set_id):
            return _Touched(frozenset(), set_id, ("check-snapshot", "restore-snapshot"))
        case _:
            return None


def when_free(site: SnapdContext, operation: Operation, progress: Progress, act: Callable[[], Done]) -> Done:
    """Carry something out; where the operation says so, after what is in its way, and again if refused.

    A stop while it waits raises Cancelled; nothing was begun then.
    """
    waits = getattr(operation, "wait", False)
    while True:
        while waits and (change := in_the_way(site, operation)):
            _wait(site, change, progress)
        try:
            return act()
        except BusyError as busy:
            if not waits:
                raise
            _wait(site, site.client.change(busy.change), progress)


def _wait(site: SnapdContext, change: SnapdChange, progress: Progress) -> None:
    progress.record_step(SnapdAwaited(change.id))
    with progress.step(f"{WAITING}{change.title} of snapd"):
        watch(site.client, change.id, progress.quiet())
