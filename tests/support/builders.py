"""Small worlds to test on: a root with accounts, installed snaps, data, state and snapshot files.

Trees are nested mappings: a mapping is a directory, a text a file, `Link` and `FIFO` what they say. The files
are real, snapshots are written by the real writer.
"""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, Union

from backend.archive.container import ContainerWriter
from backend.engine.files import FilesEngine
from backend.engine.perform import perform_recorded
from backend.format.metadata import metadata_json
from backend.format.names import filename, revision_from_text
from backend.host.clock import Clock
from backend.host.layout import Layout
from backend.model import ARCHIVE, Revision, Snapshot, user_entry, user_of
from backend.operations import Operation
from backend.progress import Event, Progress
from backend.restore.slots import HOLDER
from backend.results import Result

AS_ROOT = os.geteuid() == 0
IDS = {"alice": 12001, "bob": 12002}
WHEN = "2026-11-22T09:09:36.185921212Z"


class Link(NamedTuple):
    """A symbolic link."""

    target: str


FIFO = stat.S_IFIFO
Content: TypeAlias = Union[str, bytes, int, Link, "Tree"]
Tree: TypeAlias = Mapping[str, Content]


def uid_of(user: str) -> int:
    """The id of a user of every world: an own one as root, otherwise that of whoever runs the tests."""
    return IDS.get(user, 0) if AS_ROOT else os.geteuid()


def plant(top: Path | str, tree: Tree, owner: int | None = None) -> Path:
    """Make a tree below (and with) a directory, owned by `owner`; what is there already stays."""
    top = Path(top)
    top.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = top / name
        if isinstance(content, Mapping):
            plant(path, content, owner)
        elif isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, int):
            os.mkfifo(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if owner is not None:
            os.chown(path, owner, owner, follow_symlinks=False)
    if owner is not None:
        os.chown(top, owner, owner)
    return top


def tree_of(top: Path | str, *, holder: bool = False) -> dict[str, Any]:
    """What is below a directory, as `plant` takes it; without `.snapstow`, unless `holder`."""
    tree: dict[str, Any] = {}
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        mode = os.lstat(path).st_mode
        if name == HOLDER and not holder:
            continue
        if stat.S_ISDIR(mode):
            tree[name] = tree_of(path, holder=holder)
        elif stat.S_ISLNK(mode):
            tree[name] = Link(os.readlink(path))
        elif stat.S_ISREG(mode):
            tree[name] = Path(path).read_bytes().decode("utf-8", "surrogateescape")
        else:
            tree[name] = stat.S_IFMT(mode)
    return tree


def tgz(tree: Tree, owner: int | None = None, extra: Iterable[tarfile.TarInfo] = ()) -> bytes:
    """A compressed archive of a tree; `extra` are members without data that follow."""
    stream = io.BytesIO()
    owner = os.geteuid() if owner is None else owner
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for path, content in _members(tree):
            member, data = _member(path, content)
            member.uid = member.gid = owner
            archive.addfile(member, io.BytesIO(data))
        for member in extra:
            archive.addfile(member)
    return stream.getvalue()


def _members(tree: Tree, above: str = "") -> Iterable[tuple[str, Content]]:
    for name, content in tree.items():
        yield f"{above}{name}", content
        if isinstance(content, Mapping):
            yield from _members(content, f"{above}{name}/")


def _member(path: str, content: Content) -> tuple[tarfile.TarInfo, bytes]:
    member, data = tarfile.TarInfo(path), b""
    if isinstance(content, Mapping):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    elif isinstance(content, Link):
        member.type, member.linkname = tarfile.SYMTYPE, content.target
    elif isinstance(content, int):
        member.type = tarfile.FIFOTYPE
    else:
        data = content.encode() if isinstance(content, str) else content
        member.size = len(data)
    return member, data


def snapshot_of(set_id: int, snap: str, entries: Mapping[str, bytes], **facts: Any) -> Snapshot:
    """The metadata of a sound snapshot with these archives; `facts` replace fields of it."""
    sums = {entry: hashlib.sha3_384(data).hexdigest() for entry, data in entries.items()}
    size = sum(map(len, entries.values()))
    blank = Snapshot(set_id, WHEN, snap, Revision(-1), version="1.0", sums=sums, size=size)
    return blank._replace(**facts)


def write_snapshot(path: Path | str, snapshot: Snapshot, entries: Mapping[str, bytes]) -> Path:
    """A snapshot file through the real writer, as the metadata tell even where they lie."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        writer = ContainerWriter(fd)
        for entry, data in entries.items():
            writer.begin(entry)
            writer.write(data)
            writer.end()
        raw = metadata_json(snapshot)
        writer.add_deflated("meta.json", raw)
        writer.add_deflated("meta.sha3_384", f"{hashlib.sha3_384(raw).hexdigest()}\n".encode())
        writer.finish()
    finally:
        os.close(fd)
    return Path(path)


class World:
    """A root of its own, with root, alice and bob; as root they have ids of their own (`uid_of`)."""

    clock: Clock | None = None

    def __init__(self, root: Path | str, users: Iterable[str] = ("alice", "bob")) -> None:
        self.root = Path(root)
        self.snapshots = self.root / "var/lib/snapd/snapshots"
        self._state: dict[str, Any] = {"seeded": True, "snaps": {}, "config": {}}
        plant(self.root, {"etc": {}, "home": {}, "root": {}, "var": {"snap": {}}, "snap": {}})
        self.write_accounts(users)
        for user in users:
            plant(self.home(user), {}, uid_of(user))

    def write_accounts(self, users: Iterable[str]) -> None:
        lines = [f"root:x:{uid_of('root')}:{uid_of('root')}::/root:/bin/sh"]
        lines += [f"{user}:x:{uid_of(user)}:{uid_of(user)}::/home/{user}:/bin/sh" for user in users]
        (self.root / "etc/passwd").write_text("\n".join(lines) + "\n")

    def home(self, user: str) -> Path:
        return self.root / ("root" if user == "root" else f"home/{user}")

    def data(self, snap: str, user: str | None = None) -> Path:
        """What holds a snap's `<rev>` and `common`: the system's or a user's."""
        return self.home(user) / "snap" / snap if user else self.root / "var/snap" / snap

    def install(
        self,
        snap: str,
        rev: str = "x1",
        *,
        version: str = "1.0",
        epoch: object = None,
        exclude: Iterable[str] = (),
        data: Tree | None = None,
        common: Tree | None = None,
        users: Mapping[str, Tree] | None = None,
    ) -> None:
        """Install a revision and make it the current one; `users` maps a user to the tree in its `common`."""
        meta = self.root / "snap" / snap / rev / "meta"
        meta.mkdir(parents=True, exist_ok=True)
        about = {"name": snap.partition("_")[0], "version": version}
        (meta / "snap.yaml").write_text(json.dumps(about | ({"epoch": epoch} if epoch else {})))
        if exclude:
            (meta / "snapshots.yaml").write_text(json.dumps({"exclude": list(exclude)}))
        current = meta.parent.parent / "current"
        current.unlink(missing_ok=True)
        current.symlink_to(rev)
        for name, tree in ((rev, data), ("common", common)):
            if tree is not None:
                plant(self.data(snap) / name, tree)
        for user, tree in (users or {}).items():
            plant(self.home(user) / "snap", {snap: {"common": tree}}, uid_of(user))

    def remember(
        self, snap: str, rev: str = "x1", *, snap_id: str = "", conf: Mapping[str, Any] | None = None
    ) -> None:
        """Let snapd's state tell of an installed snap, and of its configuration."""
        side = {"name": snap, "snap-id": snap_id, "revision": rev}
        self._state["snaps"][snap] = {"type": "app", "sequence": [side], "active": True, "current": rev}
        if conf is not None:
            self._state["config"][snap] = conf
        self.write_state()

    def write_state(self, raw: str | None = None, **sections: Any) -> None:
        """Write snapd's state with these `sections` of its data, or the text `raw`."""
        self._state.update({key.replace("_", "-"): value for key, value in sections.items()})
        path = self.root / "var/lib/snapd/state.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"data": self._state}) if raw is None else raw)

    def add(self, set_id: int, snap: str, tree: Tree | bytes | None = None, **facts: Any) -> Path:
        """Put a snapshot file into the store.

        `tree` is that of `archive.tgz`, or its bytes; `users` in `facts` maps users to theirs; `rev` is the
        revision's text; the other facts are fields of the metadata.
        """
        trees = {ARCHIVE: {"x1": {"f": "1"}} if tree is None else tree}
        trees |= {user_entry(user): other for user, other in facts.pop("users", {}).items()}
        entries = {
            entry: content if isinstance(content, bytes) else tgz(content, uid_of(user_of(entry) or "root"))
            for entry, content in trees.items()
        }
        if "rev" in facts:
            facts["revision"] = revision_from_text(facts.pop("rev"))
        snapshot = snapshot_of(set_id, snap, entries, **facts)
        self.snapshots.mkdir(parents=True, mode=0o700, exist_ok=True)
        return write_snapshot(self.snapshots / filename(snapshot), snapshot, entries)

    @property
    def engine(self) -> FilesEngine:
        config = str(self.config) if self.config.exists() else ""
        layout, state = Layout(str(self.root)), str(self.root / "var/lib/snapstow")
        return FilesEngine(layout, state, self.clock, config_path=config)

    @property
    def config(self) -> Path:
        """The file that configures it, which most worlds do not have."""
        return self.root / "etc/snapstow/config.toml"

    def do(self, operation: Operation, job: Callable[[Progress], None] = lambda _job: None) -> Result:
        """Carry out an operation with a journal; `job` is shown the job before it begins."""

        def watch(started: Progress) -> Callable[[Event], None]:
            job(started)
            return lambda _event: None

        return perform_recorded(operation, self.engine, watch)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.snapshots)) if self.snapshots.is_dir() else []
