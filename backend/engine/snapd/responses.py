"""What snapd answers, as plain values, and its refusals as our errors.

Nothing in an answer is trusted: what is not as it should be raises IntegrityError or counts as absent.
"""

import re
from typing import NamedTuple

from backend.engine.daemon import SnapdChange, SnapdTask, SnapService
from backend.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
)
from backend.format.gojson import dumps
from backend.format.metadata import parse_metadata
from backend.format.names import LARGEST_ID, filename
from backend.format.timestamps import ZERO_TIME, unix_time
from backend.model import Json, Number, Revision, Snapshot, SnapshotSet

SNAPSHOT_KINDS = ("snapshot-snap", "restore-snapshot", "check-snapshot", "forget-snapshot")

_BUSY = re.compile(r"change in progress|^cannot operate on snapshot set #[0-9]+ while ")
_ABSENT = re.compile(r"no snapshot data found|is not installed|unknown user|^no snapshot ")
_DAMAGED = re.compile(
    r"checksum error|does not match actual|not in gzip format|crc error|unexpected end of file"
    r"|not a valid zip file|missing archive member|cannot open snapshot"
)
_FULL = re.compile(r"no space left on device|insufficient space")
_LOG = re.compile(r"\S+ (INFO|ERROR) (.*)", re.DOTALL)
_ERROR = "ERROR"


class RefusalError(SnapshotError):
    """What snapd itself said: its HTTP `status`, the `kind` of the error or nothing, the `value` with it.

    It is the cause of the error of ours that is raised.
    """

    def __init__(self, message: str, status: int, kind: str = "", value: Json = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.value = value


class BusyError(ConflictError):
    """A change of snapd's is in the way: `change`, which can be waited for."""

    def __init__(self, message: str, change: str) -> None:
        super().__init__(message)
        self.change = change


class Asked(NamedTuple):
    """What snapd was asked to do: the change that does it, and for a save the id of the new set."""

    change: str
    set_id: int = 0


class Answer(NamedTuple):
    """An answer: the HTTP status, the `result` in it, and the change that it started, or nothing."""

    status: int
    result: Json
    change: str


def answer_from(document: Json, status: int) -> Answer:
    """An answer from its JSON object; IntegrityError for what is none."""
    if not isinstance(document, dict):
        raise IntegrityError("snapd's answer is not an object")
    return Answer(status, document.get("result"), text(document, "change"))


def failure(action: str, answer: Answer) -> SnapshotError:
    """The error of ours for an answer that refuses, with snapd's own as its cause."""
    facts = answer.result if isinstance(answer.result, dict) else {}
    message = text(facts, "message") or f"unexpected status code: {answer.status}"
    refusal = RefusalError(message, answer.status, text(facts, "kind"), facts.get("value"))
    error = _translated(action, refusal)
    error.__cause__ = refusal
    return error


def _translated(action: str, refusal: RefusalError) -> SnapshotError:
    message, status = str(refusal), refusal.status
    if status in (401, 403):
        return NotAllowedError(f"cannot {action}: snapd says: {message} (try with sudo)")
    if refusal.kind == "snap-change-conflict" or status == 409 or _BUSY.search(message):
        return ConflictError(message)
    if status == 507 or _FULL.search(message):
        return NoSpaceError(f"cannot {action}: {message}", "/var/lib/snapd")
    if status == 404 or _ABSENT.search(message):
        return NotFoundError(message)
    if message.startswith("cannot import snapshot"):
        return IntegrityError(message)
    return InvalidInputError(message) if status == 400 else SnapshotError(message)


def change_failure(change: SnapdChange) -> SnapshotError:
    """The error of ours for a change that failed, in snapd's words."""
    message = change.error or f'change finished in status "{change.status}" with no error message'
    reasons = "\n".join(line for task in change.tasks for line in task.errors)
    if _FULL.search(reasons):
        return NoSpaceError(message, "/var/lib/snapd")
    if _DAMAGED.search(reasons):
        return IntegrityError(message)
    return NotFoundError(message) if _ABSENT.search(reasons) else SnapshotError(message)


def change_from(document: Json) -> SnapdChange:
    """A change; IntegrityError for what is none."""
    facts = mapping(document)
    number = text(facts, "id")
    if not number:
        raise IntegrityError("snapd's answer is not a change")
    return SnapdChange(
        id=number,
        kind=text(facts, "kind"),
        summary=text(facts, "summary"),
        status=text(facts, "status"),
        ready=facts.get("ready") is True,
        error=text(facts, "err"),
        tasks=tuple(_task(mapping(task)) for task in listed(facts.get("tasks"))),
        snaps=texts(mapping(facts.get("data")).get("snap-names")),
        started=_moment(text(facts, "spawn-time")),
    )


def _moment(rfc3339: str) -> float:
    try:
        return unix_time(rfc3339)
    except SnapshotError:
        return 0.0


def _task(facts: dict[str, Json]) -> SnapdTask:
    lines = [_LOG.fullmatch(line) for line in texts(facts.get("log"))]
    log = tuple(line[2] for line in lines if line)
    errors = tuple(line[2] for line in lines if line and line[1] == _ERROR)
    return SnapdTask(text(facts, "summary"), text(facts, "status"), log, errors)


def sets_from(document: Json, folder: str) -> list[SnapshotSet]:
    """The sets of a listing by id, their snapshots by name, each with the path it must have in `folder`."""
    sets = []
    for row in listed(document):
        number = integer(mapping(row), "id")
        snapshots = [_snapshot(entry, number, folder) for entry in listed(mapping(row).get("snapshots"))]
        sets.append(SnapshotSet(number, tuple(sorted(snapshots, key=lambda snapshot: snapshot.snap))))
    return sorted(sets)


def _snapshot(document: Json, set_id: int, folder: str) -> Snapshot:
    facts = mapping(document)
    try:
        snapshot = parse_metadata(dumps(facts).encode(), set_id)
    except SnapshotError as fault:
        return Snapshot(set_id, ZERO_TIME, "", Revision(), broken=str(fault), path=f"{folder}/{set_id}_")
    if reason := text(facts, "broken"):
        snapshot = snapshot._replace(broken=reason)
    try:
        name = filename(snapshot)
    except SnapshotError:
        name = f"{set_id}_{snapshot.snap}".replace("/", "")
    return snapshot._replace(path=f"{folder}/{name}")


def services_from(document: Json) -> list[SnapService]:
    """The services of a listing, by name; whatever has no name of its own and of a snap is none."""
    services = map(_service, map(mapping, listed(document)))
    return sorted(service for service in services if service.snap and not service.name.endswith("."))


def _service(facts: dict[str, Json]) -> SnapService:
    snap = text(facts, "snap")
    wakers = map(mapping, listed(facts.get("activators")))
    runs = facts.get("active") is True or any(waker.get("Active") is True for waker in wakers)
    of_sessions = text(facts, "daemon-scope") == "user"
    return SnapService(f"{snap}.{text(facts, 'name')}", snap, runs, of_sessions)


def text(facts: dict[str, Json], key: str) -> str:
    """A text in an object; empty for anything else."""
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def integer(facts: dict[str, Json], key: str) -> int:
    """A whole number that is no set id too large, in an object; 0 for anything else."""
    value = facts.get(key)
    digits = value.literal if isinstance(value, Number) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        return 0
    return number if (number := int(digits)) <= LARGEST_ID else 0


def mapping(value: Json) -> dict[str, Json]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: Json) -> list[Json]:
    """A list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def texts(value: Json) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(item for item in listed(value) if isinstance(item, str))
