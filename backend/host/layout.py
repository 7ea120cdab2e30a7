"""Where everything lies below a root: snapshots, data of a snap and a user, installed snaps, accounts.

Only looks; makes and changes nothing. Below another root than the machine's own, symbolic links on the way
lead where they would for a process rooted there, and never out of it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from functools import cached_property
from stat import S_ISDIR
from typing import TYPE_CHECKING, NamedTuple

from backend.errors import InvalidInputError, NotFoundError, SnapshotError, UnknownUserError
from backend.format.gojson import quoted
from backend.format.names import is_snap_name, revision_from_text
from backend.fs import beneath
from backend.fs.files import Fingerprint, Identity, fingerprint_at
from backend.host.accounts import Accounts, MachineAccounts, PasswdFile, account_id, joined, reach
from backend.host.snap_yaml import read_description
from backend.host.state import SnapdState
from backend.model import Epoch, Revision, User

if TYPE_CHECKING:
    pass

_MOUNTS = ("/snap", "/var/lib/snapd/snap")
_USER_DATA = ("snap", ".snap/data")
_FIRST_PERSON = 1000  # ids below are those of services, whose homes hold no data of snaps
_NOTHING_THERE = (ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG)


class InstalledSnap(NamedTuple):
    """A snap installed below the root; `exclude_manifest` is the path of its meta/snapshots.yaml.

    Where `described` is False its files cannot be seen (not mounted): the version is empty and the epoch
    says nothing.
    """

    name: str
    revision: Revision
    version: str
    epoch: Epoch
    snap_id: str
    exclude_manifest: str
    active: bool = True
    described: bool = True


class UnsavedData(NamedTuple):
    """Data of snaps that no save includes, or a home that may hold some, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"data in {self.path} are not saved: {self.reason}"


class Layout:
    """The places below `root`, as absolute paths on this machine, without the links that lead to it.

    Another root than the machine's own is held open: all of it is reached from there. `users` replaces the
    account look-up, `hidden` says which snaps keep their users' data below ~/.snap/data (else snapd's state
    does).

    Raises:
        InvalidInputError: `root` cannot be one.
    """

    def __init__(
        self,
        root: str = "/",
        users: Accounts | None = None,
        hidden: Callable[[str], bool] | None = None,
    ) -> None:
        self.root = _root(root)
        self._root = None if self.root == "/" else beneath.hold(self.root)
        self.is_machine = self.root == "/"
        self.accounts = users or (MachineAccounts() if self.is_machine else PasswdFile(self.root))
        self._hidden = hidden
        self._state: tuple[Fingerprint | None, SnapdState] | None = None
        self.snapshots = self.below("/var/lib/snapd/snapshots")
        self.state_file = self.below("/var/lib/snapd/state.json")
        self.socket = self.below("/run/snapd.socket")
        self.own_state = self.below("/var/lib/snapstow")
        self._system = self.below("/var/snap")

    @property
    def identity(self) -> Identity:
        """Which directory the root is."""
        return Identity.of(os.stat(self.root if self._root is None else self._root.fd))

    @property
    def own_name(self) -> str:
        """Where a user keeps a journal for this root, below the user's state folder."""
        if self.is_machine:
            return "snapstow"
        device, inode = self.identity
        return f"snapstow/roots/{device}-{inode}"

    def below(self, path: str) -> str:
        """Return where a path of the root's own lies on this machine.

        Raises:
            InvalidInputError: links lead in a circle.
        """
        return joined("/", path) if self.is_machine else reach(self.root, path)

    @property
    def state(self) -> SnapdState:
        """What snapd remembers, read again when it has written another file."""
        now = fingerprint_at(self.state_file)
        known = self._state
        if known is None or known[0] != now:
            self._state = known = (now, SnapdState.read(self.state_file))
        return known[1]

    def system_parent(self, snap: str) -> str:
        """Return the directory that holds the system data of a snap.

        Raises:
            InvalidInputError: `snap` is no snap's name.
        """
        return f"{self._system}/{_checked(snap)}"

    def user_parent(self, user: User, snap: str) -> str:
        """Return the directory that holds a user's data of a snap, always below the user's home.

        Raises:
            InvalidInputError: `snap` is no snap's name, or the system's own snaps lie in that home.
        """
        hidden = self._hidden or self.state.hidden
        place = joined(user.home, _USER_DATA[hidden(_checked(snap))])
        if place in self._reserved:
            raise InvalidInputError(
                f'cannot use the data of user "{user.name}": {place} is the system\'s own'
            )
        return f"{place}/{snap}"

    def user_place(self, user: User, snap: str) -> str:
        """Return the same as `user_parent`, but nothing for a home in which there can be no data of snaps."""
        try:
            return self.user_parent(user, snap)
        except InvalidInputError:
            return ""

    def find_users(self, names: Sequence[str]) -> list[User]:
        """Return the users named, by name or else by numeric id, in that order and each once.

        Raises:
            NotFoundError: the first that is unknown.
        """
        users = (self._find_user(name) for name in names)
        return list({user.name: user for user in users}.values())

    def demand_users(self, names: Iterable[str], saved: Iterable[str] = ()) -> None:
        """Refuse users that neither this root nor the `saved` ones tell of.

        Raises:
            UnknownUserError: the first of them.
        """
        held = list(dict.fromkeys(saved))
        for name in names:
            try:
                if name not in held:
                    self._find_user(name)
            except NotFoundError:
                present = held or [user.name for user in self.users_with_data()[0]]
                raise UnknownUserError(name, present) from None

    def users_with_data(self) -> tuple[list[User], list[UnsavedData]]:
        """Return root and everybody with data of snaps; then what belongs to none, or may not be looked into.

        On the machine a directory is its owner's, elsewhere that of the account whose home it is in.
        """
        users = {user.name: user for user in self._superuser()}
        by_home = {user.home: user for user in reversed(list(self.accounts.everyone()))}
        places: list[tuple[str, os.stat_result]] = []
        unsaved: list[UnsavedData] = []
        for home in self._homes(by_home):
            if reason := self._why_closed(home, by_home.get(home)):
                unsaved.append(UnsavedData(home, reason))
            for place, facts in self._data_directories(home):
                user = self.accounts.by_uid(facts.st_uid) if self.is_machine else by_home.get(home)
                if user is not None:
                    users.setdefault(user.name, user)
                places.append((place, facts))
        reached = [facts for user in users.values() for _, facts in self._data_directories(user.home)]
        known = {(facts.st_dev, facts.st_ino) for facts in reached}
        unsaved += [
            UnsavedData(place, "they belong to no known user")
            for place, facts in places
            if (facts.st_dev, facts.st_ino) not in known
        ]
        return list(users.values()), unsaved

    def data_parents(self) -> Iterator[str]:
        """Yield every directory for the data of a snap, installed or not: the system's, then users'."""
        users, unsaved = self.users_with_data()
        places = [place for user in users for place, _ in self._data_directories(user.home)]
        for place in dict.fromkeys((self._system, *places, *(data.path for data in unsaved))):
            yield from (f"{place}/{name}" for name in _listed(place) if is_snap_name(name))

    def installed_names(self) -> list[str]:
        """List all installed snaps that can be seen, sorted; inactive ones too."""
        names = {name for mount in _MOUNTS for name in _listed(self.below(mount)) if self._linked(name)}
        return sorted(names.union(self.state.snaps()))

    def revision(self, name: str) -> Revision | None:
        """Return the installed revision of a snap: from snapd's state, else its `current` link; or None."""
        return self.state.current(name) or self._linked(name)

    def installed(self, name: str) -> InstalledSnap | None:
        """Return an installed snap, or None.

        Raises:
            InvalidInputError: its snap.yaml is damaged.
            SnapshotError: its snap.yaml cannot be read.
        """
        revision = self.revision(name)
        if revision is None:
            return None
        folders = [self.below(f"{mount}/{name}/{revision}/meta") for mount in _MOUNTS]
        folder = next(filter(os.path.isdir, folders), folders[0])
        described = read_description(f"{folder}/snap.yaml")
        version, epoch = described or ("", Epoch())
        return InstalledSnap(
            name=name,
            revision=revision,
            version=version,
            epoch=epoch,
            snap_id=self.state.snap_id(name),
            exclude_manifest=f"{folder}/snapshots.yaml",
            active=self.state.active(name) or self.state.current(name) is None,
            described=described is not None,
        )

    @cached_property
    def _reserved(self) -> frozenset[str]:
        """Directories called `snap` that hold the system's snaps and not a user's data."""
        mounts = (path for mount in _MOUNTS for path in (joined(self.root, mount), self.below(mount)))
        return frozenset((*mounts, self._system))

    def _linked(self, name: str) -> Revision | None:
        for mount in _MOUNTS if is_snap_name(name) else ():
            try:
                target = os.readlink(f"{self.below(mount)}/{name}/current")
                return revision_from_text(os.path.basename(target.rstrip("/")))
            except (OSError, SnapshotError):
                continue
        return None

    def _find_user(self, name: str) -> User:
        user = self.accounts.by_name(name)
        if user is None and (uid := account_id(name)) is not None:
            user = self.accounts.by_uid(uid)
        if user is None:
            raise NotFoundError(f"user: unknown user {name}")
        return user

    def _superuser(self) -> list[User]:
        user = self.accounts.by_uid(0) or (None if self.is_machine else self.accounts.by_name("root"))
        if user is None and self.is_machine:
            raise NotFoundError("user: unknown userid 0")
        return [user] if user else []

    def _homes(self, known: Iterable[str]) -> Iterable[str]:
        """Every place that may be a home, each once: below the directories of homes, then the accounts'."""
        homes: list[str] = []
        for folder in self._reachable(dict.fromkeys((*self.state.homedirs(), "/home"))):
            inside = folder.removeprefix(self.root.rstrip("/"))
            homes += self._reachable(f"{inside}/{name}" for name in _listed(folder))
        return dict.fromkeys((*homes, *sorted(known), *self._reachable(["/root"])))

    def _reachable(self, paths: Iterable[str]) -> Iterator[str]:
        for path in paths:
            try:
                yield self.below(path)
            except InvalidInputError:
                continue

    def _why_closed(self, home: str, user: User | None) -> str:
        """Why it cannot be known whether a home of a person holds data; empty where it can, or holds none."""
        if user is not None and 0 < user.uid < _FIRST_PERSON:
            return ""
        try:
            os.stat(self._on_this_machine(joined(home, _USER_DATA[0])))
        except PermissionError as refusal:
            whose = f"the home of {user.name}" if user else "it"
            return f"{whose} may not be entered ({refusal.strerror})"
        except OSError as fault:
            return "" if fault.errno in _NOTHING_THERE else f"it cannot be read ({fault.strerror})"
        except InvalidInputError:
            pass
        return ""

    def _data_directories(self, home: str) -> Iterator[tuple[str, os.stat_result]]:
        for place in (joined(home, name) for name in _USER_DATA):
            try:
                facts = os.stat(self._on_this_machine(place))
            except (OSError, InvalidInputError):
                continue
            if S_ISDIR(facts.st_mode) and place not in self._reserved:
                yield place, facts

    def _on_this_machine(self, place: str) -> str:
        """A place below the root, with the links on its way followed within the root."""
        if self.is_machine or not place.startswith(f"{self.root}/"):
            return place
        return reach(self.root, place.removeprefix(self.root))


def _root(path: str) -> str:
    """A root as an absolute path; the machine's own is "/" however it is spelled."""
    if not path or "\0" in path:
        raise InvalidInputError(f"cannot use {quoted(path)} as a root: not a path")
    path = os.path.realpath(path)
    try:
        return "/" if os.path.samefile(path, "/") else path
    except OSError:
        return path


def _checked(snap: str) -> str:
    if not is_snap_name(snap):
        raise InvalidInputError(f"invalid snap name: {quoted(snap)}")
    return snap


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
