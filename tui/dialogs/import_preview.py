"""What is in a file that may be imported, beside what is here: looked up, judged and put into words."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from textual.content import Content

from backend import Import, Progress, Snapshot, SnapshotError, SnapshotSet
from backend.archive import ExportFile, read_export_file
from backend.format import set_time
from backend.fs import RESERVED_SPACE, free_space
from backend.host import InstalledSnap
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Line, said
from tui.session.place import Place
from tui.text import counted, local_time_text, plain, size_text

_PER_FILE = 64 << 10  # at most what a snapshot file holds beside its archives
_MAGIC_LENGTH = 8
_KINDS = {
    b"PK\x03\x04": "snapd keeps such files in its own directory; only what was exported can be imported",
    b"hsqs": "it is a snap to be installed, not a snapshot of data",
    b"\xfd7zXZ\0": "it is compressed (xz); unpack it first",
    b"BZh": "it is compressed (bzip2); unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed (zstd); unpack it first",
    b"7z\xbc\xaf": "it is a 7-Zip archive; unpack it first",
    b"!<arch>\n": "it is a package of the system, not an export",
}


class Here(NamedTuple):
    """The snap that is installed here, if any; `trouble` says why that cannot be told."""

    snap: InstalledSnap | None = None
    trouble: str = ""


class Inside(NamedTuple):
    """What a file holds, beside what is here: the snaps of the same name, who is unknown, every set.

    `expiry` tells when automatic sets go, by number. `trouble` says why the file cannot be looked into.
    """

    path: str
    peek: ExportFile | None = None
    here: dict[str, Here] = {}  # noqa: RUF012 - never changed
    strangers: frozenset[str] = frozenset()
    sets: tuple[SnapshotSet, ...] = ()
    expiry: dict[int, str] = {}  # noqa: RUF012 - never changed
    free: int = 0
    trouble: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The snaps in it that an import can take."""
        found = self.peek.snapshots if self.peek else ()
        return frozenset(one.snap for one in found if one.snap and not one.broken)


class Choice(NamedTuple):
    """What is asked for: which snaps, and whether a wrong content hash is accepted."""

    snaps: frozenset[str] = frozenset()
    accept_hash: bool = False

    def toggled(self, snap: str) -> "Choice":
        """With a snap chosen, or not any more."""
        return self._replace(snaps=self.snaps ^ {snap})


def inside_of(place: Place, path: str, progress: Progress) -> Inside:
    """Look into a file without importing it, and at what is here; reads the disk."""
    try:
        found = read_export_file(path, progress)
    except SnapshotError as trouble:
        return Inside(path, trouble=_with_hint(str(trouble), path))
    try:
        layout = place.engine.layout
        here = {one.snap: _here(place, one.snap) for one in found.snapshots if one.snap}
        names = {name for one in found.snapshots for name in one.users}
        strangers = frozenset(name for name in names if not _is_known(place, name))
        sets, expiry = tuple(place.engine.sets()), layout.state.auto_sets()
        return Inside(path, found, here, strangers, sets, expiry, free_space(layout.snapshots))
    except SnapshotError as trouble:
        return Inside(path, trouble=str(trouble))


def _here(place: Place, snap: str) -> Here:
    try:
        return Here(place.engine.layout.installed(snap))
    except SnapshotError as trouble:
        return Here(trouble=str(trouble))


def _is_known(place: Place, name: str) -> bool:
    try:
        return bool(place.engine.layout.find_users([name]))
    except SnapshotError:
        return False


def _with_hint(trouble: str, path: str) -> str:
    """Trouble with a file, and what the file is where its first bytes tell."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return trouble
    try:
        start = os.pread(fd, _MAGIC_LENGTH, 0)
    except OSError:
        return trouble
    finally:
        os.close(fd)
    hint = next((text for magic, text in _KINDS.items() if start.startswith(magic)), "")
    return f"{trouble}; {hint}" if hint else trouble


def duplicate_of(inside: Inside, choice: Choice) -> int:
    """The set that holds what would be taken already, or 0; hashes the metadata of every set."""
    return inside.peek.duplicate_of(inside.sets, sorted(choice.snaps)) if inside.peek else 0


def _taken(inside: Inside, choice: Choice) -> tuple[Snapshot, ...]:
    found = inside.peek.snapshots if inside.peek else ()
    return tuple(one for one in found if one.snap in choice.snaps)


def operation_of(inside: Inside, choice: Choice) -> Import:
    """The import that is asked for: all of the file where all is chosen."""
    names = () if choice.snaps >= inside.names else tuple(one.snap for one in _taken(inside, choice))
    return Import(inside.path, choice.accept_hash, names)


def added(inside: Inside, choice: Choice) -> int:
    """The bytes that would be added: those of the file, or at most those of a part of it."""
    if inside.peek is None:
        return 0
    part = sum(one.size + _PER_FILE for one in _taken(inside, choice))
    return inside.peek.size if choice.snaps >= inside.names else min(part, inside.peek.size)


def obstacle(inside: Inside, choice: Choice) -> str:
    """Why the file cannot be imported as asked for, or nothing."""
    if inside.peek is None:
        return inside.trouble
    if inside.peek.faults:
        return f"it would be refused: {inside.peek.faults[0]}"
    if not choice.snaps:
        return "nothing is chosen: Space chooses a snap"
    if not inside.peek.hash_fits and not choice.accept_hash:
        return "the content hash of the set does not fit; choose to take it all the same, with Space"
    wanted = inside.peek.size + RESERVED_SPACE  # all of it is verified, whatever is taken
    if inside.free < wanted:
        return f"not enough room: {size_text(wanted - inside.free).strip()} more is needed"
    return ""


# -- in words


def summary(inside: Inside, choice: Choice, duplicate: int | None) -> Content:
    """What a file comes to, on a few lines; `duplicate` is None as long as it is not known."""
    found = inside.peek
    if found is None:
        return said(inside.trouble, BAD)
    of = f"set #{found.set_id} of where it was exported" if found.set_id else "snapshots of several sets"
    words = plain(f"{of}{_times(found)} · {size_text(found.size).strip()}")
    if duplicate:
        return Content.assemble(words, (f" · the same is here as #{duplicate}", WARN))
    if reason := obstacle(inside, choice._replace(accept_hash=True)):
        return Content.assemble(words, said(f" · {reason}", BAD))
    after = size_text(inside.free - added(inside, choice)).strip()
    return Content(f"{words} · leaves {after} free")


def _times(found: ExportFile) -> str:
    """When it was saved, and when exported."""
    saved = [one for one in found.snapshots if not one.broken]
    times = [("saved", set_time(saved))] if saved else []
    times += [("exported", found.date)] if found.date else []
    return "".join(f", {what} {local_time_text(when)[:16].replace('T', ' ')}" for what, when in times)


def inside_lines(inside: Inside, choice: Choice, duplicate: int | None) -> Iterator[Line]:
    """What is in a file, snap by snap, beside what is here; then what is wrong with it."""
    found = inside.peek
    if found is None:
        return
    yield from (Line(("fault", fault), said(f"✗ {fault}", BAD)) for fault in found.faults)
    if found.faults:
        yield Line("usable", said(_usable_text(inside), WARN))
    elif found.path.endswith(".zip"):
        yield Line("zip", said("its name ends in .zip, but it is an export all right", DIM))
    if not found.hash_fits:
        text = "take it although the content hash of the set does not fit"
        yield Line("hash", said(text, WARN), choice.accept_hash)
    for snapshot in found.snapshots:
        yield from _snapshot_lines(snapshot, inside, choice)
    yield from _ending_lines(inside, choice, duplicate)


def _usable_text(inside: Inside) -> str:
    """How much of a damaged file can still be read."""
    assert inside.peek is not None
    whole = sorted(one.snap for one in inside.peek.snapshots if not one.broken)
    if not whole:
        return "Nothing in it can be used. Nothing of it is imported."
    names = ", ".join(whole)
    return f"Readable in it: {counted(len(whole), 'snap')} ({names}). Nothing of it is imported as it is."


def _snapshot_lines(snapshot: Snapshot, inside: Inside, choice: Choice) -> Iterator[Line]:
    key = ("snap", snapshot.path)
    name = plain(snapshot.snap) or plain(snapshot.path)
    if snapshot.broken:
        yield Line(key, Content.assemble((name, "bold"), (f"  ✗ {plain(snapshot.broken)}", BAD)))
        return
    can_choose = len(inside.names) > 1 and inside.peek is not None and not inside.peek.faults
    about = (
        f"  {plain(snapshot.version)} rev {snapshot.revision}  {size_text(snapshot.size).strip()} stored  "
    )
    text = Content.assemble((name, "bold"), about, _users_text(snapshot.users, inside))
    yield Line(("take", snapshot.snap), text, snapshot.snap in choice.snaps if can_choose else None)
    yield Line(("here", snapshot.path), _here_text(snapshot, inside), depth=2)


def _users_text(users: Iterable[str], inside: Inside) -> Content:
    names = [said(name, WARN if name in inside.strangers else "") for name in users]
    return Content(", ").join(names) if names else Content("no users")


def _here_text(snapshot: Snapshot, inside: Inside) -> Content:
    """What is installed of the snap, and what a restore onto it would meet."""
    snap, trouble = inside.here.get(snapshot.snap, Here())
    if snap is None:
        return said(trouble or "not installed here", WARN if trouble else DIM)
    here = f"here {snap.version or 'it is'} rev {snap.revision}"
    if snap.snap_id and snapshot.snap_id and snap.snap_id != snapshot.snap_id:
        ids = f"(ID {snap.snap_id[:7]}…, in the file {snapshot.snap_id[:7]}…)"
        return said(f"{here} is another snap of that name {ids}: a restore is refused", BAD)
    if snap.described and not snap.epoch.can_read(snapshot.epoch):
        epochs = f"(epoch {snap.epoch}, in the file {snapshot.epoch})"
        return said(f"{here} cannot read these data {epochs}: a restore is refused", BAD)
    return _compared(snapshot, snap, here)


def _compared(snapshot: Snapshot, snap: InstalledSnap, here: str) -> Content:
    """Which is newer; a revision from the store and a local one cannot be compared."""
    mine, theirs = snap.revision.number, snapshot.revision.number
    if mine == theirs:
        return said("the same revision is installed here", GOOD)
    if (mine > 0) != (theirs > 0) or not theirs:
        return said(f"{here}, another revision", WARN)
    return said(f"{here}, {'newer' if abs(mine) > abs(theirs) else 'older'} than in the file", WARN)


def _ending_lines(inside: Inside, choice: Choice, duplicate: int | None) -> Iterator[Line]:
    """Who is unknown, whether anything would be added, and for how long."""
    strangers = sorted({name for one in _taken(inside, choice) for name in one.users} & inside.strangers)
    if strangers:
        names = ", ".join(strangers)
        yield Line("strangers", said(f"no such user here: {names}; a restore will skip their data", WARN))
    if duplicate:
        text = f"Nothing would be added: #{duplicate} holds the same."
        if expires := inside.expiry.get(duplicate):
            day = local_time_text(expires)[:10]
            text += f" It is an automatic set, which snapd removes after {day}."
        yield Line("duplicate", said(text, WARN))
    elif inside.peek is not None and not inside.peek.faults:
        yield Line("stays", said("It will not expire, and gets a number of its own.", DIM))
