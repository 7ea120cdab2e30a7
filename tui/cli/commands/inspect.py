"""The verbs that look into snapshots: ls, cat, find, open; and the check of a file where it lies.

Names are printed so that they do no harm; for programs they are exact.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from backend import Engine, InvalidInputError, NotFoundError, Progress, Result, Snapshot
from backend.browse import (
    Hit,
    Look,
    Missed,
    Node,
    Order,
    SnapshotFile,
    Tree,
    harmless,
    histories,
    preview_of,
    reading_recorded,
    search_files,
)
from backend.format import snapshot_json
from backend.store import VerificationLog
from tui.cli.arguments import Arguments, UsageError
from tui.cli.commands.inspect_lines import (
    HEADER,
    archive_document,
    archive_row,
    hit_document,
    minute,
    node_document,
    node_line,
)
from tui.cli.context import engine, number
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import Foreground
from tui.terminal.setup import can_draw
from tui.text import plain, quoted, size_text

_PAGE = 1000
_PIECE = 1 << 20
_HEAD = 256 << 10
_MOST_HITS = 100_000


class Spot(NamedTuple):
    """A place in an archive that was asked for: its tree, and the node there."""

    tree: Tree
    node: Node


# -- the verbs


def ls(arguments: Arguments) -> int:
    """List a folder of a snapshot, or what a set or a file holds; 3 where not all of it can be read."""
    order = _order(arguments)
    with ExitStack() as stack:
        inside, path = _wanted(arguments, stack)
        if path.partition(":")[2]:
            with _spot(arguments, inside[0], path) as spot:
                _list(arguments, spot, order)
                return _ending(arguments, spot.tree)
        for one in inside:
            _show_tops(arguments, one)
        return 3 if any(one.faults or _broken(one) for one in inside) else 0


def cat(arguments: Arguments) -> int:
    """Write a file of a snapshot to standard output; 3 where its archive cannot be read to its end."""
    with ExitStack() as stack:
        inside, path = _wanted(arguments, stack)
        if not path.partition(":")[2]:
            raise UsageError("the required argument `<snap>:<path>` was not provided", "cat")
        with _spot(arguments, inside[0], path) as spot:
            content = spot.tree.open(spot.node)
            if sys.stdout.isatty():
                _show_text(content.read(0, min(_HEAD, content.size)), content.size, spot)
            else:
                sys.stdout.flush()
                at = 0
                while at < content.size and (piece := content.read(at, _PIECE)):
                    sys.stdout.buffer.write(piece)
                    at += len(piece)
            return _ending(arguments._replace(json=False), spot.tree)


def find(arguments: Arguments) -> int:
    """Find files by name in all snapshots, or in some; 3 where not everything could be searched."""
    here = engine(arguments)
    if arguments.file:
        if arguments.id:
            raise UsageError("--id and --file exclude each other", "find")
        where: Sequence[Snapshot | str] = [os.path.abspath(arguments.file)]
    else:
        where = _of_store(here, arguments)
    hits: list[Hit] = []
    missed = 0
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        with progress.step("Searching"):
            for found in search_files(where, arguments.pattern, here.state_dir, progress):
                if isinstance(found, Missed):
                    missed += 1
                    print_status(f"not (all) searched: {_place_text(found)}: {plain(found.reason)}")
                elif arguments.json:
                    print_result(json.dumps(hit_document(found)))
                elif len(hits) < _MOST_HITS:
                    hits.append(found)
    if not arguments.json:
        _show_histories(arguments, hits)
    return 3 if missed else 0


def _of_store(here: Engine, arguments: Arguments) -> list[Snapshot]:
    """What to search; what is named and not there is no empty answer."""
    sets = here.sets(number(arguments.id or "0") or None, arguments.snaps)
    if not sets and (arguments.id or arguments.snaps):
        of_snaps = f" of {quoted(arguments.snaps)}" if arguments.snaps else ""
        in_set = f" in set #{arguments.id}" if arguments.id else ""
        raise NotFoundError(f"cannot search: there is no snapshot{of_snaps}{in_set}")
    return [snapshot for one in sets for snapshot in one.snapshots]


def open(arguments: Arguments) -> int:
    """Show, or without a terminal tell, what an export or a single snapshot holds; nothing is imported."""
    if can_draw() and not (arguments.json or arguments.plain):
        from tui.cli.commands.browse import draw

        return draw(arguments, os.path.abspath(arguments.file))
    with _reading() as job, SnapshotFile.of_file(os.path.abspath(arguments.file), job) as inside:
        if arguments.json:
            print_result(*(snapshot_json(snapshot) for snapshot in inside.snapshots))
        else:
            _show_tops(arguments, inside)
        return 3 if inside.faults or _broken(inside) else 0


def check_file(arguments: Arguments) -> int:
    """Verify an export or a single snapshot where it lies; 4 where something is bad."""
    snaps = tuple(filter(None, (arguments.set_id, *arguments.snaps)))
    users = tuple(filter(None, arguments.users.split(",")))
    with Foreground(json=arguments.json) as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        with SnapshotFile.of_file(os.path.abspath(arguments.file), progress.quiet()) as inside:
            for snap in snaps:
                inside.of_snap(snap)
            with progress.step("Checking", sum(a.packed.size for held in inside.held for a in held.archives)):
                how = {"quick": arguments.quick, "structure": arguments.structure}
                result = Result(verdicts=tuple(inside.check(progress, users, snaps, **how)))
            faults = inside.faults
        code = result.exit_code or (4 if faults else 0)
        if arguments.json:
            foreground.line({"event": "result", "exit": code, **result.to_json(), "faults": list(faults)})
    if not arguments.json:
        _tell_check(arguments, result, faults)
    return code


# -- what was asked for


def _order(arguments: Arguments) -> Order:
    try:
        return Order(arguments.sort or "name")
    except ValueError:
        choices = ", ".join(order.value for order in Order)
        raise UsageError(
            f"invalid value `{arguments.sort}' for flag `--sort': choose {choices}", "ls"
        ) from None


def _wanted(arguments: Arguments, stack: ExitStack) -> tuple[list[SnapshotFile], str]:
    """The files that are meant, open; and where in the first of them, `SNAP[:PATH]` or nothing."""
    if arguments.file:
        if arguments.target:
            raise UsageError("a set and --file exclude each other", arguments.verb)
        with _reading() as job:
            return [
                stack.enter_context(SnapshotFile.of_file(os.path.abspath(arguments.file), job))
            ], arguments.set_id
    if not arguments.set_id:
        raise UsageError("the required argument `<id>` was not provided", arguments.verb)
    set_id = number(arguments.set_id)
    snap = arguments.target.partition(":")[0]
    sets = engine(arguments).sets(set_id, (snap,) if snap else ())
    snapshots = [snapshot for one in sets for snapshot in one.snapshots]
    if not snapshots:
        what = f"there is no snapshot of {quoted([snap])} in it" if snap else "there is no such set"
        raise NotFoundError(f"cannot look into snapshot set #{set_id}: {what}")
    return [stack.enter_context(SnapshotFile.of_store(snapshot)) for snapshot in snapshots], arguments.target


@contextmanager
def _spot(arguments: Arguments, inside: SnapshotFile, target: str) -> Iterator[Spot]:
    """The place that `SNAP[:PATH]` names, its archive read if it was not before."""
    snap, _, path = target.partition(":")
    held = inside.of_snap(snap)
    if held.snapshot.broken:
        print_status(f"warning: the snapshot is broken: {plain(held.snapshot.broken)}")
    archive, name = held.locate(path)
    own = engine(arguments).state_dir
    with Tree(archive, own) as tree:
        with _reading() as job, job.step(f"Reading {plain(archive.entry)}", tree.size):
            tree.index(job)
        if not arguments.file:
            reading_recorded(tree, VerificationLog(own))
        yield Spot(tree, tree.node(name))


@contextmanager
def _reading() -> Iterator[Progress]:
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        yield progress


# -- what is shown


def _list(arguments: Arguments, spot: Spot, order: Order) -> None:
    """Print a folder, or what is no folder itself, a page at a time."""
    if not arguments.json:
        print_result(HEADER)
    start = 0
    while nodes := spot.tree.listing(spot.node, order, start, _PAGE) if spot.node.is_folder else [spot.node]:
        if arguments.json:
            print_result(*(json.dumps(node_document(node, spot.tree.path(node))) for node in nodes))
        else:
            print_result(*(node_line(node) for node in nodes))
        start += len(nodes)
        if not spot.node.is_folder or len(nodes) < _PAGE:
            break


def _ending(arguments: Arguments, tree: Tree) -> int:
    """Tell what is wrong with an archive that was looked into; the exit code."""
    if tree.fault:
        print_status(f"not all of it could be read: {plain(tree.fault)}")
    if tree.verified is False:
        print_status(f"the archive is not what was saved: {plain(tree.mismatch)}")
    if arguments.json and (tree.fault or tree.verified is False):
        print_result(json.dumps({"incomplete": tree.fault, "mismatch": tree.mismatch}))
    if tree.fault:
        return 3
    return 4 if tree.verified is False else 0


def _show_text(head: bytes, size: int, spot: Spot) -> None:
    """Print the beginning of a file on a terminal, harmless."""
    seen = preview_of(head, size)
    if seen.look is Look.BINARY:
        what = seen.what or "it is binary"
        name = plain(spot.node.text)
        raise InvalidInputError(f'cannot show "{name}" on a terminal: {what}; redirect standard output')
    lines = head.decode("utf-8", "surrogateescape").splitlines() if seen.look is Look.JSON else ()
    print_result(*(map(harmless, lines) if lines else seen.lines))
    if not seen.whole:
        print_status("... and more: redirect standard output to have all of it")


def _show_tops(arguments: Arguments, inside: SnapshotFile) -> None:
    """Print what a file holds: its snapshots, and how their archives are named."""
    snap = "" if arguments.verb == "open" else (arguments.target or arguments.set_id * bool(arguments.file))
    snap = snap.partition(":")[0]
    rows = [("Path", "Packed", "Holds")]
    for held in inside.held:
        if snap and held.snapshot.snap != snap:
            continue
        if held.snapshot.broken:
            print_status(
                f"broken: {plain(held.snapshot.snap or held.snapshot.path)}: {plain(held.snapshot.broken)}"
            )
        for archive in held.archives:
            if arguments.json:
                print_result(json.dumps(archive_document(archive)))
            rows.append(archive_row(archive))
    print_status(*(f"warning: {plain(fault)}" for fault in inside.faults))
    if not arguments.json:
        show_rows(rows, empty="There are no archives in it.")


def _show_histories(arguments: Arguments, hits: Sequence[Hit]) -> None:
    """Print every file that was found with its versions, the oldest first."""
    if not hits:
        print_result("Nothing found.")
    for history in histories(hits):
        owner = f"user/{history.user}/" if history.user else ""
        print_result(plain(f"{history.snap}:{owner}{history.path.decode('utf-8', 'surrogateescape')}"))
        for version in history.versions:
            node = version.hits[0].node
            sets = ", ".join(_set_text(arguments, hit) for hit in version.hits)
            print_result(f"  {minute(node.mtime_ns)}  {size_text(node.size):>6}  in {sets}")
    if len(hits) >= _MOST_HITS:
        print_status(f"Only the first {_MOST_HITS} are shown.")


def _set_text(arguments: Arguments, hit: Hit) -> str:
    when = f" ({plain(hit.snapshot.time)})" if arguments.abs_time else ""
    return f"#{hit.snapshot.set_id}{when}"


def _place_text(missed: Missed) -> str:
    if missed.snapshot is None:
        return plain(missed.file)
    name = f"#{missed.snapshot.set_id} {missed.snapshot.snap or os.path.basename(missed.file)}"
    return plain(f"{name}, {missed.entry}" if missed.entry else name)


def _broken(inside: SnapshotFile) -> bool:
    return any(snapshot.broken for snapshot in inside.snapshots)


def _tell_check(arguments: Arguments, result: Result, faults: Sequence[str]) -> None:
    bad = [verdict for verdict in result.verdicts if verdict.fault]
    print_status(*(f"error: {plain(fault)}" for fault in faults))
    print_status(*(plain(f"error: {verdict.snap or 'snapshot'}: {verdict.fault}") for verdict in sorted(bad)))
    archives = sum(1 for verdict in result.verdicts if verdict.entry)
    good = archives - sum(1 for verdict in bad if verdict.entry)
    outcome = "are there; none was read" if arguments.quick else "verified successfully"
    (print_status if bad or faults else print_result)(f"{good} of {archives} archives {outcome}.")
