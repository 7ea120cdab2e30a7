"""Death at any instant of what has to do with a repository: no half copy is listed, nothing is lost here.

The death of clients and servers of clouds is told by `tests.contracts.cloud_in_trouble`.
"""

import shutil
from pathlib import Path

import pytest

from backend.operations import CheckCopies, Forget, ForgetCopies, PruneCopies, Pull, Push, Undo
from backend.repository.names import MANIFEST, PAYLOAD
from tests.support.agekeys import library_key
from tests.support.builders import World
from tests.support.dying import Fresh, did, died, make_fresh, make_plain_killer, points, sets, started_again
from tests.support.killing import Killer
from tests.support.offsite import REPO, configure, copies_of, object_file

plain_killer = pytest.fixture(scope="module")(make_plain_killer)
fresh = pytest.fixture(make_fresh)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "encrypted"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("template") / "root")
    for number in (4, 5):
        world.install("foo")
        world.add(number, "foo", {"x1": {"f": str(number)}})
    world.write_state()
    world.engine.sets()
    keys = library_key(world.root / "key") if request.param else None
    (world.root / "offsite").mkdir()
    more = {"recipients": [keys.recipient]} if keys else {}
    configure(world, url="file:///at/its/place", **more)
    return world


def at_its_place(world: World) -> Path:
    """Let the configuration name the repository where this copy of the world is."""
    folder = world.root / "offsite"
    text = world.config.read_text().replace("file:///at/its/place", f"file://{folder}")
    key = world.root / "key"
    identity = f'identity = "{key}"\n' if key.exists() else ""
    world.config.write_text(text + identity if "identity" not in text else text)
    return folder


def sound(killer: Killer, world: World) -> list[int]:
    """The sets that have a copy; every copy is whole, and what is left of an upload is told by nobody."""
    copies = copies_of(world)
    assert not any(copy.trouble for copy in copies)
    did(killer, world, CheckCopies(REPO))
    assert not any(copy.trouble for copy in copies_of(world))
    return sorted(copy.name.set_id for copy in copies)


def test_push_that_dies_leaves_a_whole_copy_or_none_and_is_done_by_the_next(
    plain_killer: Killer, fresh: Fresh
) -> None:
    world = fresh()
    at_its_place(world)
    ends = set()
    for moment in points(did(plain_killer, world, Push(REPO, (5,))).changes, 2):
        world = fresh()
        at_its_place(world)
        before = {path.name: path.read_bytes() for path in world.snapshots.glob("*.zip")}
        died(plain_killer, world, Push(REPO, (5,)), moment, torn=bool(moment % 2))
        started_again(plain_killer, world)
        ends.add(bool(sound(plain_killer, world)))
        assert {path.name: path.read_bytes() for path in world.snapshots.glob("*.zip")} == before
        did(plain_killer, world, Push(REPO, (5,)))
        assert sound(plain_killer, world) == [5]
    assert ends == {True, False}


def test_pull_that_dies_leaves_the_set_or_nothing(plain_killer: Killer, fresh: Fresh) -> None:
    def prepared() -> World:
        world = fresh()
        at_its_place(world)
        did(plain_killer, world, Push(REPO, (5,)))
        did(plain_killer, world, Forget(5, undo_window=0))
        return world

    ends = set()
    for moment in points(did(plain_killer, prepared(), Pull(REPO, "5")).changes, 3):
        world = prepared()
        died(plain_killer, world, Pull(REPO, "5"), moment, torn=bool(moment % 2))
        started_again(plain_killer, world)
        ends.add(len(sets(world)) == 2)
        did(plain_killer, world, Pull(REPO, "5"))
        assert [snaps for number, snaps in sets(world).items() if number != 4] == [["foo"]]
    assert ends == {True, False}


@pytest.mark.parametrize(
    "operation",
    [ForgetCopies(REPO, ("4",)), PruneCopies(repository=REPO, keep_last=1)],
    ids=["forget", "prune"],
)
def test_forget_of_a_copy_that_dies_leaves_it_whole_or_to_be_had_back(
    plain_killer: Killer, fresh: Fresh, operation: ForgetCopies | PruneCopies
) -> None:
    def prepared() -> tuple[World, Path]:
        world = fresh()
        folder = at_its_place(world)
        did(plain_killer, world, Push(REPO))
        return world, folder

    for moment in points(did(plain_killer, prepared()[0], operation).changes, 2):
        world, folder = prepared()
        payloads = sorted(folder.rglob(f"*{PAYLOAD}*"))
        died(plain_killer, world, operation, moment)
        started_again(plain_killer, world)
        assert sorted(folder.rglob(f"*{PAYLOAD}*")) == payloads
        assert 5 in sound(plain_killer, world)
        if sound(plain_killer, world) == [5]:
            (job,) = (record.id for record in world.engine.journal.records() if record.verb == operation.verb)
            did(plain_killer, world, Undo(job))
        assert sound(plain_killer, world) == [4, 5]


def test_manifest_without_its_payload_is_a_fault_and_no_copy(plain_killer: Killer, fresh: Fresh) -> None:
    world = fresh()
    folder = at_its_place(world)
    did(plain_killer, world, Push(REPO, (5,)))
    (copy,) = copies_of(world)
    object_file(folder, copy, PAYLOAD).unlink()
    assert [copy.trouble for copy in copies_of(world)] == ["its payload is missing"]
    assert object_file(folder, copy, MANIFEST).exists()
    did(plain_killer, world, Push(REPO, (5,)))
    assert [copy.trouble for copy in copies_of(world)].count("") == 1
    shutil.rmtree(folder)
