"""What we write the real snapd reads, and what it writes we read: files, exports, tables, leftovers, numbers.

Our engine works on the directory that is the world of a snapd which is down meanwhile. Every file is real.
What snapd restores from an archive of ours needs root: in a user namespace the owner has another number.
"""

import json
import os
import shutil

import pytest

from tests import golden
from tests.golden.make import CONF, EXCLUDE, SECOND, age, content_hash, fill_links, fill_odd, fill_plain
from tests.integration.format.test_golden import JSON_MEMBERS, manifest, members, snapstow, timeless
from tests.support.realsnapd import RealSnapd

pytestmark = pytest.mark.snapd

MIB = 1 << 20
INFO = "usr/lib/snapd/info"
STORE_ID = "abcdefghijklmnopqrstuvwxyz012345"
EXCLUDED = ("x1/cache/", "common/gone.tmp", "common/scratch")
SNAPS = {"hello": "x1", "storey": "42"}
Trees = dict[str, golden.Tree]


@pytest.fixture(autouse=True)
def installed(snapd: RealSnapd) -> None:
    """What the package says of itself lies in the snapd's world as well."""
    (snapd.base / INFO).parent.mkdir(parents=True)
    shutil.copy(f"/{INFO}", snapd.base / INFO)


@pytest.fixture
def rich(snapd: RealSnapd) -> RealSnapd:
    """A snapd that is down: two snaps with data of all kinds, of the system and of three users."""
    hello = snapd.install("hello", "2.10", exclude=EXCLUDE, conf=CONF)
    storey = snapd.install("storey", "1.33+git~1", "42", epoch="1*", snap_id=STORE_ID)
    fill_plain(hello / "x1")
    fill_links(hello / "x1")
    fill_odd(hello / "common")
    (hello / "x1/cache").mkdir()
    (hello / "x1/cache/page").write_text("excluded\n")
    (hello / "common/gone.tmp").write_text("excluded\n")
    (hello / "common/theirs").write_text("the service runs as alice\n")
    snapd.give(hello / "common/theirs", "alice")
    (storey / "42/database").write_bytes(bytes(range(256)) * 64)
    for user, snap in (("alice", "hello"), ("bob", "hello"), ("bob", "storey"), ("root", "storey")):
        _fill_home(snapd, user, snap)
    for place in (hello, storey):
        age(place)
    return snapd


def _fill_home(snapd: RealSnapd, user: str, snap: str) -> None:
    data = snapd.furnish_user(user, snap, SNAPS[snap])
    fill_plain(data / SNAPS[snap])
    fill_links(data / SNAPS[snap])
    (data / SNAPS[snap] / "cache").mkdir()
    (data / SNAPS[snap] / "cache/of the user").write_text("$SNAP_DATA is not of the user\n")
    (data / "common/scratch").mkdir()
    (data / "common/scratch/waste").write_text("excluded by hello\n")
    with open(data / "common/holes", "wb") as holes:
        holes.truncate(MIB)
    os.mkfifo(data / "common/pipe")
    (data / "common/open to all").touch()
    snapd.give(data, user)
    (data / "common/open to all").chmod(0o4767)
    (data / "common/by root").write_text("whoever restores it here is its owner\n")
    (data / SNAPS[snap]).chmod(0o700)
    age(data)


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


def ours(snapd: RealSnapd, *arguments: str, code: int = 0) -> str:
    """What our command prints on the daemon's world; it must end with `code`."""
    done = snapstow(snapd.base, *arguments)
    assert done.code == code, (arguments, done)
    return done.out


def listed(snapd: RealSnapd) -> str:
    """What snapd lists, as text."""
    _, answer = snapd.raw("GET", "/v2/snapshots")
    return answer.decode().partition('"result":')[2].removesuffix("}")


def names(snapd: RealSnapd) -> list[str]:
    return sorted(os.listdir(snapd.snapshots))


def ids(snapd: RealSnapd) -> list[int]:
    return [group["id"] for group in json.loads(listed(snapd))]


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
    ours(rich, "forget", "1")
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
