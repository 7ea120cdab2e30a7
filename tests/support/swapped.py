"""Directories of a root that their owner swaps for links to a directory outside, while something works in it.

`python -m tests.support.swapped ROOT OUTSIDE` does it in a loop until it is killed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import TOP

SWAPPED = (
    *("var/snap", "var/lib/snapd/snapshots", "var/lib/snapstow", "home/alice/snap", "var/snap/foo"),
    *("home/alice", "var/lib/snapd", "var/lib", "var", "home"),
)
_MOMENT = 0.0003


def make_outside(root: Path, outside: Path) -> None:
    """Let all that may be swapped have its like outside, down to what jobs keep."""
    subprocess.run(["cp", "-a", str(root), str(outside)], check=True)


def swap(root: Path, outside: Path, name: str) -> None:
    """Move a directory aside and put a link in its place."""
    (root / name).rename(root / f"{name}.aside")
    (root / name).symlink_to(outside / name)


def swap_back(root: Path, name: str) -> None:
    """Undo a `swap`; what was put in the place of the link meanwhile is removed."""
    if (root / name).is_symlink():
        (root / name).unlink()
    else:
        subprocess.run(["rm", "-rf", str(root / name)], check=True)
    (root / f"{name}.aside").rename(root / name)


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    """Swap without end beside what is done inside."""
    with subprocess.Popen([sys.executable, "-m", __name__, str(root), str(outside)], cwd=TOP) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait()
            for name in SWAPPED[::-1]:
                if (root / f"{name}.aside").exists():
                    swap_back(root, name)


def main(root: str, outside: str) -> None:
    """Swap one after the other; each is whole for as long as it is a link."""
    while True:
        for name in SWAPPED:
            try:
                swap(Path(root), Path(outside), name)
                time.sleep(_MOMENT)
                os.unlink(f"{root}/{name}")
                os.rename(f"{root}/{name}.aside", f"{root}/{name}")
            except OSError:
                continue
            time.sleep(_MOMENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
