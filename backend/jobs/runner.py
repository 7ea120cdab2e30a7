"""Jobs in processes of their own, which outlive whoever started them.

A job is started in a new session, as a transient unit of systemd where that runs and we are root, so that
the end of a login does not end it. Whoever follows it reads its journal; to stop it is to ask it.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from backend.errors import ConflictError, NotAllowedError, SnapshotError
from backend.fs import files
from backend.jobs.journal import JobRecord, JobState, Journal
from backend.operations import Operation, to_json

PATIENCE = 30.0
POLL = 0.02
LONGEST_LOG = 16 << 20
_SYSTEMD = "/run/systemd/system"


class Runner:
    """Starts jobs of one place with the present `command`, which gets a token and the operation as JSON."""

    def __init__(self, journal: Journal, command: Sequence[str]) -> None:
        self._journal = journal
        self.command = list(command)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, operation: Operation) -> JobRecord:
        """Start an operation; returns its job once it lives. SnapshotError when it does not come to life."""
        self._children = [child for child in self._children if child.poll() is None]
        token = files.random_name(16)
        command = [*_shell_of_its_own(token), *self.command, token, json.dumps(to_json(operation))]
        with files.os_errors_as(f"cannot start {operation.verb}"):
            files.make_directories(self._journal.folder, 0o700)
            # Without a name: whoever is killed while it starts a job leaves no file behind.
            errors = os.memfd_create("errors")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,
                    cwd="/",
                )
                self._children.append(process)
                return self._born(token, process, operation, errors)
            finally:
                os.close(errors)

    def _born(
        self, token: str, process: "subprocess.Popen[bytes]", operation: Operation, errors: int
    ) -> JobRecord:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = process.poll()
            for record in self._journal.records()[::-1]:
                if record.token == token:
                    return record
            if ended is not None:
                break
            time.sleep(POLL)
        else:
            raise SnapshotError(f"{operation.verb} is still starting; the list of jobs will show it")
        told = os.pread(errors, 1 << 20, 0).decode("utf-8", "replace").strip().splitlines()
        reason = told[-1].removeprefix("error: ") if told else "it gave no reason"
        raise SnapshotError(f"cannot start {operation.verb}: {reason}")

    def stop(self, record: JobRecord) -> None:
        """Ask a job to stop; it undoes what it did and says so in its journal. ConflictError if it ended."""
        if record.owner:
            raise NotAllowedError(
                f"cannot stop job {record.name}: it is {record.owner}'s; {record.owner} can, with: "
                f"snapstow stop {record.id}"
            )
        present = self._journal.record(record.id)
        if present.state is not JobState.RUNNING:
            raise ConflictError(f"job {record.id} is not running: it is {present.state.value}")
        if not present.is_private:
            raise NotAllowedError(f"cannot stop job {record.id}: its journal is not ours alone")
        with files.os_errors_as(f"cannot stop job {record.id}"):
            os.kill(present.pid, signal.SIGTERM)


class Follower:
    """Reads a job's events as they come; any number may follow one job, from any process."""

    def __init__(self, record: JobRecord) -> None:
        self._record = record
        self._at = 0
        self._rest = b""

    def news(self) -> Iterator[dict[str, Any]]:
        """The events told since the last call, oldest first; a log longer than any of ours is cut off."""
        try:
            with self._record.opened_events() as fd:
                raw = os.pread(fd, min(8 << 20, LONGEST_LOG - self._at), self._at)
        except OSError:
            return
        self._at += len(raw)
        *lines, self._rest = (self._rest + raw).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def _shell_of_its_own(token: str) -> list[str]:
    if os.geteuid() == 0 and os.path.isdir(_SYSTEMD):
        return ["systemd-run", "--quiet", "--collect", "--pipe", f"--unit=snapstow-job-{token}", "--"]
    return []
