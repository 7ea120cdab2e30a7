"""The verbs that ask for more than the list: jobs, doctor, and what can be undone."""

import json
import time
from collections.abc import Iterator, Mapping

from backend import Action, Finding, Repair, Result, UnknownOperation, command_line
from backend.archive import compression_text
from backend.engine import Followed, perform_recorded, undo_offers
from backend.jobs import JobRecord, JobState
from tui.cli.arguments.jobs import JobsArgs
from tui.cli.arguments.place import DoctorArgs
from tui.cli.context import Context
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.run_operation import run_operation
from tui.phrases import offer_subject
from tui.text import age_text, amount_text, cut_middle, plain

_LONGEST = 4000
_WIDEST = 100


def jobs(context: Context, args: JobsArgs) -> int:
    """List the jobs of this place, the newest last; then other users', for root, and what snapd does."""
    engine = context.engine
    engine.journal.demand_readable()
    _note_state(context)
    records = engine.journal.records()
    records += [record for journal in engine.others() for record in journal.records()]
    changes = engine.daemon.watch().look()
    if context.json:
        print_result(json.dumps([*(record.to_json() for record in records), *map(_change_json, changes)]))
        return 0
    now = time.time()
    held = _held_by(context, records)
    rows = [("Job", "Age", "State", "Operation", "Notes")]
    for record in records:
        age = _date(record.started) if args.abs_time else age_text(now - record.started)
        rows.append((plain(record.name), age, _state(record), _operation(record), _notes(record, held)))
    for change, _ in changes:
        age = _date(change.started) if args.abs_time else age_text(now - change.started)
        rows.append((f"snapd/{plain(change.id)}", age, "running", plain(change.summary), "by snapd"))
    show_rows(rows, empty="No jobs yet.")
    interrupted = [record for record in records if record.state is JobState.INTERRUPTED and not record.owner]
    print_status(*(line for record in interrupted for line in _ways_out(context, record)))
    if any(not record.is_amid_moves for record in interrupted):
        print_status("The next change here ends what was interrupted safely, unless you choose.")
    return 0


def _note_state(context: Context) -> None:
    if fault := context.engine.state_fault:
        print_status(f"Note: {plain(fault)}.")


def _ways_out(context: Context, record: JobRecord) -> Iterator[str]:
    """What can be made of an interrupted job, and how."""
    ways = context.engine.resolutions(record.id)
    if ways.finish.refusal and ways.finish.refusal == ways.take_back.refusal:
        yield f"Job {record.id} was interrupted, and cannot be ended here: {plain(ways.finish.refusal)}"
        return
    for verb, way in (("finish", ways.finish), ("takeback", ways.take_back)):
        if not way.refusal:
            yield f"{context.command(f'{verb} {record.id}')}: {plain(way.text)}"


def _change_json(followed: Followed) -> dict[str, object]:
    change = followed.change
    return {
        "change": change.id,
        "kind": change.kind,
        "summary": change.summary,
        "state": "running",
        "started": change.started,
    }


def _state(record: JobRecord) -> str:
    return "undone" if record.result.undone else record.state.value


def _operation(record: JobRecord) -> str:
    text = record.verb
    if not isinstance(record.operation, UnknownOperation):
        text = command_line(record.operation).removeprefix("snapstow ")
    return cut_middle(plain(text[:_LONGEST]), _WIDEST)


def _held_by(context: Context, records: list[JobRecord]) -> dict[int, int]:
    """The bytes that jobs hold for their undo, by number."""
    if not any(record.result.may_be_undone for record in records):
        return {}
    return {offer.job: offer.held for offer in context.engine.undo_offers()}


def _notes(record: JobRecord, held: Mapping[int, int]) -> str:
    """Whose it is, why it ended so, and what became of it since."""
    result = record.result
    made = result.set_id if record.verb in ("save", "import-snapshot") else 0
    left_out, bad = len(result.left_out), result.check_count.bad
    notes = (
        f"by {record.owner}" if record.owner else "",
        result.error.split("\n")[0][:_LONGEST],
        f"set #{made}" if made else "",
        "its process is gone" if record.state is JobState.INTERRUPTED else "",
        f"{left_out} left out" if left_out else "",
        f"{bad} bad" if bad else "",
        "left over data, see doctor" if result.leftovers else "",
        _reversal(record, held),
    )
    return plain(", ".join(filter(None, notes))) or "-"


def _reversal(record: JobRecord, held: Mapping[int, int]) -> str:
    """Whether a job can be undone, and what it holds for that."""
    if record.result.undone:
        return f"by job {record.result.undone}"
    if record.result.expired:
        return "undo expired"
    if not record.result.undo_until or record.owner:
        return ""
    size = held.get(record.id, 0)
    return f"can be undone, holds {amount_text(size)}" if size else "can be undone"


def show_offers(context: Context, *, abs_time: bool) -> int:
    """Print what can be undone, the newest first."""
    offers = undo_offers(context.engine, context.engine.journal.records())
    _note_state(context)
    if context.json:
        print_result(json.dumps([offer._asdict() for offer in offers]))
        return 0
    now = time.time()
    rows = [("Job", "What", "Set", "Until" if abs_time else "Left", "Size", "Snaps")]
    for offer in offers:
        left = _date(offer.until) if abs_time else age_text((offer.until - now) // 60 * 60)
        size = "-" if offer.copies else f"{amount_text(offer.held):>8}"
        snaps = ", ".join(map(plain, offer.snaps)) or "-"
        rows.append((str(offer.job), offer.verb, offer_subject(offer), left, size, snaps))
    show_rows(rows, empty="Nothing to undo.")
    print_status(*(f"Job {offer.job} is still kept: {offer.doubt}." for offer in offers if offer.doubt))
    if offers:
        print_status(f"To undo one: {context.command('undo JOB')}")
    return 0


def doctor(context: Context, args: DoctorArgs) -> int:
    """Show leftovers of crashes, and what is hidden; with --repair, clean up: 3 where something is left."""
    engine = context.engine
    result = _repaired(context) if args.repair else Result(repaired=tuple(engine.findings()))
    findings = result.repaired
    if context.json:
        print_result(json.dumps([finding._asdict() for finding in findings]))
        return result.exit_code
    why, *more = engine.about()
    print_result(f"Engine {engine.name} for {plain(engine.layout.root)}: {plain(why)}.")
    print_result(*(f"{plain(sentence)}." for sentence in more), f"Compression by {compression_text()}.")
    for finding in findings:
        print_result(*_finding_lines(finding, done=args.repair))
    if not findings:
        print_result("Nothing to repair." if args.repair else "No leftovers, nothing hidden.")
    elif not args.repair and any(finding.repair for finding in findings):
        refused = engine.refusal(Action.REPAIR)
        print_result("", plain(refused) if refused else f"To repair: {context.command('doctor --repair')}")
    return result.exit_code


def _repaired(context: Context) -> Result:
    """Repair as a job; as JSON only what came of it is printed."""
    if context.json:
        return perform_recorded(Repair(), context.engine, lambda _progress: lambda _event: None)
    return run_operation(context, Repair())


def _finding_lines(finding: Finding, *, done: bool) -> list[str]:
    lines = ["", f"{finding.kind}: {plain(finding.text)}"]
    size = f"takes {amount_text(finding.size)}" if finding.size else ""
    if where := ", ".join(filter(None, (plain(finding.path), size))):
        lines.append(f"  {where}")
    if finding.repair and not done:
        lines.append(f"  --repair would {finding.repair}")
    return lines


def _date(seconds: float) -> str:
    """A time as `--abs-time` tells it, in the local zone."""
    try:
        text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "-"  # whatever a journal says
    return f"{text[:-5]}Z" if text.endswith("+0000") else f"{text[:-2]}:{text[-2:]}"
