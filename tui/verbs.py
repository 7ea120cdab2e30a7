"""The verbs that do something, or ask for more than the list: each prints what `snap` prints, and no more.

Messages about what was left out go to standard error; standard output carries results only.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence

from backend import (
    Check,
    Export,
    Forget,
    Import,
    InvalidInputError,
    Job,
    JobRecord,
    Losses,
    Operation,
    Restore,
    RestorePlan,
    Result,
    Save,
    SnapshotError,
    Undo,
    Verdict,
    command_line,
    operation_from_json,
    perform_recorded,
)
from tui.listing import engine, number, print_table
from tui.present import plain, quoted, size_text
from tui.progress import Foreground

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def save(arguments: argparse.Namespace) -> int:
    """Save snaps as a new set, then print its table."""
    operation = Save(
        tuple(arguments.snaps),
        _users(arguments),
        tuple(arguments.exclude),
        arguments.fast,
        arguments.accept_changed,
        arguments.ignore_space,
    )
    result = _perform(arguments, operation)
    if not arguments.json:
        print_table(engine(arguments).sets(result.set_id), abs_time=arguments.abs_time)
    return _told(arguments, result)


def check_snapshot(arguments: argparse.Namespace) -> int:
    """Verify a set or every set; every bad part is told."""
    if arguments.all and arguments.set_id is not None:
        arguments.snaps = [arguments.set_id, *arguments.snaps]
    if not arguments.all and arguments.set_id is None:
        return _usage("the required argument `<id>` was not provided")
    set_id = 0 if arguments.all else _set_id(arguments)
    operation = Check(set_id, tuple(arguments.snaps), _users(arguments), arguments.structure)
    result = _perform(arguments, operation)
    if arguments.json:
        return result.exit_code
    for verdict in result.verdicts:
        if verdict.fault:
            where = f"#{verdict.set_id} {verdict.snap or '(unknown snap)'}"
            print(f"error: snapshot {plain(where)}: {plain(verdict.fault)}", file=sys.stderr)
    if not result.faults:
        if arguments.all:
            print(f"All {len(result.verdicts)} archives verified successfully.")
        else:
            print(f"Snapshot #{arguments.set_id}{_of_snaps(arguments)} verified successfully.")
    return result.exit_code


def restore(arguments: argparse.Namespace) -> int:
    """Put a set in place, or only tell what that would do."""
    window = 0 if arguments.no_undo else _seconds(arguments.undo_window)
    operation = Restore(
        _set_id(arguments), tuple(arguments.snaps), _users(arguments), arguments.devices, window
    )
    if arguments.plan:
        return _show_plan(arguments, operation)
    result = _perform(arguments, operation)
    if not arguments.json:
        print(f"Restored snapshot #{arguments.set_id}{_of_snaps(arguments)}.")
        if result.undo_job:
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(result.undo_until))
            hint = command_line(Undo(result.undo_job))
            print(f"What was replaced is kept until {until}; to have it back: {hint}", file=sys.stderr)
    return _told(arguments, result)


def forget(arguments: argparse.Namespace) -> int:
    """Remove a set, or snaps of it."""
    result = _perform(arguments, Forget(_set_id(arguments), tuple(arguments.snaps)))
    if not arguments.json:
        several = "s" if len(arguments.snaps) > 1 else ""
        of_snaps = f" of snap{several} {plain(quoted(arguments.snaps))}" if arguments.snaps else ""
        print(f"Snapshot #{arguments.set_id}{of_snaps} forgotten.")
    return result.exit_code


def export_snapshot(arguments: argparse.Namespace) -> int:
    """Write a set to a file or to standard output."""
    to_stdout = arguments.file == "-"
    file = "-" if to_stdout else os.path.abspath(arguments.file)
    operation = Export(_set_id(arguments), file, arguments.skip_broken)
    result = _perform(arguments, operation, stream=sys.stdout.fileno() if to_stdout else None)
    if not arguments.json and not to_stdout:
        print(f'Exported snapshot #{arguments.set_id} into "{plain(arguments.file)}"')
    return _told(arguments, result)


def import_snapshot(arguments: argparse.Namespace) -> int:
    """Read a set from a file or from standard input, then print its table."""
    from_stdin = arguments.file == "-"
    file = "-" if from_stdin else os.path.abspath(arguments.file)
    operation = Import(file, arguments.accept_hash)
    result = _perform(arguments, operation, stream=sys.stdin.fileno() if from_stdin else None)
    if not arguments.json:
        if result.duplicate:
            print("The same content is here already; nothing was added.", file=sys.stderr)
        print(f"Imported snapshot as #{result.set_id}")
        print_table(engine(arguments).sets(result.set_id), abs_time=arguments.abs_time)
    return _told(arguments, result)


def undo(arguments: argparse.Namespace) -> int:
    """Take a restore back, or only tell which can be."""
    if arguments.list:
        return _show_offers(arguments)
    result = _perform(arguments, Undo(number(arguments.job)))
    if not arguments.json:
        print(f"Took back the restore of snapshot #{result.set_id}.")
    return _told(arguments, result)


def _show_offers(arguments: argparse.Namespace) -> int:
    offers = engine(arguments).undo_offers()
    if arguments.json:
        print(json.dumps([offer._asdict() for offer in offers]))
        return 0
    rows = [("Job", "Set", "Until", "Holds", "Snaps")]
    for offer in offers:
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(offer.until))
        held = size_text(offer.held).strip()
        rows.append((str(offer.job), f"#{offer.set_id}", until, held, ", ".join(map(plain, offer.snaps))))
    _print_rows(rows, empty="There is nothing to undo.")
    return 0


def estimate(arguments: argparse.Namespace) -> int:
    """Tell what a save would read."""
    foreground = Foreground()
    job = Job(foreground.hear)
    foreground.watch(job)
    estimates = engine(arguments).estimate(arguments.snaps, _users(arguments), job)
    foreground.clear()
    if arguments.json:
        print(json.dumps([one._asdict() for one in estimates]))
        return 0
    rows = [("Snap", "Size", "Files", "Owners")]
    for one in estimates:
        owners = ", ".join(f"{plain(name)} {size_text(size).strip()}" for name, size in one.owners.items())
        rows.append((one.snap, size_text(one.size).strip(), str(one.files), owners))
    _print_rows(rows, empty="No snaps are installed.")
    return 0


def jobs(arguments: argparse.Namespace) -> int:
    """List the jobs of this place, the newest last."""
    records = engine(arguments).journal.records()
    if arguments.json:
        print(json.dumps([_job_json(record) for record in records]))
        return 0
    rows = [("Job", "Started", "State", "Command")]
    for record in records:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
        rows.append((str(record.id), started, _state_text(record), _command_of(record)))
    _print_rows(rows, empty="No jobs yet.")
    return 0


def _job_json(record: JobRecord) -> dict[str, object]:
    return {
        "job": record.id,
        "operation": record.operation,
        "state": record.state.value,
        "started": record.started,
        "pid": record.pid,
        "uid": record.uid,
        "result": record.result,
    }


def _state_text(record: JobRecord) -> str:
    if record.result.get("undone"):
        return f"undone by {record.result['undone']}"
    if record.result.get("expired"):
        return f"{record.state.value}, undo expired"
    return record.state.value


def _command_of(record: JobRecord) -> str:
    try:
        return plain(command_line(operation_from_json(record.operation)))
    except InvalidInputError:
        return plain(str(record.operation.get("verb")))


def doctor(arguments: argparse.Namespace) -> int:
    """Tell what a crash left, what is hidden or odd; with --repair, clean up."""
    here = engine(arguments)
    found = here.repair(Job()) if arguments.repair else here.findings()
    if arguments.json:
        print(json.dumps([finding._asdict() for finding in found]))
        return 0
    refusal = here.refusal("save")
    standing = "reads only, snapd is running" if refusal else "ready"
    print(f"Engine {here.name} below {here.layout.root}: {standing}.")
    for finding in found:
        where = f" {plain(finding.path)}" if finding.path else ""
        remedy = f" [--repair: {finding.repair}]" if finding.repair and not arguments.repair else ""
        print(f"{finding.kind}:{where} {plain(finding.text)}{remedy}")
    if not found:
        print("Nothing to repair." if arguments.repair else "No leftovers, nothing hidden.")
    return 0


def reset(arguments: argparse.Namespace) -> int:
    """Make the demo anew."""
    from backend import demo_root

    if not arguments.demo:
        return _usage("reset goes with --demo only")
    print(f"The demo was made anew below {demo_root(anew=True)}")
    return 0


# -- what they share


def _perform(arguments: argparse.Namespace, operation: Operation, stream: int | None = None) -> Result:
    data_out = isinstance(operation, Export) and operation.file == "-"
    foreground = Foreground(json=arguments.json, data_out=data_out)
    try:
        result = perform_recorded(operation, engine(arguments), foreground.watch, stream)
    except SnapshotError as failure:
        foreground.clear()
        if arguments.json:
            foreground.line({"event": "failed", "error": str(failure), "exit": failure.exit_code})
        raise
    foreground.clear()
    if arguments.json:
        foreground.line({"event": "result", **result.to_json()})
    return result


def _told(arguments: argparse.Namespace, result: Result) -> int:
    """Say on standard error what was left out; returns the exit code."""
    if not arguments.json:
        for text in result.left_out:
            print(f"left out: {plain(text)}", file=sys.stderr)
    return result.exit_code


def _show_plan(arguments: argparse.Namespace, operation: Restore) -> int:
    plans = engine(arguments).plan(operation)
    if arguments.json:
        print(json.dumps([_plan_json(plan) for plan in plans]))
    else:
        for plan in plans:
            _print_plan(plan)
        print(f"same as: {command_line(operation)}")
    return 5 if any(plan.verdict is Verdict.BLOCKED for plan in plans) else 0


def _plan_json(plan: RestorePlan) -> dict[str, object]:
    entries = [
        {
            "entry": entry.entry,
            "into": entry.parent,
            "replaced": list(entry.replaced),
            "needed": entry.needed,
            "lost": entry.lost._asdict(),
            "skipped": entry.skipped,
            "blocked": entry.blocked,
        }
        for entry in plan.entries
    ]
    return {
        "set": plan.snapshot.set_id,
        "snap": plan.snapshot.snap,
        "verdict": plan.verdict.value,
        "reasons": plan.reasons,
        "notes": list(plan.notes),
        "entries": entries,
    }


def _print_plan(plan: RestorePlan) -> None:
    snapshot = plan.snapshot
    print(f"#{snapshot.set_id} {plain(snapshot.snap)} (rev {snapshot.revision}): {plan.verdict.value}")
    for reason in plan.reasons:
        print(f"  blocked  {plain(reason)}")
    for entry in plan.entries:
        if entry.skipped:
            print(f"  skip     {plain(entry.skipped)}")
            continue
        who = entry.user.name if entry.user else "system"
        room = size_text(entry.needed).strip()
        print(f"  restore  {plain(who)} into {plain(entry.parent)}, {room} unpacked")
        for path in entry.replaced:
            print(f"  replace  {plain(path)}")
        for path in entry.made:
            print(f"  make     {plain(path)}")
        _print_losses(entry.lost)
    for note in plan.notes:
        print(f"  note     {plain(note)}")


def _print_losses(lost: Losses) -> None:
    for count, size, what in (
        (lost.newer_files, lost.newer_bytes, "newer than the snapshot"),
        (lost.excluded_files, lost.excluded_bytes, "excluded from the snapshot"),
    ):
        if count:
            print(f"  lose     {count} files {what}, {size_text(size).strip()}")
    for path in lost.examples:
        print(f"           {plain(path)}")


def _print_rows(rows: Sequence[tuple[str, ...]], *, empty: str) -> None:
    if len(rows) == 1:
        print(empty)
        return
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    for row in rows:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _of_snaps(arguments: argparse.Namespace) -> str:
    return f" of snaps {plain(quoted(arguments.snaps))}" if arguments.snaps else ""


def _set_id(arguments: argparse.Namespace) -> int:
    set_id = number(arguments.set_id)
    if not set_id:
        raise InvalidInputError("snapshot operation requires snapshot set ID")
    return set_id


def _users(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name.strip() for name in arguments.users.split(",") if name.strip())


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if not found:
        raise InvalidInputError(f'cannot understand the time "{text}": write e.g. 90m, 24h or 7d')
    return int(found[1]) * _UNITS[found[2]]


def _usage(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 2
