"""Mounts below the data where a real snapd does the work: it would empty them, so the plan blocks before."""

from pathlib import Path

import pytest

from backend.errors import BlockedError
from backend.operations import Restore, Save, Undo
from backend.progress import Noted
from backend.restore.plan import Verdict
from tests.support.builders import plant, tree_of
from tests.support.mounting import Mounter, mounter
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import NEW, change, do, engine, hello_there, sets

__all__ = ["hello_there", "mounter"]

pytestmark = [pytest.mark.snapd, pytest.mark.root]


def test_a_mount_blocks_restore_and_undo_through_snapd(
    hello: RealSnapd, tmp_path: Path, mounter: Mounter
) -> None:
    disk = plant(tmp_path / "disk", {"film": "irreplaceable"})
    do(hello, Save())
    change(hello.data("hello"), NEW)
    do(hello, Restore(1))
    target = hello.data("hello") / "common" / "media"
    mounter.bind(disk, target)
    try:
        (planned,) = engine(hello).plan(Restore(1))
        assert planned.verdict is Verdict.BLOCKED
        assert str(target) in planned.reasons[0]
        before = sets(hello)
        for operation in (Restore(1), Undo()):
            with pytest.raises(BlockedError, match="mounted below it"):
                do(hello, operation)
        assert (sets(hello), tree_of(disk)) == (before, {"film": "irreplaceable"})
    finally:
        mounter.unmount(target)


def test_a_save_through_snapd_says_what_becomes_of_mounts(
    hello: RealSnapd, tmp_path: Path, mounter: Mounter
) -> None:
    target = hello.data("hello") / "common" / "media"
    mounter.bind(plant(tmp_path / "disk", {"film": "1"}), target)
    notes: list[str] = []
    try:
        do(hello, Save(), lambda _job, event: notes.append(event.text) if isinstance(event, Noted) else None)
    finally:
        mounter.unmount(target)
    (note,) = [note for note in notes if "mounted at" in note]
    assert note.endswith(f"what is mounted at {target}")
