"""Where our own state about a root lies: in the same place at every run, or what needs it is refused."""

import os

from backend.host.layout import Layout
from backend.host.user_directories import user_directory

_ALL = os.R_OK | os.W_OK | os.X_OK


def own_state(layout: Layout) -> str:
    """Return the folder of our journal for a root: below the root itself, as soon as there is one of ours.

    Where that is somebody else's, or there is none and none can be made, it is one of the user's own for each
    root, told apart by device and inode; a journal that was begun there is gone on with.
    """
    place = layout.own_state
    if _is_there(place):
        return place if os.lstat(_existing(place)).st_uid == os.geteuid() else _users_own(layout)
    if os.access(_existing(place), os.W_OK) and not _was_begun(_users_own(layout), layout):
        return place
    return _users_own(layout)


def other_state(layout: Layout, state_dir: str) -> str:
    """Return the folder in which the state of a root may lie, too, but is not looked for."""
    return _users_own(layout) if state_dir == layout.own_state else layout.own_state


def user_state() -> str:
    """Return the user's own folder for what belongs to no root."""
    return os.path.join(_users_state(), "snapstow")


def state_fault(state_dir: str) -> str:
    """Say why our state cannot be kept in a folder, or nothing."""
    for place in (_existing(state_dir), f"{state_dir}/jobs"):
        if os.path.lexists(place) and not os.access(place, _ALL if place.startswith(state_dir) else os.W_OK):
            return f"the state folder {state_dir} cannot be written: {_reason(place)}"
    return ""


def _reason(place: str) -> str:
    if not os.path.isdir(place):
        return f"{place} is not a directory"
    return "read-only file system" if os.statvfs(place).f_flag & os.ST_RDONLY else "permission denied"


def _users_own(layout: Layout) -> str:
    return os.path.join(_users_state(), layout.own_name)


def _users_state() -> str:
    return user_directory("XDG_STATE_HOME", ".local/state")


def _is_there(path: str) -> bool:
    """Whether a folder is there; one behind a directory of ours that is closed for now counts as there."""
    try:
        os.lstat(path)
    except PermissionError:
        return os.lstat(_existing(path)).st_uid == os.geteuid()
    except OSError:
        return False
    return True


def _existing(path: str) -> str:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _was_begun(folder: str, layout: Layout) -> bool:
    """Whether a journal of this very root is in a folder: the numbers in its name may be another's by now."""
    if not os.path.isdir(f"{folder}/jobs"):
        return False
    from backend.jobs.journal import Journal

    return any(record.root.get("path") == layout.root for record in Journal(folder).records())
