"""The verbs that ask for more than the list: estimate, jobs, doctor, and what can be undone."""

import json
import time

from backend import Finding, InvalidInputError, Job, JobRecord, JobState, command_line, operation_from_json
from tui.arguments import Arguments
from tui.listing import command, engine, names, say, show, show_rows
from tui.present import age_text, plain, size_text
from tui.progress import Foreground


def estimate(arguments: Arguments) -> int:
    """Tell what a save would read."""
    with Foreground() as foreground:
        job = Job(foreground.hear)
        foreground.watch(job)
        with job.step("Measuring"):
            estimates = engine(arguments).estimate(arguments.snaps, names(arguments.users), job)
    if arguments.json:
        show(json.dumps([one._asdict() for one in estimates]))
        return 0
    rows = [("Snap", "Size", "Files", "Owners")]
    for one in estimates:
        owners = ", ".join(f"{plain(name)} {size_text(size).strip()}" for name, size in one.owners.items())
        rows.append((plain(one.snap), size_text(one.size), str(one.files), owners))
    if len(estimates) > 1:
        total = sum(one.size for one in estimates)
        rows.append(("(all)", size_text(total), str(sum(one.files for one in estimates)), "-"))
    show_rows(rows, empty="No snaps are installed.")
    return 0


def jobs(arguments: Arguments) -> int:
    """List the jobs of this place, the newest last."""
    records = engine(arguments).journal.records()
    if arguments.json:
        show(json.dumps([_job_json(record) for record in records]))
        return 0
    now = time.time()
    rows = [("Job", "Age", "State", "Operation", "Notes")]
    for record in records:
        age = _date(record.started) if arguments.abs_time else age_text(max(0.0, now - record.started))
        rows.append((str(record.id), age, _state(record), _operation(record), _notes(record)))
    show_rows(rows, empty="No jobs yet.")
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


def _state(record: JobRecord) -> str:
    return "undone" if record.result.get("undone") else record.state.value


def _operation(record: JobRecord) -> str:
    try:
        return plain(command_line(operation_from_json(record.operation)).removeprefix("snapstow "))
    except InvalidInputError:
        return plain(str(record.operation.get("verb")))


def _notes(record: JobRecord) -> str:
    """Why it ended so, or what became of it since."""
    result = record.result
    notes = [str(result["error"]).split("\n")[0]] if result.get("error") else []
    if result.get("set_id") and record.operation.get("verb") in ("save", "import-snapshot"):
        notes.append(f"set #{result['set_id']}")
    if record.state is JobState.INTERRUPTED:
        notes.append("its process is gone; the next change ends it")
    if isinstance(left_out := result.get("left_out"), list):
        notes.append(f"{len(left_out)} left out")
    if isinstance(verdicts := result.get("verdicts"), list):
        bad = sum(1 for verdict in verdicts if isinstance(verdict, dict) and verdict.get("fault"))
        notes += [f"{bad} bad"] if bad else []
    if result.get("undone"):
        notes.append(f"by job {result['undone']}")
    elif result.get("expired"):
        notes.append("undo expired")
    elif result.get("undo_until"):
        notes.append("can be undone")
    return plain(", ".join(notes)) or "-"


def show_offers(arguments: Arguments) -> int:
    """Print the restores that can be taken back, the newest first."""
    offers = engine(arguments).undo_offers()
    if arguments.json:
        show(json.dumps([offer._asdict() for offer in offers]))
        return 0
    now = time.time()
    rows = [("Job", "Set", "Until" if arguments.abs_time else "Left", "Holds", "Snaps")]
    for offer in offers:
        left = _date(offer.until) if arguments.abs_time else age_text((offer.until - now) // 60 * 60)
        snaps = ", ".join(map(plain, offer.snaps))
        rows.append((str(offer.job), f"#{offer.set_id}", left, size_text(offer.held), snaps))
    show_rows(rows, empty="There is nothing to undo.")
    if offers:
        say(f"To take one back: {command(arguments, 'undo JOB')}")
    return 0


def doctor(arguments: Arguments) -> int:
    """Tell what a crash left, what is hidden or odd; with --repair, clean up."""
    here = engine(arguments)
    with Foreground() as foreground:
        job = Job(foreground.hear)
        foreground.watch(job)
        found = here.repair(job.quiet()) if arguments.repair else here.findings()
    if arguments.json:
        show(json.dumps([finding._asdict() for finding in found]))
        return 0
    standing = "snapd is running, so it only reads" if here.refusal("save") else "ready"
    show(f"Engine {here.name} below {plain(here.layout.root)}: {standing}.")
    for finding in found:
        show(*_finding_lines(finding, done=arguments.repair))
    if not found:
        show("There was nothing to repair." if arguments.repair else "No leftovers, nothing hidden.")
    elif not arguments.repair and any(finding.repair for finding in found):
        show("", f"To repair: {command(arguments, 'doctor --repair')}")
    return 0


def _finding_lines(finding: Finding, *, done: bool) -> list[str]:
    lines = ["", f"{finding.kind}: {plain(finding.text)}"]
    if finding.path:
        lines.append(f"  {plain(finding.path)}")
    if finding.repair and not done:
        lines.append(f"  --repair would {finding.repair}")
    return lines


def _date(seconds: float) -> str:
    """A time as `--abs-time` tells it, in the local zone."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
    return f"{text[:-5]}Z" if text.endswith("+0000") else f"{text[:-2]}:{text[-2:]}"
