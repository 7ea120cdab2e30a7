"""The verbs about what is kept: prune, pin, unpin."""

import json
import time
from dataclasses import replace

from backend import NotFoundError, Prune, PruneCopies, SnapshotSet
from backend.engine import PrunePlan, opened_repository, plan_copy_pruning, plan_prune
from tui.cli.arguments.keeping import PinArgs, PruneArgs, UnpinArgs
from tui.cli.arguments.parser import UsageError
from tui.cli.commands.change import forget_window
from tui.cli.context import Context
from tui.cli.outcome import perform
from tui.cli.output import print_result, show_rows
from tui.cli.progress import interruptible
from tui.views.prune_plan import plan_document, plan_rows, plan_sentences


def prune(context: Context, args: PruneArgs) -> int:
    """Forget what no rule keeps, or only say what that is."""
    if args.all_hosts and not args.repo:
        raise UsageError("--all-hosts goes with --repo", "prune")
    operation = prune_operation(args)
    if isinstance(operation, Prune):
        window = forget_window(context, args.undo_window, now=args.now)
        operation = replace(operation, undo_window=window)
    if args.plan:
        return _show_plan(context, operation)
    if context.json or args.no_wait:
        return perform(context, operation, no_wait=args.no_wait)
    plan = _tell_plan(context, operation)
    if not plan.going and isinstance(operation, Prune):
        return 3 if plan.missing else 0
    shown = tuple(candidate.id for candidate in plan.going)
    return perform(context, replace(operation, confirmed=shown))


def prune_operation(args: PruneArgs) -> Prune | PruneCopies:
    """The prune that arguments stand for, here or in a repository."""
    rules = {name: getattr(args, name) for name in PruneArgs._fields if name.startswith("keep_")}
    if args.repo:
        return PruneCopies(
            snaps=args.snaps,
            free=args.free,
            repository=args.repo,
            all_hosts=args.all_hosts,
            now=args.now,
            **rules,
        )
    window = 0 if args.now else args.undo_window or Prune.undo_window
    return Prune(snaps=args.snaps, free=args.free, undo_window=window, **rules)


def _show_plan(context: Context, operation: Prune | PruneCopies) -> int:
    """Print what would go and what stays; returns 3 where it frees less than wanted."""
    if context.json:
        plan = _planned(context, operation)
        print_result(json.dumps(plan_document(plan)))
    else:
        plan = _tell_plan(context, operation)
        if plan.going:
            print_result(f"To do it: {context.command(operation)}")
    return 3 if plan.missing else 0


def _tell_plan(context: Context, operation: Prune | PruneCopies) -> PrunePlan:
    plan = _planned(context, operation)
    there = isinstance(operation, PruneCopies)
    show_rows(plan_rows(plan, time.time()), empty=f"There are no {'copies' if there else 'sets'}.")
    print_result("", *plan_sentences(plan, operation))
    return plan


def _planned(context: Context, operation: Prune | PruneCopies) -> PrunePlan:
    if isinstance(operation, Prune):
        return plan_prune(operation, context.engine)
    with opened_repository(context.engine, operation.repository) as repository:
        return interruptible(
            context, lambda progress: plan_copy_pruning(context.engine, operation, repository, progress)
        )


def pin(context: Context, args: PinArgs) -> int:
    """Pin a set."""
    made = context.engine.pins.pin(_set(context, args.set_id.number), args.note, time.time())
    note = f": {made.note}" if made.note else ""
    print_result(f"Snapshot #{args.set_id.text} is pinned{note}.")
    return 0


def unpin(context: Context, args: UnpinArgs) -> int:
    """Remove the pin of a set."""
    if not context.engine.pins.unpin(_set(context, args.set_id.number)):
        raise NotFoundError(f"snapshot set #{args.set_id.number} is not pinned")
    print_result(f"Snapshot #{args.set_id.text} is not pinned any more.")
    return 0


def _set(context: Context, number: int) -> SnapshotSet:
    groups = context.engine.sets(number)
    if not groups:
        raise NotFoundError(f"there is no snapshot set #{number}")
    return groups[0]
