"""TODO."""

import os
import sys

from backend import Engine
from backend.jobs import Runner

# Starts this very program again, wherever it lies and whatever directory the new process starts in.
_BECOME = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tui.cli.main import main; sys.exit(main())"


def runner_of(engine: Engine) -> Runner:
    """What starts jobs at the place of an engine."""
    return Runner(engine.journal, job_command(engine))


def job_command(engine: Engine) -> list[str]:
    """What runs a job, through that very engine: where it may not be used any more, the job is refused."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    place = ["--root", engine.layout.root, "--engine", engine.name]
    return [sys.executable, "-c", _BECOME, here, *place, "run-job"]
