"""Who has an account: on the running machine, or in the passwd file below another root."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from backend.errors import InvalidInputError
from backend.format.names import is_user_name
from backend.fs.files import Fingerprint, fingerprint_at, os_errors_as, read_whole
from backend.model import User

if TYPE_CHECKING:
    import pwd

_MOST_LINKS = 40


LARGEST_PASSWD = 16 << 20


class Accounts(Protocol):
    """Who has an account; replaceable. Homes are absolute paths on this machine."""

    def by_name(self, name: str) -> User | None:
        """The account of that name, or None."""

    def by_uid(self, uid: int) -> User | None:
        """The account with that numeric id, or None."""

    def everyone(self) -> Iterable[User]:
        """All accounts that can be listed."""


class MachineAccounts:
    """The accounts of the running machine, from wherever it takes them (NSS)."""

    def by_name(self, name: str) -> User | None:
        """The account of that name, or None."""
        import pwd

        try:
            return _account(pwd.getpwnam(name))
        except (KeyError, ValueError):
            return None

    def by_uid(self, uid: int) -> User | None:
        """The account with that numeric id, or None."""
        import pwd

        try:
            return _account(pwd.getpwuid(uid))
        except (KeyError, OverflowError):
            return None

    def everyone(self) -> Iterable[User]:
        """All accounts that the machine lists; a directory service may keep some to itself."""
        import pwd

        return list(filter(None, map(_account, pwd.getpwall())))


class PasswdFile:
    """The accounts in etc/passwd below another root; none where there is no such file.

    What is no account there is passed over. Of two with one name or one id the first counts. Raises
    NotAllowedError or SnapshotError when the file cannot be read.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: tuple[Fingerprint | None, tuple[User, ...]] | None = None

    def by_name(self, name: str) -> User | None:
        """The account of that name, or None."""
        return next((user for user in self._users if user.name == name), None)

    def by_uid(self, uid: int) -> User | None:
        """The account with that numeric id, or None."""
        return next((user for user in self._users if user.uid == uid), None)

    def everyone(self) -> Iterable[User]:
        """All accounts, in the order of the file."""
        return self._users

    @property
    def _users(self) -> tuple[User, ...]:
        """The accounts, read again when the file is another one."""
        path = reach(self._root, "/etc/passwd")
        now = fingerprint_at(path)
        known = self._known
        if known is None or known[0] != now:
            self._known = known = (now, self._read(path))
        return known[1]

    def _read(self, path: str) -> tuple[User, ...]:
        with os_errors_as("cannot look up users"):
            try:
                raw = read_whole(path, LARGEST_PASSWD)
            except (FileNotFoundError, NotADirectoryError):
                return ()
        lines = raw.decode("utf-8", "surrogateescape").split("\n")
        users = filter(None, (self._user(line) for line in lines))
        first: dict[str, User] = {}
        for user in users:
            first.setdefault(user.name, user)
        return tuple(first.values())

    def _user(self, line: str) -> User | None:
        fields = line.split(":")
        if len(fields) != 7 or fields[0][:1] in ("", "#", "+") or not is_user_name(fields[0]):
            return None
        uid, gid = account_id(fields[2]), account_id(fields[3])
        if uid is None or gid is None or "\0" in fields[5]:
            return None
        try:
            return User(fields[0], uid, gid, reach(self._root, fields[5]))
        except InvalidInputError:
            return None


def reach(root: str, path: str) -> str:
    """Where `path` leads for a process rooted at `root`, links followed, as a path on this machine.

    Never outside of `root`. What does not exist is taken as written. InvalidInputError for a loop of links.
    """
    pending = path.split("/")[::-1]
    done: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            del done[-1:]
            continue
        done += [part] if part not in ("", ".") else []
        try:
            target = os.readlink("/".join((root.rstrip("/"), *done))) if part not in ("", ".") else None
        except OSError:
            continue
        if target is not None:
            links += 1
            done = done[:-1] if target[:1] != "/" else []
            pending += target.split("/")[::-1]
        if links > _MOST_LINKS:
            raise InvalidInputError(f"cannot use {path} below {root}: too many symbolic links")
    return "/".join((root.rstrip("/"), *done)) or "/"


def joined(folder: str, path: str) -> str:
    """`path` below `folder`, without dots: it cannot climb out."""
    return f"{folder.rstrip('/')}{os.path.normpath('/' + path.lstrip('/'))}".rstrip("/") or "/"


def _account(entry: "pwd.struct_passwd") -> User | None:
    if not is_user_name(entry.pw_name):
        return None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, joined("/", entry.pw_dir))


def account_id(text: str) -> int | None:
    """A numeric user or group id from its digits; the highest one means nobody at all."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return number if (number := int(text)) < 2**32 - 1 else None
