"""The verbs that do something: each makes an operation of its arguments, and has it carried out.

Messages about what was left out go to standard error; standard output carries results only.
"""

from backend import Check, Export, Forget, ForgetCopies, Import, NotFoundError, Restore, Save, Undo
from tui.cli.arguments.changes import (
    CheckArgs,
    ExportArgs,
    ForgetArgs,
    ImportArgs,
    RestoreArgs,
    SaveArgs,
    UndoArgs,
    set_id,
)
from tui.cli.arguments.parser import UsageError, is_number
from tui.cli.arguments.place import ResetArgs
from tui.cli.arguments.values import absolute
from tui.cli.context import Context
from tui.cli.outcome import AsTyped, perform
from tui.cli.output import print_result, print_status
from tui.text import plain, quoted


def save(context: Context, args: SaveArgs) -> int:
    """Save snaps as a new set, then print its table."""
    return perform(context, save_operation(args), no_wait=args.no_wait, abs_time=args.abs_time)


def save_operation(args: SaveArgs) -> Save:
    """The save that arguments stand for."""
    return Save(
        snaps=args.snaps,
        users=args.users,
        exclude=args.exclude,
        fast=args.fast,
        accept_changed=args.accept_changed,
        ignore_space=args.ignore_space,
        include_mounts=args.include_mounts,
        wait=args.wait,
        stop_services=args.stop_services,
    )


def check_snapshot(context: Context, args: CheckArgs) -> int:
    """Verify a set or every set, a file where it lies, or copies; every bad part is reported."""
    if args.repo:
        from tui.cli.commands.copies import check_copies

        return check_copies(context, args)
    if args.file:
        from tui.cli.commands.inspect import check_file

        return check_file(context, args)
    if args.all:
        return _check_all(context, args)
    if not args.set_id:
        raise UsageError("the required argument `<id>` was not provided", "check-snapshot")
    number, text = set_id(args.set_id)
    typed = AsTyped(set_id=text)
    return perform(context, check_operation(args, number, args.snaps), typed=typed, no_wait=args.no_wait)


def _check_all(context: Context, args: CheckArgs) -> int:
    if is_number(args.set_id):
        raise UsageError("a set and --all cannot be combined", "check-snapshot")
    snaps = (args.set_id, *args.snaps) if args.set_id else args.snaps
    if snaps and not context.engine.sets(None, snaps):
        raise NotFoundError(f"cannot check: no set contains {quoted(snaps)}")
    return perform(context, check_operation(args, 0, snaps), no_wait=args.no_wait)


def check_operation(args: CheckArgs, number: int, snaps: tuple[str, ...]) -> Check:
    """The check of a set, or with 0 of all, that arguments stand for."""
    return Check(
        set_id=number,
        snaps=snaps,
        users=args.users,
        structure=args.structure,
        quick=args.quick,
        older_than=args.older_than,
    )


def restore(context: Context, args: RestoreArgs) -> int:
    """Restore a set, or only show its plan."""
    operation = Restore(
        set_id=args.set_id.number,
        snaps=args.snaps,
        users=args.users,
        devices=args.devices,
        undo_window=0 if args.no_undo else args.undo_window or Restore.undo_window,
        target_dir=args.target_dir,
        revision=args.revision,
        wait=args.wait,
        stop_services=args.stop_services,
    )
    if args.plan:
        from tui.cli.commands.restore_plan import show_plan

        return show_plan(context, operation)
    return perform(context, operation, typed=AsTyped(set_id=args.set_id.text), no_wait=args.no_wait)


def undo(context: Context, args: UndoArgs) -> int:
    """Undo a restore or a forget, or list what can be undone."""
    if args.list:
        from tui.cli.commands.query import show_offers

        return show_offers(context, abs_time=args.abs_time)
    if args.job and not is_number(args.job):
        ways = context.command("undo --list")
        raise UsageError(f"cannot undo \"{args.job}\": expected the number of a job (see '{ways}')", "undo")
    return perform(context, Undo(int(args.job or "0"), args.wait), no_wait=args.no_wait)


def forget(context: Context, args: ForgetArgs) -> int:
    """Remove a set, or snaps of it, or copies in a repository."""
    if args.repo:
        copies = ForgetCopies(args.repo, (args.set_id, *args.snaps), args.now)
        return perform(context, copies, no_wait=args.no_wait)
    number, text = set_id(args.set_id)
    operation = Forget(
        set_id=number,
        snaps=args.snaps,
        wait=args.wait,
        undo_window=forget_window(context, args.undo_window, now=args.now),
        pinned=args.pinned,
    )
    return perform(context, operation, typed=AsTyped(set_id=text), no_wait=args.no_wait)


def forget_window(context: Context, undo_window: int, *, now: bool) -> int:
    """Return for how long what is forgotten is kept; says why where nothing is, though that was not asked."""
    if now:
        return 0
    if not undo_window and (fault := context.engine.trash_fault()):
        print_status(f"Note: nothing is kept for an undo: {plain(fault)}.")
        return 0
    return undo_window or Forget.undo_window


def export_snapshot(context: Context, args: ExportArgs) -> int:
    """Write a set to a file or to standard output."""
    operation = Export(
        set_id=args.set_id.number,
        file=absolute(_stream(args.file)),
        skip_broken=args.skip_broken,
        snaps=args.snaps,
        checksum=args.checksum,
        force=args.force,
    )
    if args.file != "-":
        from tui.cli.preflight import demand_room_for_export

        demand_room_for_export(context, operation)
    typed = AsTyped(set_id=args.set_id.text, file=args.file)
    return perform(context, operation, typed=typed, no_wait=args.no_wait)


def _stream(file: str) -> str:
    """The standard output is a stream, by whichever name: `-`."""
    return "-" if file in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1") else file


def import_snapshot(context: Context, args: ImportArgs) -> int:
    """Read a set from a file or from standard input, then print its table."""
    operation = Import(file=args.file, accept_hash=args.accept_hash, snaps=args.snaps)
    if args.file != "-" and not args.accept_hash:
        from tui.cli.preflight import demand_matching_hash

        demand_matching_hash(context, operation)
    return perform(context, operation, no_wait=args.no_wait, abs_time=args.abs_time)


def reset(context: Context, _args: ResetArgs) -> int:
    """Create the demo anew."""
    from backend import demo_root

    if not context.demo:
        raise UsageError("reset works with --demo only", "reset")
    print_result(f"The demo was recreated in {plain(demo_root(anew=True))}")
    return 0
