"""Services of snaps that rest while their data are saved or replaced: snapd itself leaves them running.

What is stopped is noted before, so that the next start brings it back where we die meanwhile.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from backend.engine.daemon import SnapService
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import POLL, follow, watch
from backend.engine.snapd.responses import change_failure
from backend.errors import (
    Cancelled,
    ConflictError,
    OpenEndedError,
    SnapshotError,
    UnreachableError,
    UnrecordedError,
)
from backend.operations import Restore, Save
from backend.progress import Progress, Started
from backend.steps import ServicesStarted, ServicesStopped

STOPPING, STARTING = "Stopping services", "Starting services"
PATIENCE = 600.0  # seconds for which a start waits for a change in its way, or for snapd itself
BRIEFLY = 10.0

Answered = TypeVar("Answered")


def running(site: SnapdContext, snaps: Sequence[str]) -> list[SnapService]:
    """The services of these snaps (of all without any) that run, or that something may wake, by name."""
    return [
        service for service in site.client.services() if service.runs and (not snaps or service.snap in snaps)
    ]


def planned(operation: Save | Restore, step: str) -> list[Started]:
    """A step about services, where an operation has one."""
    return [Started(step, None)] if operation.stop_services else []


def refusal(operation: Save | Restore) -> str:
    """Why services need not, and so cannot, be stopped for an operation, or nothing."""
    if isinstance(operation, Restore) and operation.target_dir and operation.stop_services:
        return "cannot restore so: nothing is replaced with --to, so no service has to stop"
    return ""


@contextmanager
def at_rest(
    site: SnapdContext, operation: Save | Restore, snaps: Sequence[str], progress: Progress
) -> Iterator[list[str]]:
    """Where an operation asks for it, stop the services of its snaps that run; start exactly those after it.

    However the block is left they are started, which no stop of the job interrupts. Yields what is to be
    told of the result: filled at the end with those that could not be started.

    Raises:
        OpenEndedError: snapd could not be asked to start them; the next start does that.
    """
    troubles: list[str] = []
    services = _resting(site, snaps, progress) if operation.stop_services else ()
    if not services:
        yield troubles
        return
    progress.record_step(ServicesStopped(services))
    is_asked = False
    try:
        with progress.step(STOPPING):
            asked = site.free(lambda: site.client.control("stop", services))
            is_asked = True
            follow(site.client, asked.change, progress)
        yield troubles
    except BaseException as failure:
        if isinstance(failure, ConflictError) and not is_asked:  # snapd is busy with the snaps: all run on
            progress.record_step(ServicesStarted(services))
            raise
        outcome = "was stopped" if isinstance(failure, Cancelled) else f"failed: {failure}"
        _brought_back(site, services, progress, f"{operation.verb} {outcome}")
        raise
    troubles += _brought_back(site, services, progress, f"{operation.verb} is done")


def _resting(site: SnapdContext, snaps: Sequence[str], progress: Progress) -> tuple[str, ...]:
    """Those to stop, told."""
    services = running(site, snaps)
    if left := [service.name for service in services if service.is_of_sessions]:
        progress.note(f"not stopped, as they run in sessions of users: {', '.join(left)}")
    names = tuple(service.name for service in services if not service.is_of_sessions)
    text = f"services stopped meanwhile: {', '.join(names)}" if names else "no service has to be stopped"
    progress.note(text)
    return names


def _brought_back(
    site: SnapdContext, services: tuple[str, ...], progress: Progress, outcome: str
) -> list[str]:
    """Start what a job had stopped, and note that; says of each that did not start why."""
    try:
        with progress.step(STARTING):
            troubles = start_again(site, services, PATIENCE)
    except SnapshotError as failure:
        text = f"{outcome}, but {', '.join(services)} could not be started again: {failure}"
        raise OpenEndedError(f"{text}; the next start of snapstow tries again") from failure
    try:
        progress.record_step(ServicesStarted(services))
    except OSError as failure:
        raise UnrecordedError("the start of services", failure.strerror) from failure
    for text in troubles:
        progress.note(text)
    return troubles


def start_again(site: SnapdContext, services: Sequence[str], patience: float) -> list[str]:
    """Start services, all that are still there; says of each that did not start why.

    Raises:
        UnreachableError: snapd did not answer for so many seconds.
        ConflictError: it was busy with their snaps for so long.
        SnapshotError: it refused.
    """
    deadline = time.monotonic() + patience
    present = {service.name for service in _patiently(site.client.services, deadline)}
    gone = [f"service {name} is not there any more" for name in services if name not in present]
    wanted = [name for name in services if name in present]
    if not wanted or not _failure(site, wanted, deadline):
        return gone
    # Where one fails, snapd stops those again that it had started with it.
    failures = {name: _failure(site, [name], deadline) for name in wanted}
    return gone + [
        f"service {name} could not be started again: {reason}" for name, reason in failures.items() if reason
    ]


def _failure(site: SnapdContext, names: Sequence[str], deadline: float) -> str:
    """Have services started; why that failed, or nothing."""
    asked = _patiently(lambda: site.client.control("start", names), deadline)
    change = watch(site.client, asked.change, Progress())
    return "" if change.done else str(change_failure(change))


def _patiently(ask: Callable[[], Answered], deadline: float) -> Answered:
    """What snapd answers once it does, and is busy with nothing that is in the way."""
    while True:
        try:
            return ask()
        except (ConflictError, UnreachableError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)
