"""snapd's REST API over its socket, for what snapshots need.

The standard library's client: it starts faster than any other, adds nothing to install, streams in both
directions in constant memory, and lets an early answer be read although sending broke off.
"""

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from backend.archive.hashing import Hasher
from backend.engine.daemon import SnapdChange, SnapService
from backend.engine.snapd.responses import (
    Answer,
    Asked,
    RefusalError,
    answer_from,
    change_from,
    failure,
    integer,
    listed,
    mapping,
    services_from,
    sets_from,
    text,
    texts,
)
from backend.errors import Cancelled, IntegrityError, InvalidInputError, SnapshotError, UnreachableError
from backend.format.gojson import loads
from backend.fs import files
from backend.host.socket import connect
from backend.model import SnapshotSet
from backend.progress import Progress
from backend.transfer.target import Target

CONNECTING = 5.0
SILENCE = 60.0
LONG_SILENCE = 1800.0
PIECE = 1 << 20
STREAM = "application/x.snapd.snapshot"
_LARGEST = 64 << 20
_ALIAS = "system"


class Client:
    """What a snapd can be asked over the socket at `path`; usable from any thread.

    Every call raises UnreachableError where snapd does not answer within the seconds of `silence`, and for
    what it refuses the error of ours that fits, with its own (RefusalError) as the cause.
    """

    def __init__(self, path: str, folder: str, silence: float = SILENCE) -> None:
        self.path = path
        self._folder = folder
        self._silence = silence

    # -- looking

    def version(self) -> str:
        """The version of the snapd that answers."""
        return text(mapping(self._ask("ask for the version", "GET", "/v2/system-info").result), "version")

    def snaps(self) -> list[str]:
        """The names of all installed snaps, sorted."""
        rows = listed(self._ask("list the snaps", "GET", "/v2/snaps").result)
        return sorted(name for row in rows if (name := text(mapping(row), "name")))

    def sets(self, set_id: int | None = None, snaps: Sequence[str] = ()) -> list[SnapshotSet]:
        """All sets, or one, by id, with the named snaps only, as `GET /v2/snapshots` lists them."""
        query = {"set": str(set_id)} if set_id else {}
        if snaps:
            query["snaps"] = ",".join(snaps)
        answer = self._ask("list the snapshots", "GET", f"/v2/snapshots?{urlencode(query)}")
        return sets_from(answer.result, self._folder)

    def services(self) -> list[SnapService]:
        """The services of all installed snaps, by name.

        Those in sessions of users are told as they are for all: of a session of ours, which snapd looks for
        otherwise since 2.66, there need be none.
        """
        answer = self._ask("list the services", "GET", "/v2/apps?select=service&global=true")
        return services_from(answer.result)

    def changes(self) -> list[SnapdChange]:
        """The changes in progress, the oldest first."""
        answer = self._ask("list the changes", "GET", "/v2/changes?select=in-progress")
        changes = [change_from(row) for row in listed(answer.result)]
        return sorted(changes, key=lambda change: (len(change.id), change.id))

    def change(self, number: str) -> SnapdChange:
        """One change; NotFoundError when snapd knows none of that id."""
        path = f"/v2/changes/{quote(number, safe='')}"
        return change_from(self._ask("look at a change", "GET", path).result)

    def setting(self, key: str) -> str:
        """A setting of the system; empty where it is not set."""
        path = f"/v2/snaps/{_ALIAS}/conf?keys={quote(key)}"
        try:
            return text(mapping(self._ask("read the configuration", "GET", path).result), key)
        except SnapshotError as refused:
            if isinstance(refused.__cause__, RefusalError) and refused.__cause__.kind == "option-not-found":
                return ""
            raise

    # -- changing

    def configure(self, values: Mapping[str, str | None]) -> Asked:
        """Change settings of the system; None takes one back to what holds without it."""
        answer = self._ask("change the configuration", "PUT", f"/v2/snaps/{_ALIAS}/conf", dict(values))
        return Asked(_started(answer))

    def abort(self, number: str) -> SnapdChange:
        """Ask a change to stop and to be undone; InvalidInputError when there is nothing left to stop."""
        path = f"/v2/changes/{quote(number, safe='')}"
        return change_from(self._ask("stop a change", "POST", path, {"action": "abort"}).result)

    def control(self, action: str, services: Sequence[str]) -> Asked:
        """Start or stop services, each `SNAP.APP`; whether they start with the machine is left as it is."""
        body = {"action": action, "names": list(services)}
        return Asked(_started(self._ask(f"{action} services", "POST", "/v2/apps", body)))

    def save(
        self,
        snaps: Sequence[str],
        users: Sequence[str] = (),
        exclude: Mapping[str, Sequence[str]] | None = None,
    ) -> Asked:
        """Save snaps as a new set; `exclude` gives patterns for a snap, which snapd takes since 2.60."""
        body: dict[str, Any] = {"action": "snapshot"}
        body |= {"snaps": list(snaps)} if snaps else {}
        body |= {"users": list(users)} if users else {}
        if exclude:
            body["snapshot-options"] = {snap: {"exclude": list(some)} for snap, some in exclude.items()}
        answer = self._ask("save", "POST", "/v2/snaps", body)
        return Asked(_started(answer), integer(mapping(answer.result), "set-id"))

    def act(self, action: str, set_id: int, snaps: Sequence[str] = (), users: Sequence[str] = ()) -> Asked:
        """Check, restore or forget a set, or some snaps of it."""
        body: dict[str, Any] = {"action": action, "set": set_id}
        body |= {"snaps": list(snaps)} if snaps else {}
        body |= {"users": list(users)} if users else {}
        return Asked(_started(self._ask(action, "POST", "/v2/snapshots", body)), set_id)

    # -- streams

    @contextmanager
    def export(self, set_id: int, progress: Progress) -> Iterator["Download"]:
        """The stream of a set, to be read while the context lasts."""
        action = f"export snapshot set #{set_id}"
        with self._connected(action, LONG_SILENCE, progress) as connection:
            connection.request("GET", f"/v2/snapshots/{set_id}/export")
            response = connection.getresponse()
            if response.status != 200:
                raise failure(action, self._told(response))
            kind, size = response.getheader("Content-Type", ""), response.length
            if kind != STREAM or size is None:
                raise IntegrityError(f'unexpected snapshot export content type "{kind}"')
            yield Download(set_id, size, response)

    def take_in(self, source: int, size: int, progress: Progress) -> tuple[int, tuple[str, ...]]:
        """Offer the next `size` bytes of an open file as an export; the set's id and its snaps.

        Counts what was sent. A stop before all was sent leaves nothing; later ones are not noticed.
        """
        headers = {"Content-Type": STREAM, "Content-Length": str(size)}
        with self._connected("import snapshot", LONG_SILENCE, progress) as connection:
            connection.putrequest("POST", "/v2/snapshots")
            for header, value in headers.items():
                connection.putheader(header, value)
            connection.endheaders()
            last = _sent(connection, source, size, progress)
            with progress.uncancellable():  # from here on it may be taken in whatever becomes of us
                answer = self._told(_answer_to(connection, last))
        if answer.status != 200:
            raise failure("import snapshot", answer)
        result = mapping(answer.result)
        return integer(result, "set-id"), texts(result.get("snaps"))

    # -- transport

    def _ask(self, action: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request and its answer; raises for one that refuses."""
        with self._connected(action, self._silence) as connection:
            if body is None:
                connection.request(method, path)
            else:
                headers = {"Content-Type": "application/json"}
                connection.request(method, path, json.dumps(body).encode("utf-8", "surrogateescape"), headers)
            answer = self._told(connection.getresponse())
        if not 200 <= answer.status < 300:
            raise failure(action, answer)
        return answer

    def _told(self, response: http.client.HTTPResponse) -> Answer:
        raw = response.read(_LARGEST + 1)
        if response.length and len(raw) <= _LARGEST:
            raise UnreachableError(f"snapd's answer broke off: {response.length} bytes of it are missing")
        try:
            return answer_from(loads(raw, limit=_LARGEST), response.status)
        except IntegrityError as cause:
            raise UnreachableError(f"cannot understand what answers at {self.path}: {cause}") from cause

    @contextmanager
    def _connected(
        self, action: str, silence: float, progress: Progress | None = None
    ) -> Iterator[http.client.HTTPConnection]:
        """A connection whose failures are errors of ours; a stop of the job hangs up."""
        progress = progress or Progress()
        connection = _UnixConnection(self.path, silence)
        try:
            connection.connect()
            with progress.on_cancel(connection.hang_up):
                yield connection
        except (OSError, http.client.HTTPException) as cause:
            if progress.stopping:
                raise Cancelled from cause
            reason = f"silent for {silence:.0f} seconds" if isinstance(cause, TimeoutError) else str(cause)
            raise UnreachableError(
                f"cannot {action}: snapd does not answer at {self.path}: {reason}"
            ) from cause
        finally:
            connection.close()


class Download:
    """An export as it comes from snapd; `size` in bytes is known from the start."""

    def __init__(self, set_id: int, size: int, response: http.client.HTTPResponse) -> None:
        self.set_id = set_id
        self.size = size
        self._response = response

    def stream_to(self, target: int, progress: Progress, hasher: Hasher | None = None) -> None:
        """Write all of it to an open file, through the hasher; UnreachableError when it ends too early."""
        left = self.size
        action = f"cannot export snapshot set #{self.set_id}"
        with Target(target, hasher) as out:
            while left:
                progress.raise_if_cancelled()
                piece = self._response.read(min(left, PIECE))
                if not piece:
                    progress.raise_if_cancelled()
                    raise UnreachableError(
                        f"{action}: snapd broke off, {left} of {self.size} bytes are missing"
                    )
                left -= len(piece)
                with files.os_errors_as(action):
                    out.put(piece, progress)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket; no proxy and no name is ever asked for."""

    def __init__(self, path: str, silence: float) -> None:
        super().__init__("localhost", timeout=silence)
        self._path = path
        self._silence = silence

    def connect(self) -> None:
        """Connect to the socket, not to a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECTING)
        connect(self.sock, self._path)
        self.sock.settimeout(self._silence)

    def hang_up(self) -> None:
        """Let whoever waits for this connection wait no longer; takes no lock."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass


def _sent(connection: http.client.HTTPConnection, source: int, size: int, progress: Progress) -> bytes:
    """Send all but the last piece, which is returned; none where snapd hung up, because it has answered."""
    left = size
    last = b""
    while left:
        with files.os_errors_as("cannot import snapshot"):
            piece = os.read(source, min(left, PIECE))
        if not piece:
            raise InvalidInputError("cannot import snapshot: the file became shorter while it was sent")
        left -= len(piece)
        if last and not _send(connection, last):
            return b""
        progress.advance(len(last))
        last = piece
    return last


def _answer_to(connection: http.client.HTTPConnection, last: bytes) -> http.client.HTTPResponse:
    _send(connection, last)
    return connection.getresponse()


def _send(connection: http.client.HTTPConnection, piece: bytes) -> bool:
    """Whether snapd still takes more: it may answer before it has read everything."""
    try:
        connection.send(piece)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _started(answer: Answer) -> str:
    if not answer.change:
        raise UnreachableError("snapd began no change")
    return answer.change
