"""The protocol of engines costs nothing to import: whoever types against it loads no engine."""

import subprocess
import sys

COUNT = """
import sys
import backend.engine.protocol
print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("backend", "tui")))
"""


def test_importing_the_protocol_loads_nothing_else_of_ours() -> None:
    loaded = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == [
        "backend",
        "backend.engine",
        "backend.engine.protocol",
        "backend.lazy",
        "backend.version",
    ]
