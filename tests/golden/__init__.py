"""Snapshots made by the real snapd, and what it says of them.

`index` tells what there is: `sets` maps a set id to its snapshots (`file` below `snapshots/`, `snap`, and
`entries`: for each archive the tree that snapd restores from it), `content_hash` is of set 1's export,
`files` names the recorded answers. `tree` describes a directory the same way, for comparison.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SNAPSHOTS = HERE / "snapshots"
INDEX = HERE / "golden.json"

Tree = dict[str, dict[str, Any]]


def index() -> dict[str, Any]:
    """The description of everything in this directory."""
    loaded: dict[str, Any] = json.loads(INDEX.read_text())
    return loaded


def spelled(text: str | bytes) -> Any:
    """What a JSON text says, in its order and with its numbers as spelled: only escapes are free."""
    return json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)


def tree(top: Path | str) -> Tree:
    """What is below a directory, sorted by path, links not followed.

    Each path has `type` (dir, file, symlink, fifo), `mode` (octal text without the type), `uid`, `gid`,
    `mtime` (whole seconds); a file `size`, `sha256` and, where it has several names, `twins`, all of them;
    a symlink its `target`. Bytes that are not UTF-8 are surrogates.
    """
    paths = sorted(os.path.join(place, name) for place, dirs, files in os.walk(top) for name in dirs + files)
    names: dict[int, list[str]] = {}
    for path in paths:
        names.setdefault(os.lstat(path).st_ino, []).append(os.path.relpath(path, top))
    return {os.path.relpath(path, top): _describe(path, names[os.lstat(path).st_ino]) for path in paths}


def _describe(path: str, names: list[str]) -> dict[str, Any]:
    about = os.lstat(path)
    common = {
        "mode": f"{stat.S_IMODE(about.st_mode):04o}",
        "uid": about.st_uid,
        "gid": about.st_gid,
        "mtime": int(about.st_mtime),
    }
    if stat.S_ISDIR(about.st_mode):
        return {"type": "dir", **common}
    if stat.S_ISLNK(about.st_mode):
        return {"type": "symlink", **common, "target": os.readlink(path)}
    if stat.S_ISFIFO(about.st_mode):
        return {"type": "fifo", **common}
    content = Path(path).read_bytes()
    twins = {"twins": names} if len(names) > 1 else {}
    return {
        "type": "file",
        **common,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **twins,
    }
