"""What the screens read while a restore is asked for, runs and ends: counted by the system's own hook."""

import json
import os
import subprocess
import sys
from pathlib import Path

from backend.operations import Check
from tests.support import TOP
from tests.support.builders import World
from tests.tui.support.driver import environment

EARLIER_JOBS = 12
LONG_AGO = 1_700_000_000
OF_JOBS = frozenset(("operation.json", "result.json", "steps.jsonl", "events.jsonl", "alive"))


def test_a_restore_costs_tens_of_reads_of_the_journal(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.install("cloud", common={"f": "12345"}, data={"g": "1"})
    world.add(1, "cloud", {"x1": {"g": "1"}, "common": {"f": "1"}}, time="2999-01-01T00:00:00Z")
    for _ in range(EARLIER_JOBS):
        world.do(Check(1))
    for folder in (world.root / "var/lib/snapstow/jobs").iterdir():
        os.utime(
            folder, (LONG_AGO, LONG_AGO)
        )  # what changed just now is read again, since it may change unseen
    done = subprocess.run(
        [sys.executable, "-m", "tests.tui.screens.test_reads", str(world.root)],
        check=True,
        capture_output=True,
        cwd=TOP,
        env=environment(),
    )
    counts = json.loads(done.stdout)
    # Earlier jobs are read once by the list, once for their undo, and looked at for safety snapshots.
    assert EARLIER_JOBS < counts["journal"] <= 110
    # One for each look, one for what is told of the engine, one by the dialog.
    assert 0 < counts["connects"] <= counts["looks"] + 2


def main(root: str) -> None:
    """Restore set 1 from the screen; print how often the journal was read and the socket looked at."""
    from tests.tui.support.patient import Patient, patiently
    from tui.session.place import Place

    counts = {"journal": 0, "connects": 0, "looks": 0}

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and os.path.basename(str(arguments[0])) in OF_JOBS:
            counts["journal"] += 1
        counts["connects"] += event == "socket.connect"

    def counted(place: Place) -> object:
        counts["looks"] += 1
        return stamp(place)

    async def tell(user: Patient) -> None:
        await user.presses("r")
        await user.sees("✓ READY")
        await user.presses("enter")
        await user.sees("undo until")

    stamp = Place.stamp
    Place.stamp = counted  # type: ignore[method-assign,assignment] # counts calls
    Place.findings = lambda _place: []  # type: ignore[method-assign,assignment] # the doctor looks once, at the start
    sys.addaudithook(hear)
    patiently(root, tell)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1])
