"""The steps of a job: what it notes before it does it, so that a later start can complete or revert it.

One value for each kind, written as one line of JSON by its `to_json` and read by `parse_step`, the only
parser. Stores, restores and transfers write steps as well as jobs do, so they stand below all of these.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from backend.errors import IntegrityError

FileId: TypeAlias = tuple[int, int]  # device and inode


class Step:
    """Something that a job is about to do, or has done; `KEYS` names fields as they are on disk."""

    KEYS: ClassVar[Mapping[str, str]] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {self.KEYS.get(name, name): _plain(value) for name, value in vars(self).items()}


def _plain(value: Any) -> Any:
    """A field as JSON has it."""
    if isinstance(value, SafetySnapshot):
        return value._asdict()
    return list(value) if isinstance(value, tuple) else value


# -- the data of snaps


@dataclass(frozen=True)
class RestoreBegun(Step):
    """A restore or an extraction of these snaps has begun."""

    set_id: int
    snaps: tuple[str, ...]


@dataclass(frozen=True)
class UndoBegun(Step):
    """The undo of an earlier `job` has begun, which was about these snaps."""

    KEYS: ClassVar[Mapping[str, str]] = {"job": "of"}

    job: int
    set_id: int
    snaps: tuple[str, ...]


@dataclass(frozen=True)
class SlotsMade(Step):
    """Private directories of that name are made below these parents, in a `holder` (empty: the usual one)."""

    tag: str
    parents: tuple[str, ...]
    holder: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        holder = {"holder": self.holder} if self.holder else {}
        return {"slot": self.tag, "parents": list(self.parents), **holder}


@dataclass(frozen=True)
class DirectoryMade(Step):
    """A parent directory is made that was missing."""

    KEYS: ClassVar[Mapping[str, str]] = {"path": "made"}

    path: str


@dataclass(frozen=True)
class DataMoved(Step):
    """Data trade places with what is live; `state` is a `RestoreState` as its `to_json` writes it."""

    KEYS: ClassVar[Mapping[str, str]] = {"state": "moves"}

    state: Mapping[str, Any]


@dataclass(frozen=True)
class DataCommitted(Step):
    """All data are in place: from here on the job is complete."""

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"committed": True}


# -- snapshot files


@dataclass(frozen=True)
class FileBegun(Step):
    """A snapshot file is written under a temporary name."""

    KEYS: ClassVar[Mapping[str, str]] = {"path": "temporary"}

    path: str


@dataclass(frozen=True)
class StagingBegun(Step):
    """The files of an import are collected in a directory of their own."""

    KEYS: ClassVar[Mapping[str, str]] = {"path": "staging"}

    path: str


class PublishedFile(NamedTuple):
    """A file that gets its final name; `identity` is None where it was not there."""

    path: str
    name: str
    identity: FileId | None


@dataclass(frozen=True)
class PublicationBegun(Step):
    """A set appears: each of its files gets its final name."""

    set_id: int
    files: tuple[PublishedFile, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        files = [[file.path, file.name, *(file.identity or ())] for file in self.files]
        return {"publish": {"set": self.set_id, "files": files}}


@dataclass(frozen=True)
class Published(Step):
    """The whole set is there."""

    KEYS: ClassVar[Mapping[str, str]] = {"set_id": "published"}

    set_id: int


class DoomedFile(NamedTuple):
    """A snapshot file that is removed."""

    name: str
    identity: FileId


@dataclass(frozen=True)
class ForgetBegun(Step):
    """These snapshot files are removed."""

    files: tuple[DoomedFile, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"forget": [[file.name, *file.identity] for file in self.files]}


@dataclass(frozen=True)
class ExportBegun(Step):
    """An export is written to `part`, which becomes `file`; identities are known once the parts are made.

    `checksum` is None where none is asked for, else the identity of its own part, empty before it is made.
    """

    part: str
    file: str = ""
    identity: FileId | None = None
    checksum: FileId | tuple[()] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        document: dict[str, Any] = {"part": self.part, "file": self.file}
        if self.checksum is not None:
            document["checksum"] = list(self.checksum)
        if self.identity is not None:
            document["identity"] = list(self.identity)
        return document


# -- what is asked of snapd


class SafetySnapshot(NamedTuple):
    """The set that holds what a restore replaced; `users` are those whose data it replaced.

    `made` are the paths that were not there before the restore: an undo leaves them.
    """

    set_id: int
    snaps: tuple[str, ...]
    users: tuple[str, ...]
    made: tuple[str, ...]


@dataclass(frozen=True)
class SafetySnapshotMade(Step):
    """A restore through snapd can be undone by this set."""

    guard: SafetySnapshot


@dataclass(frozen=True)
class SnapdUndoBegun(Step):
    """An earlier `job` is undone by its safety snapshot."""

    KEYS: ClassVar[Mapping[str, str]] = {"job": "of"}

    job: int
    guard: SafetySnapshot


@dataclass(frozen=True)
class SnapdAsked(Step):
    """Snapd is asked to do something; whether it was asked is not known before it answers."""

    KEYS: ClassVar[Mapping[str, str]] = {"action": "asked"}

    action: str


@dataclass(frozen=True)
class SnapdStarted(Step):
    """Snapd does it, as this change."""

    change: str
    action: str = ""
    set_id: int = 0


@dataclass(frozen=True)
class SnapdAwaited(Step):
    """A change of snapd's is waited for before it is asked, or because what was asked for was refused."""

    KEYS: ClassVar[Mapping[str, str]] = {"change": "waiting"}

    change: str


SnapdStep: TypeAlias = SnapdAsked | SnapdStarted | SnapdAwaited


# -- reading


def parse_step(document: Mapping[str, Any]) -> Step:
    """Return the step that a mapping made by `to_json` describes.

    Raises:
        IntegrityError: it describes none.
    """
    try:
        step = _data_step(document) or _file_step(document) or _snapd_step(document)
    except (TypeError, ValueError, IndexError) as damage:
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
        case {"moves": dict(state)}:
            return DataMoved(state)
        case {"committed": True}:
            return DataCommitted()
        case {"set_id": int(set_id), "snaps": list(snaps)}:
            return RestoreBegun(set_id, _texts(snaps))
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
        case {"part": str(part)}:
            return _export(part, document)
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
        case _:
            return None


def _published_file(recorded: Sequence[Any]) -> PublishedFile:
    path, name, *identity = recorded
    return PublishedFile(_path(path), _path(name), _file_id(identity) if identity else None)


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
