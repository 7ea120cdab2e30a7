"""Why a living job makes no progress, as far as the kernel says."""

import os
from dataclasses import replace

import pytest

from backend.operations import Save
from tests.support.builders import World
from tests.tui.support.jobs_world import make_world, running
from tui.session.stalls import StallDetector, blocker, standstill

world = pytest.fixture(make_world)
LOCKS = """1: FLOCK  ADVISORY  WRITE 6866 fe:00:2146360 0 EOF
1: -> FLOCK  ADVISORY  WRITE 7040 fe:00:2146360 0 EOF
2: POSIX  ADVISORY  WRITE 7048 fe:00:2179503 0 EOF
3: FLOCK  ADVISORY  WRITE 7040 00:1b:9131 0 EOF
"""


def test_who_holds_the_lock_that_a_process_waits_for() -> None:
    assert blocker(LOCKS, 7040) == 6866
    assert blocker(LOCKS, 6866) is None
    assert blocker(LOCKS, 7048) is None
    assert blocker("1: -> FLOCK  ADVISORY  WRITE 5 fe:00:1 0 EOF\n", 5) == 0
    assert blocker("garbage\n1: -> x", 1) is None


def test_a_process_that_is_at_work_does_not_stand_still() -> None:
    assert standstill(os.getpid()) == ("", 0)
    assert standstill(2**31 - 1) == ("", 0)


def test_a_stall_is_told_only_after_a_while(world: World) -> None:
    now, why = 0.0, ("", 0)
    pulse = StallDetector(lambda: now, lambda _pid: why)
    with running(world, Save()):
        (record,) = world.engine.journal.records()

    def notice(sign: int) -> str:
        return pulse.reason(record, sign, list)

    assert notice(1) == ""
    now = 29.0
    assert notice(1) == ""
    now = 47.0
    assert notice(1) == "stalled? no progress for 40 s"
    assert notice(2) == ""
    now = 60.0
    why = ("waiting for another job", 0)
    assert notice(2) == "waiting for another job"
    why = ("waiting for another job", record.pid)
    assert pulse.reason(record, 2, lambda: [record]) == "waiting for job 1 (save) to finish"


def test_a_job_of_days_tells_its_counts_rarely_and_is_not_stalled(world: World) -> None:
    now = 0.0
    with running(world, Save()):
        (record,) = world.engine.journal.records()
    old = replace(record, header={**record.header, "started": record.started - 100_000})
    pulse = StallDetector(lambda: now, lambda _pid: ("", 0))
    pulse.reason(old, 1, list)
    now = 100.0
    assert pulse.reason(old, 1, list) == ""
    now = 300.0
    assert pulse.reason(old, 1, list) == "stalled? no progress for 300 s"
