"""What is inside of snapshots, in lines for people and in documents for programs.

For people names do no harm; for programs they are exact.
"""

import stat

from backend.browse import Archive, Flag, Hit, Kind, Node
from backend.format import minute_text
from tui.cli.output import exact
from tui.text import amount_text, cells, plain

_LETTERS = {
    Kind.FOLDER: "d",
    Kind.LINK: "l",
    Kind.FIFO: "p",
    Kind.CHARACTER: "c",
    Kind.BLOCK: "b",
}
_ODDITIES = {
    Flag.OUTSIDE: "outside the data",
    Flag.ABSOLUTE: "absolute",
    Flag.CLIMBING: 'has ".."',
    Flag.TOO_LONG: "name too long",
    Flag.REPLACED: "replaced later in the archive",
    Flag.SPARSE: "sparse",
    Flag.DANGLING: "dangling link",
}
HEADER = f"{'Mode':10}  {'Owner':17}  {'Size':>8}  {'Modified':16}  Name"


def node_line(node: Node) -> str:
    """A line about a node, to be read: mode, owner, size, time, name, and what is odd about it."""
    mode = _LETTERS.get(node.kind, "-") + stat.filemode(node.mode)[1:]
    owner = f"{_owner(node.user, node.uid)}/{_owner(node.group, node.gid)}"
    notes = ", ".join(text for flag, text in _ODDITIES.items() if node.flags & flag)
    name = plain(node.text) + ("/" if node.is_folder and node.name != b"/" else "")
    if node.link:
        joint = {Kind.LINK: " -> ", Kind.HARD_LINK: " link to "}.get(node.kind, " ")
        name += joint + plain(node.link.decode("utf-8", "surrogateescape"))
    padded = owner + " " * (17 - cells(owner))
    line = f"{mode}  {padded}  {amount_text(node.size):>8}  {minute(node.mtime_ns)}  {name}"
    return f"{line}  [{notes}]" if notes else line


def _owner(name: bytes, number: int) -> str:
    return plain(name.decode("utf-8", "surrogateescape")) if name else str(number)


def minute(nanoseconds: int) -> str:
    """A time to the minute, in the local zone."""
    return f"{minute_text(nanoseconds // 10**9) or '?':16.16}"


def node_document(node: Node, path: bytes) -> dict[str, object]:
    """What is known of a node, for programs: its names are exact."""
    return {
        **exact("name", node.name),
        **exact("path", path),
        "kind": node.kind.value,
        "size": node.size,
        **({"files": node.files} if node.is_folder else {}),
        "mtime_ns": node.mtime_ns,
        "mode": f"{node.mode:04o}",
        "uid": node.uid,
        "gid": node.gid,
        **exact("user", node.user),
        **exact("group", node.group),
        **(exact("link", node.link) if node.link else {}),
        "flags": [str(flag.name).lower() for flag in Flag if node.flags & flag],
    }


def hit_document(hit: Hit) -> dict[str, object]:
    """A node that was found, and where, for programs."""
    snapshot = hit.snapshot
    about = {"set": snapshot.set_id, "snap": snapshot.snap, "time": snapshot.time, "entry": hit.entry}
    return {**about, **node_document(hit.node, hit.path)}


def archive_row(archive: Archive) -> tuple[str, str, str]:
    """How the paths into an archive begin, its packed size, and whose data it holds."""
    snap = plain(archive.snapshot.snap)
    user = archive.user
    paths = f"{snap}:user/{plain(user)}" if user else f"{snap}:rev, {snap}:common"
    holds = f"data of {plain(user)}" if user else f"data of revision {archive.snapshot.revision}, common data"
    return paths, f"{amount_text(archive.packed.size):>8}", holds


def archive_document(archive: Archive) -> dict[str, object]:
    """An archive, for programs."""
    snapshot = archive.snapshot
    return {
        "set": snapshot.set_id,
        "snap": snapshot.snap,
        "revision": str(snapshot.revision),
        "entry": archive.entry,
        "user": archive.user,
        "packed": archive.packed.size,
        "broken": snapshot.broken,
    }
