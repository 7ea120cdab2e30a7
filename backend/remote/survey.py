"""Many machines asked at once, so many at a time; what one does slowly, or not at all, is its row alone."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from backend.engine.status import MachineStatus, parse_status
from backend.errors import IntegrityError, UnreachableError
from backend.remote.ssh import PROGRAM, Link, Way, reason_of, way_of

_LARGEST = 4 << 20
_TOO_MANY_LOGINS = ("Connection reset", "kex_exchange_identification", "Connection closed by")
_TRIES = 3
_LACKS = {
    Way.SNAPD: "snapstow is not installed there; -H lists, checks, exports and imports through its snapd",
    Way.NONE: "neither snapstow nor snapd is there",
}


class HostReport(NamedTuple):
    """What became of asking a machine: how it can be worked on, what it says, or why nothing."""

    host: str
    way: Way
    status: MachineStatus | None
    reason: str
    seconds: float

    @property
    def is_reached(self) -> bool:
        """Whether it said how it is."""
        return self.status is not None


async def survey_hosts(hosts: Sequence[str], parallel: int, patience: float) -> AsyncIterator[HostReport]:
    """Ask machines how they are; yields a report of each as it comes.

    `patience` are the seconds that each may take. Nobody is asked on the terminal for anything.
    """
    turns = asyncio.Semaphore(parallel)

    async def ask(host: str) -> HostReport:
        """Ask one when it is its turn."""
        async with turns:
            return await _asked(host, patience)

    tasks = [asyncio.create_task(ask(host)) for host in hosts]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _asked(host: str, patience: float) -> HostReport:
    start, way, status = time.monotonic(), Way.NONE, None
    with Link(host, asks=False) as link:
        try:
            way, status = await asyncio.wait_for(_status(link), patience)
            reason = _LACKS.get(way, "")
        except TimeoutError:
            reason = f"no answer within {patience:.0f} s"
        except (UnreachableError, IntegrityError) as failure:
            reason = str(failure)
    return HostReport(host, way, status, reason, time.monotonic() - start)


async def _status(link: Link) -> tuple[Way, MachineStatus | None]:
    """How a machine says that it is; without Snapstow there, only whether it has a snapd."""
    for attempt in range(1, _TRIES + 1):
        code, out, errors = await _ran(link.probing_line(f"exec {PROGRAM} --json status"))
        reason = reason_of(link.host, code, errors)
        if not reason or attempt == _TRIES or not any(mark in errors for mark in _TOO_MANY_LOGINS):
            break
        await asyncio.sleep(random.uniform(0.2, 1.0) * attempt)
    if reason:
        raise UnreachableError(reason)
    if (way := way_of(code)) is not Way.SNAPSTOW:
        return way, None
    try:
        return way, parse_status(json.loads(out))
    except ValueError:
        lines = errors.strip().splitlines() or [f"snapstow there ended with {code}"]
        raise IntegrityError(lines[-1][:300]) from None


async def _ran(line: Sequence[str]) -> tuple[int, bytes, str]:
    """Run a command; it is killed where nobody waits any more."""
    process = await asyncio.create_subprocess_exec(
        *line,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        out, errors = await asyncio.gather(_read(process.stdout), _read(process.stderr))
        return await process.wait(), out, errors.decode("utf-8", "replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read(stream: asyncio.StreamReader) -> bytes:
    """All of a stream, as far as anybody honest writes."""
    taken = bytearray()
    while piece := await stream.read(1 << 16):
        if len(taken) < _LARGEST:
            taken += piece
    return bytes(taken)
