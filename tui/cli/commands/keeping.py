"""The verbs about what is kept: prune, pin, unpin."""

import json
import time
from dataclasses import replace

from backend import NotFoundError, Prune, SnapshotSet
from backend.engine import PrunePlan, plan_prune
from tui.cli.arguments.keeping import PinArgs, PruneArgs, UnpinArgs
from tui.cli.commands.change import forget_window
from tui.cli.context import Context
from tui.cli.outcome import perform
from tui.cli.output import print_result, show_rows
from tui.views.prune_plan import plan_document, plan_rows, plan_sentences


def prune(context: Context, args: PruneArgs) -> int:
    """Forget what no rule keeps, or only say what that is."""
    rules = {name: getattr(args, name) for name in PruneArgs._fields if name.startswith("keep_")}
    window = forget_window(context, args.undo_window, now=args.now)
    operation = Prune(snaps=args.snaps, free=args.free, repository=args.repo, undo_window=window, **rules)
    if args.plan:
        return _show_plan(context, operation)
    if context.json or args.no_wait or operation.repository:
        return perform(context, operation, no_wait=args.no_wait)
    plan = _tell_plan(context, operation)
    if not plan.going:
        return 3 if plan.missing else 0
    shown = tuple(candidate.id for candidate in plan.going)
    return perform(context, replace(operation, confirmed=shown))


def _show_plan(context: Context, operation: Prune) -> int:
    """Print what would go and what stays; returns 3 where it frees less than wanted."""
    if context.json:
        plan = plan_prune(operation, context.engine)
        print_result(json.dumps(plan_document(plan)))
    else:
        plan = _tell_plan(context, operation)
        if plan.going:
            print_result(f"To do it: {context.command(operation)}")
    return 3 if plan.missing else 0


def _tell_plan(context: Context, operation: Prune) -> PrunePlan:
    plan = plan_prune(operation, context.engine)
    show_rows(plan_rows(plan, time.time()), empty="There are no sets.")
    print_result("", *plan_sentences(plan, operation.undo_window))
    return plan


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
