"""Machines over a real ssh: reached, and not reached in ssh's reason; sets copied from one to another."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.format.metadata import set_content_hash
from tests.support.builders import World, tree_of
from tests.support.fleet import Fleet, fleet_of
from tests.tui.support.driver import Done, run_process

pytestmark = pytest.mark.needs("ssh", "sshd", "ssh-keygen")

GOOD = ("web1", "web2")
NAMES = (*GOOD, "refused", "stranger", "locked", "bare")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet_of(tmp_path_factory.mktemp("fleet"), NAMES, without=("bare",)) as fleet:
        for name in GOOD:
            furnish(fleet[name].world)
        yield fleet


def furnish(world: World) -> None:
    world.install("hello", data={"f": "now"})
    world.write_state()
    world.add(1, "hello", {"x1": {"f": "saved"}}, time="2026-11-21T09:00:00Z")


def raw(fleet: Fleet, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return run_process(*arguments, env={"SNAPSTOW_SSH": fleet.ssh})


def run(fleet: Fleet, *arguments: str) -> Done:
    done = raw(fleet, *arguments)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def leftovers() -> list[str]:
    """Sockets and directories of links that are still there."""
    return [str(path) for path in Path("/tmp").glob("snapstow-ssh-*")]


# -- one


def test_verbs_are_carried_out_there_with_their_exit_codes(fleet: Fleet) -> None:
    listed = run(fleet, "-H", "web1", "saved")
    assert (listed.code, listed.err) == (0, "")
    assert "hello" in listed.out
    document: Any = run(fleet, "--json", "-H", "web1", "saved").document
    assert [group["id"] for group in document] == [1]
    assert run(fleet, "-H", "web1", "check-snapshot", "1").code == 0
    assert run(fleet, "-H=web1", "check-snapshot", "9").code == 1
    assert run(fleet, "-H", "web1", "frobnicate").code == 2
    assert leftovers() == []


def test_streams_pass_through_bit_by_bit(fleet: Fleet, tmp_path: Path) -> None:
    exported = raw(fleet, "-H", "web1", "export-snapshot", "1", "-")
    assert exported.returncode == 0
    file = tmp_path / "one.snapshot"
    file.write_bytes(exported.stdout)
    world = World(tmp_path / "here")
    world.install("hello")
    with file.open("rb") as stream:
        taken = run_process("--root", str(world.root), "import-snapshot", "-", stdin=stream)
    assert taken.returncode == 0, taken.stderr
    here, there = world.engine.sets()[0], fleet["web1"].world.engine.sets(1)[0]
    assert set_content_hash(here.snapshots) == set_content_hash(there.snapshots)


def test_arguments_with_odd_signs_arrive_as_they_are(fleet: Fleet) -> None:
    done = run(fleet, "-H", "web1", "find", 'a\'b "$(touch /tmp/pwned)" ;*')
    assert done.code == 1
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("refused", "Connection refused (no sshd listens there)"),
        ("stranger", "Host key verification failed. (its key is unknown here, or another one now"),
        ("locked", "Permission denied (publickey). (no key of yours lets you in there"),
        ("bare", "neither snapstow nor"),
    ],
)
def test_machine_that_cannot_be_worked_on_is_told_in_words_of_ssh(
    fleet: Fleet, host: str, reason: str
) -> None:
    if host == "bare" and Path("/run/snapd.socket").is_socket():
        pytest.skip("there is a snapd on this machine, which the bare one has as well")
    done = run(fleet, "-H", host, "saved")
    assert done.code != 0
    assert reason in done.err
    assert "Traceback" not in done.err
    assert leftovers() == []


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/pwned", "a b", "", "x\ny"])
def test_names_that_are_none_never_reach_ssh(fleet: Fleet, host: str) -> None:
    done = run(fleet, f"-H={host}", "saved")
    assert done.code in (2, 5)
    assert not Path("/tmp/pwned").exists()


# -- many


def test_table_has_a_row_for_each_machine(fleet: Fleet) -> None:
    fleet["web2"].world.engine.sets()
    done = run(fleet, "hosts", *NAMES)
    assert done.code == 3
    rows = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    assert list(rows) == list(NAMES)
    assert "snapstow 0." in rows["web1"]
    assert "never: hello" in rows["web2"]
    assert "Connection refused" in rows["refused"]
    assert run(fleet, "hosts", *GOOD).code == 0
    assert run(fleet, "hosts", "refused", "locked").code == 1
    assert leftovers() == []


def test_table_for_programs(fleet: Fleet) -> None:
    document: Any = run(fleet, "--json", "hosts", "web1", "locked").document
    assert [(row["host"], row["status"], row["way"]) for row in document] == [
        ("web1", "ok", "snapstow"),
        ("locked", "failed", "none"),
    ]
    assert document[0]["machine"]["sets"] == 1


def test_groups_and_inventories_name_machines(fleet: Fleet, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[hosts]\ngroups.web = ["web1", "web2"]\n')
    document: Any = run(fleet, f"--config={config}", "--json", "hosts", "web").document
    assert [row["host"] for row in document] == ["web1", "web2"]
    document = run(fleet, f"--config={config}", "--json", "hosts").document
    assert len(document) == 2
    listing = tmp_path / "machines.txt"
    listing.write_text("# mine\nweb2\n\nweb1 # the other\n")
    document = run(fleet, "--json", "hosts", "--inventory", str(listing)).document
    assert [row["host"] for row in document] == ["web2", "web1"]
    assert run(fleet, "hosts", "--inventory", "/nowhere").err.startswith(
        "error: there is no inventory /nowhere"
    )
    assert "there is no machine" in run(fleet, "hosts").err


def test_frozen_machine_keeps_nobody_waiting_longer_than_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fleet_of(tmp_path, ("fast", "slow")) as fleet:
        monkeypatch.setenv("SNAPSTOW_SSH", fleet.ssh)
        fleet["slow"].freeze()
        start = time.monotonic()
        document: Any = run(fleet, "--json", "hosts", "fast", "slow", "--timeout", "4s").document
        assert time.monotonic() - start < 15
    assert [row["status"] for row in document] == ["ok", "failed"]
    assert document[1]["reason"] == "no answer within 4 s"
    assert leftovers() == []


# -- from one to another


def test_set_is_copied_from_one_machine_to_another(fleet: Fleet) -> None:
    world = fleet["web1"].world
    world.add(5, "hello", {"x1": {"f": "moved"}}, time="2026-11-22T09:00:00Z")
    done = run(fleet, "copy", "web1:5", "web2")
    assert (done.code, done.out) == (0, "Imported snapshot as #2\n")
    there = fleet["web2"].world
    assert set_content_hash(there.engine.sets(2)[0].snapshots) == set_content_hash(
        world.engine.sets(5)[0].snapshots
    )
    assert run(fleet, "-H", "web2", "restore", "2").code == 0
    assert tree_of(there.data("hello"))["x1"] == {"f": "moved"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("copy web1:9 web2", "web1: "),
        ("copy refused:1 web2", "Connection refused"),
        ("copy web1:1 locked", "Permission denied"),
        ("copy web1 web2", "names no set of a machine"),
    ],
)
def test_copy_that_cannot_be_is_told_and_changes_nothing(fleet: Fleet, line: str, reason: str) -> None:
    before = fleet["web2"].world.names()
    done = run(fleet, *line.split())
    assert done.code != 0
    assert reason in done.err
    assert fleet["web2"].world.names() == before


def test_copy_whose_source_is_killed_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fleet_of(tmp_path, ("from", "to")) as fleet:
        monkeypatch.setenv("SNAPSTOW_SSH", fleet.ssh)
        for name in ("from", "to"):
            furnish(fleet[name].world)
        fleet["from"].world.add(2, "hello", {"x1": {f"f{n}": f"{n}" * 3_000_000 for n in range(20)}})
        slow = fleet["from"].world.root.parent / "bin/snapstow"
        program = slow.read_text()
        slow.write_text(
            program.replace("exec ", "", 1).rstrip()
            + " | { case $* in *export*) head -c 20000; kill -9 $PPID;; *) cat;; esac; }\n"
        )
        done = run(fleet, "copy", "from:2", "to")
        assert done.code != 0
        assert "the set was not copied" in done.err
        assert [group.set_id for group in fleet["to"].world.engine.sets()] == [1]


def test_status_is_told_of_this_machine_as_well(fleet: Fleet, tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    furnish(world)
    done = run(fleet, "--root", str(world.root), "status")
    assert done.code == 0
    assert done.out.startswith("1 set, ")
    assert ["hello", "never"] in [line.split() for line in done.out.splitlines()]
