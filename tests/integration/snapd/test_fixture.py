"""The real snapd of the tests: it does what snapd does, at its own paths, and disturbs nobody."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import golden
from tests.conftest import demand_snapd
from tests.support import TOP
from tests.support.realsnapd import RealSnapd, missing

pytestmark = pytest.mark.snapd


@pytest.fixture
def hello(snapd: RealSnapd) -> RealSnapd:
    """A running daemon with one snap that has system data."""
    data = snapd.install("hello", "2.10", exclude=["$SNAP_COMMON/cache/*"], conf={"a": [1, "ä<"]})
    (data / "x1/f").write_text("revision\n")
    (data / "common/cache").mkdir()
    (data / "common/cache/page").write_text("excluded\n")
    return snapd.start()


def lose(snapd: RealSnapd) -> None:
    (snapd.data("hello") / "x1/f").unlink()
    (snapd.data("hello") / "common/new").write_text("made after the save\n")


def kept(snapd: RealSnapd) -> list[str]:
    return [path for path in golden.tree(snapd.data("hello")) if path not in ("x1", "common")]


def test_a_cycle_over_rest(hello: RealSnapd) -> None:
    saved = hello.save()
    hello.act("check", saved)
    stream = hello.export(saved)
    hello.act("forget", saved)
    assert hello.api("GET", "/v2/snapshots")["result"] == []
    taken = hello.take_in(stream)["result"]
    assert taken == {"set-id": saved + 1, "snaps": ["hello"]}
    lose(hello)
    hello.act("restore", taken["set-id"])
    assert kept(hello) == ["common/cache", "x1/f"]
    assert [path.name for path in hello.snapshots.iterdir()] == ["2_hello_2.10_x1.zip"]


def test_a_cycle_with_the_real_command(hello: RealSnapd, tmp_path: Path) -> None:
    file = str(tmp_path / "export")
    commands = (
        ["save"],
        ["check-snapshot", "1"],
        ["export-snapshot", "1", file],
        ["forget", "1"],
        ["import-snapshot", file],
    )
    for command in commands:
        assert hello.cli(*command).returncode == 0, command
    lose(hello)
    done = hello.cli("restore", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Restored snapshot #2." in done.stdout
    assert kept(hello) == ["common/cache", "x1/f"]
    assert "2.10" in hello.cli("saved", "--id=2").stdout
    assert json.loads(hello.cli("get", "-d", "hello").stdout) == {"a": [1, "ä<"]}


def test_a_refusal_is_told(hello: RealSnapd) -> None:
    with pytest.raises(RuntimeError, match="no snapshot set with the given ID"):
        hello.act("check", 77)
    with pytest.raises(RuntimeError, match="no snapshot data found for 77"):
        hello.export(77)
    with pytest.raises(RuntimeError, match="unknown user nosuch"):
        hello.save("hello", users=["nosuch"])
    assert hello.take_in(b"junk" * 1000)["status-code"] == 400
    assert "no snapshot set" in hello.cli("forget", "77").stderr


@pytest.mark.root
def test_users_have_data_of_their_own(snapd: RealSnapd) -> None:
    snapd.install("hello")
    for user in ("root", "alice", "bob"):
        note = snapd.furnish_user(user, "hello") / "common/note"
        note.write_text(user)
        snapd.give(note, user)
        note.chmod(0o600)
    snapd.start()
    before = {user: golden.tree(snapd.data("hello", user)) for user in snapd.users}
    saved = snapd.save()
    entries = snapd.api("GET", "/v2/snapshots")["result"][0]["snapshots"][0]["sha3-384"]
    assert sorted(entries) == ["archive.tgz", "user/alice.tgz", "user/bob.tgz", "user/root.tgz"]
    for user in snapd.users:
        (snapd.data("hello", user) / "common/note").write_text("changed")
    snapd.act("restore", saved, users=["alice"])
    after = {user: golden.tree(snapd.data("hello", user)) for user in snapd.users}
    assert {user for user in before if after[user] == before[user]} == {"alice"}


@pytest.mark.root
def test_commands_inside_see_the_default_paths(hello: RealSnapd) -> None:
    hello.furnish_user("alice", "hello")
    assert hello.inside("cat", "/var/snap/hello/x1/f").stdout == "revision\n"
    script = 'id -un; echo "$HOME"; ls ~/snap/hello; snap saved; snap forget 1'
    done = hello.inside("sh", "-c", script, user="alice")
    assert done.stdout.split("\n")[:4] == ["alice", "/home/alice", "common", "x1"]
    assert "No snapshots found." in done.stdout + done.stderr
    assert "access denied" in done.stderr
    done = hello.inside(
        sys.executable, "-c", "import os; print(os.getcwd(), os.environ['X'])", env={"X": "1"}
    )
    assert done.stdout == "/ 1\n"


def test_two_side_by_side(new_snapd: Callable[[], RealSnapd]) -> None:
    daemons = [new_snapd(), new_snapd()]
    for number, daemon in enumerate(daemons):
        (daemon.install("hello", f"{number}.0") / "common/f").write_text(str(number))
        daemon.start()
    for daemon in daemons:
        daemon.save()
    daemons[0].act("forget", daemons[0].save())
    daemons[1].act("forget", 1)
    names = [[path.name for path in daemon.snapshots.iterdir()] for daemon in daemons]
    assert names == [["1_hello_0.0_x1.zip"], []]
    assert daemons[1].inside("cat", "/var/snap/hello/common/f").stdout == "1"


def test_restarted_with_another_revision(hello: RealSnapd) -> None:
    saved = hello.save()
    with pytest.raises(RuntimeError, match="while snapd is down"):
        hello.install("other")
    assert hello.stop() == 0
    with pytest.raises(RuntimeError, match="not running"):
        hello.cli("saved")
    hello.install("hello", "3.0", "x2")
    hello.start()
    hello.act("restore", saved)
    assert (hello.data("hello") / "x2/f").read_text() == "revision\n"
    hello.kill()
    hello.start()
    assert hello.save() == saved + 1


def test_a_failed_start_shows_the_log(snapd: RealSnapd) -> None:
    (snapd.base / "var/lib/snapd/state.json").write_text("{")
    with pytest.raises(RuntimeError, match=r"(?s)did not start.*cannot read state"):
        snapd.start()


def test_daemon_dies_with_the_process_that_started_it() -> None:
    program = (
        "import os\n"
        "from tests.support.realsnapd import RealSnapd\n"
        "with RealSnapd.temporary() as snapd:\n"
        "    print(snapd.start().pid, snapd.base, flush=True)\n"
        "    input()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=TOP, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid, base = parent.stdout.readline().split()
        daemon = os.pidfd_open(int(pid))
        parent.communicate("go\n")
    ended = select.poll()
    ended.register(daemon, select.POLLIN)
    assert ended.poll(10_000)
    os.close(daemon)
    subprocess.run(["rm", "-r", base], check=True)


def test_missing_programs_skip_or_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == ""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("REQUIRE_REAL_SNAPD", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed: snap, unshare"):
        demand_snapd(missing())
    monkeypatch.setenv("REQUIRE_REAL_SNAPD", "1")
    with pytest.raises(pytest.fail.Exception, match="required: not installed: snap, unshare"):
        demand_snapd(missing())
    demand_snapd("")


@pytest.mark.root
def test_golden_files_are_what_snapd_restores(snapd: RealSnapd) -> None:
    index = golden.index()
    snapd.install("hello", "2.10")
    snapd.install("storey", "1.33+git~1", "42", epoch="1*")
    snapd.start()
    taken = snapd.take_in((golden.HERE / index["files"]["export"]).read_bytes())["result"]
    assert sorted(taken["snaps"]) == ["hello", "storey"]
    snapd.act("restore", taken["set-id"])
    for snapshot in index["sets"]["1"]:
        for entry, expected in snapshot["entries"].items():
            user = entry.removeprefix("user/").removesuffix(".tgz") if entry.startswith("user/") else None
            assert golden.tree(snapd.data(snapshot["snap"], user)) == expected, entry


def test_golden_listing_is_what_snapd_says(snapd: RealSnapd) -> None:
    snapd.snapshots.mkdir()
    for file in golden.SNAPSHOTS.iterdir():
        (snapd.snapshots / file.name).write_bytes(file.read_bytes())
    snapd.start()
    files = golden.index()["files"]
    listing, table = snapd.raw("GET", "/v2/snapshots")[1], snapd.cli("saved", "--abs-time").stdout
    kept_listing, kept_table = ((golden.HERE / files[part]).read_bytes() for part in ("list", "table"))
    if golden.index()["made_by"] == f"snapd {snapd.version}":
        assert (listing, table.encode()) == (kept_listing, kept_table)
    assert golden.spelled(listing) == golden.spelled(kept_listing)
    assert table.split() == kept_table.decode().split()
