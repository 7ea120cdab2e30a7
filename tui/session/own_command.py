"""How this very program is started again: from anywhere, at any later time, by whoever reads a file."""

import json
import os
import sys

_HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# As `backend.engine.launch` starts the worker: by the path on which this process found everything.
_ENTRY = """import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from tui.cli.main import main
sys.exit(main())"""


def own_command() -> list[str]:
    """Return the words that start it: the one file that it is, the command that pip made, or its interpreter.

    The first is an absolute path.
    """
    if one_file := os.environ.get("PEX", ""):  # what is unpacked of it lies in a cache
        path = os.path.abspath(one_file)
        return [path] if os.access(path, os.X_OK) else [sys.executable, path]
    script = os.path.abspath(sys.argv[0])
    if os.path.basename(script) == "snapstow" and os.access(script, os.X_OK):
        return [script]
    return [sys.executable, "-I", "-c", _ENTRY, json.dumps(_search_path())]


def _search_path() -> list[str]:
    """Where this process finds modules, without the working directory, which `-m` puts first."""
    folders = [os.path.abspath(folder) for folder in sys.path]
    if not sys.flags.safe_path and folders[0] == os.getcwd() and folders[0] != _HERE:
        del folders[0]
    return folders
