"""Restoring through a real snapd: configuration, revisions, damage, users that are gone."""

import json

import pytest

from backend.errors import BlockedError, IntegrityError
from backend.model import ARCHIVE
from backend.operations import Restore, Save
from backend.restore.plan import RestorePlan
from tests.support.builders import snapshot_of, tgz, tree_of, write_snapshot
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import NEW, OLD, change, do, engine, hello_there, install

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


def planned(snapd: RealSnapd, restore: Restore) -> RestorePlan:
    (plan,) = engine(snapd).plan(restore)
    return plan


def test_configuration_comes_back_and_goes(hello: RealSnapd) -> None:
    do(hello, Save())
    assert planned(hello, Restore(1)).notes == ()
    do(hello, Restore(1))
    assert json.loads(hello.cli("get", "-d", "hello").stdout) == {"a": 1}
    entries = {ARCHIVE: tgz(OLD)}
    write_snapshot(hello.snapshots / "9_hello_1.0_x1.zip", snapshot_of(9, "hello", entries), entries)
    assert planned(hello, Restore(9)).notes == (
        "the snapshot holds no configuration: snapd deletes the present one",
    )


@pytest.mark.root  # else the owner in the archive has no number for snapd
def test_onto_another_revision(snapd: RealSnapd) -> None:
    install(snapd, "hello")
    snapd.snapshots.mkdir()
    for number, tree in ((1, OLD), (2, {"common": {"db": "old"}})):
        entries = {ARCHIVE: tgz(tree)}
        snapshot = snapshot_of(number, "hello", entries)
        write_snapshot(snapd.snapshots / f"{number}_hello_1.0_x1.zip", snapshot, entries)
    snapd.install("hello", "2.0", "x2")
    snapd.start()
    do(snapd, Restore(1))
    assert (snapd.data("hello") / "x2/settings").read_text() == "old"
    (reason,) = planned(snapd, Restore(2)).reasons
    assert reason.startswith(
        "archive.tgz holds common/ only, which snapd cannot restore onto another revision"
    )
    assert "--to" in reason
    assert "--engine files" in reason
    with pytest.raises(BlockedError, match="holds common/ only"):
        do(snapd, Restore(2))
    with pytest.raises(RuntimeError, match="no such file"):
        snapd.act("restore", 2)


def test_damage_is_found_before_snapd_unpacks_it(hello: RealSnapd) -> None:
    do(hello, Save())
    (path,) = hello.snapshots.glob("1_*")
    raw = bytearray(path.read_bytes())
    raw[200] ^= 1
    path.write_bytes(raw)
    change(hello.data("hello"), NEW)
    with pytest.raises(IntegrityError):
        do(hello, Restore(1))
    changes = hello.api("GET", "/v2/changes?select=all")["result"]
    assert {made["kind"] for made in changes} == {"snapshot-snap"}
    assert tree_of(hello.data("hello")) == NEW


@pytest.mark.root
def test_users_that_cannot_be_restored_are_told(hello: RealSnapd) -> None:
    do(hello, Save())
    lines = (hello.base / "etc/passwd").read_text().splitlines(keepends=True)
    with open(hello.base / "etc/passwd", "r+") as passwd:  # it is mounted: the file itself must stay
        passwd.writelines(line for line in lines if not line.startswith("alice:"))
        passwd.truncate()
    restored = do(hello, Restore(1))
    assert restored.left_out == ('Skipping restore of user "alice": user: unknown user alice.',)
    assert restored.exit_code == 3
