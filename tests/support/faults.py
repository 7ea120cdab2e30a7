"""Commands of ours on a disk that fails: the n-th call that changes anything below a directory fails.

`python -m tests.support.faults` is a process with the library of `faults.c` preloaded. It has everything
loaded and forks for each command, so that a fault costs some milliseconds. `Faults` talks to it.
"""

import contextlib
import errno
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from tests.support import TOP

_ORDER = struct.Struct("@qqqqq4096s")
_ARMED, _COUNT = 0, 32
_PATIENCE = 60
_ENVIRONMENT = "FAULTS_ORDER"


class Fault(Enum):
    """What a call fails with, and whether all that come after it fail as well."""

    IO = (errno.EIO, False)
    NO_SPACE = (errno.ENOSPC, False)
    READ_ONLY = (errno.EROFS, False)
    DEAD = (errno.EIO, True)
    FULL = (errno.ENOSPC, True)
    READ_ONLY_FROM_HERE = (errno.EROFS, True)


class Ran(NamedTuple):
    """How a command ended; `changes` are the calls counted, the one that failed as well."""

    code: int
    out: str
    err: str
    changes: int

    @property
    def said_done(self) -> bool:
        """Whether it says that what was asked for is done."""
        return self.code in (0, 3) or " is done, but " in self.err


class Faults:
    """Carries commands out; use it as a context manager. Skips where there is no compiler."""

    def __enter__(self) -> Self:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no cc to compile the fault injector with (packages gcc, libc6-dev)")
        self._folder = Path(tempfile.mkdtemp(prefix="snapstow-faults-"))
        self._folder.chmod(0o755)  # tar runs as other users
        library, order = self._folder / "faults.so", self._folder / "order"
        source = Path(__file__).with_suffix(".c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        order.write_bytes(bytes(_ORDER.size))
        order.chmod(0o666)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.faults"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=TOP,
            text=True,
            env=os.environ | {"LD_PRELOAD": str(library), _ENVIRONMENT: str(order)},
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.communicate(timeout=_PATIENCE)
        shutil.rmtree(self._folder)

    def run(self, root: Path, arguments: Sequence[str], at: int = 0, fault: Fault = Fault.IO) -> Ran:
        """Run our command on `root`; its change number `at` below `root` fails (0: none)."""
        number, forever = fault.value
        line = [f"--root={root}", *arguments]
        order = {"prefix": str(root), "line": line, "at": at, "error": number, "forever": forever}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that carries commands out is gone"
        return Ran(*json.loads(answer))


def _serve(order: dict[str, object], shared: mmap.mmap, streams: tuple[int, int]) -> None:
    """In a process of its own: run the command with the fault, and end."""
    from tui.cli.main import main as run

    for stream, fd in zip(streams, (1, 2), strict=True):
        os.dup2(stream, fd)
    sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(1, "w"), open(2, "w")  # noqa: SIM115 - open as long as the process lives
    prefix = os.fsencode(str(order["prefix"]))
    shared[: _ORDER.size] = _ORDER.pack(1, order["at"], order["error"], order["forever"], 0, prefix)
    try:
        code = run(order["line"])  # type: ignore[arg-type] # it comes from JSON
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as failure:  # noqa: BLE001 - whatever it is, the test is to see it
        os.write(2, f"Traceback: {failure!r}".encode())
        code = 70
    os._exit(code)


def _ran(order: dict[str, object], shared: mmap.mmap) -> Ran:
    streams = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _serve(order, shared, streams)
        os._exit(70)
    _, status = os.waitpid(child, 0)
    struct.pack_into("@q", shared, _ARMED, 0)
    (changes,) = struct.unpack_from("@q", shared, _COUNT)
    out, err = (os.pread(fd, 1 << 20, 0).decode("utf-8", "replace") for fd in streams)
    for fd in streams:
        os.close(fd)
    return Ran(os.waitstatus_to_exitcode(status), out, err, changes)


def main() -> None:
    """Serve orders from standard input, one JSON object a line, until it ends."""
    import tui.cli.commands.change  # noqa: F401 - loaded once instead of in each child
    import tui.cli.run_operation  # noqa: F401 - as well

    with open(os.environ[_ENVIRONMENT], "r+b") as file, mmap.mmap(file.fileno(), _ORDER.size) as shared:
        for line in sys.stdin:
            print(json.dumps(_ran(json.loads(line), shared)), flush=True)


if __name__ == "__main__":
    main()
