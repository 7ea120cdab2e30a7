"""The verb `saved`: what everyone asks most, so it loads almost nothing."""

import argparse
import sys
import time

from backend import DirectEngine, InvalidInputError, SnapshotSet, engine_for, snapshot_json
from tui.present import saved_table


def saved(arguments: argparse.Namespace) -> int:
    """Print the table of `snap saved`, or the JSON of snapd's `GET /v2/snapshots`."""
    sets = engine(arguments).sets(number(arguments.id or "0") or None, arguments.snaps)
    if arguments.json:
        print(sets_json(sets))
    elif not sets:
        print("No snapshots found.")
    else:
        print_table(sets, abs_time=arguments.abs_time)
    return 0


def engine(arguments: argparse.Namespace) -> DirectEngine:
    """The engine that the global options ask for."""
    if arguments.demo:
        from backend import demo_root

        return engine_for(demo_root(), arguments.engine)
    return engine_for(arguments.root, arguments.engine)


def number(text: str) -> int:
    """A set id as typed; InvalidInputError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidInputError(
            "invalid argument for snapshot set id: expected a non-negative integer argument "
            "(see 'snapstow saved --help')"
        )
    return int(text)


def print_table(sets: list[SnapshotSet], *, abs_time: bool) -> None:
    """Print sets as `snap saved` does."""
    sys.stdout.write("".join(f"{line}\n" for line in saved_table(sets, time.time(), abs_time)))


def sets_json(sets: list[SnapshotSet]) -> str:
    """The sets as snapd lists them over its API."""
    texts = (f'{{"id":{s.set_id},"snapshots":[{",".join(map(snapshot_json, s.snapshots))}]}}' for s in sets)
    return f"[{','.join(texts)}]"
