"""Journals that lie, are damaged, or can be written by others make no job touch what is not its own."""

import os
from pathlib import Path
from typing import Any

import pytest

from backend.errors import NotFoundError, SnapshotError
from backend.jobs.record import JobState
from backend.operations import Restore, Save, Undo
from backend.progress import Progress
from tests import golden
from tests.support.builders import (
    World,
    plant,
    tree_of,
    uid_of,
)
from tests.support.damage import nothing_changes
from tests.support.journals import amend, note, recorded

LIES = 20


# -- journals that lie


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Files and directories that no job of ours has to do with."""
    return plant(tmp_path / "victim", {"file": "1", "empty": {}, "full": {"common": {"x": "1"}}})


def identity(path: Path) -> list[int]:
    return [path.stat().st_dev, path.stat().st_ino]


def lies(world: World, victim: Path) -> dict[str, list[dict[str, Any]]]:
    """Steps that name what is not theirs, by the verb and what they lie about."""
    folder = str(world.snapshots)
    out = str(victim)
    slot = [out, *identity(victim), "1-a", *identity(victim / "full")]
    good = f"{folder}/5_hello_1.0_x1.zip"
    up = os.path.relpath(victim / "file", folder)
    return {
        "save: temporary above": [{"temporary": f"{folder}/.."}],
        "save: temporary elsewhere": [{"temporary": f"{out}/file"}],
        "save: temporary a good snapshot": [{"temporary": good}],
        "import-snapshot: staging above": [{"staging": f"{folder}/../../../../../../{out}"}],
        "save: published elsewhere": [
            {"publish": {"set": 5, "files": [[f"{out}/file", up, *identity(victim / "file")]]}}
        ],
        "save: published a good snapshot": [
            {"publish": {"set": 9, "files": [[good, "5_hello_1.0_x1.zip", *identity(Path(good))]]}}
        ],
        "save: marker above": [{"publish": {"set": f"../../../../../../{out}/file", "files": []}}],
        "export-snapshot: part elsewhere": [{"part": f"{out}/file", "identity": identity(victim / "file")}],
        "restore: made elsewhere": [{"made": f"{out}/empty"}],
        "restore: made above": [{"made": f"{world.root}/../victim/empty"}],
        "restore: slot above": [{"slot": "..", "parents": [f"{out}/full", out]}],
        "restore: slot elsewhere": [{"slot": "1-a", "parents": [out]}],
        "restore: moves elsewhere": [
            {
                "moves": {
                    "slots": [slot],
                    "moves": [[0, "full", [], identity(victim / "full")]],
                    "made": [],
                    "done": False,
                }
            }
        ],
        "undo: moves above": [
            {"of": 1},
            {"moves": {"slots": [slot], "moves": [[0, "../file", [], []]], "made": [], "done": False}},
        ],
        "restore: committed elsewhere": [
            {"moves": {"slots": [slot], "moves": [], "made": [], "done": False}},
            {"committed": True},
        ],
        "restore: no path": [{"made": "/a\0b"}, {"slot": "1-a", "parents": ["\ud800", "a\0b"]}],
        "save: no path": [{"temporary": f"{folder}/1_\0.zip.bbbbbbbbbbbb~"}, {"staging": "\ud800"}],
        "restore: nonsense": [{"moves": 5}, {"slot": 1, "parents": 7}],
        "save: more nonsense": [{"publish": []}, {"temporary": 5}, {"staging": None}],
        "export-snapshot: still more": [{"part": None, "identity": "x"}],
    }


@pytest.mark.parametrize("window", [0, 86400, "x", None], ids=str)
@pytest.mark.parametrize("number", range(LIES))
def test_journals_that_lie(tmp_path: Path, victim: Path, number: int, window: object) -> None:
    world = World(tmp_path / "root")
    world.add(5, "hello")
    cases = lies(world, victim)
    assert len(cases) == LIES
    case = sorted(cases)[number]
    operation = recorded({"verb": case.partition(":")[0], "undo_window": window})
    with world.engine.journal.job(operation, world.engine.root) as record:
        note(record, *cases[case])
    before = golden.tree(victim)
    with nothing_changes(world):
        world.engine.findings()
        world.engine.tidy(Progress())
        world.engine.undo_offers()
    assert golden.tree(victim) == before


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"operation":5}',
        b'{"operation":{},"started":"x"}',
        b'{"operation":{},"pid":1e999}',
        b'{"operation":{},"uid":[]}',
        b"[" * 99999,
    ],
)
@pytest.mark.parametrize("name", ["operation.json", "result.json"])
def test_damaged_journals(tmp_path: Path, name: str, document: bytes) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    world.do(Restore(1))
    for number in (1, 2):
        (world.root / f"var/lib/snapstow/jobs/{number}/{name}").write_bytes(document)
    world.engine.findings()
    world.engine.undo_offers()
    world.engine.journal.records()
    world.do(Save())
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}


@pytest.mark.parametrize(
    "values",
    [
        {"undo_until": "x"},
        {"undo_until": None},
        {"snaps": 5},
        {"snaps": [[]]},
        {"set_id": []},
        {"undone": []},
        {"state": []},
        {"undo_until": 1e400},
    ],
)
def test_results_that_lie(tmp_path: Path, values: dict[str, Any]) -> None:
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    world.do(Restore(1))
    amend(world.engine.journal.record(2), values)
    world.engine.findings()
    world.engine.undo_offers()
    try:
        world.do(Undo())
    except SnapshotError as refusal:
        assert "bug" not in str(refusal)  # noqa: PT017 - either ending is fine
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}


@pytest.mark.root
@pytest.mark.parametrize("what", ["jobs", "job", "jobs writable", "job writable", "place writable"])
def test_journals_that_others_can_write(tmp_path: Path, what: str) -> None:
    """Root ends nothing, and takes nothing back, that another user's journal tells of."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "live"})
    world.do(Save())
    (world.data("hello") / "x1/a").write_text("newer")
    world.do(Restore(1))
    place = world.root / "var/lib/snapstow"
    if what == "jobs":
        os.chown(place / "jobs", uid_of("alice"), 0)
    elif what == "job":
        os.chown(place / "jobs/2", uid_of("alice"), 0)
    else:
        {"jobs writable": place / "jobs", "job writable": place / "jobs/2", "place writable": place}[
            what
        ].chmod(0o777)
    assert world.engine.undo_offers() == []
    with pytest.raises(NotFoundError):
        world.do(Undo())
    (place / "jobs/2/result.json").unlink()
    world.engine.tidy(Progress())
    assert world.engine.journal.record(2).state is JobState.INTERRUPTED
    assert tree_of(world.data("hello")) == {"x1": {"a": "live"}}
