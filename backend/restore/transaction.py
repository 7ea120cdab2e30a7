"""All of a state is put in place, or nothing: every step is noted before it is taken, a failure unwinds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from backend.errors import BlockedError, ConflictError, HalfDoneError, SnapshotError, UntidiedError
from backend.fs import files
from backend.fs.removal import Leftover
from backend.progress import Progress
from backend.restore.stamp import stamp_of
from backend.restore.swap import RestoreState
from backend.steps import DataCommitted, SlotsDiscarded

_DISK = "once the disk can be written, "
_MENDS = "doctor --repair or the next start"


class Transaction:
    """What is put in place of `state` by a job, which `action` names (`cannot …`), for these snaps."""

    MOVED, THINGS = "replaced", "data"
    UNBEGUN = "no data were replaced; what had been unpacked is left"

    def __init__(self, state: RestoreState, progress: Progress, action: str, snaps: Sequence[str]) -> None:
        self._state = state
        self._progress = progress
        self._action = action
        self._snaps = snaps
        self._is_noted = False

    def commit(self) -> None:
        """Note the moves, make them, and note that they are made.

        Raises:
            BlockedError: something is mounted at or below what they would replace; nothing was noted.
        """
        self._state.demand_unmounted()
        self._state.stamp = stamp_of(self._state)
        self._is_noted = True
        for step in self._state.steps():
            self._progress.record_step(step)
        self._state.commit()
        self._progress.record_step(DataCommitted())

    @contextmanager
    def reverting(self) -> Iterator[None]:
        """Take all back and remove it when what is done inside fails.

        Raises:
            HalfDoneError: that could not be done either.
        """
        with self._unwinding(self._revert):
            yield

    def commit_or_take_back(self) -> None:
        """Commit; when that fails, take all back and keep it.

        Raises:
            HalfDoneError: that could not be done either.
        """
        with self._unwinding(self._state.take_back):
            self.commit()

    def _revert(self) -> None:
        for left in self._state.revert(self._note_discarded):
            self._progress.note(str(left))

    def _note_discarded(self) -> None:
        if self._is_noted:
            self._progress.record_step(SlotsDiscarded())

    @contextmanager
    def _unwinding(self, unwind: Callable[[], None]) -> Iterator[None]:
        try:
            yield
        except BaseException as failure:
            try:
                unwind()
            except (OSError, SnapshotError) as cause:
                raise HalfDoneError(f"{self._sentence(failure)}\n{self._standing(cause)}") from cause
            raise

    def _sentence(self, failure: BaseException) -> str:
        match failure:
            case SnapshotError():
                return str(failure)
            case OSError():
                return f"{self._action}: {failure.strerror or failure}"
            case _:
                return f"{self._action}: it was stopped"

    def _standing(self, cause: Exception) -> str:
        """How the data are, and what will mend them."""
        mends = _MENDS if isinstance(cause, BlockedError | ConflictError) else f"{_DISK}{_MENDS}"
        things = f"the {self.THINGS} of {', '.join(self._snaps)} are"
        try:
            if self._state.is_as_before:
                return f"{self.UNBEGUN}: {mends} removes it"
            if all(move.live == move.after for move in self._state.moves):
                return (
                    f"{things} {self.MOVED}, but that is not recorded: {mends} completes it or puts them back"
                )
        except OSError:
            pass  # then nothing better is known
        return f"{things} partly {self.MOVED}: {mends} puts them back"


def remove_replaced(state: RestoreState, verb: str) -> tuple[Leftover, ...]:
    """Remove what was replaced where no undo is wanted; returns what never can be.

    Raises:
        UntidiedError: it could not be done now; what was asked for is done.
    """
    try:
        with files.os_errors_as("what was replaced is not removed yet"):
            return state.clean_up()
    except SnapshotError as reason:
        raise UntidiedError(f"{verb} is done, but {reason}; the next start tries again") from reason
