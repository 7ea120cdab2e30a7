"""The demo is a small world in which every verb works, for an ordinary user as for root."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.demo import demo_root, make_demo
from backend.engine.files import FilesEngine
from backend.engine.perform import perform_recorded
from backend.engine.select import files_engine, open_engine
from backend.errors import SnapshotError
from backend.jobs.record import JobState
from backend.operations import Check, Export, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Event, Progress
from backend.restore.plan import Verdict
from backend.results import Result
from tests.support.builders import tree_of
from tests.support.fakes import as_anybody, open_folder, ordinary_uid


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "root"
    make_demo(str(root))
    return root


@pytest.fixture
def engine(original: Path, tmp_path: Path) -> FilesEngine:
    """The demo in a copy of the test's own."""
    shutil.copytree(original, tmp_path / "root", symlinks=True)
    return files_engine(str(tmp_path / "root"))


def do(engine: FilesEngine, operation: Operation) -> Result:
    return perform_recorded(operation, engine, _deaf)


def _deaf(_job: Progress) -> Callable[[Event], None]:
    return lambda _event: None


def test_demo_shows_good_and_bad_sets(engine: FilesEngine) -> None:
    sets = {group.set_id: group.snapshots for group in engine.sets()}
    assert sorted(sets) == [1, 2, 3, 5, 6, 7, 8, 9]
    assert [(snapshot.snap, snapshot.broken) for snapshot in sets[1]] == [
        (snap, "") for snap in ("hello-world", "nextcloud", "postgresql", "telegram_work")
    ]
    assert sets[2][0].auto
    assert sets[3][0].exclude == ("$SNAP_COMMON/data/IMG_*",)
    assert sets[2][0].users == ["alice", "bob"]
    assert [snapshots[0].broken != "" for snapshots in (sets[7], sets[8], sets[9])] == [False, True, True]
    assert sets[8][0].hidden


def test_damage_in_the_demo_is_found(engine: FilesEngine) -> None:
    assert do(engine, Check(1)).exit_code == 0
    assert do(engine, Check(7)).exit_code == 4
    everything = do(engine, Check())
    assert everything.exit_code == 4
    assert {verdict.set_id for verdict in everything.verdicts if verdict.fault} == {7, 8, 9}


def test_a_restore_would_lose_something_and_can_be_undone(engine: FilesEngine) -> None:
    (plan,) = engine.plan(Restore(1, ("nextcloud",)))
    assert plan.verdict is Verdict.WITH_LOSS
    place = engine.layout.system_parent("nextcloud")
    before = tree_of(place)
    assert do(engine, Restore(1, ("nextcloud",))).exit_code == 0
    assert tree_of(place) != before
    do(engine, Undo())
    assert tree_of(place) == before


def test_every_other_verb_works(engine: FilesEngine, tmp_path: Path) -> None:
    assert do(engine, Save(("hello-world",))).exit_code == 0
    file = str(tmp_path / "e")
    assert do(engine, Export(1, file)).exit_code == 0
    assert do(engine, Import(file)).duplicate
    assert do(engine, Forget(1)).held > 0
    assert do(engine, Import(file)).set_id > 10
    for broken in (7, 8, 9):
        with pytest.raises(SnapshotError):
            do(engine, Restore(broken))


def test_restores_of_users_work_too(engine: FilesEngine) -> None:
    assert do(engine, Restore(2, users=("alice",))).exit_code == 0
    assert do(engine, Restore(6)).exit_code == 0


def test_the_interrupted_restore_is_found_and_taken_back(engine: FilesEngine, original: Path) -> None:
    kinds = {finding.kind for finding in open_engine(str(original)).findings()}
    assert kinds >= {"interrupted", "import", "hidden", "broken"}
    here = open_engine(str(original))
    assert here.journal.records()[-1].state is JobState.INTERRUPTED
    assert [record.state for record in engine.journal.records()] == [JobState.INTERRUPTED]


def test_leftovers_in_the_demo_are_repaired(tmp_path: Path) -> None:
    engine = make_demo(str(tmp_path / "root"))
    done = [finding.kind for finding in engine.repair(Progress())]
    assert done == ["tidied", "import"]
    assert not any(finding.repair for finding in engine.findings())
    assert not os.path.exists(f"{engine.layout.system_parent('postgresql')}/.snapstow")


def test_demo_is_kept_and_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    root = demo_root()
    assert root == f"{tmp_path}/snapstow/demo"
    (Path(root) / "mine").touch()
    assert demo_root() == root
    assert (Path(root) / "mine").exists()
    (Path(root) / "ready").unlink()
    assert not (Path(demo_root()) / "mine").exists()
    (Path(root) / "mine").touch()
    demo_root(anew=True)
    assert not (Path(root) / "mine").exists()


EVERYTHING = """
import os
from backend.demo import demo_root
from backend.operations import Check, Restore, Undo
from backend.engine.perform import perform_recorded
from backend.engine.select import open_engine

engine = open_engine(demo_root())
for operation in (Check(1), Restore(1), Undo()):
    print(perform_recorded(operation, engine, lambda job: lambda event: None).exit_code)
print(len(engine.sets()), os.geteuid())
"""


def test_demo_needs_no_root() -> None:
    with open_folder() as folder:
        lines = as_anybody(EVERYTHING, XDG_DATA_HOME=str(folder))
    assert lines == ["0", "0", "0", f"8 {ordinary_uid()}"]
