"""What we write the real snapd reads, and what it writes we read: files, exports, tables, leftovers, numbers.

Our engine works on the directory that is the world of a snapd which is down meanwhile. Every file is real.
What snapd restores from an archive of ours needs root: in a user namespace the owner has another number.
"""

import json
import os
import shutil

import pytest

from tests import golden
from tests.golden.make import CONF, SECOND, content_hash, fill_plain
from tests.integration.format.test_golden import JSON_MEMBERS, manifest, members, timeless
from tests.support.interchange import INFO, MIB, listed, make_rich, names, ours
from tests.support.realsnapd import RealSnapd

rich = pytest.fixture(make_rich)
pytestmark = pytest.mark.snapd
EXCLUDED = ("x1/cache/", "common/gone.tmp", "common/scratch")
Trees = dict[str, golden.Tree]


@pytest.fixture(autouse=True)
def installed(snapd: RealSnapd) -> None:
    """What the package says of itself lies in the snapd's world as well."""
    (snapd.base / INFO).parent.mkdir(parents=True)
    shutil.copy(f"/{INFO}", snapd.base / INFO)


def trees(snapd: RealSnapd) -> Trees:
    """All data of snaps, by the place they lie in."""
    places = [*(snapd.base / "var/snap").iterdir(), *(snapd.base / "home").glob("*/snap/*")]
    return {str(place.relative_to(snapd.base)): golden.tree(place) for place in places}


def restored(snapd: RealSnapd, before: Trees) -> Trees:
    """What a restore makes of the data: nothing that is excluded, and in a home everything its owner's."""
    after = {}
    for place, tree in before.items():
        in_home, hello = place.startswith("home/"), place.endswith("/hello")
        excluded = (EXCLUDED[2:] if in_home else EXCLUDED[:2]) if hello else ("\n",)
        tree = {path: facts for path, facts in tree.items() if not path.startswith(excluded)}
        if in_home:
            owner = snapd.users[place.split("/")[1]]
            tree = {path: {**facts, "uid": owner, "gid": owner} for path, facts in tree.items()}
        after[place] = tree
    return after


def ruin(snapd: RealSnapd) -> None:
    """Lose some data, change some, and add some that a restore must remove."""
    for place in [*(snapd.base / "var/snap").iterdir(), *(snapd.base / "home").glob("*/snap/*")]:
        for part in place.iterdir():
            for lost in list(part.iterdir())[::2]:
                shutil.rmtree(lost) if lost.is_dir() and not lost.is_symlink() else lost.unlink()
            (part / "newer").write_text("not in the snapshot\n")


# -- ours to theirs


@pytest.mark.root
@pytest.mark.parametrize("speed", [(), ("--fast",)], ids=["auto", "fast"])
def test_snapd_takes_what_we_saved(rich: RealSnapd, speed: tuple[str, ...]) -> None:
    before = trees(rich)
    ours(rich, "save", *speed)
    assert names(rich) == ["1_hello_2.10_x1.zip", "1_storey_1.33+git~1_42.zip"]
    rich.start()
    assert golden.spelled(listed(rich)) == golden.spelled(ours(rich, "--json", "saved"))
    entries = [sorted(s["sha3-384"]) for s in json.loads(listed(rich))[0]["snapshots"]]
    assert entries[0] == ["archive.tgz", "user/alice.tgz", "user/bob.tgz"]
    assert entries[1] == ["archive.tgz", "user/bob.tgz", "user/root.tgz"]
    rich.act("check", 1)
    ruin(rich)
    rich.act("restore", 1)
    assert trees(rich) == restored(rich, before)
    assert os.stat(rich.data("hello") / "common/sparse").st_blocks * 512 < MIB // 4
    assert json.loads(rich.cli("get", "-d", "hello").stdout) == CONF
    stream = rich.export(1)
    rich.act("forget", 1)
    rich.act("check", rich.take_in(stream)["result"]["set-id"])


@pytest.mark.root
def test_snapd_takes_in_what_we_export(rich: RealSnapd) -> None:
    file = rich.base / "export"
    ours(rich, "save")
    ours(rich, "export-snapshot", "1", str(file))
    ours(rich, "forget", "1", "--now")
    rich.start()
    taken = rich.take_in(file.read_bytes())["result"]
    assert sorted(taken["snaps"]) == ["hello", "storey"]
    rich.act("check", taken["set-id"])
    theirs = rich.export(taken["set-id"])
    assert content_hash(theirs) == content_hash(file.read_bytes())
    assert rich.take_in(file.read_bytes())["result"]["set-id"] == taken["set-id"], "a duplicate"
    rich.stop()
    file.write_bytes(theirs)
    assert ours(rich, "import-snapshot", str(file)).startswith(f"Imported snapshot as #{taken['set-id']}\n")
    assert len(names(rich)) == 2


@pytest.mark.root
def test_snapd_takes_in_a_part_of_a_set_and_we_a_part_of_theirs(rich: RealSnapd) -> None:
    file = rich.base / "export"
    ours(rich, "save")
    ours(rich, "export-snapshot", "1", str(file), "storey", "--checksum")
    rich.start()
    taken = rich.take_in(file.read_bytes())["result"]
    assert taken["snaps"] == ["storey"]
    rich.act("check", taken["set-id"])
    assert content_hash(rich.export(taken["set-id"])) == content_hash(file.read_bytes())
    theirs = rich.export(1)
    rich.stop()
    file.write_bytes(theirs)
    known = ours(rich, "import-snapshot", str(file), "storey")
    assert known.startswith(f"Imported snapshot as #{taken['set-id']}\n"), "a duplicate"
    ours(rich, "import-snapshot", str(file), "hello")
    ours(rich, "check-snapshot", str(taken["set-id"] + 1), "--structure")


@pytest.mark.root
def test_snapd_takes_what_is_empty_or_lacks_a_half(snapd: RealSnapd) -> None:
    shutil.rmtree(snapd.install("void"))
    shared, lone = snapd.install("shared", "2"), snapd.install("lone", "3", "7")
    (shared / "x1").rmdir()
    (lone / "common").rmdir()
    (shared / "common/kept").write_text("shared")
    (lone / "7/kept").write_text("lone")
    for snap in ("void", "shared", "lone"):
        ours(snapd, "save", snap)
    snapd.start()
    for set_id in (1, 2, 3):
        snapd.act("check", set_id)
        assert content_hash(snapd.export(set_id))
    for place in (shared, lone):
        shutil.rmtree(place)
    for set_id in (1, 2, 3):
        snapd.act("restore", set_id)
    assert [*golden.tree(snapd.data("void"))] == ["x1"]
    assert [*golden.tree(shared)] == ["common", "common/kept"]
    assert [*golden.tree(lone)] == ["7", "7/kept"]


@pytest.mark.root
def test_snapd_takes_what_we_saved_with_exclusions_of_the_moment(snapd: RealSnapd) -> None:
    data = snapd.install("hello", exclude=["$SNAP_COMMON/cache/*"])
    fill_plain(data / "x1")
    (data / "common/cache").mkdir()
    (data / "common/cache/page").write_text("excluded by the snap")
    ours(snapd, "save", "--exclude=$SNAP_DATA/config/*.d", "--exclude=$SNAP_DATA/text")
    snapd.start()
    mine = json.loads(ours(snapd, "--json", "saved"))[0]["snapshots"][0]
    options = mine.pop("options")
    assert options == {"exclude": ["$SNAP_DATA/config/*.d", "$SNAP_DATA/text"]}
    theirs = json.loads(listed(snapd))[0]["snapshots"][0]
    assert theirs.pop("options", options) == options, "older ones do not know them"
    assert theirs == mine
    snapd.act("restore", 1)
    gone = {"x1/config/conf.d", "x1/text", "common/cache/page"}
    assert not gone & {*golden.tree(data)}
    assert {"x1/config/settings.ini", "common/cache"} <= {*golden.tree(data)}
    ours(snapd, "export-snapshot", "1", str(snapd.base / "export"))
    assert content_hash((snapd.base / "export").read_bytes()) == content_hash(snapd.export(1))
    assert snapd.take_in((snapd.base / "export").read_bytes())["result"]["set-id"] == 1


@pytest.mark.root
@pytest.mark.parametrize("speed", [(), ("--fast",)], ids=["auto", "fast"])
def test_snapd_takes_archives_of_several_blocks(snapd: RealSnapd, speed: tuple[str, ...]) -> None:
    data = snapd.install("large")
    line = b"2026-11-22T16:26:41Z something compressible happened again and again\n"
    mixed = b"".join(os.urandom(MIB) if block % 2 else (line * 16000)[:MIB] for block in range(5))
    (data / "x1/mixed").write_bytes(mixed)
    (data / "common/random").write_bytes(os.urandom(3 * MIB + 1))
    for user in ("alice", "bob"):
        home = snapd.furnish_user(user, "large")
        (home / "common/mixed").write_bytes(user.encode() + mixed[MIB // 2 : 3 * MIB])
        (home / "x1/lines").write_bytes(line * 40_000)
        snapd.give(home, user)
    before = trees(snapd)
    ours(snapd, "save", *speed)
    snapd.start()
    snapd.act("check", 1)
    ruin(snapd)
    snapd.act("restore", 1)
    after = trees(snapd)
    assert after == before
    assert snapd.take_in(snapd.export(1))["result"]["set-id"] == 1
    ours(snapd, "check-snapshot", "1", "--structure")


# -- theirs to ours


@pytest.mark.root
def test_we_take_what_snapd_saved(rich: RealSnapd) -> None:
    before = trees(rich)
    rich.start()
    rich.save()
    for fraction, file in enumerate(sorted(rich.snapshots.iterdir())):
        stamp = 1_700_000_000 * SECOND + SECOND // 2 - fraction  # rounded up, rounded down
        os.utime(file, ns=(stamp, stamp))
    theirs = rich.export(1)
    rich.stop()
    ours(rich, "check-snapshot", "1", "--structure")
    ours(rich, "export-snapshot", "1", str(rich.base / "mine"))
    mine = (rich.base / "mine").read_bytes()
    _compare_exports(mine, theirs)
    ruin(rich)
    ruined = trees(rich)
    ours(rich, "restore", "1", "--no-undo")
    assert trees(rich) == restored(rich, before)
    assert os.stat(rich.data("hello") / "common/sparse").st_blocks * 512 < MIB // 4
    assert ruined != restored(rich, before)


def _compare_exports(mine: bytes, theirs: bytes) -> None:
    """Equal to the byte but for the order of the files, and the time of the export."""
    ours, snapds = members(mine), members(theirs)
    files = {*snapds} - {*JSON_MEMBERS}
    assert [*ours] == ["content.json", *sorted(files), "export.json"]
    assert {name: ours[name] for name in files} == {name: snapds[name] for name in files}
    for name in JSON_MEMBERS:
        assert timeless(ours[name][0]) == timeless(snapds[name][0])
    assert ours["content.json"][1] == snapds["content.json"][1]
    assert manifest(ours) == manifest(snapds)


@pytest.mark.root
def test_an_undone_restore_of_what_snapd_saved_leaves_everything_as_it_was(rich: RealSnapd) -> None:
    rich.start()
    rich.save()
    rich.stop()
    ruin(rich)
    ruined = trees(rich)
    ours(rich, "restore", "1")
    ours(rich, "undo")
    after = trees(rich)
    for place, tree in after.items():
        live = {path: facts for path, facts in tree.items() if not path.startswith(".snapstow")}
        assert live == ruined[place]
    rich.start()
    rich.save()
    entries = json.loads(listed(rich))[1]["snapshots"][0]["sha3-384"]
    assert sorted(entries) == ["archive.tgz", "user/alice.tgz", "user/bob.tgz"]


def test_both_know_a_set_again_after_any_journey(snapd: RealSnapd) -> None:
    for snap in ("hello", "world"):
        (snapd.install(snap, conf={"n": 12345678901234567890, "s": "\b\f<é>"}) / "x1/f").write_text(snap)
    snapd.start()
    snapd.save()
    theirs = snapd.export(1)
    snapd.stop()
    file = snapd.base / "export"
    file.write_bytes(theirs)
    assert ours(snapd, "import-snapshot", str(file)).startswith("Imported snapshot as #1\n")
    ours(snapd, "forget", "1")
    assert ours(snapd, "import-snapshot", str(file)).startswith("Imported snapshot as #2\n")
    ours(snapd, "check-snapshot", "2", "--structure")
    ours(snapd, "export-snapshot", "2", str(file))
    assert content_hash(file.read_bytes()) == content_hash(theirs)
    snapd.start()
    for stream in (theirs, file.read_bytes()):
        assert snapd.take_in(stream)["result"]["set-id"] == 2
    assert content_hash(snapd.export(2)) == content_hash(theirs)
    snapd.act("restore", 2)
