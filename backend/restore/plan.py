"""What a restore would do, as a plain value that is made before anything is touched."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, Protocol

from backend.archive.hashing import Read
from backend.archive.tar.vetting import Contents
from backend.errors import InvalidInputError, NotFoundError
from backend.format.names import is_user_name
from backend.fs.attributes import attribute_text
from backend.host.layout import Layout
from backend.model import ARCHIVE, Revision, Snapshot, User, user_of
from backend.progress import Progress
from backend.restore.obstacles import no_right, obstacle


class Source(Protocol):
    """An opened snapshot, each of whose archives is read once."""

    @property
    def snapshot(self) -> Snapshot:
        """Its metadata."""

    def stored_size(self, entry: str) -> int:
        """The compressed bytes of an entry."""

    def unpacked_size(self, entry: str) -> int:
        """About how many bytes an entry takes when unpacked, as it declares; not verified."""

    def verified(self, entry: str, progress: Progress) -> AbstractContextManager[Read]:
        """A reader of the compressed bytes of an entry, counted on the job.

        IntegrityError when it is left and they are not what was written, whatever else went wrong inside.
        """


class Wanted(NamedTuple):
    """What of a restore decides where things go.

    With `users`, only their archives and the system's are taken. With a `target_dir`, all goes there,
    beside what is live. `revision` 0 is the installed one, or the snapshot's own beside and where none is
    installed.
    """

    users: tuple[str, ...] = ()
    target_dir: str = ""
    revision: Revision = Revision()
    devices: bool = False


class Verdict(Enum):
    """What a plan comes to."""

    READY = "READY"
    WITH_LOSS = "READY WITH LOSS"
    BLOCKED = "BLOCKED"

    @property
    def badness(self) -> int:
        """The higher the worse."""
        return (Verdict.READY, Verdict.WITH_LOSS, Verdict.BLOCKED).index(self)


class Losses(NamedTuple):
    """Live files newer than the snapshot, and files that were excluded from it; sizes in bytes.

    `examples` are paths, at most twenty. `live_files` and `live_bytes` (on disk, holes left out) are all that
    would be replaced, and so what an undo would hold. Of `stuck_files`, which cannot be removed afterwards,
    and of those with attributes that no snapshot holds, the first three are named.
    """

    newer_files: int = 0
    newer_bytes: int = 0
    excluded_files: int = 0
    excluded_bytes: int = 0
    examples: tuple[str, ...] = ()
    live_files: int = 0
    live_bytes: int = 0
    stuck_files: int = 0
    stuck_examples: tuple[str, ...] = ()
    attribute_files: int = 0
    attribute_examples: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many files would be lost in all."""
        return self.newer_files + self.excluded_files

    @property
    def notes(self) -> Iterator[str]:
        """What else is to be known of the live data."""
        if number := self.stuck_files:
            more = " and others" if number > len(self.stuck_examples) else ""
            yield (
                f"{number} {'file' if number == 1 else 'files'} cannot be removed once the undo window is "
                f"over, and will be left over: {', '.join(self.stuck_examples)}{more}"
            )
        if text := attribute_text(self.attribute_files, self.attribute_examples):
            yield f"live data: {text}"


@dataclass(frozen=True)
class EntryPlan:
    """What will become of one archive.

    `replaced` and `made` are paths; `needed` is in bytes, 0 where it is not known. An entry with a `skipped`
    reason is left out; one with a `blocked` reason stops the whole restore, `is_damaged` where the archive is
    why; so does one that is `forbidden`, where whoever asks writes it himself. `lost` is filled in by a look
    at the live data, `contents` by a walk through the archive; before that it is None.
    """

    entry: str
    parent: str = ""
    user: User | None = None
    revision: Revision = Revision()
    replaced: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    needed: int = 0
    lost: Losses = Losses()
    contents: Contents | None = None
    skipped: str = ""
    blocked: str = ""
    forbidden: str = ""
    is_damaged: bool = False

    @property
    def is_active(self) -> bool:
        """Whether it will be restored."""
        return not self.skipped and not self.refusal

    @property
    def refusal(self) -> str:
        """Why it stops the whole restore, or nothing."""
        return self.blocked or self.forbidden

    @property
    def owner(self) -> str:
        """Whose data they are: `system`, or the name of a user."""
        return user_of(self.entry) or "system"

    @property
    def devices_met(self) -> int:
        """How many device nodes the archive holds, as far as is known."""
        return self.contents.devices_met if self.contents else 0

    @property
    def too_long_met(self) -> int:
        """How many paths of the archive are too long to be restored, as far as is known."""
        return self.contents.too_long_met if self.contents else 0


@dataclass(frozen=True)
class RestorePlan:
    """What a restore of one snapshot would do; `notes` are things to know that stop nothing.

    With `devices`, device nodes come back as well; with `only_whole`, which says what else can be done, one
    path that cannot be unpacked stops everything. With a `target_dir`, all goes there, beside what is
    live: nothing is replaced, and to remove that directory is to undo it.
    """

    snapshot: Snapshot
    entries: tuple[EntryPlan, ...]
    notes: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    devices: bool = False
    target_dir: str = ""
    only_whole: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether it can be done, and whether something would be lost by it."""
        if self.reasons:
            return Verdict.BLOCKED
        lost = any(entry.lost.files for entry in self.entries)
        return Verdict.WITH_LOSS if lost or self.devices_left_out or self.too_long else Verdict.READY

    @property
    def devices_left_out(self) -> int:
        """How many device nodes will not come back, as far as is known."""
        return 0 if self.devices else sum(entry.devices_met for entry in self.active)

    @property
    def too_long(self) -> int:
        """How many paths are too long to be restored, as far as is known."""
        return sum(entry.too_long_met for entry in self.active)

    @property
    def reasons(self) -> list[str]:
        """Why it is blocked."""
        return [*self.blocked, *filter(None, (entry.refusal for entry in self.entries))]

    @property
    def active(self) -> list[EntryPlan]:
        """The entries that will be restored."""
        return [entry for entry in self.entries if not entry.skipped]


def worst_verdict(plans: Iterable[RestorePlan]) -> Verdict:
    """Return what several plans come to together; without any, nothing can be restored."""
    return max((plan.verdict for plan in plans), key=lambda verdict: verdict.badness, default=Verdict.BLOCKED)


_EVERYTHING = Wanted()


def plan_restore(
    source: Source, layout: Layout, current: Revision, wanted: Wanted = _EVERYTHING
) -> RestorePlan:
    """What restoring a snapshot would do when `current` is the installed revision (0: not installed).

    Looks at the places where things would go, not at what is in them. Changes nothing.
    """
    snapshot = source.snapshot
    if snapshot.broken:
        return RestorePlan(snapshot, (), blocked=(f"cannot open snapshot: {snapshot.broken}",))
    revision = next(filter(_is_set, _candidates(snapshot, current, wanted)), Revision())
    plans = []
    for entry in snapshot.entries:
        name = user_of(entry)
        if name is not None and wanted.users and name not in wanted.users:
            continue
        plan = EntryPlan(entry, revision=revision)
        if wanted.target_dir:
            plan = _place_beside(snapshot, layout, plan, wanted.target_dir)
        else:
            plan = _look_at_target(_place(snapshot, layout, plan))
        is_read = not plan.skipped and not plan.blocked
        plans.append(replace(plan, needed=source.unpacked_size(entry)) if is_read else plan)
    absent = [
        f'user "{name}" has no data in this snapshot' for name in wanted.users if name not in snapshot.users
    ]
    return RestorePlan(
        snapshot, tuple(plans), tuple(absent), devices=wanted.devices, target_dir=wanted.target_dir
    )


def _candidates(snapshot: Snapshot, current: Revision, wanted: Wanted) -> tuple[Revision, ...]:
    """The revisions to restore onto, the first one that is set counts."""
    return (wanted.revision, *(() if wanted.target_dir else (current,)), snapshot.revision)


def _is_set(revision: Revision) -> bool:
    return revision.number != 0


# -- beside


def _place_beside(snapshot: Snapshot, layout: Layout, plan: EntryPlan, target_dir: str) -> EntryPlan:
    """Where an entry goes below a directory of its own; a user need not be known here."""
    name = user_of(plan.entry)
    parent, user = f"{target_dir.rstrip('/')}/{snapshot.snap}", None
    if name is not None and is_user_name(name):
        parent, user = f"{parent}/users/{name}", _known(layout, name)
    elif plan.entry != ARCHIVE:
        return _unknown(plan)
    made = (parent, f"{parent}/{plan.revision}", f"{parent}/common")
    return replace(plan, parent=parent, user=user, made=made)


def _known(layout: Layout, name: str) -> User | None:
    try:
        user = layout.find_users([name])[0]
    except NotFoundError:
        return None
    return user if user.name == name else None


def _unknown(plan: EntryPlan) -> EntryPlan:
    return replace(plan, skipped=f'Skipping restore of unknown entry "{plan.entry}".')


# -- in place


def _place(snapshot: Snapshot, layout: Layout, plan: EntryPlan) -> EntryPlan:
    """Where an entry goes and to whom it belongs, or why it is skipped."""
    if plan.entry == ARCHIVE:
        return replace(plan, parent=layout.system_parent(snapshot.snap))
    name = user_of(plan.entry)
    if name is None:
        return _unknown(plan)
    try:
        user = layout.find_users([name])[0]
    except NotFoundError as unknown:
        return replace(plan, skipped=f'Skipping restore of user "{name}": {unknown}.')
    if user.name != name:
        return replace(plan, skipped=f'Skipping restore of user "{name}": user: unknown user {name}.')
    try:
        parent = layout.user_parent(user, snapshot.snap)
    except InvalidInputError as reason:
        return replace(plan, skipped=f'Skipping restore of user "{name}": {reason}.')
    if fault := _home_fault(user):
        return replace(plan, skipped=f'Skipping restore of "{parent}/{plan.revision}"{fault}.')
    return replace(plan, parent=parent, user=user)


def _home_fault(user: User) -> str:
    """Why nothing can be put into a user's home, or nothing."""
    try:
        is_directory = stat.S_ISDIR(os.stat(user.home).st_mode)
    except FileNotFoundError:
        return f' as "{user.home}" doesn\'t exist'
    except OSError as cause:
        return f": {cause.strerror}"
    return "" if is_directory else f' as "{user.home}" is not a directory'


def _look_at_target(plan: EntryPlan) -> EntryPlan:
    if not plan.is_active:
        return plan
    replaced = []
    made = [] if os.path.lexists(plan.parent) else [plan.parent]
    for name in (str(plan.revision), "common"):
        path = f"{plan.parent}/{name}"
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            made.append(path)
            continue
        except (NotADirectoryError, PermissionError) as cause:
            return replace(plan, blocked=f"cannot restore into {plan.parent}: {cause.strerror}")
        if not stat.S_ISDIR(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a directory"
            return replace(plan, blocked=f"cannot replace {path}: it is {kind}")
        replaced.append(path)
    blocked = obstacle(plan.parent, replaced)
    forbidden = "" if blocked else no_right(plan.parent)
    return replace(plan, replaced=tuple(replaced), made=tuple(made), blocked=blocked, forbidden=forbidden)
