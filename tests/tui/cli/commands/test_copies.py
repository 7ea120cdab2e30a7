"""push, pull, copies, and the other verbs with --repo: what they print, and how they exit."""

from pathlib import Path
from typing import Any

import pytest

from backend.repository.names import PAYLOAD
from tests.support.offsite import configure, copies_of, object_file
from tests.tui.support.command_world import make_snapstow, make_world
from tests.tui.support.driver import Done, Snapstow

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)


@pytest.fixture(name="folder", autouse=True)
def repository_folder(snapstow: Snapstow) -> Path:
    for number in range(1, 4):
        snapstow.world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    return configure(snapstow.world)


def run(snapstow: Snapstow, *arguments: str) -> Done:
    return snapstow(f"--config={snapstow.world.config}", *arguments)


def test_push_says_what_went_and_what_is_there(snapstow: Snapstow) -> None:
    assert run(snapstow, "push", "1", "2", "offsite").out == "Copied 2 sets to offsite.\n"
    assert run(snapstow, "push", "--new", "offsite").out == "Copied 1 set to offsite; 2 sets there already.\n"
    done = run(snapstow, "push", "--all", "offsite")
    assert done.out == "Nothing was sent to offsite: 3 sets there already.\n"
    assert done.code == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("push", "the required argument `<repo>` was not provided"),
        ("push offsite", "name the sets to copy, or --new, or --all"),
        ("push 1 --new offsite", "name the sets to copy, or --new, or --all"),
        ("push --new --all offsite", "cannot be combined"),
        ("pull offsite", '"offsite" names no copy: write REPO:ID, as in offsite:3'),
        ("check-snapshot --repo offsite --sample 101%", "write a share from 1% to 100%"),
        ("check-snapshot --repo offsite --structure", "cannot be combined"),
        ("prune --all-hosts", "--all-hosts goes with --repo"),
        ("forget --repo offsite --pinned 1", "cannot be combined"),
    ],
)
def test_usage_is_explained(snapstow: Snapstow, line: str, text: str) -> None:
    done = run(snapstow, *line.split())
    assert done.code == 2
    assert text in done.err


def test_saved_lists_the_copies_of_a_repository(snapstow: Snapstow) -> None:
    run(snapstow, "push", "--all", "offsite")
    rows = [line.split() for line in run(snapstow, "saved", "--repo", "offsite").out.splitlines()]
    assert rows[0][:4] == ["Copy", "Host", "Set", "Saved"]
    assert [row[2] for row in rows[1:]] == ["3", "2", "1"]
    document: Any = run(snapstow, "--json", "saved", "--repo", "offsite", "--id", "2").document
    assert [(row["set-id"], row["snaps"], row["read-back"]) for row in document] == [(2, ["hello"], None)]
    assert run(snapstow, "saved", "--repo", "offsite", "nosuch").out == "No copies found.\n"


def test_copies_tells_where_each_set_is(snapstow: Snapstow) -> None:
    assert run(snapstow, "copies").out == "No copies found.\n"
    run(snapstow, "push", "2", "offsite")
    run(snapstow, "check-snapshot", "--repo", "offsite")
    rows = [line.split() for line in run(snapstow, "copies").out.splitlines()]
    assert rows[1][:2] == ["2", "offsite"]
    assert "never" not in rows[1]
    assert run(snapstow, "copies", "9").err == "error: there is no snapshot set #9\n"
    assert snapstow("copies").out == "No repository is configured: see repo add.\n"


def test_copies_goes_on_where_one_repository_cannot_be_asked(snapstow: Snapstow, folder: Path) -> None:
    run(snapstow, "push", "2", "offsite")
    config = snapstow.world.config
    config.write_text(f'{config.read_text()}\n[repositories.gone]\nurl = "file:///nowhere/at/all"\n')
    done = run(snapstow, "copies")
    assert done.code == 3
    assert "Note: gone could not be asked: " in done.err
    assert len(done.out.splitlines()) == 2


def test_check_tells_of_each_damaged_copy(snapstow: Snapstow, folder: Path) -> None:
    run(snapstow, "push", "--all", "offsite")
    assert run(snapstow, "check-snapshot", "--repo", "offsite").code == 0
    copy = next(copy for copy in copies_of(snapstow.world) if copy.name.set_id == 2)
    payload = object_file(folder, copy, PAYLOAD)
    payload.write_bytes(payload.read_bytes()[:-1] + b"x")
    done = run(snapstow, "check-snapshot", "--repo", "offsite")
    assert done.code == 4
    assert f"error: {copy.name.short} (set 2 of {copy.name.host_name}): " in done.err
    assert "2 of 3 copies in offsite read back and sound." in done.err
    assert "damaged: " in run(snapstow, "saved", "--repo", "offsite").out


def test_pull_writes_an_export_or_imports(snapstow: Snapstow, tmp_path: Path) -> None:
    run(snapstow, "push", "1", "offsite")
    file = tmp_path / "one.snapshot"
    done = run(snapstow, "pull", "offsite:1", "--to", str(file))
    assert done.out == f'Wrote offsite:1 into "{file}"\n'
    snapstow("forget", "1", "--now")
    done = run(snapstow, "pull", "offsite:1")
    assert done.out.startswith("Pulled offsite:1 as #4\n")
    again = run(snapstow, "pull", "offsite:1")
    assert "The same content is already here; nothing was added." in again.err
    assert run(snapstow, "pull", "nas:1").code == 5


def test_forget_and_prune_say_how_to_undo_them(snapstow: Snapstow) -> None:
    run(snapstow, "push", "--all", "offsite")
    done = run(snapstow, "forget", "--repo", "offsite", "1", "2")
    assert done.out == "Forgot 2 copies in offsite.\n"
    undo = done.err.splitlines()[-1].split()[-2:]
    listed = run(snapstow, "undo", "--list").out.splitlines()
    assert listed[1].split()[:4] == [undo[1], "forget-copies", "2", "copies"]
    assert run(snapstow, *undo).out == f"Undid job {undo[1]}: 2 copies are back.\n"
    assert run(snapstow, "undo", "--list").out == "Nothing to undo.\n"
    planned = run(snapstow, "prune", "--repo", "offsite", "--keep-last", "1", "--plan")
    assert f"To do it: snapstow --root {snapstow.world.root} --config" in planned.out
    assert len(copies_of(snapstow.world)) == 3
    assert run(snapstow, "prune", "--repo", "offsite", "--keep-last", "1").code == 0
    assert [copy.name.set_id for copy in copies_of(snapstow.world)] == [3]
    line = ("prune", "--repo", "offsite", "--keep-last", "1", "--plan")
    document: Any = run(snapstow, "--json", *line).document
    assert document["stays"][0]["reasons"][0] == "last 1 of 1"


def test_copies_stand_where_a_file_is_expected(snapstow: Snapstow, tmp_path: Path) -> None:
    run(snapstow, "push", "1", "offsite")
    copy, target = ("--file", "offsite:1"), tmp_path / "out"
    assert run(snapstow, "ls", *copy, "hello:rev").out.splitlines()[-1].split()[-1] == "f"
    printed = snapstow.process(f"--config={snapstow.world.config}", "cat", *copy, "hello:rev/f")
    assert printed.stdout == b"1"
    assert "Files: " in run(snapstow, "diff", "offsite:1", "live", "hello").out
    assert run(snapstow, "extract", *copy, "hello:rev/f", "--to", str(target), "--strip").code == 0
    assert (target / "f").read_text() == "1"
    for line in ("open --plain offsite:1", "check-snapshot --file offsite:1", "find f --file offsite:1"):
        assert run(snapstow, *line.split()).code == 0
    assert run(snapstow, "diff", "offsite:1", "2").code == 0
    assert run(snapstow, "ls", "--file", "nas:1").err.startswith('error: no repository "nas" is configured')
    assert run(snapstow, "ls", "--file", "offsite:9").err == "error: there is no copy 9 in offsite\n"


def test_damaged_copy_is_never_looked_into(snapstow: Snapstow, folder: Path) -> None:
    run(snapstow, "push", "1", "offsite")
    (copy,) = copies_of(snapstow.world)
    payload = object_file(folder, copy, PAYLOAD)
    payload.write_bytes(payload.read_bytes()[:-1] + b"x")
    done = run(snapstow, "ls", "--file", "offsite:1")
    assert (done.code, done.out) == (4, "")
    assert "is damaged" in done.err
