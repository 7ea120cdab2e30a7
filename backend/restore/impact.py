"""What a restore would take away: live data that the snapshot cannot give back."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

from backend.archive import hashing
from backend.archive.gzip.blocks import inflate
from backend.archive.reader import Reader
from backend.archive.tar.vetting import Contents, contents
from backend.errors import IntegrityError, InvalidInputError
from backend.format import excludes
from backend.format.timestamps import unix_time
from backend.fs import files
from backend.fs.attributes import RUNNABLE, AttributeTally
from backend.fs.files import DIRECTORY
from backend.fs.lengths import too_long_text
from backend.fs.statx import Glance, Glances, frozen
from backend.host.layout import Layout
from backend.model import ARCHIVE, Snapshot
from backend.progress import Progress
from backend.restore.obstacles import name_fault
from backend.restore.plan import EntryPlan, Losses, RestorePlan

_NAMED = 20
_FEW = 3

Matcher: TypeAlias = Callable[[str], bool]


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
    newer, left_out, live = _Sum(), _Sum(), _Sum()
    examples: list[str] = []
    walk = _LiveWalk(progress or Progress())
    excluded = partial(_excluded, snapshot, layout, entry)
    for file in _live_files(walk, unix_time(snapshot.time), replaced, excluded):
        live.add(file.occupied)
        if file.is_lost:
            (left_out if file.is_excluded else newer).add(file.size)
            if len(examples) < _NAMED:
                examples.append(file.path)
    lost = Losses(newer.files, newer.bytes, left_out.files, left_out.bytes, tuple(examples))
    return walk.noted(lost._replace(live_files=live.files, live_bytes=live.bytes))


class LiveFile(NamedTuple):
    """A file that would be replaced: sizes in bytes, `modified` in seconds since the epoch."""

    path: str
    size: int
    occupied: int
    modified: float
    is_newer: bool
    is_excluded: bool

    @property
    def is_lost(self) -> bool:
        """Whether the snapshot cannot give it back."""
        return self.is_newer or self.is_excluded


def lost_files(plan: RestorePlan, entry: EntryPlan, layout: Layout, progress: Progress) -> Iterator[LiveFile]:
    """Every file that `losses` counts, in the order of the disk. Cancelled when the job is stopped."""
    excluded = partial(_excluded, plan.snapshot, layout, entry.entry)
    since = unix_time(plan.snapshot.time)
    return (
        file for file in _live_files(_LiveWalk(progress), since, entry.replaced, excluded) if file.is_lost
    )


def _live_files(
    walk: "_LiveWalk", since: float, replaced: Sequence[str], excluded_below: Callable[[str], Matcher | None]
) -> Iterator[LiveFile]:
    for top in replaced:
        excluded = excluded_below(os.path.basename(top))
        for folder, name, glance in walk.files_below(top):
            yield LiveFile(
                f"{top}/{folder}{name}",
                glance.size,
                min(glance.size, glance.allocated) if stat.S_ISREG(glance.mode) else 0,
                glance.modified,
                glance.modified > since,
                excluded is not None and excluded(f"{folder}{name}"),
            )


class _Sum:
    """Files added up."""

    def __init__(self) -> None:
        self.files = self.bytes = 0

    def add(self, size: int) -> None:
        """One more."""
        self.files += 1
        self.bytes += size


def _excluded(snapshot: Snapshot, layout: Layout, entry: str, top: str) -> Matcher | None:
    """Whether the patterns leave out a path below the directory `top` of an entry; None without any."""
    patterns = list(snapshot.exclude or ())
    try:
        installed = layout.installed(snapshot.snap)
        patterns += excludes.read_manifest(installed.exclude_manifest) if installed else []
    except InvalidInputError:
        pass  # patterns that cannot be read left nothing out
    role = "common" if top == "common" else str(snapshot.revision)
    matcher = excludes.compiled(excludes.expand(patterns, snapshot.revision, entry == ARCHIVE))
    if matcher is None:
        return None
    return lambda path: matcher.match(f"{role}/{path}") is not None


class _LiveWalk:
    """Walks live data, and notes what cannot be removed and what has attributes on the way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._attributes = AttributeTally()
        self._glances = Glances()
        self._stuck: list[str] = []
        self._stuck_files = 0

    def files_below(self, top: str) -> Iterator[tuple[str, str, Glance]]:
        """All files that are not directories below `top`: the folder, as `a/b/` or nothing, and the name.

        Links are not followed.
        """
        folders = [""]
        while folders:
            folder = folders.pop()
            self._progress.raise_if_cancelled()
            try:
                with files.opened(f"{top}/{folder}", DIRECTORY) as fd:
                    looked = self._looked(fd, f"{top}/{folder}")
            except OSError:
                continue
            for name, glance in looked:
                if stat.S_ISDIR(glance.mode):
                    folders.append(f"{folder}{name}/")
                else:
                    yield folder, name, glance

    def _looked(self, fd: int, folder: str) -> list[tuple[str, Glance]]:
        place = folder.__add__
        inherits = self._attributes.enter(fd, place)
        looked = []
        for name in os.listdir(fd):
            self._progress.raise_if_cancelled()
            try:
                glance = self._glances.at(name, fd)
            except OSError:
                continue  # it vanished just now
            if inherits or glance.mode & RUNNABLE:
                self._attributes.look(fd, name, glance.mode, place, inherits=inherits)
            if glance.is_frozen and (reason := frozen(name, fd)):
                self._stuck_files += 1
                if len(self._stuck) < _FEW:
                    self._stuck.append(f"{place(name)} {reason[reason.index('(') :]}")
            looked.append((name, glance))
        return looked

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
