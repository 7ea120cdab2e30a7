"""Imports through a real snapd: hostile ones, duplicates, stops."""

import base64
import json
import os
from pathlib import Path

import pytest

from backend.errors import Cancelled, IntegrityError
from backend.format.metadata import set_content_hashes
from backend.operations import Export, Forget, Import, Save
from backend.progress import Advanced, Event, Noted, Progress
from tests.support.realsnapd import RealSnapd
from tests.support.snapdworld import do, engine, hello_there, install, sets

__all__ = ["hello_there"]

pytestmark = pytest.mark.snapd


@pytest.fixture
def exported(hello: RealSnapd) -> str:
    """An export of a set that is here no more."""
    do(hello, Save())
    do(hello, Export(1, str(hello.base / "export")))
    do(hello, Forget(1, undo_window=0))
    return str(hello.base / "export")


def test_a_hostile_import_never_reaches_snapd(hello: RealSnapd, exported: str) -> None:
    raw = Path(exported).read_bytes()
    name = b"1_hello_1.0_x1.zip"
    at = raw.index(name)
    header = bytearray(raw[at : at + 512])
    header[:100] = b"1_x/../../../../../home/evil.zip".ljust(100, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    Path(exported).write_bytes(raw[:at] + bytes(header) + raw[at + 512 :])
    with pytest.raises(IntegrityError, match="cannot import snapshot: unexpected"):
        do(hello, Import(exported))
    assert sets(hello) == []
    assert not (hello.base / "home/evil.zip").exists()


def test_a_duplicate_of_an_automatic_set_stays(hello: RealSnapd) -> None:
    do(hello, Save())
    do(hello, Export(1, str(hello.base / "export")))
    hello.stop()
    let_expire(hello, 1)
    hello.start()
    text = next(finding.text for finding in engine(hello).findings() if finding.kind == "automatic")
    assert text == "snapshot set #1 is automatic; expires: 2126-11-22T09:09:36.185921212Z"
    notes: list[Event] = []
    done = do(hello, Import(str(hello.base / "export")), lambda _job, event: notes.append(event))
    assert (done.set_id, done.duplicate) == (1, True)
    assert any(isinstance(note, Noted) and "snapd keeps it from now on" in note.text for note in notes)
    assert [finding.kind for finding in engine(hello).findings()] == []


def test_a_duplicate_is_known_in_the_spelling_of_another_snapd(snapd: RealSnapd) -> None:
    exported = spelled_otherwise(snapd)
    done = do(snapd, Import(exported))
    assert (done.set_id, done.snaps, done.duplicate) == (1, ("hello",), True)
    assert sets(snapd) == [1]


def test_a_duplicate_that_would_expire_is_left_to_snapd(snapd: RealSnapd) -> None:
    exported = spelled_otherwise(snapd)
    snapd.stop()
    let_expire(snapd, 1)
    snapd.start()
    done = do(snapd, Import(exported))
    assert (done.set_id, done.duplicate) == (2, False)
    assert sets(snapd) == [1, 2]


def spelled_otherwise(snapd: RealSnapd) -> str:
    """An export of set 1, which stays, with the content hash that another release of snapd would write."""
    install(snapd, "hello", conf={"c": "\b\f"})
    snapd.start()
    do(snapd, Save())
    file = snapd.base / "export"
    do(snapd, Export(1, str(file)))
    hashes = set_content_hashes(engine(snapd).sets(1)[0].snapshots)
    older, newer = (base64.b64encode(digest) for digest in hashes)
    raw = file.read_bytes()
    (written,) = (digest for digest in (older, newer) if digest in raw)
    file.write_bytes(raw.replace(written, newer if written == older else older))
    return str(file)


def let_expire(snapd: RealSnapd, set_id: int) -> None:
    """Make a set of a snapd that is down one that expires."""
    state_file = snapd.base / "var/lib/snapd/state.json"
    state = json.loads(state_file.read_text())
    state["data"]["snapshots"] = {str(set_id): {"expiry-time": "2126-11-22T09:09:36.185921212Z"}}
    state_file.write_text(json.dumps(state))


def test_a_stop_while_an_import_is_sent_leaves_nothing(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/big").write_bytes(os.urandom(8 << 20))
    do(hello, Save())
    file = str(hello.base / "export")
    do(hello, Export(1, file))
    do(hello, Forget(1, undo_window=0))

    def stop(progress: Progress, event: Event) -> None:
        if isinstance(event, Advanced) and event.done:
            progress.stop()

    with pytest.raises(Cancelled):
        do(hello, Import(file), stop)
    hello.stop()
    assert list(hello.snapshots.iterdir()) == []
