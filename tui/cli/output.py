"""What the verbs print, for people and for programs. A listing loads it, so it loads almost nothing."""

import sys
import time
from contextlib import contextmanager
from errno import EBADF
from typing import TYPE_CHECKING

from backend import SnapshotError
from backend.format import snapshot_json
from tui.text import saved_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backend import Engine, SnapshotSet


class OutputError(SnapshotError):
    """Standard output takes nothing."""


class GoneReaderError(OutputError):
    """Whoever read standard output went away."""


@contextmanager
def output_errors() -> "Iterator[None]":
    """Turn an OSError from writing to standard output into an OutputError."""
    try:
        yield
    except BrokenPipeError as cause:
        raise GoneReaderError("nobody reads standard output any more") from cause
    except OSError as cause:
        if cause.errno == EBADF:
            raise OutputError("standard output is closed") from cause
        raise OutputError(f"cannot write to standard output: {cause.strerror}") from cause


def print_result(*lines: str) -> None:
    """Print results on standard output.

    Raises:
        OutputError: it takes nothing.
    """
    with output_errors():
        sys.stdout.write("".join(f"{line}\n" for line in lines))


def flush_results() -> None:
    """Write what waits for standard output.

    Raises:
        OutputError: it takes nothing.
    """
    with output_errors():
        sys.stdout.flush()


def print_status(*lines: str) -> None:
    """Print what is not a result on standard error; where nobody can read it, the work goes on."""
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        pass


def show_table(sets: "list[SnapshotSet]", here: "Engine", *, abs_time: bool) -> None:
    """Print sets as the `snap saved` of the place does."""
    print_result(*saved_table(sets, time.time(), abs_time, here.snap_version))


def show_rows(rows: "Sequence[tuple[str, ...]]", *, empty: str) -> None:
    """Print rows below their header in columns, or the word for no rows."""
    from tui.text import cells

    if len(rows) == 1:
        print_result(empty)
        return
    widths = [max(map(cells, column)) + 2 for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True))
        print_result("".join(padded).rstrip())


def sets_json(sets: "Sequence[SnapshotSet]") -> str:
    """The sets as snapd lists them over its API."""
    texts = (f'{{"id":{s.set_id},"snapshots":[{",".join(map(snapshot_json, s.snapshots))}]}}' for s in sets)
    return f"[{','.join(texts)}]"


def exact(key: str, name: bytes) -> dict[str, object]:
    """A name for a program: as text, and its bytes in base64 as well where they are no UTF-8."""
    try:
        return {key: name.decode("utf-8")}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {key: name.decode("utf-8", "replace"), f"{key}_bytes": b64encode(name).decode("ascii")}
