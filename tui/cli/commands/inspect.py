"""The verbs that look into snapshots: ls, cat, open; and the check of a file where it lies.

Names are printed so that they do no harm; for programs they are exact.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from backend import CheckCount, InvalidInputError, NotFoundError, Progress, Result
from backend.browse import (
    Look,
    Node,
    Order,
    SnapshotFile,
    Tree,
    harmless,
    preview_of,
    reading_recorded,
)
from backend.format import snapshot_json
from backend.store import VerificationLog
from tui.cli.arguments.changes import CheckArgs
from tui.cli.arguments.contents import CatArgs, LsArgs, OpenArgs
from tui.cli.commands.copy_files import local_file
from tui.cli.commands.inspect_lines import (
    HEADER,
    archive_document,
    archive_row,
    node_document,
    node_line,
)
from tui.cli.context import Context
from tui.cli.outcome import verdict_outcome
from tui.cli.output import flush_results, output_errors, print_result, print_status, show_rows
from tui.cli.progress import Foreground, watched_progress
from tui.phrases import count_phrase
from tui.terminal.setup import can_draw
from tui.text import plain, quoted

_PAGE = 1000
_PIECE = 1 << 20
_HEAD = 256 << 10


class Spot(NamedTuple):
    """A place in an archive that was asked for: its tree, and the node there."""

    tree: Tree
    node: Node


# -- the verbs


def ls(context: Context, args: LsArgs) -> int:
    """List a folder of a snapshot, or what a set or a file holds; 3 where not all of it can be read."""
    with ExitStack() as stack:
        files = _wanted(context, args, stack)
        if args.target.partition(":")[2]:
            with _spot(context, args, files[0]) as spot:
                _list(context, spot, Order(args.sort))
                return _ending(spot.tree, json_output=context.json)
        for file in files:
            _show_tops(context, file, args.target.partition(":")[0])
        return 3 if any(file.faults or _broken(file) for file in files) else 0


def cat(context: Context, args: CatArgs) -> int:
    """Write a file of a snapshot to standard output; 3 where its archive cannot be read to its end."""
    with ExitStack() as stack:
        files = _wanted(context, args, stack)
        with _spot(context, args, files[0]) as spot:
            content = spot.tree.open(spot.node)
            if sys.stdout.isatty():
                _show_text(content.read(0, min(_HEAD, content.size)), content.size, spot)
            else:
                flush_results()
                at = 0
                while at < content.size and (piece := content.read(at, _PIECE)):
                    with output_errors():
                        sys.stdout.buffer.write(piece)
                    at += len(piece)
            return _ending(spot.tree, json_output=False)


def open(context: Context, args: OpenArgs) -> int:
    """Browse, or without a terminal list, an export or a single snapshot; nothing is imported."""
    path = local_file(context, args.file)
    if can_draw() and not (context.json or args.plain):
        from tui.cli.commands.browse import draw

        return draw(context, args, path)
    with watched_progress() as progress, SnapshotFile.of_file(path, progress) as file:
        if context.json:
            print_result(*(snapshot_json(snapshot) for snapshot in file.snapshots))
        else:
            _show_tops(context, file)
        return 3 if file.faults or _broken(file) else 0


def check_file(context: Context, args: CheckArgs) -> int:
    """Verify an export or a single snapshot where it lies; 4 where something is bad."""
    snaps, path = tuple(filter(None, (args.set_id, *args.snaps))), local_file(context, args.file)
    with Foreground(json=context.json) as foreground:
        progress = Progress(foreground.handle)
        foreground.watch(progress)
        with SnapshotFile.of_file(path, progress.quiet()) as file:
            for snap in snaps:
                file.of_snap(snap)
            size = sum(archive.packed.size for held in file.held for archive in held.archives)
            with progress.step("Checking", size):
                how = {"quick": args.quick, "structure": args.structure}
                result = Result(verdicts=tuple(file.check(progress, args.users, snaps, **how)))
            faults = file.faults
        code = result.exit_code or (4 if faults else 0)
        if context.json:
            foreground.line({"event": "result", "exit": code, **result.to_json(), "faults": list(faults)})
    if not context.json:
        _show_check(result, faults, quick=args.quick)
    return code


# -- what was asked for


def _wanted(context: Context, args: LsArgs | CatArgs, stack: ExitStack) -> list[SnapshotFile]:
    """The snapshot files that are meant, open."""
    if path := local_file(context, args.file):
        with watched_progress() as progress:
            return [stack.enter_context(SnapshotFile.of_file(path, progress))]
    snap = args.target.partition(":")[0]
    sets = context.engine.sets(args.set_id, (snap,) if snap else ())
    snapshots = [snapshot for group in sets for snapshot in group.snapshots]
    if not snapshots:
        what = f"it has no snapshot of {quoted([snap])}" if snap else "there is no such set"
        raise NotFoundError(f"cannot open snapshot set #{args.set_id}: {what}")
    return [stack.enter_context(SnapshotFile.of_store(snapshot)) for snapshot in snapshots]


@contextmanager
def _spot(context: Context, args: LsArgs | CatArgs, file: SnapshotFile) -> Iterator[Spot]:
    """The place that `SNAP[:PATH]` names, its archive read if it was not before."""
    snap, _, path = args.target.partition(":")
    held = file.of_snap(snap)
    if held.snapshot.broken:
        print_status(f"warning: the snapshot is broken: {plain(held.snapshot.broken)}")
    archive, name = held.locate(path)
    state_dir = context.engine.state_dir
    with Tree(archive, state_dir) as tree:
        with watched_progress() as progress, progress.step(f"Reading {plain(archive.entry)}", tree.size):
            tree.index(progress)
        if not args.file:
            reading_recorded(tree, VerificationLog(state_dir))
        yield Spot(tree, tree.node(name))


# -- what is shown


def _list(context: Context, spot: Spot, order: Order) -> None:
    """Print a folder, or what is no folder itself, a page at a time."""
    if not context.json:
        print_result(HEADER)
    start = 0
    while nodes := spot.tree.listing(spot.node, order, start, _PAGE) if spot.node.is_folder else [spot.node]:
        if context.json:
            print_result(*(json.dumps(node_document(node, spot.tree.path(node))) for node in nodes))
        else:
            print_result(*(node_line(node) for node in nodes))
        start += len(nodes)
        if not spot.node.is_folder or len(nodes) < _PAGE:
            break


def _ending(tree: Tree, *, json_output: bool) -> int:
    """Report what is wrong with an archive that was read; the exit code."""
    if tree.fault:
        print_status(f"not all of it could be read: {plain(tree.fault)}")
    if tree.verified is False:
        print_status(f"the archive differs from what was saved: {plain(tree.mismatch)}")
    if json_output and (tree.fault or tree.verified is False):
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
        print_status("... truncated: redirect standard output to get all of it")


def _show_tops(context: Context, inside: SnapshotFile, snap: str = "") -> None:
    """Print what a file holds, of one snap or of all: its snapshots, and how their archives are named."""
    rows = [("Path", "Packed", "Contents")]
    for held in inside.held:
        if snap and held.snapshot.snap != snap:
            continue
        if held.snapshot.broken:
            print_status(
                f"broken: {plain(held.snapshot.snap or held.snapshot.path)}: {plain(held.snapshot.broken)}"
            )
        for archive in held.archives:
            if context.json:
                print_result(json.dumps(archive_document(archive)))
            rows.append(archive_row(archive))
    print_status(*(f"warning: {plain(fault)}" for fault in inside.faults))
    if not context.json:
        show_rows(rows, empty="It contains no archives.")


def _broken(inside: SnapshotFile) -> bool:
    return any(snapshot.broken for snapshot in inside.snapshots)


def _show_check(result: Result, faults: Sequence[str], *, quick: bool) -> None:
    bad = [verdict for verdict in result.verdicts if verdict.fault]
    print_status(*(f"error: {plain(fault)}" for fault in faults))
    print_status(*(plain(f"error: {verdict.snap or 'snapshot'}: {verdict.fault}") for verdict in sorted(bad)))
    count = CheckCount.of(result.verdicts)
    (print_status if bad or faults else print_result)(
        f"{count.sound} of {count_phrase(count.snapshots, 'snapshot')} {verdict_outcome(quick=quick)}."
    )
