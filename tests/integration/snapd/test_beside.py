"""Living beside the real snapd: what we refuse while it runs, its table, its leftovers, its numbers."""

import hashlib
import json
import os
import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from backend import Progress
from backend.format import snapshot_json
from backend.host import Layout
from backend.store import Store
from backend.transfer import import_set
from tests import golden
from tests.golden.make import SECOND
from tests.integration.format.test_golden import EXPORT, members
from tests.support.builders import snapshot_of, tgz, write_snapshot
from tests.support.command import snapstow
from tests.support.interchange import MIB, ids, listed, names, ours
from tests.support.realsnapd import RealSnapd
from tests.support.snapdrest import UnixConnection

pytestmark = pytest.mark.snapd

LONG_AGO = time.time_ns() - 2 * 3600 * SECOND


# -- while it runs


@pytest.fixture
def busy(snapd: RealSnapd) -> RealSnapd:
    """A running snapd with a set of its own, a restore of ours to undo, and leftovers to repair."""
    (snapd.install("hello", conf={"a": 1}) / "x1/f").write_text("saved")
    ours(snapd, "save")
    (snapd.data("hello") / "x1/f").write_text("changed")
    ours(snapd, "restore", "1")
    snapd.start()
    snapd.save()
    shutil.copy(EXPORT, snapd.base / "export")
    for left in ("9_importing", "9_hello_1.0_x1.zip", "3_hello_1.0_x1.zip.dkJrwnkg36rB~"):
        (snapd.snapshots / left).touch()
        os.utime(snapd.snapshots / left, ns=(LONG_AGO, LONG_AGO))
    return snapd


def _everything(snapd: RealSnapd) -> dict[str, golden.Tree]:
    """All data and snapshots; snapd may write its own state at any time."""
    places = ("var/snap", "var/lib/snapd/snapshots", "home", "snap")
    return {place: golden.tree(snapd.base / place) for place in places}


@pytest.mark.parametrize(
    "arguments",
    [
        ("save",),
        ("save", "hello", "--users=root"),
        ("restore", "1"),
        ("restore", "2", "hello", "--no-undo"),
        ("forget", "1"),
        ("import-snapshot", "export"),
        ("undo",),
        ("doctor", "--repair"),
    ],
    ids=" ".join,
)
def test_nothing_is_changed_while_snapd_runs(busy: RealSnapd, arguments: tuple[str, ...]) -> None:
    before = _everything(busy)
    arguments = tuple(str(busy.base / word) if word == "export" else word for word in arguments)
    done = snapstow(busy.base, "--engine=files", *arguments)
    assert (done.code, done.out) == (11, "")
    assert done.err.startswith("error: cannot ")
    assert f"snapd is running for {busy.base}" in done.err
    assert done.err.count("\n") == 1
    assert _everything(busy) == before
    assert ids(busy) == [1, 2]


def test_reading_goes_on_while_snapd_runs(busy: RealSnapd) -> None:
    def ours(snapd: RealSnapd, *arguments: str) -> str:
        done = snapstow(snapd.base, "--engine=files", *arguments)
        assert done.code == 0, done.err
        return done.out

    before = _everything(busy)
    assert [row["id"] for row in json.loads(ours(busy, "--json", "saved"))] == [1, 2]
    assert ours(busy, "check-snapshot", "2", "--structure") == "Snapshot #2 verified successfully.\n"
    assert ours(busy, "check-snapshot", "--all").startswith("All 2 snapshots verified")
    assert "READY" in ours(busy, "restore", "2", "--plan")
    assert json.loads(ours(busy, "--json", "estimate"))[0]["size"] == len("saved")
    assert "snapd is running" in ours(busy, "doctor")
    assert {row["kind"] for row in json.loads(ours(busy, "--json", "doctor"))} >= {"import", "temporary"}
    assert len(json.loads(ours(busy, "--json", "undo", "--list"))) == 1
    assert "save" in ours(busy, "jobs")
    ours(busy, "export-snapshot", "2", str(busy.base / "mine"))
    assert [*members((busy.base / "mine").read_bytes())] == [*members(busy.export(2))]
    assert _everything(busy) == before


def test_refused_operations_are_done_once_snapd_is_down(busy: RealSnapd) -> None:
    busy.stop()
    for arguments in (("undo",), ("save",), ("restore", "2"), ("doctor", "--repair"), ("forget", "1")):
        ours(busy, *arguments)
    ours(busy, "import-snapshot", str(busy.base / "export"))
    assert not (busy.snapshots / "9_importing").exists()


# -- the table


def test_the_table_begins_with_that_of_snap(snapd: RealSnapd, monkeypatch: pytest.MonkeyPatch) -> None:
    (snapd.install("hello", "2.10") / "x1/f").write_text("data")
    shutil.rmtree(snapd.install("void"))
    snapd.start()
    snapd.save("hello")
    snapd.save("void")
    snapd.stop()
    with _zone(monkeypatch, "America/St_Johns"):
        ours(snapd, "save", "hello")
    _add_odd_snapshots(snapd)
    state_file = snapd.base / "var/lib/snapd/state.json"
    state = json.loads(state_file.read_text())
    state["data"]["snapshots"] = {"3": {"expiry-time": "2126-11-22T09:09:36.185921212Z"}}
    state_file.write_text(json.dumps(state))
    snapd.start()
    theirs = _rows(snapd.cli("saved", "--abs-time").stdout)
    mine = _rows(ours(snapd, "saved", "--abs-time"))
    assert mine[: len(theirs)] == theirs
    assert re.search("^3 hello [-0-9T:]*-0[23]:30 2.10 x1 [0-9]+B auto$", theirs[3])
    assert len(theirs) == 1 + 8
    hidden = mine[len(theirs) :]
    assert [row.split()[0] for row in hidden] == ["30", "31"]
    assert all(row.endswith("not shown by snap") for row in hidden)
    for arguments in (("--id=3",), ("--id=2",), ("--id=77",), ("hello",)):
        shown = snapd.cli("saved", "--abs-time", *arguments)
        assert ours(snapd, "saved", "--abs-time", *arguments) == shown.stdout


@contextmanager
def _zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """This process in another time zone."""
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", name)
            time.tzset()
            yield
    finally:
        time.tzset()


def _rows(table: str) -> list[str]:
    """Lines whatever the widths of their columns."""
    return [" ".join(line.split()) for line in table.splitlines()]


def _add_odd_snapshots(snapd: RealSnapd) -> None:
    entries = {"archive.tgz": tgz({"x1": {"f": "1"}, "common": {}})}
    place = snapd.snapshots
    oddities: tuple[dict[str, Any], ...] = (
        {"time": "2026-02-28T23:59:59.999999999+05:30"},
        {"version": "", "auto": True},
        {"snap": "inst_key", "size": 30_010_000},
        {"broken": "was broken", "auto": True},
    )
    for number, facts in enumerate(oddities, 20):
        snapshot = snapshot_of(1, "odd", entries)._replace(**facts)
        write_snapshot(place / f"{number}_{snapshot.snap}_{snapshot.version}_x1.zip", snapshot, entries)
    whole = (place / "20_odd_1.0_x1.zip").read_bytes()
    (place / "24_odd_1.0_x1.zip").write_bytes(whole.replace(b"meta.sha3_384", b"gone.sha3_384"))
    (place / "30_odd_1.0_x1.zip").write_bytes(whole[:-30])
    (place / "31_odd_1.0_x1.zip").write_bytes(b"")
    (place / "32_odd_1.0_x1.zip").write_bytes(whole)
    (place / "32_importing").touch()
    (place / "33_odd_1.0_x1.zip.dkJrwnkg36rB~").write_bytes(whole)


_FACTS = {
    "set": 1,
    "time": "2026-11-22T09:09:36.185921212Z",
    "snap": "odd",
    "revision": "x1",
    "epoch": {"read": [0], "write": [0]},
    "summary": "",
    "version": "1.0",
    "sha3-384": {"archive.tgz": "0" * 96},
    "size": 9,
}
_SAME: tuple[dict[str, Any] | bytes, ...] = (
    {"revision": 42},
    {"revision": -1},
    {"revision": "007"},
    {"revision": None},
    {"revision": "x0"},
    {"epoch": "1*"},
    {"epoch": None},
    {"epoch": {"read": [1]}},
    {"epoch": {"read": [2], "write": [1]}},
    {"epoch": 5},
    {"size": 0},
    {"size": 2**63 - 1},
    {"size": 2**63},
    {"size": 1.5},
    {"snap": ""},
    {"SNAP": "cased", "zzz": 1},
    {"sha3-384": None},
    {"sha3-384": {"archive.tgz": "0" * 96, "weird": "1" * 96}},
    {"time": "2026-11-22T09:09:36.100+05:30"},
    {"time": "2026-11-22T09:09:36-00:00"},
    {"time": "2026-11-22T09:09:36.1234567891Z"},
    {"time": "9999-12-31T23:59:59Z"},
    {"time": "0001-01-01T00:00:00Z"},
    {"time": "yesterday"},
    {"broken": "was <b>", "auto": True},
    {"auto": "yes"},
    {"conf": None},
    {"conf": {}},
    {"conf": []},
    {"conf": {"b": "\u2028<\x7f", "a": {"Z": 1, "é": [None, True]}}},
    {"options": None},
    {"summary": "Grüße\n"},
    {"set": 2**64 - 1},
    {"set": -1},
    {"set": "1"},
    b'{"set":1,"time":"2026-11-22T09:09:36Z","snap":"a","revision":"x1","summary":"\xff\\ud800","size":9,'
    b'"conf":{"a":1.50e+02,"b":-0.0,"c":12345678901234567890123},"sha3-384":{"archive.tgz":"00"}} x',
    b'{"time":"2026-11-22T09:09:36Z","snap":"a","snap":"ab","revision":"x1","summary":"\xff\\ud800\\u0000",'
    b'"conf":{"a":1.50e+02,"b":-0.0,"c":12345678901234567890123},"sha3-384":{"archive.tgz":"%s"}}'
    % (b"0" * 96),
    b"null",
    b"{}",
    b"[]",
    b"",
)


def test_odd_metadata_mean_to_us_what_they_mean_to_snapd(snapd: RealSnapd) -> None:
    snapd.snapshots.mkdir()
    for number, facts in enumerate(_SAME, 100):
        raw = facts if isinstance(facts, bytes) else json.dumps(_FACTS | facts).encode()
        with zipfile.ZipFile(snapd.snapshots / f"{number}_odd_1.0_x1.zip", "w") as archive:
            archive.writestr("meta.json", raw)
            archive.writestr("meta.sha3_384", hashlib.sha3_384(raw).hexdigest())
    snapd.start()
    shown = [s for group in json.loads(listed(snapd)) for s in group["snapshots"]]
    layout = Layout(str(snapd.base))
    mine = [s for group in Store(layout, f"{snapd.base}/own").list_sets() for s in group.snapshots]
    assert [json.loads(snapshot_json(s)) for s in mine if not s.hidden] == shown
    assert len(mine) == len(_SAME) > len(shown) > 20


# -- what lies about, and what a crash leaves


def test_snapd_never_sees_half_of_what_we_import(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/f").write_bytes(os.urandom(MIB))
    snapd.start()
    snapd.save()
    (snapd.base / "export").write_bytes(snapd.export(1))
    snapd.act("forget", 1)
    looks: list[tuple[list[int], bool]] = []

    def look(_event: object) -> None:
        staged = any(name.startswith(".snapstow-import-") for name in names(snapd))
        looks.append((ids(snapd), staged))

    layout = Layout(str(snapd.base))
    layout.socket = str(snapd.base / "unseen")  # else the library would refuse to publish beside snapd
    store = Store(layout, str(snapd.base / "var/lib/snapstow"))
    with open(snapd.base / "export", "rb") as file:
        imported = import_set(store, file.fileno(), Progress(look, clock=count().__next__))
    assert len(looks) > 2
    assert any(staged for _, staged in looks)
    assert {tuple(seen) for seen, _ in looks} == {()}
    assert ids(snapd) == [imported.set_id]
    snapd.act("check", imported.set_id)
    (snapd.snapshots / f"{imported.set_id}_importing").touch()
    assert (ids(snapd), ours(snapd, "saved")) == ([], "No snapshots found.\n")


def test_leftovers_of_a_killed_save_of_snapd_are_found(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/f").write_text("data")
    with snapd.gate() as await_gzip:
        snapd.start()
        change = snapd.api("POST", "/v2/snaps", {"action": "snapshot"})
        await_gzip()
        snapd.kill()
    (left,) = snapd.snapshots.iterdir()
    assert left.name.startswith("1_hello_1.0_x1.zip.")
    _repair_when_old(snapd, left, "temporary", [left])
    snapd.start()
    done = snapd.wait({"type": "async", "change": change["change"]})
    assert done["status"] == "Done", "snapd takes it up again"
    assert names(snapd) == ["1_hello_1.0_x1.zip"]


def test_leftovers_of_a_killed_import_of_snapd_are_found(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/f").write_bytes(os.urandom(3 * MIB))
    snapd.start()
    snapd.save()
    stream = snapd.export(1)
    snapd.act("forget", 1)
    connection = UnixConnection(snapd.socket)
    connection.putrequest("POST", "/v2/snapshots")
    connection.putheader("Content-Type", "application/x.snapd.snapshot")
    connection.putheader("Content-Length", str(len(stream)))
    connection.endheaders()
    connection.send(stream[: 2 * MIB])  # returns once snapd has read all but what a socket can hold
    assert names(snapd) == ["2_hello_1.0_x1.zip", "2_importing"]
    assert (ids(snapd), ours(snapd, "saved")) == ([], "No snapshots found.\n")
    snapd.kill()
    connection.close()
    marker = snapd.snapshots / "2_importing"
    _repair_when_old(snapd, marker, "import", [marker, snapd.snapshots / "2_hello_1.0_x1.zip"])
    snapd.start()
    assert snapd.take_in(stream)["result"] == {"set-id": 3, "snaps": ["hello"]}


def _repair_when_old(snapd: RealSnapd, left: Path, kind: str, doomed: list[Path]) -> None:
    """Our doctor tells of it at once, and removes it once it is certainly dead."""
    (finding,) = _findings(snapd)
    assert (finding["kind"], finding["path"], finding["repair"]) == (kind, str(left), "")
    ours(snapd, "doctor", "--repair")
    assert all(path.exists() for path in doomed), "it may still be written to"
    os.utime(left, ns=(LONG_AGO, LONG_AGO))
    (finding,) = _findings(snapd)
    assert (finding["kind"], finding["path"], finding["repair"] != "") == (kind, str(left), True)
    ours(snapd, "doctor", "--repair")
    assert _findings(snapd) == []
    assert names(snapd) == []


def _findings(snapd: RealSnapd) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(ours(snapd, "--json", "doctor"))
    return findings


# -- numbers


def test_we_give_no_number_twice(snapd: RealSnapd) -> None:
    (snapd.install("hello") / "x1/f").write_text("data")

    def we_save() -> int:
        table = ours(snapd, "save")
        return int(table.splitlines()[1].split()[0])

    snapd.start()
    assert [snapd.save(), snapd.save()] == [1, 2]
    snapd.act("forget", 2)
    snapd.stop()
    assert we_save() == 3
    snapd.start()
    assert snapd.save() == 4
    for set_id in (4, 3):
        snapd.act("forget", set_id)
    snapd.stop()
    assert we_save() == 5
    ours(snapd, "forget", "5")
    assert we_save() == 6
    (snapd.snapshots / "777_importing").touch()
    assert we_save() == 778
    snapd.start()
    assert snapd.save() == 779
