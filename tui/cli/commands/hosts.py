"""The verbs about machines: how this one is, how many are, a set from one to another."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from backend import Progress, SnapshotError
from backend.engine import MachineStatus, status_of
from backend.format import minute_text
from backend.remote import PROGRAM, HostReport, Link, Way, inventory_hosts, survey_hosts
from tui.cli.arguments.hosts import CopyArgs, HostsArgs, StatusArgs
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import interruptible
from tui.phrases import count_phrase
from tui.text import age_text, amount_text, plain

_PIECE = 1 << 16


def status(context: Context, args: StatusArgs) -> int:
    """Show how this machine is."""
    machine = status_of(context.engine)
    if context.json:
        print_result(json.dumps(machine.to_json()))
        return 0
    shown = _moments(abs_time=args.abs_time)
    print_result(
        f"{count_phrase(machine.sets, 'set')}, {amount_text(machine.size)}; {amount_text(machine.free)} free"
    )
    rows = [("Snap", "Newest verified")]
    rows += [(plain(snap), shown(at) if at else "never") for snap, at in sorted(machine.newest.items())]
    show_rows(rows, empty="No snapshots found.")
    print_status(*_concerns(machine, shown))
    return 0


def _moments(*, abs_time: bool) -> Callable[[float], str]:
    return minute_text if abs_time else lambda at: f"{age_text(max(0.0, time.time() - at))} ago"


def _concerns(machine: MachineStatus, shown: Callable[[float], str]) -> Iterator[str]:
    if machine.bad:
        yield f"{count_phrase(machine.bad, 'snapshot')} damaged: see saved and doctor."
    if machine.interrupted:
        yield f"{count_phrase(machine.interrupted, 'job')} interrupted: see jobs."
    if machine.copied is not None:
        copied = shown(machine.copied) if machine.copied else "never"
        yield f"Newest verified copy elsewhere: {copied}."


# -- many


def hosts(context: Context, args: HostsArgs) -> int:
    """Show how machines are; 0 where all answered, 3 where some did, 1 where none did."""
    config = context.engine.config.hosts
    names = inventory_hosts(args.hosts, config, args.inventory)
    reports = asyncio.run(_asked(context, names, args.parallel or config.parallel, args.timeout))
    if context.json:
        print_result(json.dumps([_json(report) for report in reports]))
    else:
        head = ("Host", "Way", "Sets", "Worst verified", "Bad", "Jobs", "Free", "Copied", "Notes")
        rows = [head, *(_row(report, _moments(abs_time=args.abs_time)) for report in reports)]
        show_rows(rows, empty="There is no machine.")
    reached = sum(report.is_reached for report in reports)
    return 0 if reached == len(reports) else 3 if reached else 1


async def _asked(context: Context, names: list[str], parallel: int, patience: float) -> list[HostReport]:
    """Their reports in the order of the names; for people who wait, each is told as it comes."""
    by_name: dict[str, HostReport] = {}
    async for report in survey_hosts(names, parallel, patience):
        by_name[report.host] = report
        if not context.json and not report.is_reached:
            print_status(f"{plain(report.host)}: {plain(report.reason)}")
    return [by_name[name] for name in names]


def _row(report: HostReport, shown: Callable[[float], str]) -> tuple[str, ...]:
    machine = report.status
    if machine is None:
        return (plain(report.host), report.way.value, *["-"] * 6, plain(report.reason))
    worst = ", ".join(machine.unverified[:2]) if machine.unverified else shown(machine.oldest)
    notes = [f"{machine.interrupted} interrupted"] if machine.interrupted else []
    return (
        plain(report.host),
        f"{report.way.value} {plain(machine.version)}",
        str(machine.sets),
        plain(f"never: {worst}" if machine.unverified else worst) if machine.newest else "-",
        str(machine.bad),
        str(machine.running),
        amount_text(machine.free),
        "-" if machine.copied is None else shown(machine.copied) if machine.copied else "never",
        ", ".join(notes) or "-",
    )


def _json(report: HostReport) -> dict[str, object]:
    """A report for programs."""
    return {
        "host": report.host,
        "status": "ok" if report.is_reached else "failed",
        "way": report.way.value,
        "reason": report.reason or None,
        "seconds": round(report.seconds, 3),
        "machine": report.status.to_json() if report.status else None,
    }


# -- from one to another


def copy(context: Context, args: CopyArgs) -> int:
    """Copy a set from one machine to another."""
    with Link(args.source.host) as source, Link(args.target) as target:
        for link in (source, target):
            if link.way() is not Way.SNAPSTOW:
                raise SnapshotError(f"{link.host}: snapstow is not installed there")
        total = _size_there(source, args.source.set_id)
        export = source.line([PROGRAM, "export-snapshot", str(args.source.set_id), "-"])
        take_in = target.line([PROGRAM, "import-snapshot", "-"])
        codes, out = interruptible(context, lambda progress: _piped(export, take_in, total, progress))
    if any(codes):
        ended = f"{source.host} ended with {codes[0]}, {target.host} with {codes[1]}"
        raise SnapshotError(f"the set was not copied: {ended}")
    print_result(plain(next(iter(out.splitlines()), f"Copied to {target.host}.")))
    return 0


def _size_there(link: Link, set_id: int) -> int:
    """The bytes of the archives of a set there, by what it says."""
    line = link.line([PROGRAM, "--json", "saved", "--id", str(set_id)])
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        (group,) = json.loads(done.stdout)
        return sum(int(snapshot.get("size", 0)) for snapshot in group["snapshots"])
    except (ValueError, TypeError, KeyError, AttributeError):
        reason = done.stderr.strip().splitlines()[-1:] or [f"there is no set #{set_id}"]
        raise SnapshotError(f"{link.host}: {reason[0].removeprefix('error: ')}") from None


def _piped(
    export: Sequence[str], take_in: Sequence[str], total: int, progress: Progress
) -> tuple[tuple[int, int], str]:
    """Run both, the one into the other; returns their exit codes, and what the second printed."""
    with (
        progress.step("Copying", total),
        subprocess.Popen(export, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as reading,
        subprocess.Popen(take_in, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing,
    ):
        assert writing.stdout is not None
        try:
            _pump(reading, writing, progress)
            out = writing.stdout.read().decode("utf-8", "replace")
            return (reading.wait(), writing.wait()), out
        except BaseException:
            reading.kill()
            writing.kill()
            raise


def _pump(reading: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]", progress: Progress) -> None:
    """Hand on everything; what was cut has no end by which an import would take it for whole."""
    assert reading.stdout is not None
    assert writing.stdin is not None
    try:
        while piece := os.read(reading.stdout.fileno(), _PIECE):
            writing.stdin.write(piece)
            progress.advance(len(piece))
        writing.stdin.close()
    except BrokenPipeError:
        reading.kill()
        with suppress(BrokenPipeError):
            writing.stdin.close()
