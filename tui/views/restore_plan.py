"""The plan of a restore as typed lines, which dialog, command and plain mode print each in its own dress."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from backend import Restore
from backend.fs import too_long_text
from backend.restore import EntryPlan, Losses, RestorePlan, RestorePreview, Verdict
from tui.phrases import count_phrase
from tui.text import amount_text, plain

_SKIPPING = re.compile(r'^Skipping restore of (user )?"[^"]*":? (user: )?')


class LineKind(Enum):
    """What a line of a plan says; its value is a word to put before it."""

    BLOCKED = "blocked"
    SKIPPED = "skip"
    RESTORES = "restore"
    LOSES_FILES = "lose"
    LOSES_DEVICES = "without"
    MAKES_DEVICES = "with"
    TOO_LONG = "too long"
    NOTE = "note"
    WAY_OUT = "to fix"
    SPACE = "space"
    NO_SPACE = "no space"
    CONFLICT = "conflict"
    REPLACES = "replace"
    CREATES = "create"
    KEEPS = "keep"


class PlanLine(NamedTuple):
    """One thing that a plan says, of the archive `entry` where there is one; `details` can be folded.

    `is_loss` where something newer would be replaced.
    """

    kind: LineKind
    text: str
    snap: str = ""
    entry: EntryPlan | None = None
    details: tuple[str, ...] = ()
    is_loss: bool = False


class PlanContext(NamedTuple):
    """With which keys one leaves a snap out and refreshes, where there are any."""

    leave_out_key: str = ""
    refresh_key: str = ""


IN_TEXT = PlanContext()


def space_lines(preview: RestorePreview, context: PlanContext = IN_TEXT) -> Iterator[PlanLine]:
    """The space that a restore needs, on each file system."""
    for need in preview.space:
        where = f" at {plain(need.place)}" if len(preview.space) > 1 or need.missing else ""
        kind = LineKind.NO_SPACE if need.missing else LineKind.SPACE
        yield PlanLine(
            kind, f"needs at most {amount_text(need.needed)}, {amount_text(need.free)} free{where}"
        )
    if preview.lacks_space:
        yield PlanLine(LineKind.WAY_OUT, f"free some space there, or skip snaps{context.leave_out_key}")


def snap_lines(
    preview: RestorePreview, plan: RestorePlan, context: PlanContext = IN_TEXT
) -> Iterator[PlanLine]:
    """What a restore would do with one snapshot."""
    snap = plan.snapshot.snap
    for reason in plan.blocked:
        yield PlanLine(LineKind.BLOCKED, plain(reason), snap)
    for entry in plan.entries:
        yield from _entry_lines(plan, entry)
    for note in plan.notes:
        yield PlanLine(LineKind.NOTE, plain(note), snap)
    if snap in preview.absent and not plan.target_dir:
        yield PlanLine(LineKind.NOTE, "the snap is not installed; its data is restored for when it is", snap)
    if plan.verdict is Verdict.BLOCKED:
        several = len(preview.snaps) > 1
        yield PlanLine(LineKind.WAY_OUT, _way_out(plan, context, several=several), snap)


def _entry_lines(plan: RestorePlan, entry: EntryPlan) -> Iterator[PlanLine]:
    snap = plan.snapshot.snap
    if entry.skipped or entry.refusal:
        kind = LineKind.SKIPPED if entry.skipped else LineKind.BLOCKED
        yield PlanLine(kind, plain(entry.skipped or entry.refusal), snap, entry)
        return
    yield PlanLine(LineKind.RESTORES, _effect(plan, entry), snap, entry)
    if entry.lost.files:
        names = [_names(entry, (path,)) for path in entry.lost.examples]
        details = _with_rest(names, entry.lost.files)
        yield PlanLine(LineKind.LOSES_FILES, _loss(entry), snap, entry=entry, details=details)
    if entry.contents and entry.devices_met:
        kind = LineKind.MAKES_DEVICES if plan.devices else LineKind.LOSES_DEVICES
        details = _with_rest([plain(name) for name in entry.contents.devices], entry.devices_met)
        yield PlanLine(
            kind, count_phrase(entry.devices_met, "device node"), snap, entry=entry, details=details
        )
    if entry.contents and (number := entry.too_long_met):
        details = _with_rest([plain(name) for name in entry.contents.too_long], number)
        yield PlanLine(LineKind.TOO_LONG, too_long_text(number), snap, entry=entry, details=details)


def _effect(plan: RestorePlan, entry: EntryPlan) -> str:
    size = held_text(entry)
    return f"{effect_text(plan, entry)}{size and f'; {size}'}, in {plain(entry.parent)}"


def effect_text(plan: RestorePlan, entry: EntryPlan) -> str:
    """Which directories of an archive's place are replaced and which are made."""
    made = [path for path in entry.made if not plan.target_dir or path != entry.parent]
    effects = [f"replaces {_names(entry, entry.replaced)}"] if entry.replaced else []
    effects += [f"creates {_names(entry, made)}"] if made else []
    return "; ".join(effects) or "changes nothing"


def has_usual_place(plan: RestorePlan, entry: EntryPlan) -> bool:
    """Whether an archive goes where everybody looks for its data: `/var/snap`, or its user's home."""
    snap = plan.snapshot.snap
    home = "/root" if entry.owner == "root" else f"/home/{entry.owner}"
    usual = f"/var/snap/{snap}" if entry.owner == "system" else f"{home}/snap/{snap}"
    return not plan.target_dir and entry.parent.endswith(usual)


def skip_text(entry: EntryPlan) -> str:
    """Why an archive is skipped, without what its line says already."""
    return plain(_SKIPPING.sub("", entry.skipped).removesuffix("."))


def held_text(entry: EntryPlan) -> str:
    """What an archive holds once that is counted; before that, what it declares."""
    return ", ".join(filter(None, held_amounts(entry)))


def held_amounts(entry: EntryPlan) -> tuple[str, str]:
    """The files of an archive and their size; before they are counted, only what it declares."""
    if entry.contents:
        return count_phrase(entry.contents.files, "file"), amount_text(entry.contents.bytes)
    return "", f"at most {amount_text(entry.needed)}" if entry.needed else ""


def _names(entry: EntryPlan, paths: Sequence[str]) -> str:
    """Paths as seen from the directory that is restored into."""
    parent = entry.parent
    return ", ".join(
        "the directory" if path == parent else plain(path.removeprefix(f"{parent}/")) for path in paths
    )


class LossCount(NamedTuple):
    """How many live files would be lost for the same reason, and their bytes."""

    files: int
    size: int
    what: str


def loss_counts(losses: Sequence[Losses]) -> list[LossCount]:
    """Losses added up: newer files first, then what the snapshot leaves out; nothing where there are none."""
    newer = sum(lost.newer_files for lost in losses), sum(lost.newer_bytes for lost in losses)
    left_out = sum(lost.excluded_files for lost in losses), sum(lost.excluded_bytes for lost in losses)
    counts = LossCount(*newer, "newer than the snapshot"), LossCount(*left_out, "excluded from it")
    return [count for count in counts if count.files]


def _loss(entry: EntryPlan) -> str:
    counts = loss_counts([entry.lost])
    return "; ".join(
        f"{count_phrase(each.files, 'file')} {each.what}, {amount_text(each.size)}" for each in counts
    )


def _with_rest(names: Sequence[str], count: int) -> tuple[str, ...]:
    rest = count - len(names)
    return (*names, f"and {rest} more") if rest else tuple(names)


def _way_out(plan: RestorePlan, context: PlanContext, *, several: bool) -> str:
    """What can be done about a blocked part."""
    snap = plain(plan.snapshot.snap) or "it"
    leave = f", or skip {snap}{context.leave_out_key}" if several else ""
    if plan.snapshot.broken:
        return f"its file is damaged: restore another set, or import a sound copy{leave}"
    if plan.target_dir and plan.blocked:
        return f"choose another directory, or fix that one and refresh{context.refresh_key}"
    if any(entry.is_damaged for entry in plan.entries):
        return f"its archive cannot be unpacked: restore another set{leave}"
    if any(entry.refusal for entry in plan.entries):
        return f"fix that path and refresh{context.refresh_key}, or restore into another directory{leave}"
    return f"install the snap or revision this data belongs to, or restore into another directory{leave}"


def plan_document(preview: RestorePreview, plan: RestorePlan, restore: Restore) -> dict[str, Any]:
    """The plan of one snapshot for a program."""
    return {
        "to": restore.target_dir,
        "set": plan.snapshot.set_id,
        "snap": plan.snapshot.snap,
        "verdict": preview.verdict_of(plan).value,
        "reasons": preview.reasons_of(plan),
        "refused": preview.refusal,
        "notes": list(plan.notes),
        "entries": [_entry_document(entry) for entry in plan.entries],
    }


def _entry_document(entry: EntryPlan) -> dict[str, Any]:
    return {
        "entry": entry.entry,
        "into": entry.parent,
        "replaced": list(entry.replaced),
        "made": list(entry.made),
        "revision": str(entry.revision),
        "needed": entry.needed,
        "lost": entry.lost._asdict(),
        "contents": entry.contents._asdict() if entry.contents else None,
        "skipped": entry.skipped,
        "blocked": entry.refusal,
    }
