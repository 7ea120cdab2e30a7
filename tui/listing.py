"""The verb `saved`: what everyone asks most, so it loads almost nothing. And what all verbs share."""

import sys
import time
from typing import TYPE_CHECKING

from backend import PlaceEngine, engine_for, snap_version, snapshot_json
from tui.present import guard_text, plain, saved_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend import Guarded, Operation, SnapshotSet
    from tui.arguments import Arguments


def saved(arguments: "Arguments") -> int:
    """Print the table of `snap saved`, or the JSON of snapd's `GET /v2/snapshots`."""
    here = engine(arguments)
    sets = here.sets(number(arguments.id or "0") or None, arguments.snaps)
    if arguments.json:
        show(sets_json(sets))
    else:
        show_table(_marked(sets, here), here, abs_time=arguments.abs_time)
    return 0


def _marked(sets: "list[SnapshotSet]", here: PlaceEngine) -> "list[SnapshotSet]":
    """The same with a word on those by which a restore through snapd can be taken back."""
    guards = here.guards()
    return [one if one.set_id not in guards else _guarding(one, guards[one.set_id]) for one in sets]


def _guarding(one: "SnapshotSet", guarded: "Guarded") -> "SnapshotSet":
    note = guard_text(guarded)
    marked = (
        snapshot._replace(warning=", ".join(filter(None, (snapshot.warning, note))))
        for snapshot in one.snapshots
    )
    return one._replace(snapshots=tuple(marked))


def engine(arguments: "Arguments") -> PlaceEngine:
    """The engine that the global options ask for."""
    if arguments.demo:
        from backend import demo_root

        return engine_for(demo_root(), arguments.engine)
    return engine_for(arguments.root, arguments.engine)


def number(text: str) -> int:
    """A set id as typed; UsageError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        from tui.arguments import UsageError

        raise UsageError(
            "invalid argument for snapshot set id: expected a non-negative integer argument", "saved"
        )
    return int(text)


def show(*lines: str) -> None:
    """Print results on standard output."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def say(*lines: str) -> None:
    """Print what is not a result on standard error; where nobody can read it, the work goes on."""
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        pass


def show_table(sets: "list[SnapshotSet]", here: PlaceEngine, *, abs_time: bool) -> None:
    """Print sets as the `snap saved` of the place does."""
    show(*saved_table(sets, time.time(), abs_time, snap_version(here)))


def show_rows(rows: "Sequence[tuple[str, ...]]", *, empty: str) -> None:
    """Print rows below their header in columns, or the word for no rows."""
    from tui.present import cells

    if len(rows) == 1:
        show(empty)
        return
    widths = [max(map(cells, column)) + 2 for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True))
        show("".join(padded).rstrip())


def sets_json(sets: "Sequence[SnapshotSet]") -> str:
    """The sets as snapd lists them over its API."""
    texts = (f'{{"id":{s.set_id},"snapshots":[{",".join(map(snapshot_json, s.snapshots))}]}}' for s in sets)
    return f"[{','.join(texts)}]"


def place_words(arguments: "Arguments") -> tuple[str, ...]:
    """The options that name the place, and the engine where one was asked for."""
    where = ("--demo",) if arguments.demo else ("--root", arguments.root) if arguments.root != "/" else ()
    return (*where, *(("--engine", arguments.engine) if arguments.engine != "auto" else ()))


def command(arguments: "Arguments", what: "Operation | str") -> str:
    """A command for a shell, with the options that name the place; `what` is an operation, or words."""
    import os
    from shlex import quote

    from backend import command_line

    words = ["snapstow"]
    if arguments.demo:
        words.append("--demo")
    elif arguments.root != "/":
        words += ["--root", quote(os.path.abspath(arguments.root))]
    if arguments.engine != "auto":
        words += ["--engine", arguments.engine]
    words.append(what if isinstance(what, str) else command_line(what).removeprefix("snapstow "))
    return plain(" ".join(words))


def names(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
