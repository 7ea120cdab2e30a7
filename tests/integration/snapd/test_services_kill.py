"""A save or restore that is killed while services rest: the next start of ours brings them back."""

import json
import subprocess
import sys

import pytest

from backend.operations import Check, Operation, Restore, Save, to_json
from tests.support import TOP
from tests.support.realsnapd import RealSnapd
from tests.support.services import APPS, Services
from tests.support.snapdworld import do, engine, install

pytestmark = pytest.mark.snapd

RUNNING = {"hello.web", "hello.db"}
MOST = 60

# Dies before, and after, each step that is noted, at each event, and before each request to snapd.
DYING = """
import json, os, signal, sys
from backend.engine.perform import perform_recorded
from backend.engine.select import open_engine
from backend.engine.snapd.client import Client
from backend.jobs.open_record import OpenRecord
from backend.operations import operation_from_json

root, operation, at = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
moments = 0

def moment():
    global moments
    moments += 1
    if moments == at:
        os.kill(os.getpid(), signal.SIGKILL)

def around(act):
    def dying(*arguments, **named):
        moment()
        answer = act(*arguments, **named)
        moment()
        return answer
    return dying

OpenRecord.record_step = around(OpenRecord.record_step)
Client.control = around(Client.control)
Client.act = around(Client.act)
Client.save = around(Client.save)
perform_recorded(operation_from_json(operation), open_engine(root), lambda _job: lambda _event: moment())
"""


@pytest.mark.parametrize(
    "operation",
    [Save(("hello",), stop_services=True), Restore(1, stop_services=True)],
    ids=["save", "restore"],
)
def test_services_run_after_the_next_start_whenever_a_job_was_killed(
    snapd: RealSnapd, operation: Operation
) -> None:
    install(snapd, "hello", apps=APPS)
    services = Services(snapd, RUNNING)
    snapd.start()
    snapd.save("hello")
    deaths_while_down = 0
    for moment in range(1, MOST):
        if not dies(snapd, operation, moment):
            break
        deaths_while_down += services.running != RUNNING
        settle(snapd)
        do(snapd, Check(1))
        assert services.running == RUNNING, f"killed at {moment}: {services.log}"
        down = [record.services_down for record in engine(snapd).journal.records()]
        assert not any(down), f"killed at {moment}"
    else:
        raise AssertionError("it never came to its end")
    assert deaths_while_down > 3
    assert services.running == RUNNING


def dies(snapd: RealSnapd, operation: Operation, moment: int) -> bool:
    """Carry it out in a process that is killed at that moment; whether it came so far."""
    line = [sys.executable, "-c", DYING, str(snapd.base), json.dumps(to_json(operation)), str(moment)]
    done = subprocess.run(line, cwd=TOP, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode != 0


def settle(snapd: RealSnapd) -> None:
    """Let snapd end what it was asked for."""
    for running in snapd.api("GET", "/v2/changes?select=in-progress")["result"]:
        snapd.wait({"type": "async", "change": running["id"]})
