"""What a restore would take away: live data that the snapshot cannot give back."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from backend.archive import hashing
from backend.archive.gzip.blocks import inflate
from backend.archive.reader import Reader
from backend.archive.tar.vetting import Contents, contents
from backend.errors import IntegrityError, InvalidInputError
from backend.format import excludes
from backend.format.timestamps import unix_time
from backend.fs import files
from backend.fs.attributes import AttributeTally
from backend.fs.files import DIRECTORY
from backend.fs.lengths import too_long_text
from backend.fs.statx import FrozenFiles
from backend.host.layout import Layout
from backend.model import ARCHIVE, Snapshot
from backend.progress import Progress
from backend.restore.obstacles import name_fault
from backend.restore.plan import EntryPlan, Losses, RestorePlan

_NAMED = 20
_FEW = 3


def losses(
    snapshot: Snapshot,
    layout: Layout,
    entry: str,
    replaced: Sequence[str],
    *,
    progress: Progress | None = None,
) -> Losses:
    """What replacing the directories `replaced` by an entry of a snapshot would lose.

    Excluded is what the options recorded in the snapshot, and the patterns that the installed snap ships,
    leave out; a file both newer and excluded counts once, as excluded. Directories without rights are
    passed over. Cancelled when the job is stopped.
    """
    since = unix_time(snapshot.time)
    lost = Losses()
    live_files = live_bytes = 0
    walk = _LiveWalk(progress or Progress())
    for top in replaced:
        excluded = _excluded(snapshot, layout, entry, os.path.basename(top))
        for path, status in walk.files_below(top):
            live_files += 1
            live_bytes += _on_disk(status)
            is_excluded = excluded(path)
            if not is_excluded and status.st_mtime <= since:
                continue
            named = (f"{top}/{path}",) if len(lost.examples) < _NAMED else ()
            lost = lost.with_file(status.st_size, excluded=is_excluded, named=named)
    return walk.noted(lost._replace(live_files=live_files, live_bytes=live_bytes))


def _on_disk(status: os.stat_result) -> int:
    return min(status.st_size, status.st_blocks * 512) if stat.S_ISREG(status.st_mode) else 0


def _excluded(snapshot: Snapshot, layout: Layout, entry: str, top: str) -> Callable[[str], bool]:
    """Whether the patterns leave out a path below the directory `top` of an entry."""
    patterns = list(snapshot.exclude or ())
    try:
        installed = layout.installed(snapshot.snap)
        patterns += excludes.read_manifest(installed.exclude_manifest) if installed else []
    except InvalidInputError:
        pass  # patterns that cannot be read left nothing out
    role = "common" if top == "common" else str(snapshot.revision)
    matcher = excludes.compiled(excludes.expand(patterns, snapshot.revision, entry == ARCHIVE))
    if matcher is None:
        return lambda _path: False
    return lambda path: matcher.match(f"{role}/{path}") is not None


def _looked(fd: int, progress: Progress) -> Iterator[tuple[str, os.stat_result]]:
    for name in os.listdir(fd):
        progress.raise_if_cancelled()
        try:
            yield name, os.lstat(name, dir_fd=fd)
        except OSError:
            continue  # it vanished just now


class _LiveWalk:
    """Walks live data, and notes what cannot be removed and what has attributes on the way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._attributes = AttributeTally()
        self._frozen = FrozenFiles()
        self._stuck: list[str] = []
        self._stuck_files = 0

    def files_below(self, top: str) -> Iterator[tuple[str, os.stat_result]]:
        """All files that are not directories below `top`, by relative path; links are not followed."""
        folders = [""]
        while folders:
            folder = folders.pop()
            self._progress.raise_if_cancelled()
            place = f"{top}/{folder}" if folder else top
            try:
                with files.opened(place, DIRECTORY) as fd:
                    looked = list(_looked(fd, self._progress))
                    self._note(fd, place, looked)
            except OSError:
                continue
            for name, status in looked:
                path = f"{folder}/{name}" if folder else name
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
                else:
                    yield path, status

    def _note(self, fd: int, folder: str, inside: Sequence[tuple[str, os.stat_result]]) -> None:
        self._attributes.look(fd, inside, lambda name: f"{folder}/{name}")
        for name, _ in inside:
            if reason := self._frozen.reason(name, fd):
                self._stuck_files += 1
                if len(self._stuck) < _FEW:
                    self._stuck.append(f"{folder}/{name} {reason[reason.index('(') :]}")

    def noted(self, lost: Losses) -> Losses:
        """The same losses, with what was noted."""
        return lost._replace(
            stuck_files=self._stuck_files,
            stuck_examples=tuple(self._stuck),
            attribute_files=self._attributes.number,
            attribute_examples=tuple(self._attributes.examples),
        )


class ImpactScanner:
    """Looks at live data and through archives, and remembers what it saw: take a new one to look again.

    Every method raises Cancelled when its job is stopped, and then remembers what it had seen by then.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lost: dict[tuple[str, str, tuple[str, ...]], Losses] = {}
        self._held: dict[tuple[str, str], Contents | str] = {}

    def with_losses(self, plan: RestorePlan, progress: Progress) -> RestorePlan:
        """Return the plan with what it would take away: the live data are walked."""
        looked = _with(plan, lambda entry: replace(entry, lost=self._losses(plan, entry, progress)))
        notes = (note for entry in looked.active for note in entry.lost.notes)
        return replace(looked, notes=(*plan.notes, *notes))

    def _losses(self, plan: RestorePlan, entry: EntryPlan, progress: Progress) -> Losses:
        key = (plan.snapshot.path, entry.entry, entry.replaced)
        if key not in self._lost:
            self._lost[key] = losses(
                plan.snapshot, self._layout, entry.entry, entry.replaced, progress=progress
            )
        return self._lost[key]

    def with_contents(self, plan: RestorePlan, progress: Progress) -> RestorePlan:
        """Return the plan with what its archives hold: read whole, in parallel, and counted on the job.

        An archive that could not be unpacked is blocked.

        Raises:
            SnapshotError: the file cannot be read any more.
        """
        if unknown := [entry for entry in plan.entries if entry.is_active and not self._knows(plan, entry)]:
            with (
                files.os_errors_as("cannot look into the snapshot"),
                Reader.open(plan.snapshot.path) as reader,
            ):
                hashing.in_parallel([partial(self._walk, reader, entry) for entry in unknown], progress)
        return _with(plan, partial(self._with_held, plan))

    def _knows(self, plan: RestorePlan, entry: EntryPlan) -> bool:
        return (plan.snapshot.path, entry.entry) in self._held

    def _walk(self, reader: Reader, entry: EntryPlan, progress: Progress) -> None:
        snapshot = reader.snapshot
        try:
            held: Contents | str = contents(inflate(reader.stream(entry.entry)), snapshot.revision, progress)
        except IntegrityError as fault:
            held = f'snapshot entry "{entry.entry}": {fault}'
        self._held[snapshot.path, entry.entry] = held

    def _with_held(self, plan: RestorePlan, entry: EntryPlan) -> EntryPlan:
        held = self._held[plan.snapshot.path, entry.entry]
        if isinstance(held, str):
            return replace(entry, blocked=held, is_damaged=True)
        blocked = name_fault(held.longest, entry.parent)
        if plan.only_whole and held.too_long_met:
            blocked = f"{entry.entry}: {too_long_text(held.too_long_met)}; {plan.only_whole}"
        return replace(entry, contents=held, blocked=blocked)


def _with(plan: RestorePlan, change: Callable[[EntryPlan], EntryPlan]) -> RestorePlan:
    """The plan with every entry changed that would be restored."""
    return replace(plan, entries=tuple(change(entry) if entry.is_active else entry for entry in plan.entries))
