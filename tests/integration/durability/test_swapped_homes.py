"""A user swaps what root makes for them in their home: nothing of anybody else's becomes theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.operations import Restore
from tests.support.builders import World, uid_of
from tests.support.dying import make_plain_killer
from tests.support.killing import Killer

plain_killer = pytest.fixture(scope="module")(make_plain_killer)

SWAPPER = """
import os, sys
home, roots = sys.argv[1:]
while True:
    for name in os.listdir(home):
        if name in ("snap", "hello") or name.startswith(".snapstow"):
            try:
                os.rename(f"{home}/{name}", f"{home}/aside-{os.urandom(4).hex()}")
                os.rename(roots, f"{home}/{name}")
                os.rename(f"{home}/{name}", roots)
            except OSError:
                pass
"""


@pytest.mark.root
@pytest.mark.slow
def test_a_directory_of_roots_that_a_user_swaps_in_stays_roots(plain_killer: Killer, tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    tree = {"x1": {"q": "new"}, "common": {"n": "new"}}
    world.add(5, "hello", tree, users={"alice": tree})
    home = world.home("alice")
    roots = home / "roots"
    roots.mkdir(0o755)
    (roots / "secret").write_text("root's")
    process = subprocess.Popen([sys.executable, "-c", SWAPPER, str(home), str(roots)])
    try:
        for _ in range(40):
            plain_killer.do(world.root, Restore(5, undo_window=0))
            for name in set(os.listdir(home)) - {"roots"}:
                subprocess.run(["rm", "-rf", str(home / name)], check=False)
    finally:
        process.kill()
        process.wait()
    place = roots if roots.exists() else next(path.parent for path in home.glob("*/secret"))
    assert place.stat().st_uid == uid_of("root")
    assert place.stat().st_mode & 0o777 == 0o755
    assert (place / "secret").stat().st_uid == uid_of("root")


@pytest.mark.root
def test_directories_made_anew_can_be_entered_whatever_the_umask(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("hello")
    tree = {"x1": {"q": "new"}, "common": {"n": "new"}}
    world.add(5, "hello", tree, users={"alice": tree})
    before = os.umask(0o077)
    try:
        world.do(Restore(5))
    finally:
        os.umask(before)
    for place in (world.data("hello"), world.home("alice") / "snap", world.data("hello", "alice")):
        assert place.stat().st_mode & 0o777 == 0o755
    assert world.data("hello", "alice").stat().st_uid == uid_of("alice")
    assert (world.root / "var/lib/snapstow").stat().st_mode & 0o777 == 0o700
