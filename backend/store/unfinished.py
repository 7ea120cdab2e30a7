"""Names of what is not finished: temporary files of saves, folders of imports, markers of sets.

snapd gives such names as well; those that only look alike belong to somebody else.
"""

import os
import re

STAGING = ".snapstow-import-"
_OUR_SAVE = r"[0-9]+_[^/]*\.zip\.[A-Za-z0-9]{12}~"
_ANY_SAVE = rf"{_OUR_SAVE}|[0-9]+_[^/]*\.zip\.[0-9]{{1,10}}~"  # snapd's since 2.77 at the latest
_LIKE_A_SAVE = r"[0-9]+_.*\.zip\..*~"
_MARKER = r"([0-9]+)_importing"
_LIKE_A_MARKER = r"[0-9].*_importing"


def marker_name(set_id: int) -> str:
    """Return the name of the file that hides a set while it is incomplete."""
    return f"{set_id}_importing"


def marked_set(name: str) -> int | None:
    """Return the id of the set that a marker hides, whatever the number's spelling; None for no marker."""
    match = re.fullmatch(_MARKER, name)
    return int(match[1]) if match else None


def is_like_a_marker(name: str) -> bool:
    """Whether a name is a marker's, or looks like one."""
    return bool(re.fullmatch(_LIKE_A_MARKER, name))


def is_ours(name: str) -> bool:
    """Whether a name is one that our saves and imports give to what they have not finished."""
    return name.startswith(STAGING) or bool(re.fullmatch(_OUR_SAVE, name))


def is_temporary(path: str) -> bool:
    """Whether a path is an unfinished save or import, by its name and kind; or was, where it is gone."""
    name = os.path.basename(path)
    if not re.fullmatch(_ANY_SAVE, name):
        return name.startswith(STAGING)
    return not os.path.lexists(path) or (os.path.isfile(path) and not os.path.islink(path))


def is_lookalike(path: str) -> bool:
    """Whether a path is named much like an unfinished save, but is surely neither ours nor snapd's."""
    is_like_a_save = re.fullmatch(_LIKE_A_SAVE, os.path.basename(path), re.DOTALL)
    return bool(is_like_a_save) and not is_temporary(path)
