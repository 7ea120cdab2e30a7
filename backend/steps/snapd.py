"""Steps about what is asked of snapd."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeAlias

from backend.steps.base import Step


class SafetySnapshot(NamedTuple):
    """The set that holds what a restore replaced; `users` are those whose data it replaced.

    `made` are the paths that were not there before the restore: taking it back leaves them.
    """

    set_id: int
    snaps: tuple[str, ...]
    users: tuple[str, ...]
    made: tuple[str, ...]


@dataclass(frozen=True)
class SafetySnapshotMade(Step):
    """A restore through snapd can be undone by this set."""

    guard: SafetySnapshot

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"guard": self.guard._asdict()}


@dataclass(frozen=True)
class SnapdUndoBegun(Step):
    """An earlier `job` is undone by its safety snapshot."""

    job: int
    guard: SafetySnapshot

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"of": self.job, "guard": self.guard._asdict()}


@dataclass(frozen=True)
class SnapdAsked(Step):
    """Snapd is asked to do something; whether it was asked is not known before it answers."""

    action: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"asked": self.action}


@dataclass(frozen=True)
class SnapdStarted(Step):
    """Snapd does it, as this change."""

    change: str
    action: str = ""
    set_id: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return asdict(self)


@dataclass(frozen=True)
class SnapdAwaited(Step):
    """A change of snapd's is waited for before it is asked, or because what was asked for was refused."""

    change: str

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"waiting": self.change}


@dataclass(frozen=True)
class ServicesStopped(Step):
    """Services that run, each `SNAP.APP`, are stopped; not before snapd answers is it known that they are."""

    services: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"services_stopped": list(self.services)}


@dataclass(frozen=True)
class ServicesStarted(Step):
    """All that could be started again of what a job had stopped was."""

    services: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the mapping that `parse_step` takes."""
        return {"services_started": list(self.services)}


SnapdStep: TypeAlias = SnapdAsked | SnapdStarted | SnapdAwaited
