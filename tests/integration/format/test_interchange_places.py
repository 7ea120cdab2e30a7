"""Where else data may lie, snapd and we restore and skip alike."""

import json
import shutil

import pytest

from tests import golden
from tests.support.command import snapstow
from tests.support.interchange import INFO, STORE_ID, make_rich, ours
from tests.support.realsnapd import RealSnapd

rich = pytest.fixture(make_rich)
pytestmark = pytest.mark.snapd


@pytest.fixture(autouse=True)
def installed(snapd: RealSnapd) -> None:
    """What the package says of itself lies in the snapd's world as well."""
    (snapd.base / INFO).parent.mkdir(parents=True)
    shutil.copy(f"/{INFO}", snapd.base / INFO)


# -- where else data may lie


@pytest.mark.root
def test_users_whose_data_are_hidden(snapd: RealSnapd) -> None:
    snapd.install("hello")
    state_file = snapd.base / "var/lib/snapd/state.json"
    state = json.loads(state_file.read_text())
    state["data"]["snaps"]["hello"]["migrated-hidden"] = True
    state_file.write_text(json.dumps(state))
    home = snapd.base / "home/alice/.snap/data/hello"
    for part in ("x1", "common"):
        (home / part).mkdir(parents=True)
        (home / part / "f").write_text(part)
    snapd.give(snapd.base / "home/alice/.snap", "alice")
    before = golden.tree(home)
    ours(snapd, "save")
    snapd.start()
    assert snapd.save() == 2
    for set_id in (1, 2):
        shutil.rmtree(home)
        snapd.act("restore", set_id)
        assert golden.tree(home) == before
    snapd.stop()
    for set_id in (1, 2):
        shutil.rmtree(home)
        ours(snapd, "restore", str(set_id), "--no-undo")
        assert golden.tree(home) == before


@pytest.mark.root
def test_data_come_back_as_the_revision_that_is_installed_now(snapd: RealSnapd) -> None:
    data = snapd.install("hello")
    (data / "x1/f").write_text("old")
    ours(snapd, "save")
    snapd.start()
    snapd.save()
    snapd.stop()
    snapd.install("hello", "2.0", "x2")
    (data / "x2/f").write_text("new")
    before = (data / "x1/f").stat()
    ours(snapd, "restore", "2", "--no-undo")
    assert (data / "x2/f").read_text() == "old"
    (data / "x2/f").write_text("new")
    snapd.start()
    snapd.act("restore", 1)
    assert (data / "x2/f").read_text() == "old"
    assert (data / "x1/f").stat() == before


@pytest.mark.parametrize(("epoch", "snap_id"), [("3", STORE_ID), ("1*", STORE_ID[::-1])])
def test_snapshots_unfit_for_the_installed_snap_are_refused_in_the_same_words(
    snapd: RealSnapd, epoch: str, snap_id: str
) -> None:
    snapd.install("storey", rev="42", epoch="1*", snap_id=STORE_ID)
    ours(snapd, "save")
    snapd.install("storey", rev="43", epoch=epoch, snap_id=snap_id)
    mine = snapstow(snapd.base, "restore", "1")
    snapd.start()
    theirs = snapd.api("POST", "/v2/snapshots", {"action": "restore", "set": 1})["result"]["message"]
    assert theirs.startswith('cannot restore snapshot for "storey": current snap (')
    assert (mine.code, mine.err) == (5, f"error: {theirs}\n")


@pytest.mark.root
def test_the_same_users_are_skipped_in_the_same_words(rich: RealSnapd) -> None:
    ours(rich, "save", "hello")
    shutil.rmtree(rich.base / "home/bob")
    accounts = (rich.base / "etc/passwd").read_text().splitlines(keepends=True)
    (rich.base / "etc/passwd").write_text("".join(line for line in accounts if "alice" not in line))
    events = ours(rich, "--json", "restore", "1", "--no-undo", code=3).splitlines()
    mine = {text.replace(str(rich.base), "") for text in json.loads(events[-1])["left_out"]}
    rich.start()
    change = rich.act("restore", 1)
    log = [line for task in change["tasks"] for line in task.get("log", ())]
    assert mine == {line.partition(" INFO ")[2] for line in log}
    assert len(mine) == 2
