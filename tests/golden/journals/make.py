"""Make the recordings of this directory: `python -m tests.golden.journals.make FOLDER`."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.operations import Export, Extract, Forget, Import, Operation, Restore, Save, Undo
from backend.progress import Progress
from backend.transfer.exporter import SnapshotExport, export_to_file
from tests.support.builders import World
from tests.support.journals import record
from tests.support.killing import Killer

Steps = list[dict[str, Any]]
Moment = Callable[[Path, Steps], bool]


def template(root: Path) -> World:
    """One snap with data, a set of others, and a file to import."""
    world = World(root)
    world.install("foo", data={"a": "old"}, common={"b": "old"}, users={"alice": {"n": "old"}})
    world.install("bar", data={"a": "old"})
    person = {"x1": {"q": "new"}, "common": {"n": "new"}}
    world.add(5, "foo", {"x1": {"a": "new"}, "common": {"b": "new"}}, users={"alice": person, "bob": person})
    world.add(5, "bar", {"x1": {"a": "new"}})
    with SnapshotExport(world.engine.store, 5) as export:
        export_to_file(export, str(root / "five.snapshot"), Progress())
    return world


def noted(key: str) -> Moment:
    return lambda _root, steps: any(key in step for step in steps)


def unpacked(_root: Path, steps: Steps) -> bool:
    return any("slot" in step for step in steps) and not any("moves" in step for step in steps)


def half_moved(root: Path, steps: Steps) -> bool:
    is_new = (root / "var/snap/bar/x1/a").read_text() == "new"
    return any("moves" in step for step in steps) and is_new != (
        (root / "var/snap/foo/x1/a").read_text() == "new"
    )


def half_forgotten(root: Path, _steps: Steps) -> bool:
    return len(list((root / "var/lib/snapd/snapshots").glob("5_*.zip"))) == 1


def in_place(root: Path, _steps: Steps) -> bool:
    return (root / "out.snapshot").exists()


CASES: dict[str, tuple[Sequence[Operation], Moment | None]] = {
    "restore-done": ((Restore(5),), None),
    "restore-unpacking": ((Restore(5),), unpacked),
    "restore-moving": ((Restore(5),), half_moved),
    "restore-committed": ((Restore(5),), noted("committed")),
    "restore-beside": ((Restore(5, target_dir="@root@/beside"),), noted("moves")),
    "extract-moving": ((Extract(5, ("foo:common", "foo:alice/common/n")),), noted("moves")),
    "undo-moving": ((Restore(5), Undo()), noted("moves")),
    "undo-done": ((Restore(5), Undo()), None),
    "save-writing": ((Save(),), noted("temporary")),
    "save-publishing": ((Save(),), noted("publish")),
    "save-published": ((Save(),), noted("published")),
    "forget-half": ((Forget(5),), half_forgotten),
    "export-writing": ((Export(5, "@root@/out.snapshot", checksum=True),), noted("part")),
    "export-in-place": ((Export(5, "@root@/out.snapshot", checksum=True),), in_place),
    "import-staging": ((Forget(5), Import("@root@/five.snapshot")), noted("staging")),
    "import-publishing": ((Forget(5), Import("@root@/five.snapshot")), noted("publish")),
}


def steps_of(root: Path, job: int) -> Steps:
    path = root / f"var/lib/snapstow/jobs/{job}/steps.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def make(case: str, base: Path, target: Path, killer: Killer) -> None:
    """Record one case: the first moment of the last operation at which what is wanted holds."""
    operations, is_moment = CASES[case]
    root = base / "root"
    for kill in range(1, 1000) if is_moment else (0,):
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", base / "template", root], check=True)
        *before, last = (_placed(unplaced, root) for unplaced in operations)
        for operation in before:
            assert killer.do(root, operation).error == ""
        ending = killer.do(root, last, kill)
        assert ending.error == "", ending
        if is_moment is None or is_moment(root, steps_of(root, len(operations))):
            return record(root, target / case)
        assert ending.died, f"{case} never came to its moment"
    raise AssertionError(case)


def _placed(operation: Operation, root: Path) -> Operation:
    from dataclasses import replace

    named: dict[str, Any] = {
        key: value.replace("@root@", str(root))
        for key in ("target_dir", "file")
        if (value := getattr(operation, key, ""))
    }
    placed: Operation = replace(operation, **named)
    return placed


def main() -> None:
    """Make all of them, or those that are named."""
    target, *cases = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, Killer() as killer:
        template(Path(folder) / "template")
        for case in cases or CASES:
            make(case, Path(folder), Path(target), killer)


if __name__ == "__main__":
    main()
