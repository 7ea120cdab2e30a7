"""Journals of real jobs, recorded with the tree they are about, and put down again somewhere else.

A recording is `jobs/<id>/*`, as the jobs wrote it, and `tree.tar.gz`, everything else below the root. What
differs from place to place is written in words: `@root@`, `@uid@`, `@device@` and `@inode PATH@`.
"""

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backend.jobs.open_record import OpenRecord
from backend.jobs.record import JobRecord
from backend.operations import UnknownOperation

_JOBS = "var/lib/snapstow/jobs"
_TREE = "tree.tar.gz"
_NOBODY = 1  # an inode that no file has
# Python before 3.11.4 knows no filters, and later ones refuse some files without being told.
_TRUSTED: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}


def record(root: Path, recording: Path) -> None:
    """Record what lies below a root, with the journal of its jobs."""
    shutil.rmtree(recording, ignore_errors=True)
    inodes = {os.lstat(path).st_ino: os.path.relpath(path, root) for path in [str(root), *_paths(root)]}
    device = os.stat(root).st_dev
    for path in sorted((root / _JOBS).rglob("*")):
        if path.is_file():
            target = recording / "jobs" / path.relative_to(root / _JOBS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_rewritten(path.read_text(), lambda value: _named(value, root, inodes, device)))
    with tarfile.open(recording / _TREE, "w:gz") as tar:
        tar.add(root, ".", filter=lambda member: None if _JOBS in member.name else member)


def replay(recording: Path, root: Path) -> None:
    """Put a recording down below a new root, as if its jobs had run there."""
    root.mkdir(parents=True)
    with tarfile.open(recording / _TREE) as tar:
        tar.extractall(root, **_TRUSTED)
    jobs = root / _JOBS
    for folder in sorted(recording.glob("jobs/*")):
        target = jobs / folder.name
        target.mkdir(mode=0o700, parents=True)
        for path in folder.iterdir():
            (target / path.name).write_text(_rewritten(path.read_text(), lambda value: _placed(value, root)))
    for folder in (jobs.parent, jobs):
        folder.chmod(0o700)


def _paths(root: Path) -> list[str]:
    return [f"{place}/{name}" for place, folders, names in os.walk(root) for name in folders + names]


def _rewritten(text: str, rewrite: Callable[[Any], Any]) -> str:
    lines = (
        json.dumps(_through(json.loads(line), rewrite), separators=(",", ":")) for line in text.splitlines()
    )
    return "".join(f"{line}\n" for line in lines)


def _through(value: Any, rewrite: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {
            key: rewrite(("uid", member)) if key == "uid" else _through(member, rewrite)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [_through(member, rewrite) for member in value]
    return rewrite(value)


def _named(value: Any, root: Path, inodes: dict[int, str], device: int) -> Any:
    match value:
        case ("uid", _):
            return "@uid@"
        case str(text):
            return text.replace(str(root), "@root@")
        case int(number) if number == device and number > 1000:
            return "@device@"
        case int(number) if number > 100_000:  # neither a set, a length of time, nor a process
            return f"@inode {inodes[number]}@" if number in inodes else "@inode of nothing@"
        case _:
            return value


def _placed(value: Any, root: Path) -> Any:
    match value:
        case ("uid", _):
            return os.geteuid()
        case "@device@":
            return os.stat(root).st_dev
        case "@inode of nothing@":
            return _NOBODY
        case str(text) if text.startswith("@inode "):
            return os.lstat(root / text.removeprefix("@inode ").removesuffix("@")).st_ino
        case str(text):
            return text.replace("@root@", str(root))
        case _:
            return value


# -- what no job of today would write


def note(job: OpenRecord, *steps: Mapping[str, Any]) -> None:
    """Note steps as they are, also such as are none."""
    with open(f"{job.folder}/steps.jsonl", "a") as file:
        file.writelines(f"{json.dumps(step)}\n" for step in steps)


def amend(job: JobRecord, values: Mapping[str, Any]) -> None:
    """Change what the result of a job says."""
    path = Path(job.folder, "result.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def recorded(document: Mapping[str, Any]) -> UnknownOperation:
    """An operation that a journal keeps as it is, also what is none."""
    return UnknownOperation(str(document.get("verb")), document)
