"""Steps about snapshot files: saves, imports, exports, forgets."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.steps.base import FileId, Step


@dataclass(frozen=True)
class FileBegun(Step):
    """A snapshot file is written under a temporary name."""

    path: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"temporary": self.path}


@dataclass(frozen=True)
class StagingBegun(Step):
    """The files of an import are collected in a directory of their own."""

    path: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"staging": self.path}


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

    set_id: int

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"published": self.set_id}


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


class ForgottenSet(NamedTuple):
    """What is forgotten of a set; `rest` are the inodes of the files that stay, none where all of it goes."""

    set_id: int
    snaps: tuple[str, ...]
    rest: tuple[int, ...] = ()


@dataclass(frozen=True)
class ForgettingBegun(Step):
    """Snapshot files go into the trash, by the moves that are noted after this."""

    sets: tuple[ForgottenSet, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"trash": [[part.set_id, list(part.snaps), list(part.rest)] for part in self.sets]}


@dataclass(frozen=True)
class CopyForgotten(Step):
    """A copy in a repository, named in full, is let go; until its payload is removed it can be had back."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"copy_forgotten": self.name}


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
