"""The verbs about jobs that run in processes of their own: follow one, stop one, end one."""

import json
import shlex
import signal
import time

from backend import (
    Cancelled,
    IntegrityError,
    NotAllowedError,
    NotFoundError,
    Progress,
    command_line,
    event_from_json,
)
from backend.jobs import Follower, ForeignJournal, JobRecord, JobState, Journal, Runner
from tui.cli.arguments import Arguments, UsageError, parse
from tui.cli.context import command, engine
from tui.cli.output import print_result, print_status
from tui.cli.progress import Foreground
from tui.session.meter import time_of
from tui.session.stalls import StallDetector
from tui.text import plain

POLL = 0.25
_CHANGE = "snapd/"
_WISHES = (signal.SIGINT, signal.SIGTERM)


def attach(arguments: Arguments) -> int:
    """Follow a job, or a change of snapd, until it ends; leaving with Ctrl-C leaves it running."""
    if arguments.job.startswith(_CHANGE):
        return _follow_change(arguments, arguments.job.removeprefix(_CHANGE))
    here = engine(arguments)
    if arguments.job.isdecimal() and (change := here.daemon.change_of(int(arguments.job[:18]))):
        code = _follow_change(arguments, change)
        here.tidy(Progress())
        return code
    return _follow(arguments, "goes on")


def _follow_change(arguments: Arguments, number: str) -> int:
    with Foreground(json=arguments.json) as foreground:
        progress = Progress(foreground.hear)
        foreground.watch(progress)
        try:
            change = engine(arguments).daemon.attach(number, progress)
        except Cancelled as left:
            again = command(arguments, f"attach {arguments.job}")
            print_status(f"change {plain(number)} goes on; attach again with: {again}")
            return left.exit_code
    if arguments.json:
        ended = {"change": change.id, "status": change.status, "error": change.error}
        print_result(json.dumps({"event": "result", **ended}))
        return 0 if change.done else 1
    print_result(f"Change {change.id} ({plain(change.summary)}): {plain(change.status)}.")
    print_status(*(f"error: {plain(line)}" for line in change.error.splitlines()))
    return 0 if change.done else 1


def _follow(arguments: Arguments, standing: str) -> int:
    """Follow a job until it ends; `standing` is what holds of it when Ctrl-C comes first."""
    record, journal = _found(arguments)
    try:
        return _tell_end(_ended(record, journal, arguments), arguments)
    except KeyboardInterrupt:
        again = command(arguments, f"attach {record.name}")
        print_status(f"job {plain(record.name)} {standing}; attach again with: {again}")
        return Cancelled.exit_code


def _found(arguments: Arguments) -> tuple[JobRecord, Journal | ForeignJournal]:
    """The job that is named, as `3`, or for root as `alice/3`, and the journal it is in."""
    here = engine(arguments)
    owner, slash, digits = arguments.job.rpartition("/")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise UsageError(f'there is no job "{plain(arguments.job)}": a job has a number', arguments.verb)
    if not slash:
        return here.journal.record(int(digits)), here.journal
    for journal in here.others():
        if journal.owner == owner:
            return journal.record(int(digits)), journal
    raise NotFoundError(f"no job {arguments.job}: no other user of that name has any that can be seen")


def _ended(record: JobRecord, journal: Journal | ForeignJournal, arguments: Arguments) -> JobRecord:
    """The record of a job once it has ended, its events shown as they come."""
    follower, pulse, heard = Follower(record), StallDetector(), 0
    with Foreground(json=arguments.json, clock=time.time) as foreground:
        if record.state is JobState.RUNNING and arguments.verb == "attach":
            foreground.greet(record.name, f"re-attached to {_title(record)}")
        while True:
            present = journal.record(record.id)
            for document in follower.news():
                heard += 1
                foreground.hear(event_from_json(document), time_of(document))
            if present.state is not JobState.RUNNING:
                return present
            foreground.stand(pulse.words(present, heard, journal.records))
            time.sleep(POLL)


def _title(record: JobRecord) -> str:
    """A job in a few words: `restore #86, started 14:02 by root (job 3)`."""
    words = [record.verb.removesuffix("-snapshot")]
    if number := getattr(record.operation, "set_id", 0):
        words.append(f"#{number}")
    return (
        f"{plain(' '.join(words))}, started {_clock(record.started)} by {plain(_user(record))} "
        f"(job {plain(record.name)})"
    )


def _clock(seconds: float) -> str:
    """A moment of the last day as the clock showed it, an older one with its date."""
    form = "%H:%M" if 0 <= time.time() - seconds < 12 * 3600 else "%Y-%m-%d %H:%M"
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time"


def _user(record: JobRecord) -> str:
    import pwd

    try:
        return record.owner or pwd.getpwuid(record.uid).pw_name
    except (KeyError, OverflowError):
        return f"user {record.uid}"


def _tell_end(record: JobRecord, arguments: Arguments) -> int:
    if arguments.json:
        ending = record.to_json()["result"]
        print_result(json.dumps({"event": "result", "state": record.state.value, **ending}))
    else:
        print_result(f"Job {plain(record.name)} {_outcome(record)}")
    return _exit_code(record)


def _outcome(record: JobRecord) -> str:
    if error := record.result.error:
        return f"{record.state.value}: {plain(error)}"
    if bad := len(record.result.bad_verdicts):
        return (
            f"{record.state.value}: verification failed: {bad} {'part is' if bad == 1 else 'parts are'} bad"
        )
    return f"{record.state.value}."


def _exit_code(record: JobRecord) -> int:
    if 0 < (record.result.exit or 0) < 256:
        return record.result.exit or 0
    if record.result.bad_verdicts:
        return IntegrityError.exit_code
    codes = {JobState.DONE: 0, JobState.PARTIAL: 3, JobState.CANCELLED: Cancelled.exit_code}
    return codes.get(record.state, 1)


def stop(arguments: Arguments) -> int:
    """Ask a job to stop, and wait until it has undone what it did; Ctrl-C ends the waiting only."""
    if arguments.job.startswith(_CHANGE):
        number = arguments.job.removeprefix(_CHANGE)
        engine(arguments).daemon.abort(number)
        return Cancelled.exit_code if _follow_change(arguments, number) else 0
    record, _ = _found(arguments)
    Runner(engine(arguments).journal, []).stop(record)
    return _follow(arguments, "was asked to stop")


def finish(arguments: Arguments) -> int:
    """Bring an interrupted job to its end: complete it, or take it back and do the same again."""
    return _end(arguments, finish=True)


def takeback(arguments: Arguments) -> int:
    """Take an interrupted job back."""
    return _end(arguments, finish=False)


def _end(arguments: Arguments, *, finish: bool) -> int:
    record, _ = _found(arguments)
    if record.owner:
        raise NotAllowedError(f"cannot end job {record.name}: it is {record.owner}'s, who alone can")
    ended = engine(arguments).end(record.id, finish=finish)
    if arguments.json:
        print_result(json.dumps({"event": "ended", "job": record.id, "text": ended.text}))
    else:
        print_status(f"{plain(ended.text)}.")
    if ended.again is None:
        return 0
    from tui.cli.main import run

    line = command_line(ended.again)
    if not arguments.json:
        print_status(f"Now: {command(arguments, ended.again)}")
    place = {key: getattr(arguments, key) for key in ("root", "demo", "engine", "json", "no_wait")}
    return run(parse(shlex.split(line)[1:])._replace(**place))
