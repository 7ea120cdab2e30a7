"""Death at any instant: whatever was under way, the next start leaves the old state or the new one, whole.

Each operation dies just before each change it makes on disk (a sample of them; all with SNAPSTOW_EVERY_KILL
set), and in the middle of what it writes. The recovery itself dies too, again and again.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from backend.jobs.record import JobState
from backend.operations import Export, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Progress
from backend.restore.slots import HOLDER
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests import golden
from tests.support import TOP
from tests.support.builders import Tree, World
from tests.support.journals import amend
from tests.support.killing import TIDY, Ending, Killer

EVERY = bool(os.environ.get("SNAPSTOW_EVERY_KILL"))
SAVED = ("foo", "bar")
KNOWN = {4, 5}
LEFTOVER = re.compile(r".*~|.*\.part|.*_importing|\.snapstow-import-.*|\.deep-.*|landing")
IN_PIECES = [False, pytest.param(True, marks=pytest.mark.slow)]


def points(last: int, stride: int, start: int = 1) -> Iterator[int]:
    """The changes to die at: all of them, or a few."""
    return iter(range(start, last + 1, 1 if EVERY else stride))


@pytest.fixture(
    scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["exchange", "fallback"]
)
def killer(request: pytest.FixtureRequest) -> Iterator[Killer]:
    with Killer(exchange=request.param) as killer:
        yield killer


@pytest.fixture(scope="module")
def plain_killer() -> Iterator[Killer]:
    with Killer() as killer:
        yield killer


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two snaps, root, two users; what a restore of set 5 replaces, makes, and has to make parents for."""
    world = World(tmp_path_factory.mktemp("template") / "root")
    world.install("foo", data={"a": "old"}, common={"b": "old"}, users={"alice": {"n": "old"}})
    world.install("bar", data={"a": "old", "deep": {"er": "old"}})
    for snap in SAVED:
        system: Tree = {"x1": {"a": "new", "more": {"f": "new"}}, "common": {"b": "new"}}
        person: Tree = {"x1": {"q": "new"}, "common": {"n": "new"}}
        world.add(5, snap, system, users={"alice": person, "bob": person})
    with SnapshotExport(world.engine.store, 5) as export:
        export_to_file(export, str(world.root / "five.snapshot"), Progress())
    world.add(4, "foo")
    return world


@pytest.fixture
def fresh(template: World, tmp_path: Path) -> "Fresh":
    return Fresh(template, tmp_path / "root")


class Fresh:
    """Copies of the template, always at the same place."""

    def __init__(self, template: World, root: Path) -> None:
        self._template = template
        self.root = root

    def __call__(self, *, without: int = 0) -> World:
        if self.root.exists():
            shutil.rmtree(self.root)
        subprocess.run(["cp", "-a", str(self._template.root), str(self.root)], check=True)
        world = World.__new__(World)
        world.root, world.snapshots = self.root, self.root / "var/lib/snapd/snapshots"
        for name in world.names():
            if without and name.startswith(f"{without}_"):
                (world.snapshots / name).unlink()
        return world


def live(world: World) -> golden.Tree:
    """Everybody's data: names, types, contents, owners, modes; times too, but for those of directories."""
    entries = {}
    for place in ("var/snap", "home", "root"):
        for path, about in golden.tree(world.root / place).items():
            if HOLDER not in path.split("/"):
                entries[f"{place}/{path}"] = about | ({"mtime": 0} if about["type"] == "dir" else {})
    return entries


def everything(world: World) -> dict[str, Any]:
    return golden.tree(world.root)


def leftovers(world: World, *, undo: bool = False) -> list[str]:
    """What nobody needs: temporary files, markers, staged files, and slots unless there is an undo."""
    paths = []
    for path in everything(world):
        name = path.rpartition("/")[2]
        if LEFTOVER.fullmatch(name) or (name == HOLDER and not undo):
            paths.append(path)
    return paths


def sets(world: World) -> dict[int, list[str]]:
    listed = world.engine.sets()
    assert not any(snapshot.broken for group in listed for snapshot in group.snapshots)
    return {group.set_id: sorted(snapshot.snap for snapshot in group.snapshots) for group in listed}


def started_again(killer: Killer, world: World) -> None:
    """The next start; another one finds nothing to do."""
    did(killer, world, TIDY)
    before = everything(world)
    assert did(killer, world, TIDY).answer == []
    assert everything(world) == before
    assert not [record for record in world.engine.journal.records() if record.state is JobState.INTERRUPTED]


def tidied_in_pieces(killer: Killer, world: World) -> None:
    """A recovery that dies at its first change, is begun anew, dies at its second, and so on."""
    for moment in range(1, 500):
        ending = killer.do(world.root, TIDY, moment)
        if not ending.died:
            assert not ending.error
            return
    raise AssertionError("a recovery without an end")


def died(killer: Killer, world: World, what: Operation, moment: int, *, torn: bool = False) -> Ending:
    ending = killer.do(world.root, what, moment, torn=torn)
    assert not ending.error
    return ending


def did(killer: Killer, world: World, what: Operation | str) -> Ending:
    ending = killer.do(world.root, what)
    assert not ending.died
    assert not ending.error
    return ending


# -- the store


def added_whole(killer: Killer, world: World, known: set[int], snaps: list[str]) -> None:
    """No new set, or just one that is whole; and what comes next gets an id that nobody had."""
    after = sets(world)
    new = set(after) - known
    assert all(after[number] == snaps for number in new)
    assert len(new) <= 1
    assert leftovers(world) == []
    used = max(_ids_given_out(world) | set(after))
    assert did(killer, world, Save(("bar",))).answer == used + 1
    assert world.engine.journal.records()[-1].state is JobState.DONE


def _ids_given_out(world: World) -> set[int]:
    mark = world.root / "var/lib/snapstow/last-set-id"
    return {int(mark.read_text())} if mark.exists() else {0}


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
def test_save(plain_killer: Killer, fresh: Fresh, torn: bool, in_pieces: bool) -> None:
    operation = Save(users=("alice",))
    for moment in points(did(plain_killer, fresh(), operation).changes, 19, 1 + 5 * torn + 7 * in_pieces):
        world = fresh()
        died(plain_killer, world, operation, moment, torn=torn)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        added_whole(plain_killer, world, KNOWN, ["bar", "foo"])


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
def test_import(plain_killer: Killer, fresh: Fresh, torn: bool, in_pieces: bool) -> None:
    operation = Import(str(fresh.root / "five.snapshot"))
    for moment in points(
        did(plain_killer, fresh(without=5), operation).changes, 13, 1 + 4 * torn + 7 * in_pieces
    ):
        world = fresh(without=5)
        died(plain_killer, world, operation, moment, torn=torn)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        added_whole(plain_killer, world, {4}, ["bar", "foo"])


@pytest.mark.parametrize("before", ["", "old"], ids=["new file", "replaced file"])
def test_export(plain_killer: Killer, fresh: Fresh, before: str) -> None:
    target = fresh.root / "out.snapshot"
    operation = Export(5, str(target))
    for moment in points(did(plain_killer, fresh(), operation).changes, 9, 2 + 3 * bool(before)):
        world = fresh()
        if before:
            target.write_text(before)
        died(plain_killer, world, operation, moment)
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert leftovers(world) == []
        if target.exists() and target.read_bytes() != before.encode():
            assert did(plain_killer, world, Import(str(target))).answer == 5
        else:
            assert target.exists() == bool(before)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "old"], ids=["new file", "replaced file"])
def test_export_with_its_checksum(plain_killer: Killer, fresh: Fresh, before: str) -> None:
    target, sums = fresh.root / "out.snapshot", fresh.root / "out.snapshot.sha256"
    operation = Export(5, str(target), checksum=True)
    for moment in points(did(plain_killer, fresh(), operation).changes, 12, 2 + bool(before)):
        world = fresh()
        for path in (target, sums) if before else ():
            path.write_text(before)
        died(plain_killer, world, operation, moment)
        assert not sums.exists() or is_of(sums, target, before), "nobody tidied up yet"
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert leftovers(world) == []
        if target.exists() and target.read_text("latin-1") != before:
            assert sums.read_text() == f"{sha256(target.read_bytes()).hexdigest()}  {target.name}\n"
        else:
            assert target.exists() == bool(before)
            assert not sums.exists() or sums.read_text() == before


def is_of(sums: Path, target: Path, before: str) -> bool:
    """Whether a checksum is that of the file beside it; the older one is its own."""
    content = target.read_bytes()
    line = f"{sha256(content).hexdigest()}  {target.name}\n"
    return sums.read_text() == (before if content == before.encode() else line)


def test_forget(plain_killer: Killer, fresh: Fresh) -> None:
    """Once begun, the rest of the set goes as well."""
    for moment in points(did(plain_killer, fresh(), Forget(5)).changes, 1):
        world = fresh()
        died(plain_killer, world, Forget(5), moment)
        tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        assert sets(world) in ({4: ["foo"]}, {4: ["foo"], 5: ["bar", "foo"]})
        assert leftovers(world) == []


# -- the data


@pytest.fixture
def ends(killer: Killer, fresh: Fresh) -> tuple[golden.Tree, golden.Tree, int]:
    """The data before and after a restore, and how many changes lie between."""
    world = fresh()
    old = live(world)
    changes = did(killer, world, Restore(5)).changes
    new = live(world)
    assert leftovers(world, undo=True) == []
    assert old != new
    return old, new, changes


def restored_or_not(killer: Killer, world: World, old: golden.Tree, new: golden.Tree) -> None:
    """All data are the old ones and nothing is left, or all are the new ones and can be taken back."""
    live_data = live(world)
    offers = world.engine.undo_offers()
    if live_data == old:
        assert offers == []
        assert leftovers(world) == []
        return
    assert live_data == new
    assert leftovers(world, undo=True) == []
    assert [(offer.set_id, offer.snaps) for offer in offers] == [(5, ("bar", "foo"))]
    did(killer, world, Undo())
    assert_same_data(world, old)


def assert_same_data(world: World, wanted: golden.Tree) -> None:
    """The data are these; parents that a restore had to make may stay, empty."""
    live_data = live(world)
    extra = {path: about for path, about in live_data.items() if path not in wanted}
    assert {path: live_data.get(path) for path in wanted} == wanted
    assert [path for path, about in extra.items() if about["type"] != "dir"] == []


@pytest.mark.parametrize("in_pieces", IN_PIECES, ids=["tidied", "tidied in pieces"])
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "empty"])
def test_restore_beside(plain_killer: Killer, fresh: Fresh, is_there: bool, in_pieces: bool) -> None:
    """All of it is there, or nothing is; what was live stays as it was."""
    target_dir = fresh.root.parent / "beside"

    def prepared() -> World:
        if target_dir.exists():
            shutil.rmtree(target_dir)
        if is_there:
            target_dir.mkdir()
        return fresh()

    def around() -> list[str]:
        return sorted(name for name in os.listdir(fresh.root.parent) if name != "root")

    operation = Restore(5, to=str(target_dir))
    world = prepared()
    old, empty = live(world), around()
    changes = did(plain_killer, world, operation).changes
    whole = golden.tree(target_dir)
    for moment in points(changes, 11, 1 + 3 * is_there + 5 * in_pieces):
        world = prepared()
        died(plain_killer, world, operation, moment)
        if in_pieces:
            tidied_in_pieces(plain_killer, world)
        started_again(plain_killer, world)
        tree = golden.tree(target_dir) if target_dir.exists() else {}
        assert (around(), tree.keys()) in ((empty, set()), (["beside"], whole.keys()))
        assert live(world) == old
        assert leftovers(world) == []
        assert world.engine.undo_offers() == []


@pytest.mark.parametrize("torn", [False, True], ids=["before", "torn"])
def test_restore(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], torn: bool
) -> None:
    old, new, changes = ends
    for moment in points(changes, 13, 1 + 6 * torn):
        world = fresh()
        died(killer, world, Restore(5), moment, torn=torn)
        started_again(killer, world)
        restored_or_not(killer, world, old, new)


@pytest.mark.slow
def test_restore_whose_recovery_dies(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int]
) -> None:
    old, new, changes = ends
    for moment in points(changes, 29, 11):
        world = fresh()
        died(killer, world, Restore(5), moment)
        tidied_in_pieces(killer, world)
        started_again(killer, world)
        restored_or_not(killer, world, old, new)


def test_a_restore_that_failed_half_way(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int]
) -> None:
    """Where a failed restore could not take all back itself, the next start tries again."""
    old, _, changes = ends
    world = fresh()
    died(killer, world, Restore(5), changes - 12)
    (folder,) = (world.root / "var/lib/snapstow/jobs").iterdir()
    (folder / "result.json").write_text('{"state":"failed","error":"it was replaced by someone else"}')
    assert live(world) != old
    started_again(killer, world)
    assert live(world) == old
    assert leftovers(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", [Save(users=("alice",)), Restore(5)], ids=["save", "restore"])
def test_after_a_start_of_the_machine_devices_have_other_numbers(
    killer: Killer, fresh: Fresh, what: Operation
) -> None:
    world = fresh()
    old = live(world)
    changes = did(killer, world, what).changes
    new = live(world)
    for moment in points(changes, 9, 12):
        world = fresh()
        died(killer, world, what, moment)
        device = str(world.root.stat().st_dev)
        for path in (world.root / "var/lib/snapstow/jobs").glob("*/*.json*"):
            path.write_text(re.sub(rf"\b{device}\b", "9999", path.read_text()))
        started_again(killer, world)
        if isinstance(what, Restore):
            restored_or_not(killer, world, old, new)
        else:
            added_whole(killer, world, KNOWN, ["bar", "foo"])


@pytest.mark.slow
def test_restore_without_undo(killer: Killer, fresh: Fresh) -> None:
    operation = Restore(5, undo_window=0)
    world = fresh()
    old = live(world)
    changes = did(killer, world, operation).changes
    new = live(world)
    assert leftovers(world) == []
    for moment in points(changes, 23, 80):
        world = fresh()
        died(killer, world, operation, moment)
        tidied_in_pieces(killer, world)
        started_again(killer, world)
        assert live(world) in (old, new)
        assert leftovers(world) == []
        assert world.engine.undo_offers() == []


def latest(world: World) -> Undo:
    """Taking back whatever was done last, an undo included."""
    return Undo(world.engine.undo_offers()[0].job)


@pytest.mark.parametrize(
    "times",
    [1, *(pytest.param(times, marks=pytest.mark.slow) for times in (2, 3))],
    ids=["undo", "undo of undo", "undo of undo of undo"],
)
def test_undo(killer: Killer, fresh: Fresh, times: int) -> None:
    def prepared() -> World:
        world = fresh()
        did(killer, world, Restore(5))
        for _ in range(times - 1):
            did(killer, world, latest(world))
        return world

    world = prepared()
    before = live(world)
    changes = did(killer, world, latest(world)).changes
    after = live(world)
    assert before != after
    for moment in points(changes, 4, times):
        world = prepared()
        died(killer, world, latest(world), moment)
        if moment % 2:
            tidied_in_pieces(killer, world)
        started_again(killer, world)
        live_data = live(world)
        assert live_data in (before, after)
        assert leftovers(world, undo=True) == []
        assert [(offer.set_id, offer.snaps) for offer in world.engine.undo_offers()] == [(5, ("bar", "foo"))]
        did(killer, world, latest(world))
        assert live(world) == (after if live_data == before else before)


@pytest.mark.slow
def test_expiry(killer: Killer, fresh: Fresh) -> None:
    """Undo data that expired go as a whole, however often that is interrupted."""
    world = fresh()
    did(killer, world, Restore(5, undo_window=1))
    new = live(world)
    (record,) = world.engine.journal.records()
    amend(record, {"undo_until": 1.0})
    tidied_in_pieces(killer, world)
    started_again(killer, world)
    assert leftovers(world) == []
    assert live(world) == new


# -- ended as somebody chose


def ended_as_chosen(killer: Killer, world: World, verb: str, at: int = 0) -> Ending:
    """`finish` or `takeback` the job that died; killed before its change number `at`."""
    number = world.engine.journal.records()[-1].id
    return killer.command(world.root, [verb, str(number)], at, signal.SIGKILL)


def was_born(world: World) -> bool:
    records = world.engine.journal.records()
    return bool(records) and records[-1].state is JobState.INTERRUPTED


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_a_restore_ended_as_chosen(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], verb: str
) -> None:
    """Finished, the data are the new ones and can be had back; taken back, they are the old ones."""
    old, new, changes = ends
    for moment in (*points(changes, 29, 9), changes - 2):
        world = fresh()
        died(killer, world, Restore(5), moment)
        if not was_born(world):
            continue
        ending = ended_as_chosen(killer, world, verb)
        assert (ending.died, ending.error, ending.answer) == (False, "", 0)
        assert leftovers(world, undo=True) == []
        if verb == "takeback":
            assert_same_data(world, old)
        else:
            assert live(world) == new
            did(killer, world, Undo())
            assert_same_data(world, old)
        assert not was_born(world)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_an_ending_that_dies_itself(
    killer: Killer, fresh: Fresh, ends: tuple[golden.Tree, golden.Tree, int], verb: str
) -> None:
    """Whichever way was chosen, the data are whole after the next start."""
    old, new, changes = ends
    for moment, at in ((changes // 2, 5), (changes // 2, 60), (changes - 12, 9), (changes - 2, 7)):
        world = fresh()
        died(killer, world, Restore(5), moment)
        ended_as_chosen(killer, world, verb, at)
        started_again(killer, world)
        assert leftovers(world, undo=True) == []
        live_data = live(world)
        if live_data != new:
            assert_same_data(world, old)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["finish", "takeback"])
def test_a_save_ended_as_chosen(plain_killer: Killer, fresh: Fresh, verb: str) -> None:
    operation = Save(users=("alice",))
    for moment in points(did(plain_killer, fresh(), operation).changes, 23, 20):
        world = fresh()
        died(plain_killer, world, operation, moment)
        if not was_born(world):
            continue
        complete = len(sets(world)) > len(KNOWN)
        ending = ended_as_chosen(plain_killer, world, verb)
        assert (ending.error, ending.answer) == ("", 5 if complete and verb == "takeback" else 0)
        if not ending.answer:
            assert len(sets(world)) == len(KNOWN) + (verb == "finish")
            assert leftovers(world) == []
        did(plain_killer, world, TIDY)
        assert leftovers(world) == []


@pytest.mark.slow
def test_a_forget_that_is_taken_back_keeps_what_is_left(plain_killer: Killer, fresh: Fresh) -> None:
    kept = set()
    for moment in points(did(plain_killer, fresh(), Forget(5)).changes, 1):
        world = fresh()
        died(plain_killer, world, Forget(5), moment)
        if not was_born(world):
            continue
        before = sets(world)
        ending = ended_as_chosen(plain_killer, world, "takeback")
        assert ending.answer == (0 if 5 in before else 5)
        assert sets(world) == before
        kept.add(len(before.get(5, ())))
    assert kept == {0, 1, 2}


# -- asked to stop


BORN = 15  # with how many changes a job is there that can be stopped
SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS, ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("verb", ["save", "import", "export", "restore", "undo"])
def test_signals(plain_killer: Killer, fresh: Fresh, verb: str, number: int) -> None:
    """A stop ends with 130 and nothing done, or comes too late; either way nothing is left to tidy up."""
    out = fresh.root / "out.snapshot"
    arguments = {
        "save": ["save"],
        "import": ["import-snapshot", str(fresh.root / "five.snapshot")],
        "export": ["export-snapshot", "5", str(out)],
        "restore": ["restore", "5"],
        "undo": ["undo"],
    }[verb]

    def prepared() -> World:
        world = fresh(without=5 if verb == "import" else 0)
        if verb == "undo":
            did(plain_killer, world, Restore(5))
        return world

    def state(world: World) -> tuple[golden.Tree, list[str], bool]:
        return live(world), world.names(), out.exists()

    world = prepared()
    old = state(world)
    ending = plain_killer.command(world.root, arguments)
    assert (ending.error, ending.answer) == ("", 0)
    new = state(world)
    for moment in points(ending.changes, 11, 4):
        world = prepared()
        ending = plain_killer.command(world.root, arguments, moment, number)
        jobs = [record for record in world.engine.journal.records() if record.verb == arguments[0]]
        if ending.died or not jobs or jobs[-1].state is JobState.INTERRUPTED:
            assert moment < BORN
            did(plain_killer, world, TIDY)
            assert state(world) == old
            continue
        assert not ending.error
        if ending.answer:
            assert ending.answer == 130
            assert jobs[-1].state is JobState.CANCELLED
            assert state(world) == old
        else:
            assert jobs[-1].state is JobState.DONE
            assert state(world) == new
        assert (
            leftovers(world, undo=verb in ("undo", "restore") and (verb == "undo" or not ending.answer)) == []
        )
        assert did(plain_killer, world, TIDY).answer == []


@pytest.mark.parametrize("arguments", [["import-snapshot", "-"], ["export-snapshot", "5", "-"]], ids=str)
def test_a_stop_while_the_other_end_of_a_pipe_waits(template: World, arguments: list[str]) -> None:
    """Whoever sends nothing, or reads nothing, does not keep us from stopping."""

    hear, tell = os.pipe()
    fcntl.fcntl(tell, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "tui.cli.main", f"--root={template.root}", "--json", *arguments]
    incoming = arguments[0].startswith("import")
    process = subprocess.Popen(
        command, stdin=hear, stdout=tell if not incoming else subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP
    )
    stream = process.stdout if incoming else process.stderr
    assert stream is not None
    assert b"started" in stream.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert template.engine.journal.records()[-1].state is JobState.CANCELLED
    os.close(hear)
    os.close(tell)
