"""What a snapd is asked over its socket."""

import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket at `path`."""

    def __init__(self, path: Path, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Rest:
    """What snapd is asked over its socket."""

    def __init__(self, path: Path) -> None:
        self.socket = path

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; the whole JSON answer whatever its status, or the bytes of anything else.

        A body that is not bytes is sent as JSON. An underscore in a header's name stands for a hyphen.
        """
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        kind, content = self.raw(method, path, body, sent)
        return json.loads(content) if kind == "application/json" else content

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[str, bytes]:
        """One request; the type and the bytes of the answer."""
        connection = UnixConnection(self.socket)
        try:
            try:
                connection.request(method, path, body, headers or {})
            except (BrokenPipeError, ConnectionResetError):
                pass  # snapd may answer before it has read the body
            response = connection.getresponse()
            return response.getheader("Content-Type", ""), response.read()
        finally:
            connection.close()

    def wait(self, answer: Any, timeout: float = 60) -> Any:
        """The change that a request started, once it is ready, whether it went well or not."""
        if answer["type"] != "async":
            raise RuntimeError(f"no change was started: {answer}")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            change = self.api("GET", f"/v2/changes/{answer['change']}")["result"]
            if change["ready"]:
                return change
            time.sleep(0.02)
        raise TimeoutError(f"change {answer['change']} is not ready after {timeout} s")

    def save(self, *snaps: str, **options: Any) -> int:
        """Save some snaps, or all, and return the set's id; `options` go into the request."""
        body = {"action": "snapshot", **({"snaps": snaps} if snaps else {}), **options}
        answer = self.api("POST", "/v2/snaps", body)
        _demand_done(self.wait(answer))
        return int(answer["result"]["set-id"])

    def act(self, action: str, set_id: int, **options: Any) -> Any:
        """Check, restore or forget a set and return the change; RuntimeError unless it ended as Done."""
        return _demand_done(
            self.wait(self.api("POST", "/v2/snapshots", dict(options, set=set_id, action=action)))
        )

    def export(self, set_id: int) -> bytes:
        """The stream of a set, or RuntimeError with what snapd said."""
        stream = self.api("GET", f"/v2/snapshots/{set_id}/export")
        if not isinstance(stream, bytes):
            raise RuntimeError(stream["result"]["message"])
        return stream

    def take_in(self, stream: bytes) -> Any:
        """Offer an exported stream; the answer, of an acceptance or of a refusal."""
        return self.api("POST", "/v2/snapshots", stream, Content_Type="application/x.snapd.snapshot")


def _demand_done(change: Any) -> Any:
    if change["status"] != "Done":
        raise RuntimeError(f"{change['summary']}: {change['status']}: {change.get('err')}")
    return change
