"""The only parser of steps."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from backend.errors import IntegrityError
from backend.steps.base import FileId, Step
from backend.steps.data import (
    DataCommitted,
    DataMoved,
    DirectoryMade,
    FilesMoved,
    Moved,
    MovedSlot,
    RestoreBegun,
    SlotsDiscarded,
    SlotsMade,
    Stamp,
    UndoBegun,
    UndoPromised,
)
from backend.steps.files import (
    CopyForgotten,
    DoomedFile,
    ExportBegun,
    FileBegun,
    ForgetBegun,
    ForgettingBegun,
    ForgottenSet,
    PublicationBegun,
    Published,
    PublishedFile,
    StagingBegun,
)
from backend.steps.snapd import (
    SafetySnapshot,
    SafetySnapshotMade,
    ServicesStarted,
    ServicesStopped,
    SnapdAsked,
    SnapdAwaited,
    SnapdStarted,
    SnapdUndoBegun,
)


def parse_step(document: Mapping[str, Any]) -> Step:
    """Return the step that a mapping made by `to_json` describes.

    Raises:
        IntegrityError: it describes none.
    """
    try:
        step = next(filter(None, (read(document) for read in _KINDS)), None)
    except (TypeError, ValueError, LookupError) as damage:
        raise IntegrityError("cannot understand what a job did: its journal is damaged") from damage
    if step is None:
        raise IntegrityError("cannot understand what a job did: its journal is damaged")
    return step


def _data_step(document: Mapping[str, Any]) -> Step | None:
    match document:
        case {"of": int(job), "set_id": int(set_id), "snaps": list(snaps)}:
            return UndoBegun(job, set_id, _texts(snaps))
        case {"slot": str(tag), "parents": list(parents)}:
            return SlotsMade(_path(tag), tuple(map(_path, parents)), _path(document.get("holder", "")))
        case {"made": str(path)}:
            return DirectoryMade(_path(path))
        case {"committed": True}:
            return DataCommitted()
        case {"set_id": int(set_id), "snaps": list(snaps)}:
            return RestoreBegun(set_id, _texts(snaps))
        case _:
            return None


def _move_step(document: Mapping[str, Any]) -> Step | None:
    match document:
        case {"moves": {"slots": list(slots), "moves": list(moves), "made": list(made)} as moved}:
            return DataMoved(
                tuple(map(_moved_slot, slots)),
                tuple(map(_moved, moves)),
                tuple(map(_path, made)),
                bool(moved["done"]),
                _stamp(moved.get("stamp")),
            )
        case {"files": list(files), "slot": int(slot), "folder": str(folder)}:
            return FilesMoved(slot, folder, tuple(_moved_file(slot, _path(folder), file) for file in files))
        case {"discarded": True}:
            return SlotsDiscarded()
        case {"promised": True}:
            return UndoPromised()
        case _:
            return None


def _file_step(document: Mapping[str, Any]) -> Step | None:
    match document:
        case {"temporary": str(path)}:
            return FileBegun(_path(path))
        case {"staging": str(path)}:
            return StagingBegun(_path(path))
        case {"publish": {"set": int(set_id), "files": list(files)}}:
            return PublicationBegun(set_id, tuple(map(_published_file, files)))
        case {"published": int(set_id)}:
            return Published(set_id)
        case {"forget": list(files)}:
            return ForgetBegun(tuple(DoomedFile(_path(name), _file_id(rest)) for name, *rest in files))
        case {"trash": list(sets)}:
            return ForgettingBegun(tuple(map(_forgotten_set, sets)))
        case {"part": str(part)}:
            return _export(part, document)
        case _:
            return None


def _copy_step(document: Mapping[str, Any]) -> Step | None:
    match document:
        case {"copy_forgotten": str(name)}:
            return CopyForgotten(name)
        case _:
            return None


def _snapd_step(document: Mapping[str, Any]) -> Step | None:
    match document:
        case {"of": int(job), "guard": dict(guard)}:
            return SnapdUndoBegun(job, _safety_snapshot(guard))
        case {"guard": dict(guard)}:
            return SafetySnapshotMade(_safety_snapshot(guard))
        case {"change": str(change)}:
            return SnapdStarted(change, _text(document.get("action", "")), _number(document.get("set_id", 0)))
        case {"asked": str(action)}:
            return SnapdAsked(action)
        case {"waiting": str(change)}:
            return SnapdAwaited(change)
        case {"services_stopped": list(services)}:
            return ServicesStopped(_texts(services))
        case {"services_started": list(services)}:
            return ServicesStarted(_texts(services))
        case _:
            return None


def _moved_slot(recorded: Sequence[Any]) -> MovedSlot:
    parent, parent_device, parent_inode, name, device, inode, *holder = recorded
    return MovedSlot(
        _path(parent),
        _file_id((parent_device, parent_inode)),
        _path(name),
        _file_id((device, inode)),
        *map(_path, holder),
    )


def _moved(recorded: Sequence[Any]) -> Moved:
    slot, name, before, after, *kept = recorded
    return Moved(
        _number(slot), _path(name), _file_id_or_none(before), _file_id_or_none(after), *map(_path, kept)
    )


def _moved_file(slot: int, folder: str, recorded: Sequence[Any]) -> Moved:
    name, kept, before, after = recorded
    path = f"{folder}/{_path(name)}" if folder else _path(name)
    before, after = ((0, _number(inode)) if inode else None for inode in (before, after))
    return Moved(slot, path, before, after, str(_number(kept)))


def _stamp(recorded: Any) -> Stamp | None:
    return Stamp(*map(_number, recorded)) if recorded else None


def _published_file(recorded: Sequence[Any]) -> PublishedFile:
    path, name, *identity = recorded
    return PublishedFile(_path(path), _path(name), _file_id(identity) if identity else None)


def _forgotten_set(recorded: Sequence[Any]) -> ForgottenSet:
    set_id, snaps, rest = recorded
    return ForgottenSet(_number(set_id), _texts(snaps), tuple(map(_number, rest)))


def _export(part: str, document: Mapping[str, Any]) -> ExportBegun:
    identity, checksum = document.get("identity"), document.get("checksum")
    return ExportBegun(
        _path(part),
        _path(document.get("file", "")),
        _file_id(identity) if identity else None,
        checksum if checksum is None else _file_id(checksum) if checksum else (),
    )


def _safety_snapshot(guard: Mapping[str, Any]) -> SafetySnapshot:
    match guard:
        case {"set_id": int(number), "snaps": list(snaps), "users": list(users), "made": list(made)}:
            return SafetySnapshot(number, _texts(snaps), _texts(users), _texts(made))
    raise ValueError("no safety snapshot")


def _file_id(recorded: Sequence[Any]) -> FileId:
    device, inode = recorded
    return (_number(device), _number(inode))


def _file_id_or_none(recorded: Sequence[Any]) -> FileId | None:
    return _file_id(recorded) if recorded else None


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _path(value: object) -> str:
    """A text that can be a path."""
    if b"\0" in os.fsencode(_text(value)):
        raise ValueError("a path with a zero byte")
    return _text(value)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(_text, values))


_KINDS = (_data_step, _move_step, _file_step, _copy_step, _snapd_step)
