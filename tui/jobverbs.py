"""The verbs about jobs that run in processes of their own: run one, follow one, stop one."""

import json
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from backend import (
    Cancelled,
    Event,
    Follower,
    IntegrityError,
    Job,
    JobRecord,
    JobState,
    Runner,
    event_from_json,
    operation_from_json,
    perform_recorded,
)
from tui.arguments import Arguments
from tui.listing import command, engine, number, say, show
from tui.present import plain
from tui.progress import Foreground

POLL = 0.25
_WISHES = (signal.SIGINT, signal.SIGTERM)


def run_job(arguments: Arguments) -> int:
    """Be the process of a job: what the runner starts. Its journal is all it says."""

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Whoever reads the journal may ask to stop before anything is here to listen: the wish waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, _WISHES)

    def watch(job: Job) -> Callable[[Event], None]:
        for wish in _WISHES:
            signal.signal(wish, lambda _number, _frame: job.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WISHES)
        return lambda _event: None

    token, text = arguments.snaps
    operation = operation_from_json(json.loads(text))
    return perform_recorded(operation, engine(arguments), watch, token=token).exit_code


def attach(arguments: Arguments) -> int:
    """Follow a job until it ends; leaving with Ctrl-C leaves the job running."""
    return _follow(arguments, "goes on")


def _follow(arguments: Arguments, standing: str) -> int:
    """Follow a job until it ends; `standing` is what holds of it when Ctrl-C comes first."""
    try:
        return _tell_end(_ended(arguments), arguments)
    except KeyboardInterrupt:
        again = command(arguments, f"attach {arguments.job}")
        say(f"job {arguments.job} {standing}; attach again with: {again}")
        return Cancelled.exit_code


def _ended(arguments: Arguments) -> JobRecord:
    """The record of a job once it has ended, its events shown as they come."""
    journal = engine(arguments).journal
    record = journal.record(number(arguments.job))
    follower = Follower(record)
    with Foreground(json=arguments.json) as foreground:
        while True:
            present = journal.record(record.id)
            for document in follower.news():
                foreground.hear(event_from_json(document))
            if present.state is not JobState.RUNNING:
                return present
            time.sleep(POLL)


def _tell_end(record: JobRecord, arguments: Arguments) -> int:
    if arguments.json:
        show(json.dumps({"event": "result", "state": record.state.value, **record.result}))
    else:
        show(f"Job {record.id} {_outcome(record)}")
    return _exit_code(record)


def _outcome(record: JobRecord) -> str:
    if error := record.result.get("error"):
        return f"{record.state.value}: {plain(str(error))}"
    if bad := len(faults_in(record.result)):
        return (
            f"{record.state.value}: verification failed: {bad} {'part is' if bad == 1 else 'parts are'} bad"
        )
    return f"{record.state.value}."


def _exit_code(record: JobRecord) -> int:
    told = record.result.get("exit")
    if isinstance(told, int) and 0 < told < 256:
        return told
    if faults_in(record.result):
        return IntegrityError.exit_code
    codes = {JobState.DONE: 0, JobState.PARTIAL: 3, JobState.CANCELLED: Cancelled.exit_code}
    return codes.get(record.state, 1)


def stop(arguments: Arguments) -> int:
    """Ask a job to stop, and wait until it has undone what it did; Ctrl-C ends the waiting only."""
    here = engine(arguments)
    record = here.journal.record(number(arguments.job))
    Runner(here.journal, []).stop(record)
    return _follow(arguments, "was asked to stop")


def verdicts_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The verdicts of a check in its job's result."""
    found = result.get("verdicts")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def faults_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of them that found a fault."""
    return [one for one in verdicts_in(result) if one.get("fault")]
