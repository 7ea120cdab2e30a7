"""What a real snapd hides and remembers, and what one may do without rights."""

import os
import subprocess
import sys
from typing import Any

import pytest

from backend.engine.select import open_engine
from backend.errors import BlockedError, ConflictError, InvalidInputError, NotAllowedError, SnapshotError
from backend.operations import Forget, Restore, Save
from backend.progress import Progress
from tests.support import TOP
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import do, engine, hello_there, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


def test_damaged_files_that_snapd_does_not_see(hello: RealSnapd) -> None:
    do(hello, Save())
    (hello.snapshots / "1_other_1.0_x1.zip").write_bytes(b"junk")
    (hello.snapshots / "5_other_1.0_x1.zip").write_bytes(b"junk")
    assert sets(hello) == [1, 5]
    with pytest.raises(BlockedError, match="cannot open snapshot"):
        do(hello, Restore(1))
    with pytest.raises(BlockedError, match="stop snapd and use --engine files"):
        do(hello, Forget(5))
    gone = do(hello, Forget(1))
    assert (gone.snaps, gone.exit_code) == (("hello",), 3)
    assert gone.left_out == (f"{hello.snapshots}/1_other_1.0_x1.zip was not removed: snapd does not see it",)
    assert gone.held > 0


def test_retention(hello: RealSnapd) -> None:
    daemon = engine(hello).daemon
    assert daemon.retention() == "744h"
    daemon.set_retention("48h", Progress())
    assert daemon.retention() == "48h"
    daemon.set_retention("14d", Progress())
    assert hello.cli("get", "system", "snapshots.automatic.retention").stdout == "336h\n"
    daemon.set_retention("no", Progress())
    assert engine(hello).about()[1] == "No automatic snapshots are made"
    daemon.set_retention("", Progress())
    assert daemon.retention() == "744h"
    for odd in ("4h", "0d", "24h; reboot", "yes", "9999999d"):
        with pytest.raises(InvalidInputError, match="cannot keep automatic snapshots"):
            daemon.set_retention(odd, Progress())
    daemon.set_retention("48h", Progress())
    files = open_engine(str(hello.base), "files")
    assert files.daemon.retention() == "48h"
    with pytest.raises(ConflictError, match="only snapd can; use --engine snapd"):
        files.daemon.set_retention("24h", Progress())
    hello.stop()
    with pytest.raises(ConflictError, match="only snapd can; start snapd first"):
        files.daemon.set_retention("24h", Progress())


# All is loaded first: whose tests these are may keep the interpreter to themselves.
AS_ALICE = """
import os, pkgutil, sys
import backend, backend.engine.snapd, tui
from importlib import import_module
for package in (backend, backend.engine.snapd):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
import tui.cli.errors, tui.cli.output, tui.cli.progress, tui.session.place, tui.text
import tui.cli.commands.change, tui.cli.commands.query
from tui.cli.main import main
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
if sys.argv[2] == "browse":
    place = tui.session.place.Place(backend.open_engine(sys.argv[1].removeprefix("--root=")), ())
    (stock,) = place.inventories()
    (one,) = stock.by_path.values()
    print(one.snap, place.parts(one), place.engine.undo_offers(), place.engine.warning)
else:
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.root
def test_without_rights_what_is_missing_is_said(hello: RealSnapd) -> None:
    do(hello, Save())

    def as_alice(*arguments: str) -> Any:
        command = [sys.executable, "-c", AS_ALICE, f"--root={hello.base}", *arguments]
        env = os.environ | {"HOME": str(hello.base / "home/alice"), "PYTHONPATH": str(TOP)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    listing = as_alice("saved", "--abs-time")
    assert listing.returncode == 0, listing
    assert listing.stdout == hello.inside("snap", "saved", "--abs-time", user="alice").stdout
    for arguments in (
        ("save",),
        ("check-snapshot", "1"),
        ("restore", "1"),
        ("forget", "1"),
        ("export-snapshot", "1", "/x"),
    ):
        refused = as_alice(*arguments)
        assert refused.returncode == NotAllowedError.exit_code, (arguments, refused)
        assert "(try with sudo)" in refused.stderr
    missing = "the snapshot files may not be read, so snapd lists them"
    assert missing in as_alice("doctor").stdout
    browsed = as_alice("browse")
    assert browsed.stdout.startswith("hello {} [] "), browsed
    assert missing in browsed.stdout


def test_a_daemon_that_went_away(hello: RealSnapd) -> None:
    daemon = engine(hello).daemon
    hello.stop()
    with pytest.raises(SnapshotError, match="snapd does not answer at"):
        daemon.retention()
