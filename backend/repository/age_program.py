"""Streams turned by the program `age`, where the library for them is not installed."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO

from backend.background import Background, pipe_of
from backend.errors import InvalidInputError
from backend.fs import files
from backend.repository.age_keys import AgeRefusal

_PIECE = 1 << 20
_NEEDS_AGE = (
    "encrypted copies need pyrage (pip install 'snapstow[repo]') or the program age (apt install age)"
)
_PREFIX = "age: error: "


def run_age(options: Sequence[str], read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    """Have `age` turn what `read` yields, called in a thread, into what `write` takes.

    What either raises is raised here.

    Raises:
        AgeRefusal: it gave up.
        InvalidInputError: it is not installed.
    """
    with _age(options) as process:
        feeder = Background("age", partial(_feed, process, read))
        feeder.start()
        try:
            output = pipe_of(process.stdout)
            while piece := output.read(_PIECE):
                write(piece)
        except BaseException:
            process.kill()
            raise
        finally:
            feeder.join()
        feeder.finish()
        if process.wait():
            raise AgeRefusal(_reason(pipe_of(process.stderr).read()))


def _feed(process: "subprocess.Popen[bytes]", read: Callable[[int], bytes]) -> None:
    """Give the program what it is to turn, to the end; it is ended where that fails."""
    stream = pipe_of(process.stdin)
    try:
        while piece := read(_PIECE):
            if not _fed(stream, piece):
                return
        stream.close()
    except BaseException:
        process.kill()
        raise


def _fed(stream: IO[bytes], piece: bytes) -> bool:
    """Whether the program still took some bytes."""
    try:
        files.write_all(stream.fileno(), piece)
    except BrokenPipeError:
        return False
    return True


@contextmanager
def _age(options: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = subprocess.Popen(
            ["age", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # it asks no terminal for a passphrase
        )
    except FileNotFoundError:
        raise InvalidInputError(_NEEDS_AGE) from None
    try:
        yield process
    finally:
        for stream in (process.stdin, process.stdout, process.stderr):
            pipe_of(stream).close()
        process.wait()


def _reason(text: bytes) -> str:
    lines = text.decode(errors="replace").splitlines()
    return next((line.removeprefix(_PREFIX) for line in lines if line.startswith(_PREFIX)), "age ended early")
