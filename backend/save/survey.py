"""What a save would meet: how much there is to read, what stays out, where it lies, what may go wrong.

Only looks: opens directories and no file, follows no link. What it finds is of that moment.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import NamedTuple

from backend.archive.tar.program import Tar
from backend.errors import BlockedError, InvalidInputError, NotAllowedError, NotFoundError, SnapshotError
from backend.format import excludes
from backend.fs import safe_open as parents
from backend.fs.files import DIRECTORY, opened
from backend.fs.space import Measured
from backend.host.layout import InstalledSnap, Layout
from backend.model import User
from backend.progress import Progress
from backend.save.mounted import mounts_in
from backend.save.survey_walk import Glimpse, LargeFolder, MountPoints, Rights, Sieve, Surveyor, glimpse_of

_RECENT = 60  # seconds


class Outlook(Enum):
    """What something means for a save, worst first."""

    FAILS = "will fail"
    UNSURE = "may fail"
    LOST = "cannot be restored"
    LEFT_OUT = "not included"
    HARMLESS = "harmless"


class Concern(NamedTuple):
    """What is to be known before a save: in words, how many it is about, and at most twenty examples.

    Examples are paths of the archive (`common/…` or `<revision>/…`), names as they are on disk.
    """

    kind: str
    outlook: Outlook
    text: str
    number: int = 1
    examples: tuple[str, ...] = ()


class Aim(NamedTuple):
    """What would be saved into one archive: the data of a snap, the system's or a user's.

    `patterns` leave data out besides those that the snap ships, in snapd's syntax; what is mounted below the
    data is left out unless `include_mounts`.
    """

    snap: InstalledSnap
    user: User | None = None
    patterns: tuple[str, ...] = ()
    include_mounts: bool = False


class Survey(NamedTuple):
    """What a save of the data that `aim` names would meet.

    `read` is what goes into the archive, `left_out` what patterns keep out; `shipped` are the bytes that the
    snap's own patterns match, `by_pattern` those of each pattern of the aim, whatever others match as well.
    Where `whole` is False, not everything could be looked at. `recent` changed within the last minute:
    `resurvey`.
    """

    aim: Aim
    read: Measured = Measured()
    left_out: Measured = Measured()
    shipped: int = 0
    by_pattern: tuple[int, ...] = ()
    largest: tuple[LargeFolder, ...] = ()
    concerns: tuple[Concern, ...] = ()
    recent: tuple[Glimpse, ...] = ()
    whole: bool = True

    @property
    def is_lossless(self) -> bool:
        """Whether everything that is saved can be restored."""
        return all(concern.outlook is not Outlook.LOST for concern in self.concerns)

    @property
    def owner(self) -> str:
        """The user's name, or `system`."""
        return self.aim.user.name if self.aim.user else "system"


def aims(layout: Layout, snaps: Sequence[str], users: Sequence[str]) -> list[Aim]:
    """List what a save of the named snaps and users is made of, archive by archive.

    Without snaps all that are installed and active, without users everybody's data.

    Raises:
        NotFoundError: the first snap that is unknown.
        UnknownUserError: the first user that is.
    """
    layout.demand_users(users)
    owners = layout.find_users(users) if users else layout.users_with_data()[0]
    named = list(dict.fromkeys(snaps))
    aims = []
    for name in named or layout.installed_names():
        snap = layout.installed(name)
        if snap is None:
            raise NotFoundError(f'snap "{name}" is not installed')
        if named or snap.active:
            aims += [Aim(snap, owner) for owner in (None, *owners)]
    return aims


_KINDS = {
    "unreadable": (Outlook.FAILS, "file cannot be read", "files cannot be read"),
    "closed": (Outlook.FAILS, "directory cannot be entered", "directories cannot be entered"),
    "guarded": (
        Outlook.UNSURE,
        "file or directory has an access list that decides whether it can be read",
        "files or directories have access lists that decide whether they can be read",
    ),
    "unseen": (Outlook.UNSURE, "place could not be looked at", "places could not be looked at"),
    "changing": (Outlook.UNSURE, "file or directory is changing", "files or directories are changing"),
    "link": (Outlook.LEFT_OUT, "data directory is a symbolic link", "data directories are symbolic links"),
    "no-directory": (Outlook.LEFT_OUT, "data directory is none", "data directories are none"),
    "mount": (
        Outlook.LEFT_OUT,
        "mount below the data, not included unless with --include-mounts",
        "mounts below the data, not included unless with --include-mounts",
    ),
    "mounted": (
        Outlook.HARMLESS,
        "mount below the data, saved with the rest",
        "mounts below the data, saved with the rest",
    ),
    "attributes": (
        Outlook.LEFT_OUT,
        "file has capabilities, access lists or extended attributes, which are not saved",
        "files have capabilities, access lists or extended attributes, which are not saved",
    ),
    "too-long": (
        Outlook.LOST,
        "path is too long to be unpacked, though saved",
        "paths are too long to be unpacked, though saved",
    ),
    "socket": (Outlook.HARMLESS, "socket, which is passed over", "sockets, which are passed over"),
    "fifo": (Outlook.HARMLESS, "FIFO, saved as one", "FIFOs, saved as such"),
    "device": (
        Outlook.HARMLESS,
        "device node, restored only with --devices",
        "device nodes, restored only with --devices",
    ),
}


def concern(kind: str, number: int, examples: Sequence[str] = ()) -> Concern:
    """Put a concern of a known kind in words."""
    outlook, singular, plural = _KINDS[kind]
    return Concern(
        kind=kind,
        outlook=outlook,
        text=f"{number} {singular if number == 1 else plural}",
        number=number,
        examples=tuple(examples),
    )


def survey_of(layout: Layout, aim: Aim, progress: Progress | None = None, now: float | None = None) -> Survey:
    """Look at everything that a save would read; `now` is in seconds since the epoch.

    What cannot be read is a concern, not an error. The apparent bytes are counted in the job's present step.

    Raises:
        InvalidInputError: a pattern is not valid.
        Cancelled: the job was stopped.
    """
    excludes.validate_excludes(aim.patterns)
    survey = Survey(aim, by_pattern=(0,) * len(aim.patterns))
    if not (parent := _parent(layout, aim)):
        return survey
    since = (time.time() if now is None else now) - _RECENT
    shipped, rights, faults = _circumstances(layout, aim)
    sieve = Sieve(shipped, aim.patterns, aim.snap.revision, system=aim.user is None)
    points = mounts_in(parent, aim.snap.revision)
    mounts = MountPoints({point.removeprefix(f"{parent}/") for point in points}, aim.include_mounts)
    surveyor = Surveyor(rights, sieve, progress or Progress(), int(since * 10**9), mounts=mounts)
    with ExitStack() as stack:
        try:
            place = parents.open_data_parent(parent, aim.user, links=layout.is_machine)
            directory = stack.enter_context(place)
        except (FileNotFoundError, NotADirectoryError):
            return survey if aim.user else survey._replace(concerns=faults)
        except BlockedError as reason:
            return survey._replace(concerns=(Concern("blocked", Outlook.LEFT_OUT, str(reason)),))
        except OSError as error:
            fault = _failure(f"{parent}: {error.strerror}")
            return survey._replace(concerns=(*faults, fault), whole=False)
        try:
            for role in (str(aim.snap.revision), "common"):
                surveyor.look_into(role, directory)
        except (OSError, SnapshotError) as trouble:
            text = f"{parent} could not be looked at: {trouble}"
            survey = survey._replace(whole=False)
            faults += (Concern("unseen", Outlook.UNSURE, text),)
    return _summed(survey, faults, surveyor)


def resurvey(layout: Layout, aim: Aim, recent: Sequence[Glimpse]) -> tuple[Glimpse, ...]:
    """Look at the same files as they are now; those that are gone or cannot be seen any more are left out."""
    later: list[Glimpse] = []
    try:
        with parents.open_data_parent(_parent(layout, aim), aim.user, links=layout.is_machine) as directory:
            for glimpse in recent:
                try:
                    with _holding(directory, glimpse.path) as (fd, name):
                        later.append(glimpse_of(glimpse.path, os.lstat(name, dir_fd=fd)))
                except OSError:
                    continue
    except (OSError, SnapshotError):
        return ()
    return tuple(later)


def with_changes(survey: Survey, later: Sequence[Glimpse]) -> Survey:
    """Return the survey with what changed between its own look at `recent` and a later one."""
    now = {glimpse.path: glimpse for glimpse in later}
    changed = [glimpse.path for glimpse in survey.recent if now.get(glimpse.path) != glimpse]
    kept = tuple(known for known in survey.concerns if known.kind != "changing")
    if changed:
        kept = (*kept, concern("changing", len(changed), changed[: Surveyor.NAMED]))
    return survey._replace(concerns=kept)


def _parent(layout: Layout, aim: Aim) -> str:
    return layout.user_place(aim.user, aim.snap.name) if aim.user else layout.system_parent(aim.snap.name)


def _failure(text: str) -> Concern:
    return Concern("fault", Outlook.FAILS, text)


def _circumstances(layout: Layout, aim: Aim) -> tuple[list[str], Rights, tuple[Concern, ...]]:
    """The patterns that the snap ships, who will read, and what is wrong with either."""
    shipped: list[str] = []
    rights, faults = Rights(), []
    try:
        shipped = excludes.read_manifest(aim.snap.exclude_manifest)
    except InvalidInputError as fault:
        faults += [_failure(str(fault))] if aim.user is None else []
    try:
        rights = _rights(layout, aim.user)
    except NotAllowedError as fault:
        faults.append(_failure(str(fault)))
    return shipped, rights, tuple(faults)


def _rights(layout: Layout, user: User | None) -> Rights:
    """What tar will be able to read. NotAllowedError when nobody can act as that user."""
    if uid := os.geteuid():
        return Rights(uid, frozenset((os.getegid(), *os.getgroups())), everything=False)
    if user is None or user.uid == 0:
        return Rights()
    switch = Tar(user, machine=layout.is_machine).command()[0]
    by_name = not switch.endswith("setpriv")
    groups = os.getgrouplist(user.name, user.gid) if by_name else [user.gid]
    return Rights(user.uid, frozenset(groups), everything=False)


def _summed(survey: Survey, faults: Sequence[Concern], surveyor: Surveyor) -> Survey:
    shipped, *by_pattern = surveyor.matched
    met = dict(surveyor.met)
    if number := surveyor.attributes.number:
        met["attributes"] = (number, surveyor.attributes.examples)
    if number := surveyor.long_paths.number:
        met["too-long"] = (number, surveyor.long_paths.examples)
    concerns = [*faults, *(concern(kind, number, sorted(named)) for kind, (number, named) in met.items())]
    order = list(Outlook)
    return survey._replace(
        read=Measured(*surveyor.kept),
        left_out=Measured(*surveyor.out),
        shipped=shipped,
        by_pattern=tuple(by_pattern),
        largest=surveyor.largest(("", *survey.aim.patterns)),
        concerns=tuple(sorted(concerns, key=lambda concern: order.index(concern.outlook))),
        recent=tuple(surveyor.recent),
        whole=survey.whole and surveyor.whole,
    )


@contextmanager
def _holding(directory: int, path: str) -> Iterator[tuple[int, str]]:
    """The open directory that holds what a path below `directory` names, and its name there."""
    *folders, name = path.split("/")
    fd = os.dup(directory)
    try:
        for folder in folders:
            with opened(folder, DIRECTORY, fd) as below:
                os.dup2(below, fd, inheritable=False)
        yield fd, name
    finally:
        os.close(fd)
