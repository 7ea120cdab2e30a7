"""What any engine does, whichever it is. Each engine inherits the suite and brings a `place` for it."""

import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from backend.engine.perform import perform_recorded
from backend.engine.protocol import Engine
from backend.errors import BlockedError, Cancelled, NotFoundError, SnapshotError
from backend.model import Action
from backend.operations import Check, Export, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Event, Noted, Progress
from backend.restore.plan import Verdict
from backend.restore.planner import RestorePlanner
from backend.results import Result
from backend.store import CheckState
from backend.transfer import ExportChoice, plan_export
from tests.support.builders import Tree

OLD: Tree = {"x1": {"settings": "old"}, "common": {"db": "old", "deep": {"er": "1"}}}
NEW: Tree = {"x1": {"settings": "new", "more": "2"}, "common": {"db": "new"}}


class Place(Protocol):
    """A world with an engine: `hello` and `storey` are installed there, as revision x1, with data `OLD`."""

    @property
    def engine(self) -> Engine:
        """The engine under test."""

    @property
    def scratch(self) -> Path:
        """A directory for exports."""

    def replace(self, snap: str, tree: Tree) -> None:
        """Make `tree` all the system data of a snap."""

    def tree(self, snap: str) -> dict[str, Any]:
        """The system data of a snap."""

    def damage(self, set_id: int, snap: str) -> None:
        """Change a byte in an archive of a stored snapshot."""

    def remove_file(self, set_id: int, snap: str) -> None:
        """Remove a stored snapshot behind the engine's back."""


def do(place: Place, operation: Operation, stream: int | None = None) -> Result:
    """Carry it out as a job."""
    return perform_recorded(operation, place.engine, _deaf, stream=stream)


def _deaf(_job: Progress) -> Callable[[Event], None]:
    return lambda _event: None


def listed(place: Place) -> dict[int, list[str]]:
    """The snaps of each set."""
    return {group.set_id: [snapshot.snap for snapshot in group.snapshots] for group in place.engine.sets()}


def statuses(place: Place) -> dict[str, CheckState]:
    """What is known of the snapshots of the only set, by snap."""
    ((_, snapshots),) = place.engine.sets()
    known = place.engine.check_statuses(snapshots)
    return {snapshot.snap: known[snapshot.path].state for snapshot in snapshots}


class EngineContract:
    """Inherit it and define the fixture `place`."""

    def test_before_the_first_save_there_is_nothing(self, place: Place) -> None:
        assert place.engine.sets() == []
        with pytest.raises(NotFoundError, match="no snapshot set with the given ID"):
            do(place, Check(1))

    def test_reading_is_never_refused(self, place: Place) -> None:
        assert [place.engine.refusal(action) for action in (Action.CHECK, Action.EXPORT)] == ["", ""]

    def test_an_engine_is_not_superseded_while_its_place_stays_as_it_is(self, place: Place) -> None:
        availability = place.engine.availability()
        assert not availability.is_superseded
        assert {action: place.engine.refusal(action) for action in Action} == {
            action: availability.refusal(action) for action in Action
        }
        assert all(
            place.engine.refusal_of(operation) == ""
            for operation in (Save(), Check(), Restore(1, target_dir="/d"))
        )

    def test_the_place_of_an_engine(self, place: Place) -> None:
        engine = place.engine
        assert engine.name in ("files", "snapd")
        assert engine.introduction
        assert os.path.isdir(engine.layout.root)
        assert engine.journal.folder == engine.state_dir
        assert engine.others() == []

    def test_the_newest_sets_are_listed_first_only_where_there_are_many(self, place: Place) -> None:
        numbers = [do(place, Save(("hello",))).set_id for _ in range(3)]
        assert place.engine.newest_sets(2) == []
        assert [group.set_id for group in place.engine.newest_sets(1)] in ([numbers[-1]], [])

    def test_a_job_that_ended_has_no_resolution(self, place: Place) -> None:
        do(place, Save())
        with pytest.raises(SnapshotError):
            place.engine.resolve(1, finish=True)

    def test_the_size_of_an_export_is_the_size_of_its_file(self, place: Place) -> None:
        made = do(place, Save())
        export = Export(made.set_id, str(place.scratch / "e.snapshot"))
        size = place.engine.export_size(export)
        do(place, export)
        assert os.stat(export.file).st_size == size

    def test_save_makes_a_set_of_all_snaps(self, place: Place) -> None:
        made = do(place, Save())
        assert sorted(made.snaps) == ["hello", "storey"]
        assert made.exit_code == 0
        assert listed(place) == {made.set_id: ["hello", "storey"]}
        (group,) = place.engine.sets(made.set_id)
        assert all(
            (s.broken, str(s.revision), s.set_id) == ("", "x1", made.set_id) and s.size > 0
            for s in group.snapshots
        )

    def test_save_of_one_snap(self, place: Place) -> None:
        made = do(place, Save(("storey",)))
        assert listed(place) == {made.set_id: ["storey"]}

    def test_save_of_what_is_not_installed(self, place: Place) -> None:
        with pytest.raises(SnapshotError, match='snap "ghost" is not installed'):
            do(place, Save(("ghost",)))
        assert listed(place) == {}

    def test_sets_are_listed_by_id_and_filtered_by_snap(self, place: Place) -> None:
        first, second = do(place, Save(("hello",))).set_id, do(place, Save()).set_id
        assert first < second
        assert list(listed(place)) == [first, second]
        assert [group.set_id for group in place.engine.sets(snaps=("storey",))] == [second]
        assert [group.set_id for group in place.engine.sets(first)] == [first]
        assert place.engine.sets(second + 1) == []

    def test_check_of_sound_sets(self, place: Place) -> None:
        made = do(place, Save())
        assert do(place, Check(made.set_id)).exit_code == 0
        assert do(place, Check(made.set_id, ("hello",))).faults == []

    def test_check_finds_the_damage_and_where(self, place: Place) -> None:
        made = do(place, Save())
        place.damage(made.set_id, "hello")
        result = do(place, Check(made.set_id))
        assert result.exit_code == 4
        assert len(result.faults) == 1
        assert do(place, Check(made.set_id, ("storey",))).exit_code == 0

    def test_restore_replaces_the_data_and_does_not_merge(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        place.replace("storey", NEW)
        done = do(place, Restore(made.set_id))
        assert sorted(done.snaps) == ["hello", "storey"]
        assert place.tree("hello") == OLD
        assert place.tree("storey") == OLD

    def test_restore_of_one_snap_leaves_the_others(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        place.replace("storey", NEW)
        do(place, Restore(made.set_id, ("storey", "not-in-it")))
        assert place.tree("hello") == NEW
        assert place.tree("storey") == OLD

    @pytest.mark.parametrize(
        ("snaps", "reason"),
        [
            ((), "no snapshot set with the given ID"),
            (("ghost",), "no snapshot for the requested snaps found in the set with the given ID"),
        ],
    )
    def test_what_is_not_there(self, place: Place, snaps: tuple[str, ...], reason: str) -> None:
        set_id = do(place, Save(("hello",))).set_id + (0 if snaps else 1)
        for operation in (Restore(set_id, snaps), Check(set_id, snaps), Forget(set_id, snaps)):
            with pytest.raises(NotFoundError, match=reason):
                do(place, operation)

    def test_restore_of_damaged_data_changes_nothing(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        place.replace("storey", NEW)
        place.damage(made.set_id, "storey")
        with pytest.raises(SnapshotError):
            do(place, Restore(made.set_id))
        assert place.tree("hello") == NEW
        assert place.tree("storey") == NEW

    def test_a_plan_tells_and_changes_nothing(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        plans = place.engine.plan(Restore(made.set_id))
        assert sorted(plan.snapshot.snap for plan in plans) == ["hello", "storey"]
        assert all(plan.verdict is not Verdict.BLOCKED for plan in plans)
        assert place.tree("hello") == NEW

    def test_a_preview_tells_what_the_job_will_find_unchanged(self, place: Place) -> None:
        made = do(place, Save())
        preview = RestorePlanner(place.engine).preview(Restore(made.set_id))
        assert preview.snaps == ("hello", "storey")
        assert preview.losses_known
        assert preview.verdict is not Verdict.BLOCKED
        confirmed = preview.confirm(Restore(made.set_id))
        assert len(confirmed.confirmed) == 2
        notes: list[str] = []

        def listen(_progress: Progress) -> Callable[[Event], None]:
            return lambda event: notes.extend([event.text] if isinstance(event, Noted) else [])

        perform_recorded(confirmed, place.engine, listen)
        assert not [note for note in notes if "the plan showed" in note]

    def test_undo_brings_back_what_the_restore_replaced(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        place.replace("storey", NEW)
        done = do(place, Restore(made.set_id))
        (offer,) = place.engine.undo_offers()
        assert (offer.job, offer.set_id, sorted(offer.snaps)) == (
            done.undo_job,
            made.set_id,
            ["hello", "storey"],
        )
        do(place, Undo())
        assert place.tree("hello") == NEW
        assert place.tree("storey") == NEW

    def test_without_a_restore_there_is_nothing_to_undo(self, place: Place) -> None:
        do(place, Save())
        with pytest.raises(NotFoundError):
            do(place, Undo())

    def test_forget_of_a_set_and_its_id_is_never_used_again(self, place: Place) -> None:
        made = do(place, Save())
        do(place, Forget(made.set_id))
        assert listed(place) == {}
        assert do(place, Save()).set_id > made.set_id

    def test_forget_of_one_snap_of_a_set(self, place: Place) -> None:
        made = do(place, Save())
        do(place, Forget(made.set_id, ("hello",)))
        assert listed(place) == {made.set_id: ["storey"]}

    def test_export_writes_what_any_tar_reads(self, place: Place) -> None:
        made = do(place, Save())
        file = str(place.scratch / "e.snapshot")
        do(place, Export(made.set_id, file))
        with tarfile.open(file) as archive:
            names = archive.getnames()
        assert (names[0], names[-1], len(names)) == ("content.json", "export.json", 4)
        assert os.stat(file).st_mode & 0o777 == 0o600

    def test_export_of_what_failed_its_last_check_is_refused_unless_it_is_forced(self, place: Place) -> None:
        made = do(place, Save())
        place.damage(made.set_id, made.snaps[0])
        assert do(place, Check(made.set_id)).exit_code == 4
        export = Export(made.set_id, str(place.scratch / "bad.snapshot"))
        with pytest.raises(BlockedError, match=r"its last check failed: .*; --force exports it all the same"):
            do(place, export)
        assert not os.path.exists(export.file)
        do(place, replace(export, force=True))
        assert os.path.exists(export.file)

    def test_check_statuses_tell_what_the_last_checks_found(self, place: Place) -> None:
        made = do(place, Save())
        assert statuses(place) == {"hello": CheckState.NEVER, "storey": CheckState.NEVER}
        place.damage(made.set_id, "hello")
        assert do(place, Check(made.set_id, ("hello",))).exit_code == 4
        do(place, Check(made.set_id, ("storey",)))
        assert statuses(place) == {"hello": CheckState.FAILED, "storey": CheckState.OK}
        plan = plan_export(place.engine, made.set_id)
        assert list(plan.doubts(ExportChoice(plan.sound))) == ["hello"]

    def test_export_of_nothing_leaves_nothing(self, place: Place) -> None:
        with pytest.raises(SnapshotError):
            do(place, Export(3, str(place.scratch / "e.snapshot")))
        assert os.listdir(place.scratch) == []

    def test_export_and_import_through_streams(self, place: Place) -> None:
        made = do(place, Save())
        place.replace("hello", NEW)
        with open(place.scratch / "e", "w+b") as file:
            do(place, Export(made.set_id, "-"), file.fileno())
            do(place, Forget(made.set_id))
            file.seek(0)
            taken = do(place, Import("-"), file.fileno())
        assert taken.set_id > made.set_id
        assert listed(place) == {taken.set_id: ["hello", "storey"]}
        do(place, Restore(taken.set_id))
        assert place.tree("hello") == OLD

    def test_what_is_here_already_is_not_imported_again(self, place: Place) -> None:
        made = do(place, Save())
        file = str(place.scratch / "e.snapshot")
        do(place, Export(made.set_id, file))
        again = do(place, Import(file))
        assert (again.set_id, again.exit_code) == (made.set_id, 0)
        assert listed(place) == {made.set_id: ["hello", "storey"]}

    def test_a_damaged_export_is_refused_as_a_whole(self, place: Place) -> None:
        made = do(place, Save())
        file = place.scratch / "e.snapshot"
        do(place, Export(made.set_id, str(file)))
        do(place, Forget(made.set_id))
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 2] ^= 1
        file.write_bytes(raw)
        with pytest.raises(SnapshotError, match="cannot import snapshot"):
            do(place, Import(str(file)))
        assert listed(place) == {}

    def test_an_estimate_is_the_sum_of_the_files(self, place: Place) -> None:
        (estimate,) = place.engine.estimate(("hello",), (), Progress())
        assert (estimate.snap, estimate.size) == ("hello", len("oldold1"))

    @pytest.mark.parametrize("operation", [Save(), Import("/e"), Export(1, "/e"), Restore(1), Check(1)])
    def test_a_job_that_is_to_stop_does_nothing(self, place: Place, operation: Operation) -> None:
        do(place, Save())
        place.replace("hello", NEW)
        file = str(place.scratch / "e.snapshot")
        match operation:
            case Import():
                do(place, Export(1, file))
                place.remove_file(1, "storey")
                operation = Import(file)
            case Export():
                operation = Export(1, file)
            case _:
                pass
        before = listed(place), place.tree("hello"), os.listdir(place.scratch)

        def stopped(progress: Progress) -> Callable[[Event], None]:
            progress.stop()
            return lambda _event: None

        with pytest.raises(Cancelled):
            perform_recorded(operation, place.engine, stopped)
        assert (listed(place), place.tree("hello"), os.listdir(place.scratch)) == before
