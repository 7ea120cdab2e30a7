"""Where what belongs to the user who runs this lies, by the XDG base directory specification."""

import os

from backend.errors import SnapshotError


def user_directory(variable: str, below_home: str) -> str:
    """Return the directory that an XDG variable names, else the one at `below_home` in the home.

    A relative path is ignored, as XDG has it. So is a directory of another user (`sudo` that keeps the
    environment): nothing of ours is to lie there with an owner who is not the user's.

    Raises:
        SnapshotError: the user has no home.
    """
    path = os.environ.get(variable, "")
    return path if _is_ours(path) else os.path.join(_home(), below_home)


def _home() -> str:
    home = os.environ.get("HOME", "")
    if _is_ours(home):
        return home
    import pwd

    uid = os.geteuid()
    try:
        home = pwd.getpwuid(uid).pw_dir
    except KeyError:
        home = ""
    if not os.path.isabs(home):
        raise SnapshotError(f"user {uid} has no home directory: set HOME to one")
    return home


def _is_ours(path: str) -> bool:
    """Whether a path is absolute and the nearest directory there is not another ordinary user's."""
    if not os.path.isabs(path):
        return False
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.stat(path).st_uid in (os.geteuid(), 0)
