"""What a configuration says: plain frozen values, checked as they were read (`backend.config.reading`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from backend.operations import RetentionRules


@dataclass(frozen=True)
class RepositoryConfig:
    """Where copies are kept: `url` is s3://, gs://, az://, file:// or rclone:REMOTE:PATH.

    With `recipients` everything that leaves is encrypted for them; `identity` is the path of the file that
    reads it back. `credentials` is `instance` where the machine's own role is to be asked for, or empty;
    `ca_file` is a PEM file of a private authority.
    """

    name: str
    url: str
    endpoint: str = ""
    region: str = ""
    recipients: tuple[str, ...] = ()
    identity: str = ""
    credentials: str = ""
    ca_file: str = ""


@dataclass(frozen=True)
class RetentionConfig:
    """The rules for every snap, and the snaps that have rules of their own instead."""

    rules: RetentionRules = field(default_factory=RetentionRules)
    snaps: Mapping[str, RetentionRules] = field(default_factory=lambda: MappingProxyType({}))

    def rules_of(self, snap: str) -> RetentionRules:
        """Return the rules that hold for a snap."""
        return self.snaps.get(snap, self.rules)


@dataclass(frozen=True)
class ScheduleConfig:
    """Steps, each a verb with its arguments, that run at times which systemd reads (`when`).

    `notify` are addresses for apprise, told of failures, or of every run with `notify_always`; `metrics` is
    the file for node-exporter, or empty.
    """

    name: str
    when: str
    steps: tuple[str, ...]
    notify: tuple[str, ...] = field(default=(), repr=False)  # they hold passwords
    notify_always: bool = False
    metrics: str = ""


@dataclass(frozen=True)
class HostsConfig:
    """Machines by group, as ssh names them, and how many are asked at once."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    parallel: int = 8


@dataclass(frozen=True)
class Config:
    """All that is configured; `path` is the file it was read from, or would be."""

    path: str = ""
    repositories: Mapping[str, RepositoryConfig] = field(default_factory=lambda: MappingProxyType({}))
    retention: RetentionConfig = RetentionConfig()
    schedules: Mapping[str, ScheduleConfig] = field(default_factory=lambda: MappingProxyType({}))
    hosts: HostsConfig = HostsConfig()
