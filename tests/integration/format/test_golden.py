"""What the real snapd made and recorded: we read it, check it, take it in, put it back, write it again.

Runs everywhere. Owners are compared as root only: nobody else can give files away.
"""

import base64
import contextlib
import io
import json
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.archive import Reader
from backend.format import set_content_hash
from backend.format.metadata import metadata_json, parse_metadata
from tests import golden
from tests.support.command import Done, snapstow

AS_ROOT = os.geteuid() == 0
INDEX = golden.index()
ABOUT = [snapshot for snapshots in INDEX["sets"].values() for snapshot in snapshots]
FILES = sorted(golden.SNAPSHOTS.iterdir())
SOUND = [file for file in FILES if "_void_" not in file.name]
EXPORT = golden.HERE / INDEX["files"]["export"]
JSON_MEMBERS = ("content.json", "export.json")
USERS = {"root": 0, "alice": 1000, "bob": 1001}


def members(stream: bytes) -> dict[str, tuple[bytes, bytes]]:
    """The members of an export in its order: header block and content; nothing else may be in it."""
    by_name = {}
    at = 0
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        for member in archive:
            assert member.offset == at, f"more than one header before {member.name}"
            start = member.offset_data
            by_name[member.name] = (stream[member.offset : start], stream[start : start + member.size])
            at = start + (member.size + 511) // 512 * 512
            assert stream[start + member.size : at].strip(b"\0") == b""
    assert stream[at:] == bytes(1024)
    return by_name


def timeless(header: bytes) -> bytes:
    """A header without time, size (a date may be shorter) and so checksum."""
    return header[:124] + header[156:]


def seen(top: Path) -> golden.Tree:
    """`golden.tree`, of what this user may not read as well."""
    modes: dict[str, os.stat_result] = {}
    for path in _top_down(str(top)) if not AS_ROOT else ():
        facts = os.lstat(path)
        if stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode):
            # Of a file with two names the second must not be asked after the first was changed.
            first = next((known for known in modes.values() if known.st_ino == facts.st_ino), facts)
            modes[os.path.relpath(path, top)] = first
            os.chmod(path, stat.S_IMODE(facts.st_mode) | 0o700)
    tree = golden.tree(top)
    for path, facts in modes.items():
        if path != ".":
            tree[path]["mode"] = f"{stat.S_IMODE(facts.st_mode):04o}"
    return tree


def _top_down(top: str) -> Iterator[str]:
    yield top
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _top_down(entry.path)
        else:
            yield entry.path


def ownerless(tree: golden.Tree) -> golden.Tree:
    """The tree as this user can make it: owners only as root."""
    if AS_ROOT:
        return tree
    return {path: {**facts, "uid": 0, "gid": 0} for path, facts in tree.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with accounts, the snapd that made the golden files, and nothing else."""
    (tmp_path / "usr/lib/snapd").mkdir(parents=True)
    version = INDEX["made_by"].removeprefix("snapd ")
    (tmp_path / "usr/lib/snapd/info").write_text(f"VERSION={version}\nSNAPD_APPARMOR_REEXEC=1\n")
    (tmp_path / "etc").mkdir()
    lines = [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n" for name, uid in USERS.items()]
    (tmp_path / "etc/passwd").write_text("".join(lines))
    for name, uid in USERS.items():
        home = tmp_path / "home" / name
        home.mkdir(parents=True)
        if AS_ROOT:
            os.chown(home, uid, uid)
    return tmp_path


@pytest.fixture
def stocked(root: Path) -> Path:
    """A root with all golden snapshots."""
    shutil.copytree(golden.SNAPSHOTS, root / "var/lib/snapd/snapshots")
    return root


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_metadata_are_written_as_they_were(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        raw = archive.read("meta.json")
    parsed = parse_metadata(raw, json.loads(raw)["set"])
    assert metadata_json(parsed._replace(broken="")) == raw


@pytest.mark.parametrize("file", SOUND, ids=lambda file: file.name)
def test_every_archive_is_sound_and_can_be_unpacked(file: Path) -> None:
    about = next(description for description in ABOUT if description["file"] == file.name)
    with Reader.open(str(file)) as reader:
        assert (reader.snapshot.broken, reader.snapshot.warning) == ("", "")
        assert reader.snapshot.entries == sorted(about["entries"])
        verdicts = reader.check(structure=True)
        assert [verdict.entry for verdict in verdicts] == reader.snapshot.entries
        assert [verdict.fault for verdict in verdicts if verdict.fault] == []
        assert sum(verdict.size for verdict in verdicts) == reader.snapshot.size


def test_a_snapshot_without_data_is_broken_as_for_snapd() -> None:
    with Reader.open(str(golden.SNAPSHOTS / "2_void_1.0_x1.zip")) as reader:
        assert reader.snapshot.broken == "invalid snapshot"
        assert not reader.snapshot.hidden


def test_the_content_hash_is_that_of_the_export() -> None:
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(Reader.open(str(f))) for f in FILES if f.name.startswith("1_")]
        assert len(readers) == 2
        for order in (readers, readers[::-1]):
            digest = set_content_hash([reader.snapshot for reader in order])
            assert base64.b64encode(digest).decode() == INDEX["content_hash"]


def test_the_table_is_that_of_snap(stocked: Path) -> None:
    expected = (golden.HERE / INDEX["files"]["table"]).read_text()
    assert snapstow(stocked, "saved", "--abs-time") == Done(0, expected, "")


def test_the_listing_is_that_of_snapd_to_the_byte(stocked: Path) -> None:
    answer = (golden.HERE / INDEX["files"]["list"]).read_text()
    ours = snapstow(stocked, "--json", "saved").out.rstrip("\n")
    assert json.loads(ours) == json.loads(answer)["result"]
    assert answer.endswith(f'"result":{ours}}}')


@pytest.mark.parametrize(
    "arguments", [("--id=1",), ("--id=3",), ("storey",), ("--id=1", "hello"), ("--id=9",)]
)
def test_a_choice_of_the_listing(stocked: Path, arguments: tuple[str, ...]) -> None:
    chosen, names = (
        next((int(w[5:]) for w in arguments if "=" in w), 0),
        [w for w in arguments if "=" not in w],
    )
    everything = json.loads((golden.HERE / INDEX["files"]["list"]).read_text())["result"]
    expected = []
    for group in everything:
        snapshots = [s for s in group["snapshots"] if not names or s["snap"] in names]
        if chosen in (0, group["id"]) and snapshots:
            expected.append({**group, "snapshots": snapshots})
    assert json.loads(snapstow(stocked, "--json", "saved", *arguments).out) == expected


def test_the_export_comes_in_and_goes_out_again_as_it_was(root: Path) -> None:
    imported = snapstow(root, "import-snapshot", str(EXPORT))
    assert (imported.code, imported.out.split("\n")[0]) == (0, "Imported snapshot as #1")
    _as_old_as_exported(root)
    done = snapstow(root, "export-snapshot", "1", str(root / "again"))
    assert (done.code, done.err) == (0, "")
    golden_members, ours = members(EXPORT.read_bytes()), members((root / "again").read_bytes())
    assert list(ours) == [
        *JSON_MEMBERS[:1],
        *sorted(set(golden_members) - {*JSON_MEMBERS}),
        *JSON_MEMBERS[1:],
    ]
    for name in {*golden_members} - {*JSON_MEMBERS}:
        assert ours[name][1] == golden_members[name][1]
        assert _own(ours[name][0]) == _own(golden_members[name][0]), name
    for name in JSON_MEMBERS:
        assert timeless(ours[name][0]) == timeless(golden_members[name][0])
    assert ours["content.json"][1] == golden_members["content.json"][1]
    assert manifest(ours) == manifest(golden_members)


def _as_old_as_exported(root: Path) -> None:
    with tarfile.open(EXPORT) as archive:
        for member in archive:
            if member.name not in JSON_MEMBERS:
                os.utime(root / "var/lib/snapd/snapshots" / member.name, (member.mtime, member.mtime))


def _own(header: bytes) -> bytes:
    """The part of a header that the one who exports can determine: all of it as root."""
    if AS_ROOT:
        return header
    return header[:108] + header[124:148] + header[156:265] + header[329:]


def manifest(stream: dict[str, tuple[bytes, bytes]]) -> tuple[bytes, dict[str, Any]]:
    """The export's manifest: its text without date and names, and what it says without the date."""
    text = stream["export.json"][1]
    document = json.loads(text)
    assert document["files"] == [name for name in stream if name not in JSON_MEMBERS]
    blank = text.replace(document.pop("date").encode(), b"DATE")
    return blank.partition(b'"files"')[0], {**document, "files": sorted(document["files"])}


def test_the_export_is_known_when_it_comes_again(stocked: Path) -> None:
    again = snapstow(stocked, "import-snapshot", str(EXPORT), "--abs-time")
    assert (again.code, again.out.split("\n")[0]) == (0, "Imported snapshot as #1")
    assert sorted(os.listdir(stocked / "var/lib/snapd/snapshots")) == [file.name for file in FILES]
    assert snapstow(stocked, "forget", "1", "storey").code == 0
    again = snapstow(stocked, "import-snapshot", str(EXPORT), "--abs-time")
    assert again.out.split("\n")[0] == "Imported snapshot as #4", "a duplicate takes no number"


def test_restored_data_are_those_that_snapd_restores(stocked: Path) -> None:
    for set_id in ("1", "3"):
        done = snapstow(stocked, "restore", "--no-undo", set_id)
        assert (done.code, done.out) == (0, f"Restored snapshot #{set_id}.\n")
    compared = 0
    for about in ABOUT:
        for entry, expected in about["entries"].items():
            user = entry.removeprefix("user/").removesuffix(".tgz") if entry.startswith("user/") else None
            place = stocked / (f"home/{user}/snap" if user else "var/snap") / about["snap"]
            assert ownerless(seen(place)) == ownerless(expected), entry
            compared += 1
    assert compared == 6
    assert snapstow(stocked, "restore", "2").code == 5
