"""What could be saved at a place: snaps, users, sizes, concerns. Surveyed by one thread, read by any.

The one preflight of a save that can still be chosen; `survey` looks at one archive of it.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backend.archive.reader import Reader
from backend.errors import SnapshotError
from backend.format.timestamps import unix_time
from backend.fs.space import free_space
from backend.host.layout import InstalledSnap, Layout
from backend.model import Snapshot, User
from backend.progress import Progress
from backend.save.survey import Aim, Concern, Outlook, Survey, resurvey, survey_of, with_changes
from backend.store.place import SnapshotPlace
from backend.store.verifications import VerificationLog

SYSTEM = ""
_RECORDS = (256 << 10, 10 << 10)  # what our tar and snapd's fill archives up to
_TAR_END = 1024


class EarlierSave(NamedTuple):
    """A sound snapshot of a snap: bytes stored, and unpacked (0 where not known); what it left out."""

    stored: int
    unpacked: int = 0
    patterns: frozenset[str] = frozenset()

    @property
    def record(self) -> int:
        """What its archives are filled up to."""
        return next((record for record in _RECORDS if self.unpacked % record == 0), _RECORDS[-1])


class SavePreflight(NamedTuple):
    """What is there: `past` are a snap's snapshots, the newest of those that left out the same.

    `concerns` are of the place; `whole` is False where saving everything at once would fail.
    """

    snaps: tuple[InstalledSnap, ...] = ()
    users: tuple[User, ...] = ()
    past: dict[str, list[EarlierSave]] = {}  # noqa: RUF012 - never changed, and a field of a named tuple
    concerns: tuple[Concern, ...] = ()
    free: int = 0
    whole: bool = True

    def past_of(self, snap: str, patterns: Iterable[str]) -> EarlierSave | None:
        """Return the snapshot that says most of a save that leaves out the same; None without any."""
        known, wanted = self.past.get(snap, []), frozenset(patterns)
        for left_out in (wanted, frozenset[str]()):
            for past in known:
                if past.patterns == left_out:
                    return past
        return known[0] if known else None

    @property
    def active(self) -> frozenset[str]:
        """The snaps that a save takes when none are named."""
        return frozenset(snap.name for snap in self.snaps if snap.active)


class SaveSize(NamedTuple):
    """What a save reads: bytes of data, holes left out, and files; the bytes that patterns keep out.

    `needed` is what the engine wants free: all that is on disk, whatever stays out.
    """

    read: int = 0
    files: int = 0
    left_out: int = 0
    needed: int = 0


def preflight_save(place: SnapshotPlace) -> SavePreflight:
    """Look at what there is to save at a place.

    Raises:
        SnapshotError: snaps, users or sets cannot be listed.
    """
    layout = place.layout
    snaps, damaged = _installed(layout)
    users, _ = layout.users_with_data()
    return SavePreflight(
        snaps=tuple(snaps),
        users=tuple(users),
        past=_past(place),
        concerns=place_concerns(layout),
        free=free_space(layout.snapshots),
        whole=not damaged,
    )


def place_concerns(layout: Layout) -> tuple[Concern, ...]:
    """List what no save at a place can hold, whatever is chosen: configuration, strays, damaged snaps.

    Raises:
        SnapshotError: snaps or users cannot be listed.
    """
    _, texts = _installed(layout)
    if not layout.state.readable:
        texts.insert(0, f"configuration and snap-ids will not be recorded: {layout.state.why_not}")
    users, unsaved = layout.users_with_data()
    texts += map(str, unsaved)
    texts += [
        f"user {user.name} has no home at {user.home}" for user in users if not os.path.isdir(user.home)
    ]
    return tuple(Concern("world", Outlook.LEFT_OUT, text) for text in texts)


def _installed(layout: Layout) -> tuple[list[InstalledSnap], list[str]]:
    """The snaps that can be saved, and why others cannot."""
    snaps, damaged = [], []
    for name in layout.installed_names():
        try:
            snap = layout.installed(name)
        except SnapshotError as fault:
            damaged.append(f"{name} cannot be saved: {fault}")
        else:
            snaps += [snap] if snap is not None else []
    return snaps, damaged


def _past(place: SnapshotPlace) -> dict[str, list[EarlierSave]]:
    snapshots = [snapshot for group in place.sets() for snapshot in group.snapshots]
    statuses = VerificationLog(place.state_dir).statuses(snapshots)
    snapshots.sort(key=lambda snapshot: -unix_time(snapshot.time))
    past: dict[str, list[EarlierSave]] = {}
    for snapshot in snapshots:
        if snapshot.broken or snapshot.hidden or statuses[snapshot.path].fault:
            continue
        known, patterns = past.setdefault(snapshot.snap, []), frozenset(snapshot.exclude or ())
        if all(patterns != before.patterns for before in known):
            known.append(EarlierSave(snapshot.size, _unpacked(snapshot), patterns))
    return past


def _unpacked(snapshot: Snapshot) -> int:
    try:
        with Reader.open(snapshot.path) as reader:
            return sum(reader.unpacked_size(entry) for entry in snapshot.entries)
    except (OSError, SnapshotError):
        return 0


class SaveSurveys:
    """What a save of everything would meet, snap by snap and owner by owner, as it becomes known.

    Made anew for other patterns by `renew` and then `survey_all` in a thread; meanwhile the old ones stand.
    Any thread may read. `version` changes with each one, `reading` says where it is.
    """

    def __init__(self, layout: Layout, preflight: SavePreflight) -> None:
        self._layout = layout
        self._preflight = preflight
        self._known: dict[tuple[str, str], Survey] = {}
        self._lock = threading.Lock()
        self._progress = Progress()
        self._patterns: tuple[str, ...] = ()
        self._include_mounts = False
        self.version = 0
        self.reading = ""
        self.done = False

    def renew(
        self, patterns: tuple[str, ...], *, anew: bool = False, include_mounts: bool = False
    ) -> Progress:
        """Stop what goes on; from now on these patterns count. Return the job to survey with."""
        with self._lock:
            self._progress.stop()
            self._progress = Progress()
            self._patterns = patterns
            self._include_mounts = include_mounts
            self.done = False
            if anew:
                self._known.clear()
                self.version += 1
            return self._progress

    def stop(self) -> None:
        """Look no further."""
        self._progress.stop()

    def survey_all(self, progress: Progress) -> None:
        """Survey everything whose patterns are others than before.

        Raises:
            Cancelled: the job was stopped.
        """
        for snap in sorted(self._preflight.snaps, key=lambda snap: not snap.active):
            for user in (None, *self._preflight.users):
                aim = self._aim(snap, user)
                known = self.of(snap.name, user.name if user else SYSTEM)
                if known is not None and known.aim == aim:
                    continue
                with self._lock:
                    progress.raise_if_cancelled()
                    self.reading = f"{snap.name}, {user.name if user else 'system'}"
                self._keep(survey_of(self._layout, aim, progress), progress)
        with self._lock:
            progress.raise_if_cancelled()
            self.reading, self.done = "", True

    def look_again(self, progress: Progress) -> None:
        """Look once more at what changed lately.

        Raises:
            Cancelled: the job was stopped.
        """
        for survey in list(self._known.values()):
            progress.raise_if_cancelled()
            if survey.recent:
                self._keep(with_changes(survey, resurvey(self._layout, survey.aim, survey.recent)), progress)

    def _aim(self, snap: InstalledSnap, user: User | None) -> Aim:
        patterns = (pattern for pattern in self._patterns if is_for_users(pattern) == (user is not None))
        return Aim(snap, user, tuple(patterns), self._include_mounts)

    def _keep(self, survey: Survey, progress: Progress) -> None:
        with self._lock:
            progress.raise_if_cancelled()
            self._known[survey.aim.snap.name, survey.aim.user.name if survey.aim.user else SYSTEM] = survey
            self.version += 1

    def of(self, snap: str, owner: str) -> Survey | None:
        """Return what is known of an owner's data (SYSTEM, or a user's) of a snap."""
        return self._known.get((snap, owner))

    def all_of(self, snaps: Iterable[str], owners: Sequence[str]) -> Iterator[Survey]:
        """Return everything that is known of some snaps and owners."""
        for snap in snaps:
            for owner in owners:
                if survey := self._known.get((snap, owner)):
                    yield survey

    def sum_of(self, snaps: Iterable[str], owners: Sequence[str]) -> SaveSize:
        """Add up what some snaps and owners come to, as far as it is known."""
        total = [0] * len(SaveSize._fields)
        for survey in self.all_of(snaps, owners):
            read, out = survey.read, survey.left_out
            parts = (read.allocated, read.files, out.allocated, read.allocated + out.allocated)
            total = [before + more for before, more in zip(total, parts, strict=True)]
        return SaveSize(*total)

    def is_known(self, snap: str) -> bool:
        """Whether every owner's data of a snap were looked at."""
        return all(
            (snap, owner) in self._known for owner in (SYSTEM, *(u.name for u in self._preflight.users))
        )

    def taken_out(self, pattern: str, snaps: Iterable[str], owners: Sequence[str]) -> dict[str, int] | None:
        """Return the bytes that a pattern keeps out, by snap; None while that is not known of all."""
        taken: dict[str, int] = {}
        for snap in snaps:
            for owner in owners:
                if is_for_users(pattern) == (owner == SYSTEM):
                    continue
                survey = self._known.get((snap, owner))
                if survey is None or pattern not in survey.aim.patterns:
                    return None
                size = survey.by_pattern[survey.aim.patterns.index(pattern)]
                taken[snap] = taken.get(snap, 0) + size
        return taken

    def forecast(self, snap: str, owners: Sequence[str]) -> int | None:
        """Return the bytes that a snap will probably take, compressed as before; None where nobody knows."""
        past = self._preflight.past_of(snap, self._patterns)
        if past is None or not past.unpacked:
            return None
        packed = (survey.read.packed for survey in self.all_of([snap], owners))
        record = past.record
        archived = sum(-(-(size + _TAR_END) // record) * record for size in packed if size)
        return archived * past.stored // past.unpacked


def is_for_users(pattern: str) -> bool:
    """Whether a valid pattern is about users' data and not the system's."""
    return pattern.startswith("$SNAP_USER_")
