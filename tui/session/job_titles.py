"""What a job is, in a few words: `restore #86 nextcloud`, `import backup.snapshot`."""

import os
import pwd

from backend import (
    Check,
    Export,
    Extract,
    Forget,
    Import,
    Operation,
    Restore,
    Save,
    Undo,
    UnknownOperation,
)

_FEW = 3


def operation_title(operation: Operation | UnknownOperation) -> str:
    """Return what an operation is to a reader: its verb, and what it is about."""
    match operation:
        case Save(snaps=snaps):
            return f"save {_listed(snaps) or 'all snaps'}"
        case Check(set_id=0, snaps=snaps):
            return f"check {_listed(snaps) or 'all sets'}"
        case Extract(set_id, items, file):
            source = os.path.basename(file) if file else f"#{set_id}"
            return f"extract {len(items)} path{'' if len(items) == 1 else 's'} of {source}"
        case Restore(set_id, snaps, target_dir=target_dir):
            where = f" into {target_dir}" if target_dir else ""
            return f"{_of_set('restore', set_id, snaps)}{where}"
        case Check(set_id, snaps) | Forget(set_id, snaps) | Export(set_id, snaps=snaps):
            return _of_set(operation.verb.removesuffix("-snapshot"), set_id, snaps)
        case Import(file):
            return f"import {os.path.basename(file)}"
        case Undo(job):
            return f"undo job {job}" if job else "undo the last restore"
        case UnknownOperation(verb):
            return verb


def _of_set(verb: str, set_id: int, snaps: tuple[str, ...]) -> str:
    return " ".join(filter(None, (verb, f"#{set_id}", _listed(snaps))))


def _listed(snaps: tuple[str, ...]) -> str:
    if len(snaps) > _FEW:
        return f"{', '.join(snaps[: _FEW - 1])} and {len(snaps) - _FEW + 1} more"
    return ", ".join(snaps)


def user_name(uid: int) -> str:
    """Return who a user is, by number where nobody knows the name; nothing for nobody."""
    if uid < 0:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"user {uid}"
