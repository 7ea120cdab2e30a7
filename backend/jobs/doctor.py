"""What an earlier crash left and what snapd hides: told, and cleaned up where a repair is asked for."""

import os
import re
from collections.abc import Iterable, Iterator

from backend.errors import SnapshotError
from backend.format.timestamps import minute_text
from backend.fs import files
from backend.fs.removal import remove_tree
from backend.fs.space import size_at
from backend.jobs.cleanup import recover_jobs
from backend.jobs.data_endings import waiting_text
from backend.jobs.effects import is_damaged, kept_among, services_down
from backend.jobs.journal import Journal
from backend.jobs.leftover_slots import leftover_slots
from backend.jobs.record import JobRecord, JobState
from backend.jobs.undo import offers_among
from backend.progress import Progress
from backend.results import Finding
from backend.steps import FileBegun, StagingBegun
from backend.store import leftovers
from backend.store.pins import Pins
from backend.store.root_id import is_same_root
from backend.store.store import Store
from backend.store.unfinished import STAGING, marked_set

FRESH = 3600
REMOVED = "removed"
_SNAPD_LEFTOVER = re.compile(r"\.snapshot[0-9]+|.+\.~[A-Za-z0-9]{9}~")


def findings(journal: Journal, store: Store, other_state: str = "") -> list[Finding]:
    """What an earlier crash left, what snapd hides, what is odd, what undo holds.

    `other_state` is another state folder, in which a journal of the same root may lie.
    """
    if fault := journal.fault:
        return [Finding("state", journal.folder, fault), *_snapshot_findings(store)]
    temporaries = leftovers.temporaries(store)  # before the jobs: what those alive make later is not in it
    jobs = journal.glance()
    slots = leftover_slots(jobs, store)
    findings = [*_job_findings(jobs), *_other_findings(other_state, store)]
    findings += _pin_findings(journal, store)
    findings += _marker_findings(journal, store)
    findings += _temporary_findings(temporaries, jobs, journal)
    findings += _unknown_findings(store)
    findings += _snapshot_findings(store)
    findings += [leftover.finding for leftover in slots]
    for path in _snapd_leftovers(store):
        text = "left by an interrupted restore of snapd"
        findings.append(Finding("leftover", path, text, size=size_at(path)))
    for offer in offers_among(kept_among(jobs, store), store):
        text = f"job {offer.job} can be undone until {minute_text(offer.until)}"
        text += f"; kept: {offer.doubt}" if offer.doubt else ""
        findings.append(Finding("undo", "", text, size=offer.held))
    return findings


def _snapshot_findings(store: Store) -> Iterator[Finding]:
    for snapshot in store.iter_snapshots():
        if snapshot.broken:
            kind = "hidden" if snapshot.hidden else "broken"
            yield Finding(kind, snapshot.path, snapshot.broken, size=size_at(snapshot.path))
        elif snapshot.warning:
            yield Finding("renamed", snapshot.path, snapshot.warning)


def _other_findings(folder: str, store: Store) -> Iterator[Finding]:
    """What is told of this root in a journal that is not the one in use."""
    for record in Journal(folder, root=lambda: store.root).records() if folder else ():
        is_open = record.state is JobState.INTERRUPTED or record.result.may_be_undone
        if is_open and is_same_root(record.root, store.root):
            kept = "keeps data for an undo" if record.result.may_be_undone else "was interrupted"
            text = f"job {record.id} ({record.verb}) of another journal of this root {kept}; it is left alone"
            yield Finding("elsewhere", record.folder, text)


def _job_findings(jobs: Iterable[JobRecord]) -> Iterator[Finding]:
    for record in jobs:
        if record.is_amid_moves:
            yield Finding("waiting", record.folder, waiting_text(record))
        elif record.state is JobState.INTERRUPTED:
            text = f"job {record.id} ({record.verb}) was interrupted"
            yield Finding("interrupted", record.folder, text, "roll it back, or complete it")
        if record.state is JobState.INTERRUPTED and (services := services_down(record)):
            text = f"stopped by job {record.id} ({record.verb}), which was interrupted: {', '.join(services)}"
            yield Finding("services", record.folder, f"{text}; the next change through snapd starts them")
        if is_damaged(record) and not record.is_newer:
            text = f"what job {record.id} ({record.verb}) did cannot be understood; it is left as it is"
            yield Finding("damaged", record.folder, text)


def _pin_findings(journal: Journal, store: Store) -> Iterator[Finding]:
    try:
        Pins(journal.folder, store.lock, store.numbers).read()
    except SnapshotError as fault:
        text = f"{fault}; until it is repaired or removed no set is forgotten"
        yield Finding("damaged", f"{journal.folder}/pins.json", text)


def _marker_findings(journal: Journal, store: Store) -> Iterator[Finding]:
    for name in leftovers.markers(store):
        path = f"{store.folder}/{name}"
        if marked_set(name) is None:
            yield Finding("marker", path, "not a marker of any set; it is ignored")
            continue
        fresh = _is_fresh(path, journal)
        text = "an import is under way, or was interrupted; its set is hidden"
        yield Finding("import", path, text, "" if fresh else "remove the marker and the files of its set")


def _temporary_findings(
    temporaries: Iterable[str], jobs: Iterable[JobRecord], journal: Journal
) -> Iterator[Finding]:
    running = [record for record in jobs if record.state is JobState.RUNNING]
    living = {path for record in running for path in _unfinished_of(record)}
    is_certain = not any(map(is_damaged, running))
    for path in temporaries:
        if path in living:
            continue
        ours = os.path.basename(path).startswith(STAGING)
        fresh = not is_certain or (not ours and _is_fresh(path, journal))
        text = (
            "left by an interrupted import" if ours else "left by an interrupted save, or still being written"
        )
        yield Finding("temporary", path, text, "" if fresh else "remove it", size_at(path))


def _unfinished_of(record: JobRecord) -> Iterator[str]:
    """What a running job is writing, as far as this version understands it."""
    steps = () if is_damaged(record) else record.steps
    return (step.path for step in steps if isinstance(step, FileBegun | StagingBegun))


def _unknown_findings(store: Store) -> Iterator[Finding]:
    for path in leftovers.lookalikes(store):
        text = "neither snapd nor snapstow is known to name an unfinished save like this; it is left alone"
        yield Finding("unknown", path, text, size=size_at(path))


def _is_fresh(path: str, journal: Journal) -> bool:
    """Whether a file was changed lately, or may have been, as the clock was changed."""
    now = journal.running_time.now()
    try:
        return bool(now.unsettled) or now.wall - os.lstat(path).st_mtime < FRESH
    except FileNotFoundError:
        return True


def _snapd_leftovers(store: Store) -> Iterator[str]:
    layout = store.layout
    for snap in layout.installed_names():
        parents = [layout.system_parent(snap)]
        parents += [layout.user_place(user, snap) for user in layout.users_with_data()[0]]
        for parent in filter(None, parents):
            try:
                names = os.listdir(parent)
            except OSError:
                continue
            yield from (f"{parent}/{name}" for name in sorted(names) if _SNAPD_LEFTOVER.fullmatch(name))


def repair(journal: Journal, store: Store, progress: Progress) -> list[Finding]:
    """Do what the findings offer; returns them, each with what became of it."""
    tidied = recover_jobs(journal, store, progress)
    done = [Finding("tidied", "", text) for text in tidied]
    with store.lock():
        temporaries = leftovers.temporaries(store)
        jobs = journal.glance()
        for finding in [*_marker_findings(journal, store), *_temporary_findings(temporaries, jobs, journal)]:
            if not finding.repair:
                continue
            try:
                with files.os_errors_as(f"cannot remove {finding.path}"):
                    if finding.kind == "import":
                        leftovers.abandon_import(store, os.path.basename(finding.path))
                    else:
                        remove_tree(finding.path)
                done.append(finding._replace(text=REMOVED))
            except SnapshotError as failure:
                done.append(finding._replace(text=str(failure)))
        done += _repaired_slots(journal, store)
    return done


def _repaired_slots(journal: Journal, store: Store) -> Iterator[Finding]:
    for leftover in leftover_slots(journal.records(), store):
        finding = leftover.finding
        if finding.repair:
            left = leftover.remove(journal)
            yield finding._replace(text="; ".join(map(str, left)) or REMOVED)
