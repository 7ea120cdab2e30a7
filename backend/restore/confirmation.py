"""What somebody agreed to when a restore was confirmed, and what has changed when it is carried out.

It travels with the operation as short texts, one for each archive, and stops nothing: what must stop a
restore blocks its plan.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from backend.operations import Restore
from backend.restore.plan import EntryPlan, RestorePlan

_MOST = 200  # what is more would make the command that starts the job too long


class ConfirmedEntry(NamedTuple):
    """What was shown of one archive."""

    snap: str
    entry: str
    parent: str
    replaced: tuple[str, ...]
    lost_files: int

    @property
    def key(self) -> tuple[str, str]:
        """What distinguishes it from others."""
        return self.snap, self.entry


def confirmed(restore: Restore, plans: Iterable[RestorePlan]) -> Restore:
    """The same restore, with what its plans showed."""
    shown = [_shown(plan, entry) for plan in plans for entry in plan.active]
    return replace(restore, confirmed=tuple(json.dumps(entry, ensure_ascii=True) for entry in shown[:_MOST]))


def changes_since(restore: Restore, plans: Iterable[RestorePlan]) -> Iterator[str]:
    """In sentences, how plans with their losses differ from what was confirmed; nothing where nothing was."""
    agreed = {entry.key: entry for entry in _parsed(restore.confirmed)}
    for plan in plans if agreed else ():
        for entry in plan.active:
            present = _shown(plan, entry)
            before = agreed.get(present.key)
            if before is not None:
                yield from _differences(f'snap "{present.snap}", {entry.owner}', before, present)
            elif len(restore.confirmed) < _MOST:
                yield f'snap "{present.snap}", {entry.owner}: is restored as well, which the plan left out'


def _shown(plan: RestorePlan, entry: EntryPlan) -> ConfirmedEntry:
    return ConfirmedEntry(
        snap=plan.snapshot.snap,
        entry=entry.entry,
        parent=entry.parent,
        replaced=entry.replaced,
        lost_files=entry.lost.files,
    )


def _differences(who: str, before: ConfirmedEntry, present: ConfirmedEntry) -> Iterator[str]:
    if present.parent != before.parent:
        yield f"{who}: the data go into {present.parent}, the plan showed {before.parent}"
        return
    for path in present.replaced:
        if path not in before.replaced:
            yield f"{who}: {path} is replaced, which was not there when the plan was shown"
    if (more := present.lost_files - before.lost_files) > 0:
        files = "1 more file is" if more == 1 else f"{more} more files are"
        yield f"{who}: {files} lost than the plan showed"


def _parsed(texts: Sequence[str]) -> Iterator[ConfirmedEntry]:
    """What was confirmed; a text that is none says nothing."""
    for text in texts:
        try:
            snap, entry, parent, replaced, lost = json.loads(text)
            yield ConfirmedEntry(
                snap=str(snap),
                entry=str(entry),
                parent=str(parent),
                replaced=tuple(map(str, replaced)),
                lost_files=int(lost),
            )
        except (ValueError, TypeError, RecursionError):
            continue
