"""The verbs about jobs that run in processes of their own: run one, follow one, stop one."""

import json
import signal
import time
from collections.abc import Callable

from backend import (
    Event,
    Follower,
    Job,
    JobRecord,
    JobState,
    Runner,
    event_from_json,
    operation_from_json,
    perform_recorded,
)
from tui.arguments import Arguments
from tui.listing import engine, number, show
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
    journal = engine(arguments).journal
    record = journal.record(number(arguments.job))
    follower = Follower(record)
    with Foreground(json=arguments.json) as foreground:
        while True:
            present = journal.record(record.id)
            for document in follower.news():
                foreground.hear(event_from_json(document))
            if present.state is not JobState.RUNNING:
                break
            time.sleep(POLL)
    return _tell_end(present, arguments)


def _tell_end(record: JobRecord, arguments: Arguments) -> int:
    if arguments.json:
        show(json.dumps({"event": "result", "state": record.state.value, **record.result}))
    else:
        error = record.result.get("error")
        show(f"Job {record.id} {record.state.value}{': ' + plain(str(error)) if error else '.'}")
    codes = {JobState.DONE: 0, JobState.PARTIAL: 3, JobState.CANCELLED: 130}
    return codes.get(record.state, int(record.result.get("exit", 1)))


def stop(arguments: Arguments) -> int:
    """Ask a job to stop, and wait until it has undone what it did."""
    here = engine(arguments)
    record = here.journal.record(number(arguments.job))
    Runner(here.journal, []).stop(record)
    return attach(arguments)
