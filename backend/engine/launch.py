"""Starting jobs at the place of an engine, each as a process of its own."""

import json
import os
import sys

from backend.engine.protocol import Engine
from backend.fs.locks import goes_without
from backend.jobs.runner import Runner

# The worker finds the package where this process found it: installed, a checkout, or unpacked from one file.
# An argument reaches it in any case; the environment does not where systemd starts it, and is not to: -I
# keeps whatever it names out of the process until the path is ours.
_ENTRY = """import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from backend.engine.worker import run
run()"""


def runner_of(engine: Engine) -> Runner:
    """Return what starts jobs at the place of an engine."""
    return Runner(engine.journal, worker_command(engine))


def worker_command(engine: Engine) -> list[str]:
    """Return the command that runs a job through that very engine; it refuses where that may not be used.

    The command takes the operation, and tells its job's number, as `python -m backend.engine.worker` does.
    """
    path = json.dumps([os.path.abspath(folder) for folder in sys.path])
    without = ("--no-lock",) if goes_without() else ()
    config = ("--config", engine.config_path) if engine.config_path else ()
    options = ("--root", engine.layout.root, "--engine", engine.name, *config, *without)
    return [sys.executable, "-I", "-c", _ENTRY, path, *options]
