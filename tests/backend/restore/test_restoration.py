"""A restore says what it would do, and then does all of it, or nothing."""

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.reader import Reader
from backend.errors import (
    BlockedError,
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    SnapshotError,
)
from backend.host.layout import Layout
from backend.model import Epoch, Revision
from backend.operations import Restore, Save
from backend.progress import Event, Noted, Progress
from backend.restore.plan import EntryPlan, RestorePlan, Verdict, plan_restore
from backend.restore.restoration import Restoration
from tests.support.builders import (
    FIFO,
    Link,
    Tree,
    World,
    plant,
    snapshot_of,
    tgz,
    tree_of,
    uid_of,
    write_snapshot,
)
from tests.support.fakes import stops

OLD: Tree = {"x1": {"a": "old"}, "common": {"b": "old"}}
NEW: Tree = {"x1": {"a": "new", "more": "1"}, "common": {"b": "new"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), NEW)
    return world


def plan(world: World, **wanted: Any) -> RestorePlan:
    (only,) = world.engine.plan(Restore(1, **wanted))
    return only


def everything(world: World) -> dict[str, Any]:
    """All data there are, what waits for an undo included."""
    return {top: tree_of(world.root / top, holder=True) for top in ("var/snap", "home", "root")}


def refused(world: World, kind: type[SnapshotError], message: str, **wanted: Any) -> None:
    """A restore fails with these words and changes nothing."""
    before = everything(world)
    with pytest.raises(kind, match=message):
        world.do(Restore(1, **wanted))
    assert everything(world) == before


# -- the plan


def test_ready_when_nothing_would_be_lost(world: World) -> None:
    world.do(Save())
    for path in world.data("hello").rglob("*"):
        os.utime(path, (0, 0))
    looked = plan(world)
    (entry,) = looked.entries
    assert (looked.verdict, looked.reasons) == (Verdict.READY, [])
    parent = str(world.data("hello"))
    assert (entry.parent, entry.replaced, entry.made) == (parent, (f"{parent}/x1", f"{parent}/common"), ())
    assert entry.needed > 0


def test_newer_and_excluded_files_are_losses(world: World) -> None:
    world.do(Save(exclude=("$SNAP_DATA/more",)))
    for path in world.data("hello").rglob("*"):
        os.utime(path, (0, 0))
    (world.data("hello") / "common/newer").write_text("12345")
    looked = plan(world)
    lost = looked.entries[0].lost
    assert looked.verdict is Verdict.WITH_LOSS
    assert (lost.newer_files, lost.newer_bytes, lost.excluded_files, lost.excluded_bytes) == (1, 5, 1, 1)
    assert set(lost.examples) == {f"{world.data('hello')}/common/newer", f"{world.data('hello')}/x1/more"}


def test_missing_directories_would_be_made(world: World) -> None:
    world.add(1, "other", OLD, users={"alice": {"common": {}}})
    system, user = plan(world).entries
    parent = str(world.data("other"))
    assert (system.replaced, system.made) == ((), (parent, f"{parent}/x1", f"{parent}/common"))
    assert user.made[0] == str(world.data("other", "alice"))


def test_a_plan_changes_nothing(world: World) -> None:
    world.add(1, "other", OLD)
    before = everything(world)
    plan(world)
    assert everything(world) == before


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (
            lambda world: world.write_accounts(["bob"]),
            'Skipping restore of user "alice": user: unknown user alice.',
        ),
        (
            lambda world: world.home("alice").rmdir(),
            'Skipping restore of "{home}/snap/hello/x1" as "{home}" doesn\'t exist.',
        ),
        (
            lambda world: (world.home("alice").rmdir(), world.home("alice").touch()),
            'Skipping restore of "{home}/snap/hello/x1" as "{home}" is not a directory.',
        ),
    ],
)
def test_users_who_cannot_be_served_are_skipped_with_snapds_words(
    world: World, prepare: Any, text: str
) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {"c": "1"}}})
    prepare(world)
    expected = text.format(home=world.home("alice"))
    assert [entry.skipped for entry in plan(world).entries] == ["", expected]
    result = world.do(Restore(1))
    assert (result.left_out, result.exit_code) == ((expected,), 3)
    assert tree_of(world.data("hello")) == OLD


def test_unknown_entries_are_skipped(world: World) -> None:
    path = world.snapshots / "1_hello_1.0_x1.zip"
    entries = {"archive.tgz": tgz(OLD), "novel.tgz": tgz({"common": {}})}
    world.snapshots.mkdir(parents=True)
    write_snapshot(path, snapshot_of(1, "hello", entries), entries)
    assert world.do(Restore(1)).left_out == ('Skipping restore of unknown entry "novel.tgz".',)


def test_users_asked_for_who_are_not_in_it(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {}}})
    looked = plan(world, users=("bob",))
    assert [entry.entry for entry in looked.entries] == ["archive.tgz"]
    assert looked.notes == ('user "bob" has no data in this snapshot',)


def test_configuration_is_said_to_stay(world: World) -> None:
    world.add(1, "hello", OLD, conf={"a": 1})
    assert "configuration is not restored by this engine" in plan(world).notes
    world.add(2, "hello", OLD)
    world.remember("hello", conf={"a": 2})
    (other,) = world.engine.plan(Restore(2))
    assert any("snapd would delete the present one" in note for note in other.notes)


# -- what blocks it


def test_another_snap_of_that_name(world: World) -> None:
    world.add(1, "hello", OLD, snap_id="XXXXXXXYYY")
    world.remember("hello", snap_id="buPKUD3Txx")
    message = r"current snap \(ID buPKUD3…\) does not match snapshot \(ID XXXXXXX…\)"
    assert plan(world).verdict is Verdict.BLOCKED
    refused(world, BlockedError, message)


def test_data_that_the_installed_snap_cannot_read(world: World) -> None:
    world.install("storey", epoch="1*")
    world.add(1, "storey", OLD, epoch=Epoch((5, 7), (6, 7)))
    message = (
        r'cannot restore snapshot for "storey": current snap \(epoch 1\*\) cannot read snapshot data '
        r'\(epoch {"read":\[5,7\],"write":\[6,7\]}\)'
    )
    refused(world, BlockedError, message)


def test_a_compatible_epoch_and_an_unknown_id_are_fine(world: World) -> None:
    world.install("storey", epoch={"read": [17, 42], "write": [42]})
    world.remember("storey", snap_id="only-here")
    world.add(1, "storey", OLD, epoch=Epoch((17,), (17,)))
    assert world.do(Restore(1)).exit_code == 0


def test_a_broken_snapshot_blocks_its_set_unless_others_are_named(world: World) -> None:
    world.add(1, "hello", OLD)
    world.add(1, "void", OLD, sums={})
    refused(world, BlockedError, 'snap "void": cannot open snapshot: invalid snapshot')
    assert world.do(Restore(1, ("hello",))).exit_code == 0


@pytest.mark.parametrize("name", ["common", "x1"])
@pytest.mark.parametrize("kind", ["a symbolic link", "not a directory"])
def test_links_and_files_in_place_of_data_are_not_replaced(world: World, name: str, kind: str) -> None:
    world.add(1, "hello", OLD)
    target = world.data("hello") / name
    os.rename(target, world.root / "aside")
    if kind == "a symbolic link":
        target.symlink_to(world.root / "aside")
    else:
        target.write_text("a file")
    refused(world, BlockedError, f"cannot replace {target}: it is {kind}")


def test_a_file_where_the_parent_should_be(world: World) -> None:
    world.add(1, "other", OLD)
    world.data("other").write_text("a file")
    refused(world, BlockedError, f"cannot restore into {world.data('other')}: Not a directory")


def test_a_link_where_the_parent_should_be(world: World) -> None:
    """Below another root it might lead anywhere."""
    world.add(1, "hello", {"common": {}}, users={"alice": {"common": {"c": "1"}}})
    plant(world.home("alice") / "snap", {"hello": Link("/etc")}, uid_of("alice"))
    refused(world, SnapshotError, "symbolic link")


@pytest.mark.root
def test_a_mount_is_not_replaced(world: World) -> None:
    world.add(1, "hello", OLD)
    target = world.data("hello") / "common"
    script = (
        "import sys; from tests.contracts.test_files_engine import *\n"
        "from backend.operations import Restore\n"
        "from backend.host.layout import Layout\n"
        "engine = FilesEngine(Layout(sys.argv[1]), sys.argv[1] + '/var/lib/snapstow')\n"
        "(plan,) = engine.plan(Restore(1)); print(plan.verdict.value, *plan.reasons)"
    )
    mounted = ["sh", "-c", 'mount -t tmpfs none "$1" && shift && exec "$@"', "sh", str(target)]
    command = ["unshare", "--mount", *mounted, sys.executable, "-c", script, str(world.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr.lower():
        pytest.skip(done.stderr.strip())
    assert done.stdout.strip() == (
        f"BLOCKED cannot replace {target}: another file system is mounted there"
    ), done.stderr


def test_too_little_space_is_known_beforehand(world: World) -> None:
    path = world.add(1, "hello", OLD)
    layout = Layout(str(world.root))
    with Reader.open(str(path)) as reader:
        looked = plan_restore(reader, layout, Revision(-1))
        huge = EntryPlan("archive.tgz", looked.entries[0].parent, needed=1 << 60)
        with pytest.raises(NoSpaceError, match="cannot restore: insufficient space in"):
            Restoration([(reader, RestorePlan(reader.snapshot, (huge,)))], layout).run(Progress())


def test_two_changes_of_one_snap_do_not_meet(world: World) -> None:
    world.add(1, "hello", OLD)
    with world.engine.store.snap_lock("hello", "save"):
        refused(world, ConflictError, 'cannot restore: snap "hello" has another change in progress')


# -- what it does


def test_users_and_the_system_are_restored_as_a_unit(world: World) -> None:
    users = {"alice": {"x1": {"c": "a"}}, "bob": {"common": {"c": "b"}}}
    world.add(1, "hello", OLD, users=users)
    assert world.do(Restore(1)).exit_code == 0
    assert tree_of(world.data("hello")) == OLD
    assert tree_of(world.data("hello", "alice")) == users["alice"]
    assert tree_of(world.data("hello", "bob")) == users["bob"]


def test_only_some_users_and_always_the_system(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"common": {}}, "bob": {"common": {}}})
    world.do(Restore(1, users=("bob",)))
    assert tree_of(world.data("hello")) == OLD
    assert not world.data("hello", "alice").exists()
    assert tree_of(world.data("hello", "bob")) == {"common": {}}


def test_directories_that_the_snapshot_lacks_stay(world: World) -> None:
    world.add(1, "hello", {"common": {"b": "old"}})
    world.do(Restore(1))
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "common": {"b": "old"}}


def test_onto_another_revision(world: World) -> None:
    world.add(1, "hello", {"5": {"a": "five"}, "common": {"b": "old"}}, rev="5")
    world.do(Restore(1))
    assert tree_of(world.data("hello")) == {"x1": {"a": "five"}, "common": {"b": "old"}}


def test_onto_a_revision_that_is_not_the_installed_one(world: World) -> None:
    world.add(1, "hello", OLD, users={"alice": {"x1": {"c": "1"}}})
    looked = plan(world, revision="x7")
    assert looked.verdict is not Verdict.BLOCKED
    assert looked.entries[0].made == (f"{world.data('hello')}/x7",)
    assert looked.entries[0].replaced == (f"{world.data('hello')}/common",)
    assert looked.notes[0] == (
        "revision x1 is installed: the snap will not see the data of revision x7 until that revision runs; "
        "common is replaced either way"
    )
    world.do(Restore(1, revision="x7"))
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "x7": OLD["x1"], "common": OLD["common"]}
    assert tree_of(world.data("hello", "alice")) == {"x7": {"c": "1"}}


def test_onto_the_installed_revision_by_name(world: World) -> None:
    world.add(1, "hello", OLD)
    assert plan(world, revision="x1").notes == ()
    world.do(Restore(1, revision="x1"))
    assert tree_of(world.data("hello")) == OLD


@pytest.mark.parametrize("revision", ["unset", "x0", "0", "../x1", "-1", "x", "x1/..", "9" * 20])
def test_revisions_that_are_none(world: World, revision: str) -> None:
    world.add(1, "hello", OLD)
    with pytest.raises(InvalidInputError, match="revision"):
        plan(world, revision=revision)
    refused(world, InvalidInputError, "revision", revision=revision)


def test_a_revision_of_several_snaps(world: World) -> None:
    world.add(1, "hello", OLD)
    world.add(1, "other", OLD)
    refused(world, InvalidInputError, "cannot restore 2 snaps onto revision x7", revision="x7")
    assert world.do(Restore(1, ("other",), revision="x7")).exit_code == 0


def test_common_alone_onto_another_revision(world: World) -> None:
    world.add(1, "hello", {"common": {"b": "old"}}, rev="5")
    assert world.do(Restore(1)).exit_code == 0
    assert tree_of(world.data("hello")) == {"x1": NEW["x1"], "common": {"b": "old"}}


def test_a_snap_that_is_not_installed_gets_its_own_revision(world: World) -> None:
    world.add(1, "gone", {"7": {"a": "1"}}, rev="7")
    world.do(Restore(1))
    assert tree_of(world.data("gone")) == {"7": {"a": "1"}}


@pytest.mark.root
def test_made_directories_belong_to_the_user(world: World) -> None:
    world.add(1, "hello", {"common": {}}, users={"alice": {"common": {"c": "1"}}})
    world.do(Restore(1))
    home = world.home("alice")
    for place in ("snap", "snap/hello", "snap/hello/common", "snap/hello/common/c"):
        status = (home / place).stat()
        assert (status.st_uid, status.st_gid) == (uid_of("alice"), uid_of("alice")), place
    assert stat.S_IMODE((home / "snap").stat().st_mode) == 0o755


@pytest.mark.root
def test_archives_of_users_cannot_make_files_of_others(world: World) -> None:
    hostile = tgz({"common": {"c": "1"}}, owner=0)
    world.add(1, "hello", {"common": {}}, users={"alice": hostile})
    world.do(Restore(1))
    assert (world.data("hello", "alice") / "common/c").stat().st_uid == uid_of("alice")


def node(name: str, kind: bytes, major: int, minor: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.devmajor, member.devminor = kind, major, minor
    return member


def test_device_nodes_are_left_out_and_named(world: World) -> None:
    nodes = [node("common/null", tarfile.CHRTYPE, 1, 3), node("common/sda", tarfile.BLKTYPE, 8, 0)]
    world.add(1, "hello", tgz({"common": {"b": "1", "pipe": FIFO}}, extra=nodes))
    result = world.do(Restore(1))
    assert result.left_out == tuple(
        f"{world.data('hello')}/common/{name} was not restored: it is a device node"
        for name in ("null", "sda")
    )
    assert result.exit_code == 3
    assert tree_of(world.data("hello") / "common") == {"b": "1", "pipe": FIFO}


@pytest.mark.root
def test_device_nodes_on_request_and_whiteouts_always(world: World) -> None:
    nodes = [node("common/null", tarfile.CHRTYPE, 1, 3), node("common/white", tarfile.CHRTYPE, 0, 0)]
    world.add(1, "hello", tgz({"common": {}}, extra=nodes))
    try:
        assert world.do(Restore(1)).left_out[0].endswith("common/null was not restored: it is a device node")
    except SnapshotError as refusal:
        pytest.skip(f"no right to make device nodes: {refusal}")
    assert list(tree_of(world.data("hello") / "common")) == ["white"]
    assert world.do(Restore(1, devices=True)).exit_code == 0
    assert os.stat(world.data("hello") / "common/null").st_rdev == os.makedev(1, 3)


# -- damage


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
