"""The verbs that ask for more than the list: estimate, jobs, doctor, and what can be undone."""

import json
import time
from collections.abc import Iterator

from backend import Finding, Progress, UnknownOperation, command_line
from backend.archive import compression_text
from backend.engine import Followed, PlaceEngine
from backend.jobs import JobRecord, JobState
from backend.save import aims, survey_of
from tui.cli.arguments import Arguments
from tui.cli.context import command, engine, names
from tui.cli.output import print_result, print_status, show_rows
from tui.cli.progress import Foreground
from tui.text import age_text, cut_middle, plain, size_text
from tui.views.survey import estimate_notes, estimate_rows, estimates_json

_LONGEST = 4000
_WIDEST = 100


def estimate(arguments: Arguments) -> int:
    """Tell what a save would read and meet; 3 where not everything could be looked at."""
    layout = engine(arguments).layout
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        with progress.step("Measuring"):
            found = [
                survey_of(layout, aim, progress)
                for aim in aims(layout, arguments.snaps, names(arguments.users))
            ]
    if arguments.json:
        print_result(json.dumps(estimates_json(found)))
    else:
        show_rows(estimate_rows(found), empty="No snaps are installed.")
        print_result(*estimate_notes(found))
    return 0 if all(one.whole for one in found) else 3


def jobs(arguments: Arguments) -> int:
    """List the jobs of this place, the newest last; then other users', for root, and what snapd does."""
    here = engine(arguments)
    records = here.journal.records()
    records += [record for journal in here.others() for record in journal.records()]
    changes = here.daemon.watch().look()
    if arguments.json:
        print_result(json.dumps([*(record.to_json() for record in records), *map(_change_json, changes)]))
        return 0
    now = time.time()
    rows = [("Job", "Age", "State", "Operation", "Notes")]
    for record in records:
        age = _date(record.started) if arguments.abs_time else age_text(max(0.0, now - record.started))
        rows.append((plain(record.name), age, _state(record), _operation(record), _notes(record)))
    for change, _ in changes:
        age = _date(change.started) if arguments.abs_time else age_text(max(0.0, now - change.started))
        rows.append((f"snapd/{plain(change.id)}", age, "running", plain(change.summary), "snapd does it"))
    show_rows(rows, empty="No jobs yet.")
    for record in records:
        if record.state is JobState.INTERRUPTED and not record.owner:
            print_status(*_ways_out(here, arguments, record))
    return 0


def _ways_out(here: PlaceEngine, arguments: Arguments, record: JobRecord) -> Iterator[str]:
    """What can be made of an interrupted job, and how."""
    ways = here.endings(record.id)
    yield f"Job {record.id} was interrupted; the next change here ends it in the safe way, or choose:"
    for verb, way in (("finish", ways.finish), ("takeback", ways.take_back)):
        told = plain(f"cannot be had: {way.refusal}" if way.refusal else way.text)
        yield f"  {command(arguments, f'{verb} {record.id}')}"
        yield f"      {told}"


def _change_json(one: Followed) -> dict[str, object]:
    change = one.change
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
    words = record.verb
    if not isinstance(record.operation, UnknownOperation):
        words = command_line(record.operation).removeprefix("snapstow ")
    return cut_middle(plain(words[:_LONGEST]), _WIDEST)


def _notes(record: JobRecord) -> str:
    """Whose it is, why it ended so, and what became of it since."""
    result = record.result
    made = result.set_id if record.verb in ("save", "import-snapshot") else 0
    left_out, bad = len(result.left_out), len(result.bad_verdicts)
    notes = (
        f"by {record.owner}" if record.owner else "",
        result.error.split("\n")[0][:_LONGEST],
        f"set #{made}" if made else "",
        "its process is gone" if record.state is JobState.INTERRUPTED else "",
        f"{left_out} left out" if left_out else "",
        f"{bad} bad" if bad else "",
        _reversal(record),
    )
    return plain(", ".join(filter(None, notes))) or "-"


def _reversal(record: JobRecord) -> str:
    """Whether what a job replaced can be had back."""
    if record.result.undone:
        return f"by job {record.result.undone}"
    if record.result.expired:
        return "undo expired"
    return "can be undone" if record.result.undo_until and not record.owner else ""


def show_offers(arguments: Arguments) -> int:
    """Print the restores that can be taken back, the newest first."""
    offers = engine(arguments).undo_offers()
    if arguments.json:
        print_result(json.dumps([offer._asdict() for offer in offers]))
        return 0
    now = time.time()
    rows = [("Job", "Set", "Until" if arguments.abs_time else "Left", "Holds", "Snaps")]
    for offer in offers:
        left = _date(offer.until) if arguments.abs_time else age_text((offer.until - now) // 60 * 60)
        snaps = ", ".join(map(plain, offer.snaps))
        rows.append((str(offer.job), f"#{offer.set_id}", left, size_text(offer.held), snaps))
    show_rows(rows, empty="There is nothing to undo.")
    if offers:
        print_status(f"To take one back: {command(arguments, 'undo JOB')}")
    return 0


def doctor(arguments: Arguments) -> int:
    """Tell what a crash left, what is hidden or odd; with --repair, clean up."""
    here = engine(arguments)
    with Foreground() as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        found = here.repair(progress.quiet()) if arguments.repair else here.findings()
    if arguments.json:
        print_result(json.dumps([finding._asdict() for finding in found]))
        return 0
    why, *more = here.about()
    print_result(f"Engine {here.name} below {plain(here.layout.root)}: {plain(why)}.")
    print_result(*(f"{plain(sentence)}." for sentence in more), f"Compression by {compression_text()}.")
    for finding in found:
        print_result(*_finding_lines(finding, done=arguments.repair))
    if not found:
        print_result("There was nothing to repair." if arguments.repair else "No leftovers, nothing hidden.")
    elif not arguments.repair and any(finding.repair for finding in found):
        refused = here.refusal("repair")
        print_result("", plain(refused) if refused else f"To repair: {command(arguments, 'doctor --repair')}")
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
    try:
        text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "-"  # whatever a journal says
    return f"{text[:-5]}Z" if text.endswith("+0000") else f"{text[:-2]}:{text[-2:]}"
