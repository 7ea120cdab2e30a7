import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInputError, NotAllowedError, SnapshotError
from backend.format.names import is_version
from backend.host.snap_yaml import read_description
from backend.host.socket import daemon_answers
from backend.host.state import SnapdState, answering_version
from backend.model import Epoch, Number, Revision
from tests.support.fakes import telling_version

EXPIRY = "2026-12-23T09:16:29.832205504Z"
DATA: dict[str, Any] = {
    "last-snapshot-set-id": 7,
    "snapshots": {"119": {"expiry-time": EXPIRY}, "120": {"expiry-time": "0001-01-01T00:00:00Z"}, "121": {}},
    "config": {"core": {"homedirs": "/srv/home, /home2/,relative,/tmp/x,/srv/home"}, "hello": {"a": 1}},
    "snaps": {
        "hello": {
            "sequence": [
                {"name": "hello", "snap-id": "old", "revision": "1"},
                {"name": "hello", "snap-id": "new", "revision": "2"},
            ],
            "current": "2",
            "active": True,
            "migrated-hidden": True,
        },
        "off": {"sequence": [{"name": "off", "revision": "x1"}], "current": "x1"},
        "going": {"current": "unset", "active": True},
        "../evil": {"current": "1", "active": True},
    },
}


def state_of(place: Path, document: object) -> SnapdState:
    path = place / "state.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return SnapdState.read(str(path))


@pytest.fixture
def state(tmp_path: Path) -> SnapdState:
    return state_of(tmp_path, {"data": DATA, "changes": {}, "tasks": {}})


def test_installed_snaps_and_how_they_stand(state: SnapdState) -> None:
    assert (state.readable, state.why_not) == (True, "")
    assert state.snaps() == ["hello", "off"]
    assert (state.current("hello"), state.current("off")) == (Revision(2), Revision(-1))
    assert state.current("going") is state.current("nosuch") is state.current("../evil") is None
    assert [state.active(name) for name in ("hello", "off", "going", "nosuch")] == [True, False, False, False]
    assert [state.hidden(name) for name in ("hello", "off", "nosuch")] == [True, False, False]


def test_the_snap_id_is_that_of_the_current_revision(state: SnapdState) -> None:
    assert [state.snap_id(name) for name in ("hello", "off", "nosuch")] == ["new", "", ""]


def test_configuration_keeps_every_digit(tmp_path: Path) -> None:
    raw = b'{"data":{"config":{"hello":{"big":12345678901234567890123,"f":1.50,"on":true}}}}'
    state = state_of(tmp_path, raw)
    assert state.config("hello") == {
        "big": Number("12345678901234567890123"),
        "f": Number("1.50"),
        "on": True,
    }
    assert state.config("other") is None


def test_automatic_sets_and_their_end(state: SnapdState) -> None:
    assert state.auto_sets() == {119: EXPIRY}
    assert (state.expiry(119), state.expiry(120), state.expiry(5)) == (EXPIRY, None, None)


@pytest.mark.parametrize(
    ("last", "keys", "highest"),
    [
        (7, ["119"], 119),
        (777, ["119"], 777),
        (None, [], 0),
        (-4, ["-5", "x", "", "٣"], 0),
        (2**64 - 1, ["18446744073709551615", "9" * 5000, "4"], 4),
        ("12", ["3"], 3),
        (1.5, ["3"], 3),
    ],
)
def test_the_last_set_id_is_the_highest_sane_one(
    tmp_path: Path, last: object, keys: list[str], highest: int
) -> None:
    data = {"last-snapshot-set-id": last, "snapshots": {key: {} for key in keys}}
    assert state_of(tmp_path, {"data": data}).last_set_id() == highest


def test_directories_of_homes_are_absolute_clean_and_named_once(state: SnapdState) -> None:
    assert state.homedirs() == ["/srv/home", "/home2"]


@pytest.mark.parametrize("listed", ["/etc", "/root/../root", "home", "", ",,", "/proc/1"])
def test_no_homes_where_snapd_allows_none(tmp_path: Path, listed: str) -> None:
    state = state_of(tmp_path, {"data": {"config": {"core": {"homedirs": listed}}}})
    assert state.homedirs() == []


def ask_everything(state: SnapdState) -> None:
    for name in ("hello", "core", "../evil", ""):
        state.current(name), state.active(name), state.hidden(name), state.snap_id(name), state.config(name)
    state.snaps(), state.homedirs(), state.auto_sets(), state.expiry(1), state.last_set_id()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "cannot parse"),
        (b"{", "cannot parse"),
        (b"[]", 'no "data" object'),
        (b"{}", 'no "data" object'),
        (b'{"data":[]}', 'no "data" object'),
        (b'{"data":{"snaps":[]}}', '"snaps"'),
        (b'{"data":{"config":{"hello":3}}}', '"config.hello"'),
        (b'{"data":{"snapshots":{"1":"x"}}}', '"snapshots.1"'),
        (b'{"data":' + b"[" * 100_000, "cannot parse"),
    ],
)
def test_a_damaged_state_answers_and_says_why(tmp_path: Path, raw: bytes, why: str) -> None:
    state = state_of(tmp_path, raw)
    assert not state.readable
    assert why in state.why_not
    ask_everything(state)


def test_sound_parts_of_a_damaged_state_still_answer(tmp_path: Path) -> None:
    state = state_of(tmp_path, {"data": {**DATA, "config": 3}})
    assert (state.readable, state.snap_id("hello"), state.config("hello")) == (False, "new", None)


def test_a_state_that_is_empty_yet_is_readable(tmp_path: Path) -> None:
    assert state_of(tmp_path, {"data": None}).readable


def test_a_missing_odd_or_huge_file_is_named(tmp_path: Path) -> None:
    missing, folder, fifo, huge = (str(tmp_path / name) for name in ("no", "folder", "fifo", "huge"))
    os.mkdir(folder)
    os.mkfifo(fifo)
    os.close(os.open(huge, os.O_CREAT | os.O_WRONLY))
    os.truncate(huge, 1 << 40)
    for path in (missing, folder, fifo, huge, f"{huge}/state.json"):
        state = SnapdState.read(path)
        assert not state.readable
        assert path in state.why_not
        assert state.last_set_id() == 0


KEYS = st.sampled_from(
    ["snaps", "config", "snapshots", "last-snapshot-set-id", "core", "homedirs", "hello", "sequence"]
) | st.sampled_from(["current", "active", "migrated-hidden", "snap-id", "revision", "1", "expiry-time"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(data=st.dictionaries(KEYS, JSON))
def test_foreign_values_never_raise(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    ask_everything(state_of(tmp_path_factory.getbasetemp(), {"data": data}))


@given(raw=st.binary())
def test_damaged_bytes_never_raise(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    ask_everything(state_of(tmp_path_factory.getbasetemp(), raw))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[str]:
    here = os.getcwd()
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()
    os.chdir(folder)  # the address of a socket is short, so that it can lie deep only from near by
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s")
            server.listen()
            yield str(folder / "s")
    finally:
        os.chdir(here)


def test_a_socket_however_deep_answers_as_long_as_someone_listens(listening: str, tmp_path: Path) -> None:
    short = str(tmp_path / "short")
    os.symlink(listening, short)
    assert len(listening) > 107
    assert daemon_answers(listening)
    assert daemon_answers(short)


def test_nobody_answers_where_nobody_listens(tmp_path: Path) -> None:
    stale, plain, missing = (str(tmp_path / name) for name in ("stale", "plain", "missing"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(stale)
    Path(plain).touch()
    nowhere = [stale, plain, missing, f"{plain}/s", f"{missing}/{'deep' * 40}/s", "a\0b", ""]
    assert [daemon_answers(path) for path in nowhere] == [False] * len(nowhere)


def test_the_version_of_a_snapd_that_answers(tmp_path: Path) -> None:
    path = str(tmp_path / ("deep" * 40) / "socket")
    with telling_version(path, "2.68.3"):
        assert [answering_version(path) for _ in range(2)] == ["2.68.3", "2.68.3"]
    assert answering_version(path) == ""


@pytest.mark.parametrize("version", [None, 2.68, {}, "\N{GRINNING FACE}" * (1 << 20)])
def test_no_answer_is_taken_for_a_version(version: object, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with telling_version(path, version):
        assert answering_version(path) == ""


def test_a_snapd_that_is_silent_tells_no_version(listening: str) -> None:
    assert answering_version(listening, timeout=0.01) == ""


def test_a_server_too_busy_to_answer_is_running(tmp_path: Path) -> None:
    path = str(tmp_path / "busy")
    waiting = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        for _ in range(2):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            try:
                waiting[-1].connect(path)
            except BlockingIOError:
                break
        assert daemon_answers(path, timeout=0.01)
    for connection in waiting:
        connection.close()


def described(place: Path, raw: bytes) -> tuple[str, Epoch] | None:
    path = place / "snap.yaml"
    path.write_bytes(raw)
    return read_description(str(path))


@pytest.mark.parametrize(
    ("raw", "version", "epoch"),
    [
        (b"name: hello\nversion: 1.10\n", "1.10", Epoch()),
        (b"version: '1.0'\nepoch: 1*\n", "1.0", Epoch((0, 1), (1,))),
        (b"version: 10\nepoch: 2", "10", Epoch((2,), (2,))),
        (b"version: 1\nepoch: {read: [1, 2], write: [2]}", "1", Epoch((1, 2), (2,))),
        (b"version: 1\nepoch:\n  read: [3]\n", "1", Epoch((3,), (3,))),
        (b"version:\nepoch: ~\n", "", Epoch()),
        (b"a: &a [x]\nb: *a\n? [k]\n: v\nversion: 2", "2", Epoch()),
        (b'{"version":"1.0","epoch":{"read":[0,1],"write":[1]}}', "1.0", Epoch((0, 1), (1,))),
        (b'{"version":1.10,"epoch":1}', "1.10", Epoch((1,), (1,))),
        (b"{version: 1.2}", "1.2", Epoch()),
    ],
)
def test_version_and_epoch_are_taken_as_they_are_spelled(
    tmp_path: Path, raw: bytes, version: str, epoch: Epoch
) -> None:
    assert described(tmp_path, raw) == (version, epoch)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"just text",
        b"- a\n- b",
        b"version: ../../x",
        b"version: [1]",
        b"version: a/b",
        b"version: 1\nepoch: 0*",
        b"version: 1\nepoch: [1]",
        b"version: 1\nepoch: {read: ['1']}",
        b"version: 1\n\t\tx: }",
        b"version: \xff\xfe",
        b"[" * 500_000,
        b"version: 1\na: " + b"[" * 400 + b"]" * 400,
        b"#" * (1 << 20) + b"\nversion: 1",
    ],
)
def test_a_damaged_description_is_named(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(SnapshotError, match=r"snap\.yaml"):
        described(tmp_path, raw)


@given(raw=st.binary() | st.text("{}[]:,-&*?'\"\n version1").map(str.encode))
def test_any_bytes_are_a_description_or_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    with suppress(InvalidInputError):
        description = described(tmp_path_factory.getbasetemp(), raw)
        assert description is not None
        assert is_version(description[0])


def test_a_missing_description_is_none_and_a_closed_one_names_the_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_description(str(tmp_path / "none")) is None

    def refuse(path: str, *_rest: object, **_more: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotAllowedError, match=r"snap\.yaml"):
        read_description("/closed/snap.yaml")
