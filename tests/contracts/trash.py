"""What an engine does with what is forgotten. One that can keep it inherits this suite."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.errors import NotFoundError
from backend.jobs.record import JobState
from backend.jobs.result import JobResult
from backend.operations import Check, Forget, Save, Undo
from backend.progress import Progress
from backend.restore.slots import TRASH
from backend.results import Result
from backend.store import CheckState
from tests.contracts.engine import Place, do, listed, statuses
from tests.support.journals import amend


def forget_as_one(place: Place, forgets: Sequence[Forget]) -> Result:
    """Forget several sets in one job."""
    engine = place.engine
    with engine.journal.job(forgets[0], engine.root) as record:
        progress = Progress(record_step=record.record_step, name=str(record.id))
        result = engine.forget(forgets, progress)
        record.finish(JobState.PARTIAL, JobResult.of(result, 3))
    return result


def inodes(place: Place) -> dict[str, tuple[int, bytes]]:
    """The inode and the content of every snapshot file by its name."""
    paths = [Path(snapshot.path) for group in place.engine.sets() for snapshot in group.snapshots]
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in paths}


class TrashContract:
    """Inherit it beside the contract of engines."""

    def test_undo_of_a_forget_brings_back_the_very_files_and_what_was_verified(self, place: Place) -> None:
        made = do(place, Save())
        do(place, Check(made.set_id))
        before = inodes(place)
        forgotten = do(place, Forget(made.set_id))
        assert (listed(place), forgotten.freed, forgotten.sets) == ({}, 0, (made.set_id,))
        (offer,) = place.engine.undo_offers()
        assert (offer.job, offer.verb, offer.set_id, offer.sets) == (
            forgotten.undo_job,
            "forget",
            made.set_id,
            (made.set_id,),
        )
        assert offer.held >= forgotten.held > 0
        assert do(place, Undo()).sets == (made.set_id,)
        assert listed(place) == {made.set_id: ["hello", "storey"]}
        assert inodes(place) == before
        assert statuses(place) == {"hello": CheckState.OK, "storey": CheckState.OK}
        assert place.engine.undo_offers() == []
        assert not os.path.lexists(f"{place.engine.layout.snapshots}/{TRASH}")

    def test_sets_forgotten_as_one_come_back_by_one_undo(self, place: Place) -> None:
        first, second = do(place, Save()).set_id, do(place, Save(("hello",))).set_id
        do(place, Forget(second))
        do(place, Undo())
        forgets = (Forget(first, ("storey",)), Forget(second), Forget(99))
        result = forget_as_one(place, forgets)
        assert result.left_out == ("set #99 was left: no snapshot set with the given ID",)
        assert result.sets == (first, second)
        assert listed(place) == {first: ["hello"]}
        (offer,) = place.engine.undo_offers()
        assert (offer.set_id, offer.sets) == (0, (first, second))
        do(place, Undo(offer.job))
        assert listed(place) == {first: ["hello", "storey"], second: ["hello"]}

    def test_forget_at_once_leaves_nothing_to_undo(self, place: Place) -> None:
        made = do(place, Save())
        forgotten = do(place, Forget(made.set_id, undo_window=0))
        assert (forgotten.undo_job, forgotten.held) == (0, 0)
        assert forgotten.freed > 0
        assert place.engine.undo_offers() == []
        assert os.listdir(place.engine.layout.snapshots) == []

    def test_forgotten_set_is_gone_for_good_when_its_time_is_over(self, place: Place) -> None:
        made = do(place, Save())
        record = place.engine.journal.record(do(place, Forget(made.set_id)).undo_job)
        amend(record, {"undo_until": record.started})
        (message,) = place.engine.tidy(Progress())
        assert f"the undo of job {record.id} expired" in message
        assert os.listdir(place.engine.layout.snapshots) == []
        with pytest.raises(NotFoundError):
            do(place, Undo(record.id))
