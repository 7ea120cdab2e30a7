"""The demo's machine: several snaps and users, good sets, bad ones, unfinished business.

It is made of real files by the real library, without root and without snapd. All its users share the id
of whoever made it.
"""

import hashlib
import json
import os
import random
import time
from collections.abc import Mapping
from functools import partial

from backend.archive.container import ContainerWriter
from backend.archive.reader import Reader
from backend.demo.repository import demo_config, make_repository
from backend.engine.files import FilesEngine
from backend.engine.select import files_engine
from backend.format.metadata import metadata_json
from backend.format.names import filename
from backend.format.timestamps import time_text
from backend.fs import files, locks
from backend.fs.directories import make_directories
from backend.fs.removal import remove_tree
from backend.host.user_directories import user_directory
from backend.model import CheckLevel
from backend.operations import Export, Import, Restore, Save
from backend.progress import Progress
from backend.steps import SlotsMade
from backend.store.verifications import VerificationLog

_SNAPS: Mapping[str, tuple[str, str]] = {
    "hello-world": ("x1", "6.4"),
    "nextcloud": ("50962", "31.0.9snap1"),
    "postgresql": ("7", "16.4"),
    "telegram_work": ("6012", "5.2.3"),
}
_USERS = ("alice", "bob")
_DAY = 24 * 3600
_DAYS = {1: 3.0, 2: 9.0, 3: 44.0, 4: 21.0}  # how old the sets are
_CHECKED_DAYS_AGO = {2: 2, 3: 41, 5: 8}
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett")


def demo_root(*, anew: bool = False) -> str:
    """Return the root of the demo, in the user's data folder; it is made on first use, or made `anew`."""
    root = os.path.join(user_directory("XDG_DATA_HOME", ".local/share"), "snapstow", "demo")
    make_directories(os.path.dirname(root), 0o700)
    with locks.FileLock(f"{root}.lock", "the demo is being made").held(wait=True):
        if anew:
            remove_tree(root)
        if not os.path.exists(os.path.join(root, "ready")):
            remove_tree(root)
            make_demo(root)
            files.write_whole(os.path.join(root, "ready"), b"")
        elif not os.path.exists(demo_config(root)):
            make_repository(files_engine(root))
    return root


def make_demo(root: str) -> FilesEngine:
    """Make the demo's world in a new directory `root`; returns its engine."""
    os.makedirs(f"{root}/etc")
    _write(root, "etc/passwd", _passwd())
    _write(root, "var/lib/snapd/state.json", json.dumps(_state({})))
    for name, (revision, version) in _SNAPS.items():
        _install(root, name, revision, version)
    _fill(root, random.Random(7))
    _settle(root)
    _write(root, "etc/hostname", "laptop\n")
    engine = files_engine(root)
    _make_sets(engine, root)
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 22 * 24 * 3600))
    _write(root, "var/lib/snapd/state.json", json.dumps(_state({"2": {"expiry-time": expiry}})))
    _break_things(engine, root)
    _check(engine)
    make_repository(engine)
    return engine


def _passwd() -> str:
    uid, gid = os.geteuid(), os.getegid()
    lines = [f"root:x:{uid}:{gid}:root:/root:/bin/sh"]
    lines += [f"{user}:x:{uid}:{gid}:{user}:/home/{user}:/bin/sh" for user in _USERS]
    return "\n".join(lines) + "\n"


def _state(expiries: Mapping[str, object]) -> dict[str, object]:
    snaps = {
        name: {
            "type": "app",
            "sequence": [
                {"name": name.partition("_")[0], "revision": revision, "snap-id": _snap_id(name, revision)}
            ],
            "active": True,
            "current": revision,
        }
        for name, (revision, _) in _SNAPS.items()
    }
    config = {"nextcloud": {"ports": {"http": 80, "https": 443}, "php": {"memory-limit": "512M"}}}
    return {"data": {"seeded": True, "snaps": snaps, "config": config, "snapshots": expiries}}


def _snap_id(name: str, revision: str) -> str:
    return "" if revision.startswith("x") else (name.replace("-", "").replace("_", "") * 8)[:32]


def _install(root: str, name: str, revision: str, version: str) -> None:
    meta = f"snap/{name}/{revision}/meta"
    description = {
        "name": name.partition("_")[0],
        "version": version,
        "summary": name,
        "architectures": ["all"],
    }
    _write(root, f"{meta}/snap.yaml", json.dumps(description))
    os.symlink(revision, f"{root}/snap/{name}/current")
    if name == "nextcloud":
        _write(root, f"{meta}/snapshots.yaml", json.dumps({"exclude": ["$SNAP_DATA/cache"]}))


def _fill(root: str, chance: random.Random) -> None:
    """Data of every snap, for the system and each user; small enough to be made at once."""
    for name, (revision, _) in _SNAPS.items():
        os.makedirs(f"{root}/var/snap/{name}/{revision}")
        os.makedirs(f"{root}/var/snap/{name}/common")
    cloud = "var/snap/nextcloud"
    _write(root, f"{cloud}/50962/nextcloud/config/config.php", "<?php\n$CONFIG = ['version' => '31.0.9'];\n")
    _write(root, f"{cloud}/50962/cache/preview.bin", chance.randbytes(200_000))
    for number in range(40):
        _write(root, f"{cloud}/common/data/IMG_{number:04}.jpg", chance.randbytes(30_000))
        _write(root, f"{cloud}/common/data/notes-{number:02}.txt", _prose(chance, 4000))
    _write(root, "var/snap/postgresql/common/base/16384/2619", _prose(chance, 400_000))
    with open(f"{root}/var/snap/postgresql/common/pg_wal", "wb") as wal:
        wal.truncate(16 << 20)
    _write(root, "var/snap/hello-world/x1/greeting", "Hello World!\n")
    os.symlink("x1/greeting", f"{root}/var/snap/hello-world/common/link")
    for user in _USERS:
        _write(root, f"home/{user}/snap/telegram_work/6012/settings.json", json.dumps({"user": user}))
        _write(root, f"home/{user}/snap/telegram_work/common/chat.db", _prose(chance, 120_000))
        os.symlink(f"/home/{user}/Documents", f"{root}/home/{user}/snap/telegram_work/6012/Documents")
    _write(root, "home/alice/snap/hello-world/common/note \u202eevil\x1b[31m", "names are data\n")
    os.makedirs(f"{root}/root/snap", exist_ok=True)


def _settle(root: str) -> None:
    """Let all data be older than every set."""
    then = time.time() - 2 * max(_DAYS.values()) * _DAY
    for folder, _, names in os.walk(root):
        for name in names:
            os.utime(os.path.join(folder, name), (then, then), follow_symlinks=False)


def _prose(chance: random.Random, length: int) -> str:
    return " ".join(chance.choices(_WORDS, k=length // 6)) + "\n"


def _make_sets(engine: FilesEngine, root: str) -> None:
    """Good sets, an automatic one, one of another revision, an imported one."""
    operations = (
        Save(),
        Save(("telegram_work",)),
        Save(("nextcloud",), exclude=("$SNAP_COMMON/data/IMG_*",)),
        Save(("hello-world", "postgresql")),
    )
    for number, operation in enumerate(operations, 1):
        engine.save(operation, Progress())
        _grow_old(engine, number)
    exported = f"{root}/from-elsewhere.snapshot"
    engine.export(Export(4, exported), Progress())
    for snapshot in engine.sets(4)[0].snapshots:
        os.unlink(snapshot.path)
    engine.take_in(Import(exported), Progress())
    _other_revision(root)


def _grow_old(engine: FilesEngine, set_id: int) -> None:
    """Let a set have been saved some days ago."""
    ago = int(_DAYS[set_id] * _DAY * 10**9)
    for snapshot in engine.sets(set_id)[0].snapshots:
        older = snapshot._replace(time=time_text(time.time_ns() - ago, 0))
        with Reader.open(snapshot.path) as reader, files.opened(f"{snapshot.path}~", files.NEW_FILE) as fd:
            writer = ContainerWriter(fd)
            for entry in snapshot.entries:
                writer.begin(entry)
                writer.write(reader.stream(entry)(reader.stored_size(entry)))
                writer.end()
            raw = metadata_json(older)
            writer.add_deflated("meta.json", raw)
            writer.add_deflated("meta.sha3_384", f"{hashlib.sha3_384(raw).hexdigest()}\n".encode())
            writer.finish()
        os.rename(f"{snapshot.path}~", snapshot.path)


def _other_revision(root: str) -> None:
    """A set saved when another revision of hello-world was installed."""
    current = f"{root}/snap/hello-world/current"
    _write(root, "var/snap/hello-world/x2/greeting", "Hello again!\n")
    _write(root, "snap/hello-world/x2/meta/snap.yaml", json.dumps({"name": "hello-world", "version": "6.5"}))
    state_file = f"{root}/var/lib/snapd/state.json"
    state = files.read_whole(state_file, 1 << 20)
    files.write_whole(state_file, state.replace(b'"current": "x1"', b'"current": "x2"'))
    os.unlink(current)
    os.symlink("x2", current)
    files_engine(root).save(Save(("hello-world",)), Progress())
    files.write_whole(state_file, state)
    os.unlink(current)
    os.symlink("x1", current)
    remove_tree(f"{root}/var/snap/hello-world/x2")


def _break_things(engine: FilesEngine, root: str) -> None:
    """A damaged archive, a file that snapd would hide, a half-finished import, an interrupted restore."""
    folder = engine.layout.snapshots
    (good,) = engine.sets(3)[0].snapshots
    raw = files.read_whole(good.path, 64 << 20)
    damaged = bytearray(raw)
    damaged[len(raw) // 2] ^= 0x40
    files.write_whole(f"{folder}/7_{filename(good).partition('_')[2]}", bytes(damaged))
    files.write_whole(f"{folder}/8_{filename(good).partition('_')[2]}", raw[: len(raw) // 3])
    broken = raw.replace(b"meta.sha3_384", b"meta.sha3_38x")
    files.write_whole(f"{folder}/9_{filename(good).partition('_')[2]}", broken)
    files.write_whole(f"{folder}/10_{filename(good).partition('_')[2]}", raw)
    marker = f"{folder}/10_importing"
    _write(root, os.path.relpath(marker, root), b"")
    old = time.time() - 2 * 24 * 3600
    os.utime(marker, (old, old))
    _interrupted_restore(engine)
    _write(
        root, "var/snap/nextcloud/common/data/newer-than-the-snapshots.txt", "written after the last save\n"
    )
    os.unlink(f"{root}/from-elsewhere.snapshot")


def _check(engine: FilesEngine) -> None:
    """Checks of some days ago, among them one that is so old that it says little."""
    for set_id, days in _CHECKED_DAYS_AGO.items():
        ledger = VerificationLog(engine.journal.folder, clock=partial(_seconds_of_days_ago, days))
        for snapshot in engine.sets(set_id)[0].snapshots:
            with Reader.open(snapshot.path) as reader:
                ledger.record([snapshot], reader.check(), CheckLevel.HASH)


def _seconds_of_days_ago(days: float) -> float:
    return time.time() - days * _DAY


def _interrupted_restore(engine: FilesEngine) -> None:
    """The journal of a restore whose process is gone, with what it had unpacked."""
    operation = Restore(1, ("postgresql",))
    with engine.journal.job(operation, engine.root) as record:
        progress = Progress(record_step=record.record_step, name=str(record.id))
        parent = engine.layout.system_parent("postgresql")
        with files.opened(parent, files.DIRECTORY) as fd:
            from backend.restore import slots

            progress.record_step(SlotsMade("interrupted", (parent,)))
            slot = slots.make_slot(parent, fd, "interrupted")
        _write(slot.path, "landing/common/half", "half of what was to be restored\n")


def _write(root: str, path: str, content: str | bytes) -> None:
    target = os.path.join(root, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
