"""What later runs need lies in the same place at every run; else what needs it is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.engine.perform import perform_recorded
from backend.engine.state_folder import own_state
from backend.errors import BlockedError
from backend.host.layout import Layout
from backend.jobs.journal import Journal
from backend.operations import Check, Export, Extract, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Event, Noted, Progress
from tests.support.builders import Tree, World, plant, tree_of
from tests.support.fakes import as_anybody, open_folder
from tests.support.mounting import Mounter, mounter

__all__ = ["mounter"]

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new"}, "common": {"b": "new"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set 1 holds NEW and was restored as job 1; what it replaced is kept."""
    world = World(tmp_path / "root")
    world.install("hello")
    world.add(1, "hello", NEW)
    plant(world.data("hello"), OLD)
    world.do(Restore(1))
    return world


@pytest.fixture
def frozen(world: World, mounter: Mounter) -> Callable[[], None]:
    """The state folder of the world cannot be written until this is called."""
    folder = world.root / "var/lib/snapstow"
    mounter.bind(folder, folder)
    mounter.remount(folder, "bind,ro")
    return lambda: mounter.unmount(folder)


def hearing(heard: list[Event]) -> Callable[[Progress], Callable[[Event], None]]:
    """Watches a job, and keeps what it tells."""
    return lambda _job: heard.append


CHANGING = [
    Save(),
    Restore(1),
    Restore(1, undo_window=0),
    Extract(1, ("hello:common/b",)),
    Undo(),
    Forget(1),
    Import("/tmp/nothing.snapshot"),
]


@pytest.mark.root
@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("operation", CHANGING, ids=str)
def test_changes_are_refused_before_they_begin(world: World, operation: Operation) -> None:
    before = tree_of(world.root / "var")
    with pytest.raises(BlockedError) as refusal:
        world.do(operation)
    assert str(refusal.value) == (
        f"cannot {operation.verb}: the state folder {world.root}/var/lib/snapstow cannot be written: "
        "read-only file system; what later runs need is kept there"
    )
    assert tree_of(world.root / "var") == before
    assert world.engine.refusal(operation.action) != ""


@pytest.mark.root
@pytest.mark.usefixtures("frozen")
def test_reading_goes_on_and_says_that_it_is_in_no_journal(world: World, tmp_path: Path) -> None:
    target = tmp_path / "beside"
    for operation in (Check(1), Export(1, str(tmp_path / "set")), Restore(1, target_dir=str(target))):
        heard: list[Event] = []
        assert perform_recorded(operation, world.engine, hearing(heard)).exit_code == 0
        (note,) = [event.text for event in heard if isinstance(event, Noted) and "journal" in event.text]
        assert note.startswith("this is kept in no journal: the state folder ")
    assert tree_of(target / "hello") != {}
    assert len(world.engine.journal.records()) == 1


@pytest.mark.root
@pytest.mark.usefixtures("frozen")
def test_job_in_the_background_is_refused_at_once(world: World) -> None:
    with pytest.raises(BlockedError, match="the state folder"):
        perform_recorded(Check(1), world.engine, lambda _job: lambda _event: None, begun=lambda _number: None)


@pytest.mark.root
def test_undo_is_offered_as_before_and_can_be_had_again(world: World, frozen: Callable[[], None]) -> None:
    assert own_state(Layout(str(world.root))) == f"{world.root}/var/lib/snapstow"
    assert [offer.job for offer in world.engine.undo_offers()] == [1]
    assert "read-only file system" in world.engine.warning
    frozen()
    world.do(Undo())
    assert tree_of(world.data("hello")) == OLD


@pytest.mark.root
def test_no_set_id_is_given_twice(world: World, frozen: Callable[[], None]) -> None:
    frozen()
    made = world.do(Save())
    world.do(Forget(made.set_id))
    folder = world.root / "var/lib/snapstow"
    folder.rename(folder.with_name("away"))
    folder.with_name("away").rename(folder)
    assert world.do(Save()).set_id == made.set_id + 1


CLOSED = """
import os, sys
from backend.engine.select import open_engine
from backend.engine.perform import perform_recorded
from backend.errors import SnapshotError
from backend.operations import Restore, Save
from backend.progress import Progress
from tests.support.builders import World, plant

world = World(sys.argv[1])
world.install("hello")
world.add(1, "hello", {"x1": {"a": "new"}})
plant(world.data("hello"), {"x1": {"a": "old"}, "common": {}})
world.do(Restore(1))
closed = os.path.join(sys.argv[1], sys.argv[2])
mode = os.stat(closed).st_mode
os.chmod(closed, 0)

def attempt(act):
    try:
        print(act())
    except SnapshotError as refusal:
        print(type(refusal).__name__, refusal)

engine = open_engine(sys.argv[1])
attempt(lambda: perform_recorded(Save(), engine, lambda _job: lambda _event: None))
attempt(engine.undo_offers)
attempt(lambda: [finding.kind for finding in engine.findings()])
os.chmod(closed, mode)
attempt(lambda: [offer.job for offer in open_engine(sys.argv[1]).undo_offers()])
"""


@pytest.mark.parametrize("closed", ["var/lib/snapstow", "var/lib/snapstow/jobs"])
def test_closed_folder_hides_nothing_from_its_owner(closed: str) -> None:
    with open_folder() as folder:
        saved, offers, kinds, again = as_anybody(
            CLOSED, f"{folder}/root", closed, XDG_STATE_HOME=f"{folder}/state", HOME=str(folder)
        )
        assert saved.startswith("BlockedError cannot save: the state folder ")
        assert saved.endswith("cannot be written: permission denied; what later runs need is kept there")
        assert offers.startswith("NotAllowedError cannot read the journal ")
        assert offers.endswith("Permission denied; what can be undone is not known")
        assert json.loads(kinds.replace("'", '"')) == ["state"]
        assert again == "[1]"
        assert not (folder / "state").exists()


BEGUN = """
import os, sys
from backend.engine.select import open_engine
from backend.engine.perform import perform_recorded
from backend.operations import Check
from tests.support.builders import World

world = World(sys.argv[1])
world.add(1, "hello", {"x1": {"a": "new"}})
place = os.path.join(sys.argv[1], "var/lib")
os.chmod(place, 0o555)
engine = open_engine(sys.argv[1])
print(engine.state_dir)
perform_recorded(Check(1), engine, lambda _job: lambda _event: None)
os.chmod(place, 0o755)
print(open_engine(sys.argv[1]).state_dir)
"""


def test_journal_begun_in_the_users_folder_is_gone_on_with() -> None:
    with open_folder() as folder:
        first, then = as_anybody(BEGUN, f"{folder}/root", XDG_STATE_HOME=f"{folder}/state", HOME=str(folder))
        assert first == then
        assert first.startswith(f"{folder}/state/snapstow/roots/")


def test_journal_of_a_root_whose_numbers_are_reused_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    layout = Layout(str(World(tmp_path / "root").root))
    users = f"{tmp_path}/state/{layout.own_name}"
    with Journal(users).job(Check(1), {"path": "/gone", "device": 1, "inode": layout.identity.inode}):
        pass
    assert own_state(layout) == layout.own_state
    present = {"path": layout.root, **layout.identity._asdict()}
    with Journal(users).job(Check(1), present):
        pass
    assert own_state(layout) == users


def test_doctor_looks_into_the_other_journal(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    users = Path(f"{tmp_path}/state/{Layout(str(world.root)).own_name}")
    users.parent.mkdir(parents=True)
    os.rename(world.root / "var/lib/snapstow", users)
    (finding,) = [finding for finding in world.engine.findings() if finding.kind == "elsewhere"]
    assert finding.path == f"{users}/jobs/1"
    assert finding.text.endswith("keeps data for an undo; it is left alone")


def test_first_note_of_a_root_is_made_below_it(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    assert world.engine.tidy(Progress()) == []
    assert world.engine.state_fault == world.engine.warning == ""
    assert not (world.root / "var/lib/snapstow").exists()
