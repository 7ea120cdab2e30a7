"""The verbs about jobs that run in processes of their own: follow one, stop one, end one."""

import json
import time

from backend import (
    BlockedError,
    Cancelled,
    Finish,
    IntegrityError,
    NotAllowedError,
    NotFoundError,
    Progress,
    TakeBack,
    event_from_json,
    operation_from_json,
)
from backend.jobs import Follower, ForeignJournal, JobRecord, JobState, Journal, Runner
from tui.cli.arguments.jobs import EndArgs, JobArgs
from tui.cli.arguments.parser import UsageError, is_number
from tui.cli.context import Context
from tui.cli.outcome import perform
from tui.cli.output import print_result, print_status
from tui.cli.progress import Foreground
from tui.cli.run_operation import run_operation
from tui.phrases import count_phrase
from tui.session.job_progress import time_of
from tui.session.job_titles import user_name
from tui.session.job_views import view_of
from tui.session.stalls import StallDetector
from tui.text import plain
from tui.views.job_endings import ending_text

POLL = 0.25
_CHANGE = "snapd/"
_ATTACHED = "keeps running"  # what holds of a job that somebody only watched


def attach(context: Context, args: JobArgs) -> int:
    """Follow a job, or a change of snapd, until it ends; leaving with Ctrl-C leaves it running."""
    if args.job.startswith(_CHANGE):
        return _follow_change(context, args.job.removeprefix(_CHANGE), args.job)
    engine = context.engine
    if args.job.isdecimal() and (change := engine.daemon.change_of(int(args.job[:18]))):
        code = _follow_change(context, change, args.job)
        engine.tidy(Progress())
        return code
    record, journal = _named(context, "attach", args.job)
    return _follow(context, record, journal, _ATTACHED)


def _follow_change(context: Context, number: str, typed: str) -> int:
    """Follow a change of snapd until it ends; `typed` is how the user named it."""
    with Foreground(json=context.json) as foreground:
        progress = Progress(foreground.handle)
        foreground.watch(progress)
        try:
            change = context.engine.daemon.attach(number, progress)
        except Cancelled as left:
            again = context.command(f"attach {typed}")
            print_status(f"change {plain(number)} keeps running; attach again with: {again}")
            return left.exit_code
    if context.json:
        ended = {"change": change.id, "status": change.status, "error": change.error}
        print_result(json.dumps({"event": "result", **ended}))
        return 0 if change.done else 1
    print_result(f"Change {change.id} ({plain(change.summary)}): {plain(change.status)}.")
    print_status(*(f"error: {plain(line)}" for line in change.error.splitlines()))
    return 0 if change.done else 1


def _follow(context: Context, record: JobRecord, journal: Journal | ForeignJournal, standing: str) -> int:
    """Follow a job until it ends; `standing` is what holds of it when Ctrl-C comes first."""
    greeting = f"re-attached to {_title(record)}" if standing == _ATTACHED else ""
    try:
        return _show_end(context, _ended(context, record, journal, greeting))
    except KeyboardInterrupt:
        again = context.command(f"attach {record.name}")
        print_status(f"job {plain(record.name)} {standing}; attach again with: {again}")
        return Cancelled.exit_code


def _named(context: Context, verb: str, job: str) -> tuple[JobRecord, Journal | ForeignJournal]:
    """The job that is named, as `3`, or for root as `alice/3`, and the journal it is in."""
    engine = context.engine
    owner, slash, digits = job.rpartition("/")
    if not is_number(digits):
        raise UsageError(f'invalid job "{plain(job)}": expected the number of a job', verb)
    if not slash:
        return engine.journal.record(int(digits)), engine.journal
    for journal in engine.others():
        if journal.owner == owner:
            return journal.record(int(digits)), journal
    raise NotFoundError(f"no job {job}: no jobs of that user are visible")


def _ended(
    context: Context, record: JobRecord, journal: Journal | ForeignJournal, greeting: str
) -> JobRecord:
    """The record of a job once it has ended, its events shown as they come."""
    follower, stalls, heard = Follower(record), StallDetector(), 0
    with Foreground(json=context.json, clock=time.time) as foreground:
        if record.state is JobState.RUNNING and greeting:
            foreground.greet(record.name, greeting)
        while True:
            present = journal.record(record.id)
            for document in follower.news():
                heard += 1
                foreground.handle(event_from_json(document), time_of(document))
            if present.state is not JobState.RUNNING:
                return present
            foreground.stand(stalls.reason(present, heard, journal.records))
            time.sleep(POLL)


def _title(record: JobRecord) -> str:
    """A job in a few words: `restore #86, started 14:02 by root (job 3)`."""
    title = [record.verb.removesuffix("-snapshot")]
    if number := getattr(record.operation, "set_id", 0):
        title.append(f"#{number}")
    by = plain(record.owner or user_name(record.uid))
    return f"{plain(' '.join(title))}, started {_clock(record.started)} by {by} (job {plain(record.name)})"


def _clock(seconds: float) -> str:
    """A moment of the last day as the clock showed it, an older one with its date."""
    form = "%H:%M" if 0 <= time.time() - seconds < 12 * 3600 else "%Y-%m-%d %H:%M"
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time"


def _show_end(context: Context, record: JobRecord) -> int:
    if context.json:
        ending = record.to_json()["result"]
        print_result(json.dumps({"event": "result", "state": record.state.value, **ending}))
    else:
        print_result(f"Job {plain(record.name)} {_outcome(context, record)}")
    return _exit_code(record)


def _outcome(context: Context, record: JobRecord) -> str:
    if error := record.result.error:
        return f"{record.state.value}: {plain(error)}"
    if bad := record.result.check_count.bad:
        are_bad = f"{count_phrase(bad, 'snapshot')} {'is' if bad == 1 else 'are'} bad"
        return f"{record.state.value}: verification failed: {are_bad}"
    undo = "" if record.owner else context.command(f"undo {record.id}")
    sentence = ending_text(view_of(record), time.time(), undo=undo, more="`jobs` tells which")
    return f"{record.state.value}: {sentence}."


def _exit_code(record: JobRecord) -> int:
    if 0 < (record.result.exit or 0) < 256:
        return record.result.exit or 0
    if record.result.bad_verdicts:
        return IntegrityError.exit_code
    codes = {JobState.DONE: 0, JobState.PARTIAL: 3, JobState.CANCELLED: Cancelled.exit_code}
    return codes.get(record.state, 1)


def stop(context: Context, args: JobArgs) -> int:
    """Ask a job to stop, and wait until it has undone what it did; Ctrl-C ends the waiting only."""
    if args.job.startswith(_CHANGE):
        number = args.job.removeprefix(_CHANGE)
        context.engine.daemon.abort(number)
        return Cancelled.exit_code if _follow_change(context, number, args.job) else 0
    record, journal = _named(context, "stop", args.job)
    Runner(context.engine.journal, []).stop(record)
    code = _follow(context, record, journal, "was asked to stop")
    return 0 if journal.record(record.id).state is JobState.CANCELLED else code


def finish(context: Context, args: EndArgs) -> int:
    """Complete an interrupted job, or undo it and start it again."""
    return _end(context, args, finish=True)


def takeback(context: Context, args: EndArgs) -> int:
    """Undo an interrupted job."""
    return _end(context, args, finish=False)


def _end(context: Context, args: EndArgs, *, finish: bool) -> int:
    record, _ = _named(context, "finish" if finish else "takeback", args.job)
    if record.owner:
        raise NotAllowedError(f"cannot end job {record.name}: only its owner, {record.owner}, can")
    operation = Finish(record.id) if finish else TakeBack(record.id)
    ways = context.engine.resolutions(record.id)
    if reason := (ways.finish if finish else ways.take_back).refusal:
        raise BlockedError(f"cannot {'finish' if finish else 'roll back'} job {record.id}: {reason}")
    ended = run_operation(context, operation)
    if context.json:
        print_result(json.dumps({"event": "ended", "job": record.id, "text": ended.outcome}))
    else:
        print_status(f"{plain(ended.outcome)}.")
    if not ended.again:
        return 0
    again = operation_from_json(ended.again)
    if not context.json:
        print_status(f"Now: {context.command(again)}")
    return perform(context, again, no_wait=args.no_wait)
