"""What a job is, in a few words: `restore #86 nextcloud`, `import backup.snapshot`."""

import os
import pwd

from backend import (
    Check,
    CheckCopies,
    Export,
    Extract,
    Finish,
    Forget,
    ForgetCopies,
    Import,
    Operation,
    Prune,
    PruneCopies,
    Pull,
    Push,
    Repair,
    Restore,
    Save,
    TakeBack,
    Undo,
    UnknownOperation,
)
from backend.repository import parse_copy_name

_FEW = 3
_WORDS = {
    TakeBack.verb: "roll back",
    CheckCopies.verb: "check copies",
    ForgetCopies.verb: "forget copies",
    PruneCopies.verb: "prune copies",
}


def operation_title(operation: Operation | UnknownOperation) -> str:
    """Return what an operation is to a reader: its verb, and what it is about."""
    verb = _WORDS.get(operation.verb, operation.verb.removesuffix("-snapshot"))
    return f"{verb} {_object(operation)}".rstrip()


def _object(operation: Operation | UnknownOperation) -> str:
    match operation:
        case Save(snaps=snaps) | Prune(snaps):
            return _listed(snaps) or "all snaps"
        case Check(set_id=0, snaps=snaps):
            return _listed(snaps) or "all sets"
        case (
            Check(set_id, snaps)
            | Forget(set_id, snaps)
            | Restore(set_id, snaps)
            | Export(set_id, snaps=snaps)
        ):
            return f"#{set_id} {_listed(snaps)}".rstrip() + _destination(operation)
        case Extract(set_id, items, file):
            source = os.path.basename(file) if file else f"#{set_id}"
            paths = f"{len(items)} path{'' if len(items) == 1 else 's'}"
            return f"{paths} of {source}{_destination(operation)}"
        case Import(file):
            return os.path.basename(file)
        case Push() | Pull() | CheckCopies() | ForgetCopies() | PruneCopies():
            return _of_places(operation)
        case UnknownOperation():
            return ""
        case _:
            return _mended(operation)


def _of_places(operation: Push | Pull | CheckCopies | ForgetCopies | PruneCopies) -> str:
    match operation:
        case PruneCopies(snaps, repository=repository):
            return f"{_listed(snaps) or 'all snaps'} in {repository}"
        case Push(repository, sets):
            which = _listed(tuple(f"#{number}" for number in sets)) or (
                "new sets" if operation.new else "all sets"
            )
            return f"{which} to {repository}"
        case Pull(repository, copy, file):
            return f"{repository}:{_copy_name(copy)}" + (f" into {file}" if file else "")
        case CheckCopies(repository, copies) | ForgetCopies(repository, copies):
            return f"{_listed(tuple(map(_copy_name, copies))) or 'all'} in {repository}"


def _copy_name(text: str) -> str:
    """What a copy is called; one that is named in full, by the beginning of its content hash."""
    name = parse_copy_name(text)
    return name.short if name else text


def _mended(operation: Undo | Finish | TakeBack | Repair) -> str:
    match operation:
        case Repair():
            return "what crashes left"
        case Undo(job=0):
            return "the last job"
        case Undo(job) | Finish(job) | TakeBack(job):
            return f"job {job}"


def _destination(operation: Operation) -> str:
    match operation:
        case Export(file=file):
            return f" to {file}"
        case Restore(target_dir=folder) | Extract(target_dir=folder) if folder:
            return f" into {folder}"
        case _:
            return ""


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
