"""What the client makes of answers that a real snapd gives seldom or never: silence, junk, early, cut."""

import json
import os
import re
import select
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.engine.snapd.client import STREAM, Client
from backend.engine.snapd.follow import follow
from backend.engine.snapd.responses import (
    Answer,
    RefusalError,
    change_failure,
    change_from,
    failure,
    sets_from,
)
from backend.errors import (
    Cancelled,
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NoSpaceError,
    NotAllowedError,
    NotFoundError,
    SnapshotError,
    UnreachableError,
)
from backend.model import Json
from backend.progress import Progress

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
Serve = Callable[[socket.socket], None]


@contextmanager
def answering(*served: Serve) -> Iterator[Client]:
    """A client of a server that treats one connection after the other as told."""
    with tempfile.TemporaryDirectory(prefix="sc-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            for answer in served:
                connection, _ = listener.accept()
                with connection:
                    answer(connection)

        server = threading.Thread(target=serve)
        server.start()
        yield Client(path, "/snapshots", silence=0.5)
        server.join(10)
        assert not server.is_alive()


def head(connection: socket.socket) -> bytes:
    """Read a request up to its body."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(1)
    return raw


def says(raw: bytes) -> Serve:
    """Read a request's head and whatever comes with it, then answer."""

    def serve(connection: socket.socket) -> None:
        length = [
            line for line in head(connection).split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        left = int(length[0].split(b":")[1]) if length else 0
        while left:
            left -= len(connection.recv(left))
        connection.sendall(raw)

    return serve


def result(value: Any, status: int = 200, **more: Any) -> Serve:
    body = json.dumps({"type": "sync", "status-code": status, "result": value, **more}).encode()
    start = OK.replace(b"200 OK", str(status).encode() + b" X")
    return says(start + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def test_nobody_listens(tmp_path: Path) -> None:
    client = Client(str(tmp_path / "socket"), "/snapshots")
    with pytest.raises(UnreachableError, match="cannot ask for the version: snapd does not answer at"):
        client.version()


def test_a_path_longer_than_a_socket_may_have(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    with pytest.raises(UnreachableError, match="No such file"):
        Client(str(folder / "socket"), "/snapshots").version()


def test_silence_is_not_waited_for_for_ever() -> None:
    gone = threading.Event()

    def silence(_connection: socket.socket) -> None:
        gone.wait(10)

    with answering(silence) as client:
        with pytest.raises(UnreachableError, match="silent for 0 seconds"):
            client.version()
        gone.set()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        OK + b"\r\nnot json",
        OK + b"\r\n[]",
        OK + b"\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
    ],
    ids=["nothing", "junk", "cut", "no json", "no object", "deep", "headers"],
)
def test_malformed_answers_are_unreachable_errors(raw: bytes) -> None:
    with answering(says(raw)) as client, pytest.raises(UnreachableError):
        client.version()


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    def flood(connection: socket.socket) -> None:
        head(connection)
        try:
            connection.sendall(OK + b"\r\n" + b'{"result": "')
            while True:
                connection.sendall(b"x" * (1 << 20))
        except OSError:
            pass

    with answering(flood) as client, pytest.raises(UnreachableError, match="longer than"):
        client.version()


@pytest.mark.parametrize(
    ("status", "message", "kind", "expected"),
    [
        (401, "access denied", "login-required", NotAllowedError),
        (403, "cancelled", "auth-cancelled", NotAllowedError),
        (404, "no snapshot set with the given ID", "", NotFoundError),
        (400, 'snap "x" is not installed', "snap-not-installed", NotFoundError),
        (400, "cannot export 9: no snapshot data found for 9", "", NotFoundError),
        (409, 'snap "x" has "y" change in progress', "snap-change-conflict", ConflictError),
        (500, 'cannot operate on snapshot set #1 while change "2" is in progress', "", ConflictError),
        (500, 'snap "x" has "restore-snapshot" change in progress', "", ConflictError),
        (507, "no room", "insufficient-disk-space", NoSpaceError),
        (400, "cannot import snapshot 8: x: no space left on device", "", NoSpaceError),
        (400, "cannot import snapshot 8: cannot read snapshot import: unexpected EOF", "", IntegrityError),
        (400, "snapshot operation requires action", "", InvalidInputError),
        (500, "anything", "", SnapshotError),
    ],
)
def test_refusals_keep_what_snapd_said(
    status: int, message: str, kind: str, expected: type[SnapshotError]
) -> None:
    answer = result({"message": message, "kind": kind, "value": "v"}, status)
    with answering(answer) as client, pytest.raises(expected, match=re.escape(message)) as refused:
        client.act("restore", 1)
    cause = refused.value.__cause__
    assert isinstance(cause, RefusalError)
    assert (str(cause), cause.status, cause.kind, cause.value) == (message, status, kind, "v")


def test_requests_are_what_snapd_takes() -> None:
    asked: list[bytes] = []

    def note(connection: socket.socket) -> None:
        start = head(connection)
        length = int(start.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        asked.append(connection.recv(length))
        body = json.dumps({"result": {"set-id": 7}, "change": "3"}).encode()
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with answering(note, note) as client:
        started = client.save(["a"], ["ada"], {"a": ["$SNAP_DATA/x"]})
        client.act("forget", 5, ["a"])
    assert (started.change, started.set_id) == ("3", 7)
    options = {"a": {"exclude": ["$SNAP_DATA/x"]}}
    assert [json.loads(raw) for raw in asked] == [
        {"action": "snapshot", "snaps": ["a"], "users": ["ada"], "snapshot-options": options},
        {"action": "forget", "set": 5, "snaps": ["a"]},
    ]


# -- streams


def stream_of(body: bytes, size: int) -> Serve:
    return says(
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (STREAM.encode(), size) + body
    )


def exported(client: Client, tmp_path: Path, progress: Progress | None = None) -> bytes:
    with open(tmp_path / "e", "w+b") as file, client.export(1, progress or Progress()) as download:
        download.stream_to(file.fileno(), progress or Progress())
        return (tmp_path / "e").read_bytes()


def test_an_export_comes_whole_or_not_at_all(tmp_path: Path) -> None:
    body = os.urandom(3 << 20)
    with answering(stream_of(body, len(body))) as client:
        assert exported(client, tmp_path) == body
    missing = pytest.raises(UnreachableError, match="9 of 3145737 bytes are missing")
    with answering(stream_of(body, len(body) + 9)) as client, missing:
        exported(client, tmp_path)
    with answering(result("a json answer")) as client, pytest.raises(IntegrityError, match="content type"):
        exported(client, tmp_path)


def test_a_disk_that_is_full_is_no_silence_of_snapd(tmp_path: Path) -> None:
    body = b"x" * 100
    with (
        answering(stream_of(body, len(body))) as client,
        open("/dev/full", "wb") as full,
        client.export(1, Progress()) as download,
        pytest.raises(NoSpaceError),
    ):
        download.stream_to(full.fileno(), Progress())


def test_a_stop_is_noticed_while_nobody_reads_what_is_exported() -> None:
    body, progress, stopped = bytes(8 << 20), Progress(), threading.Event()
    source, target = os.pipe()

    def serve(connection: socket.socket) -> None:
        with suppress(ConnectionError):
            stream_of(body, len(body))(connection)

    def export(client: Client) -> None:
        try:
            with client.export(1, progress) as download:
                download.stream_to(target, progress)
        except Cancelled:
            stopped.set()

    with answering(serve) as client:
        writer = threading.Thread(target=export, args=(client,), daemon=True)
        writer.start()
        while select.select([], [target], [], 0)[1]:
            os.sched_yield()
        progress.stop()
        writer.join(20)
        assert not writer.is_alive()
    assert stopped.is_set()
    os.close(source)
    os.close(target)


def test_a_stop_hangs_up_at_once() -> None:
    progress = Progress()

    def wait(connection: socket.socket) -> None:
        head(connection)
        progress.stop()
        assert connection.recv(1) == b""

    with answering(wait) as client, pytest.raises(Cancelled), client.export(1, progress):
        pass


def sent(
    client: Client, tmp_path: Path, size: int, declared: int | None = None
) -> tuple[int, tuple[str, ...]]:
    (tmp_path / "i").write_bytes(b"x" * size)
    with open(tmp_path / "i", "rb") as file:
        return client.take_in(file.fileno(), size if declared is None else declared, Progress())


def test_an_answer_before_all_was_sent_is_heard(tmp_path: Path) -> None:
    def early(connection: socket.socket) -> None:
        head(connection)
        body = b'{"result": {"set-id": 4, "snaps": ["a"]}}'
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.shutdown(socket.SHUT_RD)

    with answering(early) as client:
        assert sent(client, tmp_path, 8 << 20) == (4, ("a",))


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    def read_all(connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            pass

    with answering(read_all) as client, pytest.raises(InvalidInputError, match="became shorter"):
        sent(client, tmp_path, 100, 200)


# -- changes


def change(status: str, **facts: Any) -> dict[str, Any]:
    return {"id": "1", "kind": "k", "summary": "s", "status": status, "ready": False, "tasks": [], **facts}


def test_a_change_that_ended_before_the_stop_came_is_done() -> None:
    nothing = result({"message": "cannot abort change 1 with nothing pending"}, 400)
    done = result(change("Done", ready=True))
    progress = Progress()
    progress.stop()
    with answering(nothing, done) as client:
        assert follow(client, "1", progress).done


def test_snapd_may_be_away_for_a_moment() -> None:
    with answering(says(b""), says(b""), result(change("Done", ready=True))) as client:
        assert follow(client, "1", Progress()).done


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("zip: checksum error", IntegrityError),
        ("write x: no space left on device", NoSpaceError),
        ("user: unknown user ghost", NotFoundError),
        ("tar failed", SnapshotError),
    ],
)
def test_failed_changes(line: str, expected: type[SnapshotError]) -> None:
    task: dict[str, Json] = {"summary": "t", "status": "Error", "log": [f"2026-11-22T09:00:30Z ERROR {line}"]}
    failed = change_from({**change("Error", ready=True, err=f"cannot: {line}"), "tasks": [task]})
    error = change_failure(failed)
    assert (type(error), line in str(error)) == (expected, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "snapshots", "tasks", "log", "data", "snap", "snap-names", "status", "err", "time"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_answer_breaks_anything(value: Any) -> None:
    for group in sets_from(value, "/snapshots"):
        assert all(snapshot.path.startswith("/snapshots/") for snapshot in group.snapshots)
    assert isinstance(failure("do", Answer(500, value, "")), SnapshotError)
    try:
        assert change_from(value).id
    except IntegrityError:
        pass


def test_paths_of_a_listing_stay_in_the_folder() -> None:
    document: Any = [{"snapshots": [{"snap": "../../etc", "broken": "b", "time": "0001-01-01T00:00:00Z"}]}]
    (group,) = sets_from(document, "/snapshots")
    assert os.path.dirname(os.path.normpath(group.snapshots[0].path)) == "/snapshots"
