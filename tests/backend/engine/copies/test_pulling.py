"""Copies brought here: imported or written to a file, whole and verified, or not at all."""

from pathlib import Path

import pytest

from backend.errors import IntegrityError, InvalidInputError, NotAllowedError, NotFoundError
from backend.format.metadata import set_content_hash
from backend.operations import Forget, Pull, Push, Restore
from backend.repository.names import MANIFEST, PAYLOAD
from tests.support.agekeys import library_key
from tests.support.builders import World, tree_of
from tests.support.offsite import REPO, configure, copies_of, object_file

DATA = {"x1": {"f": "saved"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    world.add(1, "hello", DATA, users={"alice": {"common": {"n": "hers"}}})
    world.write_state()
    return world


def other_world(tmp_path: Path, **keys: str) -> World:
    """Another machine with the same repository, and without the set."""
    other = World(tmp_path / "other" / "root")
    other.install("hello", data={"f": "there"})
    other.write_state()
    configure(other, url=f"file://{tmp_path}/offsite", **keys)
    return other


def test_a_copy_is_restored_on_another_machine_bit_by_bit(world: World, tmp_path: Path) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    other = other_world(tmp_path)
    (copy,) = copies_of(other)
    result = other.do(Pull(REPO, f"{copy.name.host_name}/1"))
    here, there = world.engine.sets()[0], other.engine.sets(result.set_id)[0]
    assert set_content_hash(here.snapshots) == set_content_hash(there.snapshots)
    other.do(Restore(result.set_id))
    assert tree_of(other.data("hello"))["x1"] == {"f": "saved"}


def test_a_set_that_is_here_already_is_not_pulled_again(world: World) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    result = world.do(Pull(REPO, "1"))
    assert (result.duplicate, result.set_id, len(world.engine.sets())) == (True, 1, 1)


def test_a_copy_is_written_as_the_export_that_it_is(world: World, tmp_path: Path) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    file = tmp_path / "one.snapshot"
    world.do(Pull(REPO, "1", str(file)))
    (copy,) = copies_of(world)
    assert file.read_bytes() == object_file(tmp_path / "offsite", copy, PAYLOAD).read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_encrypted_copy_needs_its_key(world: World, tmp_path: Path) -> None:
    recipient, identity = library_key(tmp_path / "identity")
    configure(world, recipients=[recipient])
    world.do(Push(REPO, (1,)))
    raw = b"".join(path.read_bytes() for path in (tmp_path / "offsite").rglob("*") if path.is_file())
    assert b"hello" not in raw
    assert b"alice" not in raw
    blind = other_world(tmp_path)
    (copy,) = copies_of(blind)
    assert (copy.snaps, copy.is_readable, copy.trouble) == ((), False, "")
    with pytest.raises(NotAllowedError, match="no identity is configured that reads it"):
        blind.do(Pull(REPO, copy.name.short))
    reader = other_world(tmp_path, identity=identity)
    reader.do(Pull(REPO, copy.name.short))
    assert [snapshot.snap for snapshot in reader.engine.sets()[0].snapshots] == ["hello"]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "encrypted"])
def test_no_changed_byte_of_a_payload_is_ever_imported(world: World, tmp_path: Path, *, sealed: bool) -> None:
    recipient, identity = library_key(tmp_path / "identity")
    configure(world, **({"recipients": [recipient], "identity": identity} if sealed else {}))
    world.do(Push(REPO, (1,)))
    (copy,) = copies_of(world)
    world.do(Forget(1, undo_window=0))
    payload = object_file(tmp_path / "offsite", copy, PAYLOAD)
    whole = payload.read_bytes()
    for at in (*range(0, len(whole), len(whole) // 23), len(whole) - 1):
        payload.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises((IntegrityError, NotAllowedError)):
            world.do(Pull(REPO, copy.name.short))
        assert world.engine.sets() == []
        assert not [name for name in world.names() if not name.startswith(".")]
    payload.write_bytes(whole)
    assert world.do(Pull(REPO, copy.name.short)).set_id


def test_a_payload_that_was_cut_is_told_before_it_is_downloaded(world: World, tmp_path: Path) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    (copy,) = copies_of(world)
    world.do(Forget(1, undo_window=0))
    payload = object_file(tmp_path / "offsite", copy, PAYLOAD)
    payload.write_bytes(payload.read_bytes()[:-700])
    (copy,) = copies_of(world)
    assert "another size" in copy.trouble
    with pytest.raises(IntegrityError, match=r"copy [0-9a-f]{8} in offsite is damaged"):
        world.do(Pull(REPO, "1"))


def test_a_payload_that_is_gone_is_a_fault_of_the_copy(world: World, tmp_path: Path) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    world.do(Forget(1, undo_window=0))
    (copy,) = copies_of(world)
    object_file(tmp_path / "offsite", copy, PAYLOAD).unlink()
    (copy,) = copies_of(world)
    assert copy.trouble == "its payload is missing"
    with pytest.raises((NotFoundError, IntegrityError)):
        world.do(Pull(REPO, "1"))


def test_no_changed_byte_of_a_manifest_is_believed(world: World, tmp_path: Path) -> None:
    configure(world)
    world.do(Push(REPO, (1,)))
    (copy,) = copies_of(world)
    manifest = object_file(tmp_path / "offsite", copy, MANIFEST)
    whole = manifest.read_bytes()
    table = tmp_path / "root/var/lib/snapstow/repositories"
    for at in range(0, len(whole), 7):
        for kept in table.glob("*"):
            kept.unlink()
        manifest.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        (listed,) = copies_of(world)
        assert listed.fault, at
    manifest.write_bytes(whole)
    (listed,) = copies_of(world)
    assert not listed.fault


def test_a_name_that_means_several_copies_is_refused(world: World) -> None:
    configure(world)
    world.add(2, "hello", {"x1": {"f": "other"}})
    world.do(Push(REPO))
    for text, failure in (("9", NotFoundError), ("nonsense", InvalidInputError), ("../1", NotFoundError)):
        with pytest.raises(failure):
            world.do(Pull(REPO, text))


def test_manifests_that_were_swapped_are_told(world: World, tmp_path: Path) -> None:
    configure(world)
    world.add(2, "hello", {"x1": {"f": "other"}})
    world.do(Push(REPO))
    first, second = (object_file(tmp_path / "offsite", copy, MANIFEST) for copy in copies_of(world))
    mine, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(mine)
    for kept in (tmp_path / "root/var/lib/snapstow/repositories").glob("*"):
        kept.unlink()
    assert [copy.trouble for copy in copies_of(world)] == ["its manifest is of another copy"] * 2
    with pytest.raises(IntegrityError, match="its manifest is of another copy"):
        world.do(Pull(REPO, "1"))
