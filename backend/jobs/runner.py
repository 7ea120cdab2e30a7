"""Jobs in processes of their own, which outlive whoever started them.

A job is started in a new session, as a transient unit of systemd where that runs and we are root, so that
the end of a login does not end it. Whoever follows it reads its journal; to stop it is to ask it.
"""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from backend.errors import ConflictError, IntegrityError, NotAllowedError, SnapshotError
from backend.fs import files
from backend.fs.directories import make_directories
from backend.jobs.journal import Journal
from backend.jobs.record import JobRecord, JobState
from backend.operations import Operation, to_json

PATIENCE = 30.0
LONGEST_LOG = 16 << 20
_LONGEST_NUMBER = 64
_SYSTEMD = "/run/systemd/system"


class Runner:
    """Starts jobs of one place with `command`.

    The command gets the operation as JSON on its standard input, and writes the number of its job, on a line,
    to its standard output: the only descriptors that reach it through systemd as well. `systemd` is a
    directory that is there where systemd runs: then root's jobs become units of it.
    """

    def __init__(self, journal: Journal, command: Sequence[str], *, systemd: str = _SYSTEMD) -> None:
        self._journal = journal
        self._systemd = systemd
        self.command = list(command)
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, operation: Operation) -> JobRecord:
        """Start an operation; return its job once it lives.

        Raises:
            SnapshotError: it does not come to life.
        """
        self._children = [child for child in self._children if child.poll() is None]
        with files.os_errors_as(f"cannot start {operation.verb}"), ExitStack() as stack:
            make_directories(self._journal.folder, 0o700)
            # Without names: whoever is killed while it starts a job leaves no file behind.
            errors = _unnamed(stack, "errors")
            document = _unnamed(stack, "operation")
            files.write_all(document, json.dumps(to_json(operation)).encode())
            os.lseek(document, 0, os.SEEK_SET)
            number, telling = os.pipe()
            stack.callback(os.close, number)
            try:
                process = subprocess.Popen(
                    [*_unit_of_its_own(self._systemd), *self.command],
                    stdin=document,
                    stdout=telling,
                    stderr=errors,
                    start_new_session=True,
                    cwd="/",
                )
            finally:
                os.close(telling)
            self._children.append(process)
            return self._journal.record(_born(number, process, operation, errors))

    def stop(self, record: JobRecord) -> None:
        """Ask a job to stop; it undoes what it did and says so in its journal.

        Raises:
            ConflictError: it has ended.
            NotAllowedError: it is another user's, or others could have written its journal.
        """
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
        if not present.pid:
            raise IntegrityError(f"cannot stop job {record.id}: its journal does not tell its process")
        with files.os_errors_as(f"cannot stop job {record.id}"):
            os.kill(present.pid, signal.SIGTERM)


class Follower:
    """Reads a job's events as they come; any number may follow one job, from any process."""

    def __init__(self, record: JobRecord) -> None:
        self._record = record
        self._at = 0
        self._rest = b""

    def news(self) -> Iterator[dict[str, Any]]:
        """Return the events since the last call, oldest first; an absurdly long log is cut off."""
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


def _unnamed(stack: ExitStack, name: str) -> int:
    """A file without a name, until the stack is left."""
    fd = os.memfd_create(name)
    stack.callback(os.close, fd)
    return fd


def _born(number: int, process: "subprocess.Popen[bytes]", operation: Operation, errors: int) -> int:
    """The number that a process tells of its job; SnapshotError where none comes."""
    if not select.select([number], [], [], PATIENCE)[0]:
        raise SnapshotError(f"{operation.verb} is still starting; the list of jobs will show it")
    if line := os.read(number, _LONGEST_NUMBER).strip():
        if not line.isdigit():
            raise SnapshotError(f"{operation.verb} was started, but its number is not known: see the jobs")
        return int(line)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    lines = os.pread(errors, 1 << 20, 0).decode("utf-8", "replace").strip().splitlines()
    reason = lines[-1].removeprefix("error: ") if lines else "it gave no reason"
    raise SnapshotError(f"cannot start {operation.verb}: {reason}")


def _unit_of_its_own(systemd: str) -> list[str]:
    if os.geteuid() == 0 and os.path.isdir(systemd):
        name = files.random_name(16)
        return ["systemd-run", "--quiet", "--collect", "--pipe", f"--unit=snapstow-job-{name}", "--"]
    return []
