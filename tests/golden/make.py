"""Make the golden files anew with the real snapd of this machine (as root): `python -m tests.golden.make`."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

from tests.golden import HERE, INDEX, SNAPSHOTS, Tree, tree
from tests.support.realsnapd import RealSnapd, missing

SECOND = 10**9
WRITTEN = 1_700_000_000 * SECOND + SECOND // 2
LIMIT = 200 * 1024
LISTING, TABLE, EXPORT = "snapshots.json", "saved.txt", "1.snapshot"

CONF = {
    "unicode": "Grüße, 漢字, 😀, e\u0301",
    "html": '<a href="x">&amp;</a>',
    "control": "\x00\x01\b\t\n\f\r\x1f\x7f",
    "separators": "\u2028\u2029",
    "quotes": "\\ \" ' /",
    "big": 12345678901234567890,
    "edge": 9007199254740993,
    "negative": -42,
    "float": 1.5,
    "zeros": [0, -0.0, 0.0, 1.0],
    "tiny": [0.000001, 1e-7, 5e-324],
    "huge": [1e20, 1e21, 1.7976931348623157e308],
    "nested": {"z": 1, "a": [1, 2, None, True, {"é": "", "<": []}], "empty": {}},
    "flag": False,
}
EXCLUDE = ["$SNAP_DATA/cache/*", "$SNAP_COMMON/*.tmp", "$SNAP_USER_COMMON/scratch"]


def main() -> None:
    """Replace the golden files; RuntimeError, with the old ones left, where something is not as wanted."""
    if reason := missing() or ("" if os.geteuid() == 0 else "needs root"):
        raise SystemExit(reason)
    os.umask(0o022)
    with RealSnapd.temporary() as snapd:
        furnish(snapd)
        snapd.start()
        save_sets(snapd)
        made = record(snapd)
        kept = {path.name: path.read_bytes() for path in sorted(snapd.snapshots.iterdir())}
    write(made, kept)
    total = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    print(f"{len(made) + len(kept)} files, {total} bytes with the programs")


def furnish(snapd: RealSnapd) -> None:
    """Install the four snaps: hello and storey with data of all kinds, void without any, shared with some."""
    rich = snapd.install("hello", "2.10", exclude=EXCLUDE, conf=CONF)
    plain = snapd.install(
        "storey", "1.33+git~1", "42", epoch="1*", snap_id="abcdefghijklmnopqrstuvwxyz012345"
    )
    shutil.rmtree(snapd.install("void"))
    shared = snapd.install("shared", "")
    (shared / "x1").rmdir()
    (shared / "common/only").write_text("common\n")
    fill_rich(rich)
    (plain / "42/database").write_bytes(bytes(range(256)) * 64)
    fill_user(snapd, "alice", "hello", "x1")
    fill_user(snapd, "bob", "hello", "x1")
    fill_user(snapd, "bob", "storey", "42")
    for top in (rich, plain, shared):
        age(top)


def fill_rich(data: Path) -> None:
    """Every kind of file that a snapshot keeps, and files that the snap excludes."""
    fill_plain(data / "x1")
    fill_links(data / "x1")
    fill_odd(data / "common")
    (data / "x1/cache/deep").mkdir(parents=True)
    (data / "x1/cache/deep/page").write_text("excluded\n")
    (data / "common/gone.tmp").write_text("excluded\n")
    (data / "common/sub").mkdir()
    (data / "common/sub/stays.tmp").write_text("one level down\n")


def fill_plain(place: Path) -> None:
    """Ordinary files and directories, among them empty ones."""
    (place / "config/conf.d").mkdir(parents=True)
    (place / "config/settings.ini").write_text("[main]\nanswer = 42\n")
    (place / "config/empty").touch()
    (place / "no-files").mkdir()
    (place / "text").write_text("line\n" * 4000)


def fill_links(place: Path) -> None:
    """Symbolic links of all kinds, and hard links."""
    (place / "relative").symlink_to("config/settings.ini")
    (place / "directory").symlink_to("config")
    (place / "dangling").symlink_to("../nowhere/at all")
    (place / "absolute").symlink_to("/etc/hostname")
    (place / "upwards").symlink_to("../../../../../etc")
    (place / "long-link").symlink_to("t/" * 100)
    (place / "linked").write_text("two names\n")
    os.link(place / "linked", place / "config/linked-too")


def fill_odd(place: Path) -> None:
    """What archivers tend to get wrong: holes, names, modes."""
    with open(place / "sparse", "wb") as sparse:
        sparse.write(b"start")
        sparse.seek(1 << 20)
        sparse.write(b"end")
    with open(place / "hole", "wb") as hole:
        hole.truncate(300_000)
    os.mkfifo(place / "fifo")
    for name in ("n" * 200, "new\nline", " blank ", "ünï", "-dash", "back\\slash", "star*", 'quote"'):
        (place / name).write_text(f"{len(name)}\n")
    Path(os.fsdecode(os.fsencode(place) + b"/latin-\xe9\xff")).write_text("not UTF-8\n")
    for mode in (0o000, 0o400, 0o777, 0o1644, 0o2755, 0o4755, 0o6711):
        (place / f"mode-{mode:04o}").write_text("mode\n")
        (place / f"mode-{mode:04o}").chmod(mode)
    (place / "sticky").mkdir()
    (place / "sticky").chmod(0o1777)
    (place / "closed").mkdir()
    (place / "closed/inside").write_text("root sees it\n")
    (place / "closed").chmod(0o000)


def fill_user(snapd: RealSnapd, user: str, name: str, rev: str) -> None:
    """Some data of a user, owned by that user."""
    data = snapd.furnish_user(user, name, rev)
    (data / rev / ".profile").write_text(f"name={user}\n")
    (data / rev / "link").symlink_to("../common/notes")
    (data / "common/notes").write_text("note\n" * 100)
    (data / "common/scratch").mkdir()
    (data / "common/scratch/waste").write_text("excluded by hello\n")
    snapd.give(data, user)
    (data / "common/notes").chmod(0o600)
    age(data)


def age(top: Path) -> None:
    """Give everything a time of its own, always the same, with half a second that snapd cuts off."""
    inner_first = sorted(top.rglob("*"), reverse=True)
    for number, path in enumerate([*inner_first, top]):
        stamp = WRITTEN + number * SECOND
        os.utime(path, ns=(stamp, stamp), follow_symlinks=False)


def save_sets(snapd: RealSnapd) -> None:
    """Save sets 1 to 3, as the index tells."""
    for wanted, snaps in enumerate((["hello", "storey"], ["void"], ["shared"]), 1):
        if snapd.save(*snaps) != wanted:
            raise RuntimeError(f"set {wanted} has another number")


def record(snapd: RealSnapd) -> dict[str, bytes]:
    """What snapd says of its sets, by file name, and the index."""
    _, listing = snapd.raw("GET", "/v2/snapshots")
    stream = snapd.export(1)
    restore_sets(snapd, 1, 3)
    about = {
        "made_by": f"snapd {snapd.version}",
        "files": {"list": LISTING, "table": TABLE, "export": EXPORT},
        "content_hash": content_hash(stream),
        "sets": {
            str(group["id"]): [describe(snapd, item) for item in group["snapshots"]]
            for group in json.loads(listing)["result"]
        },
    }
    return {
        LISTING: listing,
        TABLE: saved_table(snapd).encode(),
        EXPORT: stream,
        INDEX.name: as_json(about),
    }


def restore_sets(snapd: RealSnapd, *set_ids: int) -> None:
    """Remove all data, and let snapd put back what it saved."""
    for data in [*(snapd.base / "var/snap").iterdir(), *(snapd.base / "home").glob("*/snap/*")]:
        shutil.rmtree(data)
    for set_id in set_ids:
        snapd.act("restore", set_id)


def describe(snapd: RealSnapd, snapshot: dict[str, Any]) -> dict[str, Any]:
    """One snapshot: its file, and the restored tree of each of its entries."""
    name, rev = snapshot["snap"], snapshot["revision"]
    file = f"{snapshot['set']}_{name}_{snapshot['version']}_{rev}.zip"
    if not (snapd.snapshots / file).exists():
        raise RuntimeError(f"no file {file}")
    entries = {entry: restored(snapd, name, entry) for entry in sorted(snapshot.get("sha3-384") or {})}
    return {"file": file, "snap": name, "entries": entries}


def restored(snapd: RealSnapd, name: str, entry: str) -> Tree:
    """The tree that an entry was restored to."""
    user = entry.removeprefix("user/").removesuffix(".tgz") if entry.startswith("user/") else None
    entries = tree(snapd.data(name, user))
    if not entries:
        raise RuntimeError(f"nothing was restored from {entry} of {name}")
    return entries


def content_hash(stream: bytes) -> str:
    """The hash that an export carries."""
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        member = archive.extractfile("content.json")
        if member is None:
            raise RuntimeError("content.json is no file")
        return str(json.load(member)["content-hash"])


def saved_table(snapd: RealSnapd) -> str:
    """What `snap saved --abs-time` prints."""
    done = snapd.cli("saved", "--abs-time")
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def as_json(value: Any) -> bytes:
    """Readable JSON in ASCII, numbers and order as they were."""
    return (json.dumps(value, indent=1) + "\n").encode()


def write(made: dict[str, bytes], kept: dict[str, bytes]) -> None:
    """Replace the files in the tree, unless they have grown beyond measure."""
    size = sum(map(len, [*made.values(), *kept.values()]))
    if size > LIMIT:
        raise RuntimeError(f"{size} bytes are too many to keep")
    shutil.rmtree(SNAPSHOTS, ignore_errors=True)
    SNAPSHOTS.mkdir()
    for name, content in kept.items():
        (SNAPSHOTS / name).write_bytes(content)
    for name, content in made.items():
        (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()
