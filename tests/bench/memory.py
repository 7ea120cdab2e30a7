"""The most memory our command takes, for little data and for much."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.corpus import MB, Corpus
from tests.bench.worlds import HERE, Ours, environment
from tests.support.realsnapd import RealSnapd

LIMIT = 64 << 20
_TOLD = """
import sys
from tui.cli.main import main
try:
    code = main()
finally:
    # Not ru_maxrss: that begins with the peak of whoever started this process.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    open({report!r}, "w").write(peak.split()[1])
sys.exit(code)
"""


class Peak(NamedTuple):
    """In bytes: our own process, and the largest of its children at any moment seen."""

    ours: int
    children: int


def measure_peak(ours: Ours, *arguments: str) -> Peak:
    """Run our command and tell its peaks; RuntimeError where it failed."""
    with tempfile.NamedTemporaryFile() as report:
        command = [
            sys.executable,
            "-c",
            _TOLD.format(report=report.name),
            "--root",
            str(ours.root),
            *arguments,
        ]
        process = subprocess.Popen(
            command, cwd=HERE, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        children = _Children(process.pid)
        _, errors = process.communicate()
        children.join()
        if process.returncode:
            raise RuntimeError(f"{arguments}: {errors.decode()}")
        return Peak(int(Path(report.name).read_text()) << 10, children.most << 10)


class _Children(threading.Thread):
    """Looks at the children of a process every now and then, until it is gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.most = 0
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.02):
            try:
                children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
            except OSError:
                return
            self.most = max((self.most, *(_resident_peak(int(pid)) for pid in children)))

    def join(self, timeout: float | None = None) -> None:
        self._over.set()
        super().join(timeout)


def _resident_peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().split("\n")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def peaks(folder: Path, corpus: Corpus, size: int) -> Mapping[str, Peak]:
    """The peaks of every operation over `size` bytes in a world of their own, which stays in `folder`."""
    base = folder / f"m{size // MB}"
    base.mkdir()
    snapd = RealSnapd(str(base))
    corpus.fill_large(snapd.install("big") / "common/data", size)
    ours = Ours(base)
    out = f"{base}/out.export"
    by_operation = {
        "save": measure_peak(ours, "save", "big"),
        "save --fast": measure_peak(ours, "save", "--fast", "big"),
        "check": measure_peak(ours, "check-snapshot", "1"),
        "check --structure": measure_peak(ours, "check-snapshot", "--structure", "1"),
        "export": measure_peak(ours, "export-snapshot", "1", out),
        "restore": measure_peak(ours, "restore", "--no-undo", "1"),
        "estimate": measure_peak(ours, "estimate"),
        "saved": measure_peak(ours, "saved"),
    }
    ours.forget(1)
    by_operation["import"] = measure_peak(ours, "import-snapshot", out)
    os.unlink(out)
    return by_operation
