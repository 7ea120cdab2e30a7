"""The steps of a schedule as they stand in the configuration: read as command lines are, made operations."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from backend import InvalidInputError, NotFoundError, Operation, Repair
from backend.config import Config, ScheduleConfig
from backend.schedule import Schedule, Step, demand_step
from tui.cli.arguments.changes import CheckArgs, set_id
from tui.cli.arguments.keeping import PruneArgs
from tui.cli.arguments.parser import GlobalOptions, UsageError
from tui.cli.arguments.place import DoctorArgs
from tui.cli.arguments.reading import CommandLine, parse
from tui.cli.commands.change import check_operation, save_operation
from tui.cli.commands.copies import check_copies_operation, push_operation
from tui.cli.commands.keeping import prune_operation


def schedule_of(config: Config, name: str) -> Schedule:
    """Return a schedule of the configuration, its steps understood.

    Raises:
        NotFoundError: there is none of that name.
        InvalidInputError: a step is none; the text names file, schedule and step, and what would be right.
    """
    if name not in config.schedules:
        known = ", ".join(sorted(config.schedules)) or "none"
        raise NotFoundError(f'no schedule "{name}" is configured in {config.path} (there are: {known})')
    schedule = config.schedules[name]
    return Schedule(schedule, tuple(steps_of(config, schedule)))


def steps_of(config: Config, schedule: ScheduleConfig) -> list[Step]:
    """Return the steps of a schedule; InvalidInputError as `schedule_of`."""
    return [
        Step(number, text, _operation(config, schedule, number, text))
        for number, text in enumerate(schedule.steps, 1)
    ]


def _operation(config: Config, schedule: ScheduleConfig, number: int, text: str) -> Operation:
    try:
        arguments = shlex.split(text)
        demand_step(arguments[0] if arguments else "")
        line = parse(arguments)
        demand_step(line.verb)  # --help and --version are verbs of their own
        _demand_plain(line)
        return _OPERATIONS[line.verb](line.arguments)
    except (UsageError, InvalidInputError, ValueError) as mistake:
        where = f'{config.path}: schedule {schedule.name}, step {number}, "{text}"'
        raise InvalidInputError(f"{where}: {mistake}") from mistake


def _demand_plain(line: CommandLine) -> None:
    if line.options != GlobalOptions():
        raise UsageError("all steps work where the schedule is run; expected no --root, --engine or the like")
    if getattr(line.arguments, "no_wait", False):
        raise UsageError("a step is waited for; expected no --no-wait")


def _check(args: CheckArgs) -> Operation:
    if args.file:
        raise UsageError("a file is checked by hand; expected a set, --all or --repo")
    if args.repo:
        return check_copies_operation(args)
    if args.all:
        return check_operation(args, 0, (args.set_id, *args.snaps) if args.set_id else args.snaps)
    if not args.set_id:
        raise UsageError("which? expected a set, --all or --repo")
    return check_operation(args, set_id(args.set_id).number, args.snaps)


def _prune(args: PruneArgs) -> Operation:
    if args.plan:
        raise UsageError("nobody reads what it prints; expected no --plan")
    return prune_operation(args)


def _doctor(args: DoctorArgs) -> Operation:
    if not args.repair:
        raise UsageError("nobody reads what it prints; expected doctor --repair")
    return Repair()


_OPERATIONS: Mapping[str, Callable[[Any], Operation]] = {
    "save": save_operation,
    "check-snapshot": _check,
    "push": push_operation,
    "prune": _prune,
    "doctor": _doctor,
}
