"""What is in a file that may be imported, beside what is here, in words."""

from collections.abc import Iterable, Iterator

from textual.content import Content

from backend import Snapshot
from backend.archive import ExportFile
from backend.format import set_time
from backend.host import InstalledSnap
from backend.transfer import ImportChoice, ImportPlan, InstalledHere
from tui.dialogs.lines import BAD, DIM, GOOD, WARN, Line, styled
from tui.phrases import count_phrase, list_phrase
from tui.text import amount_text, plain, time_text
from tui.views.import_plan import obstacle_text


def summary(plan: ImportPlan, choice: ImportChoice, duplicate: int | None) -> Content:
    """What a file comes to, on a few lines; `duplicate` is None as long as it is not known."""
    export = plan.export
    if export is None:
        return styled(plan.trouble, BAD)
    of = f"exported as set #{export.set_id}" if export.set_id else "snapshots of several sets"
    text = plain(f"{of}{_times(export)} · {amount_text(export.size)}")
    if duplicate:
        return Content.assemble(text, (f" · identical to #{duplicate}", WARN))
    if reason := obstacle_text(plan, choice._replace(accept_hash=True)):
        return Content.assemble(text, styled(f" · {reason}", BAD))
    after = amount_text(plan.free - plan.added_bytes(choice))
    return Content(f"{text} · leaves {after} free")


def _times(export: ExportFile) -> str:
    """When it was saved, and when exported."""
    saved = [snapshot for snapshot in export.snapshots if not snapshot.broken]
    times = [("saved", set_time(saved))] if saved else []
    times += [("exported", export.date)] if export.date else []
    return "".join(f", {what} {time_text(when)}" for what, when in times)


def inside_lines(plan: ImportPlan, choice: ImportChoice, duplicate: int | None) -> Iterator[Line]:
    """What is in a file, snap by snap, beside what is here; then what is wrong with it."""
    export = plan.export
    if export is None:
        return
    yield from (Line(("fault", fault), styled(f"✗ {fault}", BAD)) for fault in export.faults)
    if export.faults:
        yield Line("usable", styled(_usable_text(plan), WARN))
    elif export.path.endswith(".zip"):
        yield Line("zip", styled("its name ends in .zip, but it is a valid export", DIM))
    if not export.hash_fits:
        text = "import it although the content hash of the set does not match"
        yield Line("hash", styled(text, WARN), choice.accept_hash)
    for snapshot in export.snapshots:
        yield from _snapshot_lines(snapshot, plan, choice)
    yield from _ending_lines(plan, choice, duplicate)


def _usable_text(plan: ImportPlan) -> str:
    """How much of a damaged file can still be read."""
    assert plan.export is not None
    whole = sorted(snapshot.snap for snapshot in plan.export.snapshots if not snapshot.broken)
    if not whole:
        return "Nothing in it is readable. Nothing will be imported."
    names = list_phrase(whole)
    return f"Readable: {count_phrase(len(whole), 'snap')} ({names}). A damaged file is not imported."


def _snapshot_lines(snapshot: Snapshot, plan: ImportPlan, choice: ImportChoice) -> Iterator[Line]:
    key = ("snap", snapshot.path)
    name = plain(snapshot.snap) or plain(snapshot.path)
    if snapshot.broken:
        yield Line(key, Content.assemble((name, "bold"), (f"  ✗ {plain(snapshot.broken)}", BAD)))
        return
    can_choose = len(plan.snaps) > 1 and plan.export is not None and not plan.export.faults
    about = f"  {plain(snapshot.version)} rev {snapshot.revision}  {amount_text(snapshot.size)} stored  "
    text = Content.assemble((name, "bold"), about, _users_text(snapshot.users, plan))
    yield Line(("take", snapshot.snap), text, snapshot.snap in choice.snaps if can_choose else None)
    yield Line(("here", snapshot.path), _here_text(snapshot, plan), depth=2)


def _users_text(users: Iterable[str], plan: ImportPlan) -> Content:
    names = [styled(name, WARN if name in plan.unknown_users else "") for name in users]
    return Content(", ").join(names) if names else Content("no users")


def _here_text(snapshot: Snapshot, plan: ImportPlan) -> Content:
    """What is installed of the snap, and what a restore onto it would meet."""
    snap, trouble = plan.installed.get(snapshot.snap, InstalledHere())
    if snap is None:
        return styled(trouble or "not installed", WARN if trouble else DIM)
    here = " ".join(filter(None, ("installed", snap.version, f"rev {snap.revision}")))
    if snap.snap_id and snapshot.snap_id and snap.snap_id != snapshot.snap_id:
        ids = f"(ID {snap.snap_id[:7]}…, in the file {snapshot.snap_id[:7]}…)"
        return styled(f"{here} is another snap of that name {ids}: a restore is refused", BAD)
    if snap.described and not snap.epoch.can_read(snapshot.epoch):
        epochs = f"(epoch {snap.epoch}, in the file {snapshot.epoch})"
        return styled(f"{here} cannot read this data {epochs}: a restore is refused", BAD)
    return _compared(snapshot, snap, here)


def _compared(snapshot: Snapshot, snap: InstalledSnap, here: str) -> Content:
    """Which is newer; a revision from the store and a local one cannot be compared."""
    mine, theirs = snap.revision.number, snapshot.revision.number
    if mine == theirs:
        return styled("the same revision is installed", GOOD)
    if (mine > 0) != (theirs > 0) or not theirs:
        return styled(f"{here}, another revision", WARN)
    return styled(f"{here}, {'newer' if abs(mine) > abs(theirs) else 'older'} than in the file", WARN)


def _ending_lines(plan: ImportPlan, choice: ImportChoice, duplicate: int | None) -> Iterator[Line]:
    """Who is unknown, whether anything would be added, and for how long."""
    strangers = sorted(
        {name for snapshot in plan.chosen(choice) for name in snapshot.users} & plan.unknown_users
    )
    if strangers:
        names = list_phrase(strangers)
        yield Line("strangers", styled(f"no such user here: {names}; a restore will skip their data", WARN))
    if duplicate:
        text = f"Nothing would be added: #{duplicate} is identical."
        if expires := plan.expiry.get(duplicate):
            day = time_text(expires)[:10]
            text += f" It is an automatic set, which snapd removes after {day}."
        yield Line("duplicate", styled(text, WARN))
    elif plan.export is not None and not plan.export.faults:
        yield Line("stays", styled("It gets its own number and does not expire.", DIM))
