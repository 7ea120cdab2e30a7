"""What a place holds at a moment, with everything worked out that rows and verbs ask for again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from backend import Snapshot, SnapshotSet
from backend.format import unix_time
from backend.store import CheckState, CheckStatus
from tui.session.copies import CopiesElsewhere
from tui.text import amount_text, cells, plain

NOBODY = "(system)"
NAMELESS = "(unreadable)"
WORST_FIRST = {state: number for number, state in enumerate(CheckState)}
CHECK_WORDS = {
    CheckState.OK: "verified",
    CheckState.OLD: "old",
    CheckState.NEVER: "never",
    CheckState.FAILED: "failed",
    CheckState.BROKEN: "damaged",
}
_NEVER = CheckStatus(CheckState.NEVER)


class Pivot(Enum):
    """What the rows are grouped by."""

    SET = "set"
    SNAP = "snap"
    USER = "user"


class Total(NamedTuple):
    """Several snapshots in sum.

    `when` is that of the newest in seconds since the epoch, 0 where none is known; `size` counts stored
    bytes, `unpacked` what they take unpacked, None where that is not known of all; `status` is that of the
    one that needs attention most. `notes` are what no column of its own tells.
    """

    names: tuple[str, ...]
    users: tuple[str, ...]
    when: float
    size: int
    unpacked: int | None
    status: CheckStatus
    notes: tuple[str, ...]
    is_known: bool


class Label(NamedTuple):
    """What a row says of several snapshots whatever the time is, as harmless text."""

    names: str
    users: str
    stored: str
    note: str

    @property
    def widths(self) -> tuple[int, ...]:
        """The cells of each text."""
        return tuple(map(cells, self))


class Part(NamedTuple):
    """One archive of a snapshot: stored bytes, unpacked ones where known, its own status."""

    stored: int
    unpacked: int | None
    status: CheckStatus


class Group(NamedTuple):
    """Everything of one snap or user, the newest first, and its sum."""

    members: tuple[Snapshot, ...]
    total: Total


@dataclass(frozen=True)
class InventoryData:
    """The sets of a place, the status and the unpacked bytes of each snapshot by path, and free bytes.

    `imported` are sets that were read from a file here, `expiry` says when sets go by themselves (RFC 3339).
    Not `complete` while older sets are still being read. `guards` are sets by which a restore can be taken
    back, `pins` those that are not to go, with a word on each. Where `knows_expiry` is False, nobody may
    read when automatic sets go. `elsewhere` are the copies of sets in repositories.
    """

    sets: tuple[SnapshotSet, ...] = ()
    statuses: Mapping[str, CheckStatus] = field(default_factory=dict)
    free: int = 0
    unpacked: Mapping[str, int] = field(default_factory=dict)
    imported: frozenset[int] = frozenset()
    expiry: Mapping[int, str] = field(default_factory=dict)
    complete: bool = True
    guards: Mapping[int, str] = field(default_factory=dict)
    knows_expiry: bool = True
    pins: Mapping[int, str] = field(default_factory=dict)
    elsewhere: CopiesElsewhere = field(default_factory=CopiesElsewhere)

    def worked_out(self) -> "InventoryData":
        """The same, everything worked out beforehand: for a thread, so that no key has to wait for it."""
        for of_all in ("haystacks", "texts", "labels", "groups", "counts", "newest"):
            getattr(self, of_all)
        return self

    def status_of(self, snapshot: Snapshot) -> CheckStatus:
        """What is known of the soundness of a snapshot."""
        return self.statuses.get(snapshot.path, _NEVER)

    @cached_property
    def stored(self) -> int:
        """The bytes of all archives."""
        return sum(snapshot_set.size for snapshot_set in self.sets)

    @cached_property
    def counts(self) -> dict[CheckState, int]:
        """How many snapshots are in which state."""
        counts = dict.fromkeys(CheckState, 0)
        for snapshot_set in self.sets:
            for snapshot in snapshot_set.snapshots:
                counts[self.status_of(snapshot).state] += 1
        return counts

    @cached_property
    def by_id(self) -> dict[int, SnapshotSet]:
        """The sets by number."""
        return {snapshot_set.set_id: snapshot_set for snapshot_set in self.sets}

    @cached_property
    def by_path(self) -> dict[str, Snapshot]:
        """The snapshots by the path of their file."""
        return {snapshot.path: snapshot for snapshot_set in self.sets for snapshot in snapshot_set.snapshots}

    @cached_property
    def haystacks(self) -> dict[str, str]:
        """What a filter looks at: one text for each snapshot by path, in lower case."""
        return {path: self._haystack(snapshot) for path, snapshot in self.by_path.items()}

    @cached_property
    def texts(self) -> dict[int, str]:
        """What a filter looks at for a whole set, by its number."""
        known = self.haystacks
        return {
            snapshot_set.set_id: " ".join([known[snapshot.path] for snapshot in snapshot_set.snapshots])
            for snapshot_set in self.sets
        }

    @cached_property
    def totals(self) -> dict[int, Total]:
        """The sum of each set."""
        return {snapshot_set.set_id: self.total_of(snapshot_set.snapshots) for snapshot_set in self.sets}

    @cached_property
    def labels(self) -> dict[int, tuple[Label, tuple[int, ...]]]:
        """What the row of each set says, with the cells that takes."""
        labels = {number: label_of(total) for number, total in self.totals.items()}
        return {number: (label, label.widths) for number, label in labels.items()}

    @cached_property
    def newest(self) -> dict[str, Snapshot | None]:
        """The newest snapshot of each snap that is verified, or else was once; None where none ever was."""
        return {
            name: self._newest_in(group.members, CheckState.OK)
            or self._newest_in(group.members, CheckState.OLD)
            for name, group in self.groups[Pivot.SNAP].items()
            if name != NAMELESS
        }

    def _newest_in(self, snapshots: Sequence[Snapshot], state: CheckState) -> Snapshot | None:
        return next((member for member in snapshots if self.status_of(member).state is state), None)

    @cached_property
    def groups(self) -> dict[Pivot, dict[str, Group]]:
        """Everything by snap and by user."""
        return {pivot: self._grouped(pivot) for pivot in (Pivot.SNAP, Pivot.USER)}

    @cached_property
    def _singles(self) -> dict[str, Total]:
        """Each snapshot as a sum of one, by path."""
        return {path: self._single(snapshot) for path, snapshot in self.by_path.items()}

    def _single(self, snapshot: Snapshot) -> Total:
        return Total(
            names=(snapshot.snap or NAMELESS,),
            users=tuple(snapshot.users),
            when=0.0 if snapshot.hidden else unix_time(snapshot.time),
            size=snapshot.size,
            unpacked=self.unpacked.get(snapshot.path),
            status=self.status_of(snapshot),
            notes=tuple(self.remarks_of(snapshot)),
            is_known=not snapshot.hidden or snapshot.size > 0,
        )

    def total_of(self, snapshots: Sequence[Snapshot]) -> Total:
        """Some snapshots of this inventory in sum."""
        singles = self._singles
        parts = [singles[snapshot.path] for snapshot in snapshots]
        if len(parts) == 1:
            return parts[0]
        known = [part for part in parts if part.is_known]
        statuses = {id(part.status): part.status for part in parts}.values() or (_NEVER,)
        return Total(
            names=tuple(dict.fromkeys([part.names[0] for part in parts])),
            users=tuple(sorted({name for users in {part.users for part in parts} for name in users})),
            when=max([part.when for part in known], default=0.0),
            size=sum([part.size for part in parts]),
            unpacked=_sum([part.unpacked for part in parts]),
            status=min(statuses, key=lambda status: (WORST_FIRST[status.state], status.at)),
            notes=tuple(dict.fromkeys([note for part in parts for note in part.notes])),
            is_known=bool(known),
        )

    def notes_of(self, snapshot: Snapshot) -> list[str]:
        """What is to be known about a snapshot, in words."""
        auto = ["auto"] if snapshot.auto else []
        when = self.expiry.get(snapshot.set_id)
        return [*auto, *self.remarks_of(snapshot), *([f"expires {when[5:10]}"] if when else [])]

    def remarks_of(self, snapshot: Snapshot) -> list[str]:
        """The same without when it goes by itself."""
        remarks = (
            plain(snapshot.broken),
            "not shown by snap" if snapshot.hidden else "",
            plain(snapshot.warning),
            self.pins.get(snapshot.set_id, ""),
            self.guards.get(snapshot.set_id, ""),
            "imported" if snapshot.set_id in self.imported else "",
        )
        return [remark for remark in remarks if remark]

    def _haystack(self, snapshot: Snapshot) -> str:
        notes, state = self.notes_of(snapshot), CHECK_WORDS[self.status_of(snapshot).state]
        texts = (
            f"#{snapshot.set_id}",
            snapshot.snap,
            snapshot.version,
            str(snapshot.revision),
            *snapshot.users,
            *notes,
            state,
            self.elsewhere.words_of(snapshot.set_id),
        )
        return " ".join(texts).lower()

    def _grouped(self, pivot: Pivot) -> dict[str, Group]:
        members: dict[str, list[Snapshot]] = {}
        for snapshot_set in reversed(self.sets):
            for snapshot in snapshot_set.snapshots:
                for name in group_names(snapshot, pivot):
                    members.setdefault(name, []).append(snapshot)
        return {
            name: Group(tuple(snapshots), self.total_of(snapshots))
            for name, snapshots in sorted(members.items())
        }


def label_of(total: Total) -> Label:
    """What a row says of it."""
    return Label(
        ", ".join(map(plain, total.names)),
        ", ".join(map(plain, total.users)),
        amount_text(total.size) if total.is_known else "",
        "; ".join(total.notes),
    )


def group_names(snapshot: Snapshot, pivot: Pivot) -> list[str]:
    """The groups that a snapshot belongs to."""
    if pivot is Pivot.USER:
        return snapshot.users or [NOBODY]
    return [snapshot.snap or NAMELESS]


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
