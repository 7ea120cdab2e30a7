"""The verb `schedule`: what is configured to run by itself, run by hand, or handed to systemd."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from backend import InvalidInputError, SnapshotError
from backend.config import Config, ScheduleConfig
from backend.format import minute_text
from backend.schedule import (
    History,
    RunRecord,
    Start,
    Step,
    StepEnd,
    StopWish,
    Timers,
    UnitFiles,
    Watch,
    metrics_refusal,
    notice_refusal,
    read_calendar,
    read_rhythm,
    result_text,
    run_schedule,
    timers_of,
    units_of,
)
from tui.cli.arguments.parser import UsageError
from tui.cli.arguments.schedule import ScheduleArgs
from tui.cli.commands.schedule_steps import schedule_of, steps_of
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import Foreground
from tui.session.own_command import own_command
from tui.text import age_text, plain

_STOPS = (signal.SIGINT, signal.SIGTERM)
_GRACE = 3600  # seconds that a run may be late: delays of a timer, a machine that just woke


def schedule(context: Context, args: ScheduleArgs) -> int:
    """List schedules, run one, or have systemd run it, or no more."""
    if args.action == "list":
        if args.name:
            raise UsageError("a list is of all schedules", "schedule")
        return _list(context, abs_time=args.abs_time)
    if not args.name:
        raise UsageError("the required argument `<name>` was not provided", "schedule")
    actions = {"run": _run, "enable": _enable, "disable": _disable}
    return actions[args.action](context, args.name)


# -- running


def _run(context: Context, name: str) -> int:
    """Run one now, and print how each step ended."""
    plan = schedule_of(context.engine.config, name)
    wish = StopWish()
    with _stops_heard(wish):
        record = run_schedule(plan, context.engine, _Listener(context), wish)
    if context.json:
        print_result(json.dumps({"event": "run", **record.to_json()}))
        return record.exit
    print_status(*(f"error: {plain(trouble)}" for trouble in record.troubles))
    print_result(f"Schedule {name}: {result_text(record)}.")
    return record.exit


@contextmanager
def _stops_heard(wish: StopWish) -> Iterator[None]:
    """Until it is left, Ctrl-C and SIGTERM end the step that runs and let no other begin."""
    kept = {number: signal.getsignal(number) for number in _STOPS}
    for number, action in kept.items():
        if action != signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: wish.ask())
    try:
        yield
    finally:
        for number, action in kept.items():
            signal.signal(number, action)


class _Listener:
    """Shows a run: each step with its progress, then how it ended. What cannot be shown stops nothing."""

    def __init__(self, context: Context) -> None:
        self._json = context.json

    @contextmanager
    def begins(self, step: Step) -> Iterator[Watch]:
        """A step begins; its progress is shown until the context is left."""
        with Foreground(json=self._json) as foreground:
            if self._json:
                foreground.line({"event": "step", "number": step.number, "step": step.text})
            yield foreground.watch

    def ended(self, end: StepEnd) -> None:
        """A step ended."""
        if self._json:
            Foreground(json=True).line({"event": "step-ended", "number": end.step.number, **end.to_json()})
        else:
            print_status(plain(end.sentence))


# -- systemd


def _enable(context: Context, name: str) -> int:
    """Put the units in place and say when it will run."""
    config = context.engine.config
    configured = schedule_of(config, name).config
    if reason := notice_refusal(configured) or metrics_refusal(configured):
        raise InvalidInputError(reason)
    timers = timers_of(context.engine)
    units = _units(context, config, configured, timers)
    timers.enable(units)
    runs = read_calendar(configured.when).runs
    if context.json:
        paths = [f"{timers.folder}/{file}" for file in units.files]
        print_result(json.dumps({"schedule": name, "units": paths, "runs": list(runs)}))
        return 0
    print_result(f"Schedule {name} is enabled: {timers.folder}/{units.timer_name}")
    print_result(*(f"  {minute_text(moment)}" for moment in runs))
    if not runs:
        print_status(f'"{plain(configured.when)}" is over: it has no time to come.')
    _tell_who_starts(timers, units)
    return 0


def _tell_who_starts(timers: Timers, units: UnitFiles) -> None:
    if timers.manager.is_absent and timers.manager.is_of_user:
        print_status(
            f"No systemd of yours runs here. Once it does: systemctl --user enable {units.timer_name}"
        )
    elif timers.manager.is_absent:
        print_status("No systemd looks there: it is for another root than that of this machine.")
    elif not timers.manager.runs:
        print_status("systemd does not run here now: it starts the timer when it does.")


def _units(context: Context, config: Config, configured: ScheduleConfig, timers: Timers) -> UnitFiles:
    engine = context.engine
    start = Start(
        (*own_command(), *context.location_options(absolute=True), "schedule", "run", configured.name),
        (engine.state_dir, engine.layout.snapshots, engine.layout.root),
        is_of_user=timers.manager.is_of_user,
    )
    return units_of(configured, config, read_rhythm(configured.when), start)


def _disable(context: Context, name: str) -> int:
    """Remove the units."""
    timers_of(context.engine).disable(name)
    if context.json:
        print_result(json.dumps({"schedule": name, "units": []}))
    else:
        print_result(f"Schedule {name} is disabled; its units are removed.")
    return 0


# -- listing


class _Row(NamedTuple):
    """What is known of a schedule; times in seconds since the epoch, 0.0 for none."""

    name: str
    when: str
    is_enabled: bool
    result: str
    last: RunRecord | None
    next: float
    notes: tuple[str, ...]


def _list(context: Context, *, abs_time: bool) -> int:
    config, timers = context.engine.config, timers_of(context.engine)
    names = sorted({*config.schedules, *timers.names()})
    rows = [_row(context, config, timers, name) for name in names]
    if context.json:
        print_result(json.dumps([_json(row) for row in rows]))
        return 0
    head = ("Schedule", "When", "Timer", "Last run", "Result", "Next run", "Notes")
    table = [head, *(_cells(row, abs_time=abs_time) for row in rows)]
    show_rows(table, empty=f"No schedules are configured in {plain(config.path)}.")
    return 0


def _row(context: Context, config: Config, timers: Timers, name: str) -> _Row:
    history = History(context.engine.state_dir)
    last, is_running = history.last(name), history.is_running(name)
    configured = config.schedules.get(name)
    is_enabled = name in timers.names()
    notes = []
    if configured is None:
        return _Row(name, "-", is_enabled, _result(last, is_running), last, 0.0, ("not configured any more",))
    coming, is_late = 0.0, False
    try:
        steps_of(config, configured)
        coming = next(iter(read_calendar(configured.when).runs), 0.0)
        is_late = last is not None and _is_overdue(configured, last)
        if is_enabled and not timers.is_like(_units(context, config, configured, timers)):
            notes.append(f"changed since: run schedule enable {name}")
    except SnapshotError as mistake:
        notes.append(str(mistake))
    if is_enabled and is_late and not is_running:
        notes.append("overdue")
    if last and last.troubles:
        notes += last.troubles
    result = _result(last, is_running)
    return _Row(name, configured.when, is_enabled, result, last, coming * is_enabled, tuple(notes))


def _is_overdue(configured: ScheduleConfig, last: RunRecord) -> bool:
    """Whether it should have run again since it ran last."""
    due = read_calendar(configured.when, after=last.started).runs
    return bool(due) and due[0] + _GRACE < time.time()


def _result(last: RunRecord | None, is_running: bool) -> str:
    if is_running:
        return "running"
    if last is None:
        return "-"
    return result_text(last) if last.ended else "interrupted"


def _cells(row: _Row, *, abs_time: bool) -> tuple[str, ...]:
    shown: Callable[[float], str] = (
        minute_text if abs_time else lambda at: f"{age_text(time.time() - at)} ago"
    )
    return (
        plain(row.name),
        plain(row.when),
        "enabled" if row.is_enabled else "-",
        shown(row.last.started) if row.last else "never",
        row.result,
        minute_text(row.next) if row.next else "-",
        plain("; ".join(row.notes)) or "-",
    )


def _json(row: _Row) -> dict[str, object]:
    """A schedule for programs."""
    return {
        "schedule": row.name,
        "when": row.when,
        "enabled": row.is_enabled,
        "result": row.result,
        "last": row.last.to_json() if row.last else None,
        "next": row.next or None,
        "notes": list(row.notes),
    }
