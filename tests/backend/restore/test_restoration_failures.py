"""Damage, failures and stops on the way: a restore leaves all as it was."""

import errno
import io
import stat
import tarfile
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import (
    BlockedError,
    HalfDoneError,
    IntegrityError,
    SnapshotError,
)
from backend.operations import Restore, Save
from backend.progress import Event, Noted, Progress
from backend.restore.swap import RestoreState
from tests.support.builders import (
    World,
    plant,
    tgz,
    tree_of,
    uid_of,
)
from tests.support.fakes import stops
from tests.support.restoring import NEW, OLD, everything, make_world, refused

world = pytest.fixture(make_world)


def test_every_hash_is_verified_before_anything_is_touched(world: World) -> None:
    world.add(1, "hello", OLD)
    world.add(1, "other", OLD, sums={"archive.tgz": "0" * 96})
    refused(world, IntegrityError, 'snapshot entry "archive.tgz" expected hash .0000000…')


def test_a_missing_archive(world: World) -> None:
    world.add(1, "hello", OLD, sums={"archive.tgz": "0" * 96, "user/alice.tgz": "0" * 96})
    refused(world, IntegrityError, 'missing archive member "user/alice.tgz"')


def test_an_archive_that_is_none_though_its_hash_is_right(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": b"no gzip at all"})
    refused(world, IntegrityError, '1_hello_1.0_x1.zip" entry "user/alice.tgz": not in gzip format')


def hostile(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "members",
    [
        [hostile("/etc/evil")],
        [hostile("common/../../evil")],
        [hostile("elsewhere/evil")],
        [hostile("common", tarfile.SYMTYPE, "/etc")],
        [hostile("common/link", tarfile.SYMTYPE, "/tmp"), hostile("common/link/evil")],
        [hostile("common/link", tarfile.SYMTYPE, "/etc/passwd"), hostile("common/link")],
        [hostile("common/hard", tarfile.LNKTYPE, "/etc/passwd")],
        [hostile("common/hard", tarfile.LNKTYPE, "common/../../../etc/passwd")],
        [hostile("x1", tarfile.FIFOTYPE)],
    ],
    ids=lambda members: members[-1].name,
)
def test_hostile_archives_are_refused(world: World, members: list[tarfile.TarInfo]) -> None:
    world.add(1, "aaa", OLD)
    world.add(1, "hello", tgz({}, extra=members))
    refused(world, IntegrityError, "cannot unpack archive: member ")


@given(at=st.floats(0, 0.999), mask=st.integers(1, 255))
def test_any_damaged_byte_changes_nothing_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, at: float, mask: int
) -> None:
    world = World(tmp_path_factory.mktemp("root"))
    world.install("hello")
    plant(world.data("hello"), NEW)
    path = world.add(1, "hello", OLD)
    raw = bytearray(path.read_bytes())
    raw[int(at * len(raw))] ^= mask
    path.write_bytes(raw)
    try:
        world.do(Restore(1))
    except SnapshotError:
        assert tree_of(world.data("hello"), holder=True) == NEW
    else:
        assert tree_of(world.data("hello")) == OLD


# -- failures and stops on the way


def test_a_failure_late_takes_everything_back(world: World) -> None:
    plant(world.home("alice"), {"precious": "1"}, uid_of("alice"))
    world.add(1, "aaa", {"x1": {}}, users={"alice": {"common": {}}, "bob": {"common": {}}})
    world.add(1, "hello", OLD)
    late = tgz({"common": {}}, extra=[hostile("common/hard", tarfile.LNKTYPE, "common/not-there")])
    world.add(1, "zzz", {"common": {}}, users={"bob": late})
    refused(world, SnapshotError, "cannot unpack archive")
    assert not (world.home("alice") / "snap").exists()


def test_a_stop_at_any_time_leaves_everything_as_it_was(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {"c": "1"}}})
    world.add(1, "other", OLD)
    before = everything(world)
    states = [everything(world) for _ in stops(lambda job: world.engine.restore(Restore(1), job))]
    assert len(states) > 10
    assert all(state == before for state in states)
    assert tree_of(world.data("other")) == OLD


def test_without_an_undo_window_nothing_is_kept(world: World) -> None:
    world.add(1, "hello", OLD)
    result = world.do(Restore(1, undo_window=0))
    assert (result.undo_job, result.undo_until) == (0, 0)
    assert tree_of(world.data("hello"), holder=True) == OLD


def test_with_one_the_old_data_wait_beside_out_of_sight(world: World) -> None:
    world.add(1, "hello", OLD)
    world.do(Restore(1))
    holder = world.data("hello") / ".snapstow"
    assert stat.S_IMODE(holder.stat().st_mode) == 0o700
    (slot,) = tree_of(holder).values()
    assert slot == NEW
    world.do(Save())
    (world.snapshots / "1_hello_1.0_x1.zip").unlink()
    with tarfile.open(fileobj=_archive(world, 2)) as archive:
        assert not any(".snapstow" in name for name in archive.getnames())


def _archive(world: World, set_id: int) -> Any:
    (path,) = world.snapshots.glob(f"{set_id}_*")
    with zipfile.ZipFile(path) as file:
        return io.BytesIO(file.read("archive.tgz"))


@pytest.mark.root
def test_a_holder_that_a_user_made_is_not_touched(world: World) -> None:
    world.add(1, "hello", {"common": {}}, users={"alice": {"common": {"c": "1"}}})
    theirs = plant(world.home("alice") / "snap", {"hello": {".snapstow": {"mine": "1"}}}, uid_of("alice"))
    refused(world, BlockedError, "is not a private directory of ours")
    assert tree_of(theirs, holder=True) == {"hello": {".snapstow": {"mine": "1"}}}


def test_the_reasons_are_told_to_the_job(world: World) -> None:
    world.add(1, "hello", OLD, users={"ghost": {"common": {}}})
    events: list[Event] = []
    world.engine.restore(Restore(1), Progress(events.append))
    assert Noted('Skipping restore of user "ghost": user: unknown user ghost.') in events


def test_data_that_somebody_replaces_amid_a_restore_are_not_blamed_on_the_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place = RestoreState.put_in_place
    common = world.data("hello") / "common"

    def replaced_then_failing(state: RestoreState, exchange: Any) -> None:
        put_in_place(state, exchange)
        common.rename(world.root / "theirs")
        plant(common, {"work": "of somebody's"})
        raise OSError(errno.EIO, "Input/output error")

    world.add(1, "hello", OLD)
    monkeypatch.setattr(RestoreState, "put_in_place", replaced_then_failing)
    with pytest.raises(HalfDoneError, match="partly replaced: doctor --repair or the next start puts"):
        world.do(Restore(1))
    assert tree_of(common) == {"work": "of somebody's"}
