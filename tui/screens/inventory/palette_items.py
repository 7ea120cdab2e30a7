"""What the palette offers over the inventory: verbs without a key, jobs, sets, sort orders, groupings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from backend import SnapshotSet
from backend.jobs import JobState
from tui.session.inventory import InventoryData, Pivot
from tui.session.job_views import JobView
from tui.text import plain
from tui.views.care_rows import Care, Section, items_of
from tui.views.palette_item import PaletteItem
from tui.views.set_rows import Sort

SHOWN_UNASKED = 5
_NAMES = 3
_AT_A_SHELL = {
    "completion": "for a shell: snapstow completion bash",
    "man": "for a shell: snapstow man DIR writes the manual pages",
    "reset": "for a shell: snapstow --demo reset recreates the demo",
    "version": "for a shell: snapstow --version",
}


class Act(NamedTuple):
    """What can be done with a set: the word for it, the action, its effect, why it cannot be had."""

    verb: str
    action: str
    effect: str
    refusal: str = ""


_ACTS = (
    Act("go to", "", "move the cursor to it"),
    Act("restore", "restore", "show the plan, then restore"),
    Act("check", "check", "verify its archives"),
    Act("export", "export", "write it to a file"),
    Act("forget", "forget", "remove it, after confirmation"),
)


class SetList(Protocol):
    """A screen that shows sets."""

    def go_to(self, set_id: int, action: str = "") -> None:
        """Move the cursor to a set, whatever is filtered or selected, then run an action on it."""

    def group_by(self, pivot: Pivot) -> None:
        """Group the rows."""

    def sort_by(self, sort: Sort) -> None:
        """Sort the rows."""


class Desk(Protocol):
    """A screen from which everything can be reached."""

    def open_file(self) -> None:
        """Ask for a file of snapshots, and show what is in it."""

    def look_into_chosen(self) -> None:
        """Show what is in the snapshot under the cursor."""

    def estimate(self) -> None:
        """Show what a save would read."""

    def ask_prune(self) -> None:
        """Show what no rule keeps, or what frees some room, and forget it."""

    def action_push(self) -> object:
        """Choose a repository, then copy what is selected there."""

    def action_copies(self) -> None:
        """Show the copies in repositories."""

    def action_hosts(self) -> None:
        """Show machines over ssh."""

    def ask_retention(self) -> None:
        """Show how long automatic snapshots are kept, and change it."""

    def show_care(self, section: Section | None = None) -> None:
        """List what needs attention, the cursor on a section."""

    def show_job(self, name: str) -> None:
        """Show the jobs, the cursor on the one of that name."""


class Known(NamedTuple):
    """What is known of a place; how automatic sets are kept, why nothing can be pruned, or looked into."""

    care: Care
    retention: str = "how long snapd keeps automatic snapshots"
    no_prune: str = ""
    nothing_chosen: str = ""


def verbs(desk: Desk, known: Known) -> Iterator[PaletteItem]:
    """The verbs that have no key here, as long as they have a meaning; the others with their reason."""
    inside = PaletteItem("Look inside", desk.look_into_chosen, verbs=("ls", "cat", "extract"))
    yield inside._replace(
        effect="list, read and restore single files of the snapshot", refusal=known.nothing_chosen
    )
    yield PaletteItem(
        "Open a file", desk.open_file, effect="look into an export without importing it", verbs=("open",)
    )
    yield PaletteItem(
        "Estimate", desk.estimate, effect="what a save would read, and what would fail", verbs=("estimate",)
    )
    examine = partial(desk.show_care, Section.DOCTOR)
    yield PaletteItem("Doctor", examine, effect="leftovers of crashes, and what is hidden", verbs=("doctor",))
    prune = PaletteItem("Prune", desk.ask_prune, verbs=("prune",), refusal=known.no_prune)
    yield prune._replace(effect="forget what no rule keeps, or what frees some room")
    yield PaletteItem("Push", desk.action_push, "P", "copy the set to a repository", verbs=("push",))
    elsewhere = PaletteItem("Copies in repositories", desk.action_copies, "t", verbs=("copies", "pull"))
    yield elsewhere._replace(effect="list, check, pull and forget them")
    yield PaletteItem("Retention", desk.ask_retention, effect=known.retention, verbs=("retention",))
    yield from _verbs_of_jobs(desk, known.care.jobs)
    yield PaletteItem("List of sets", lambda: None, effect="this list", verbs=("saved", "browse"))
    yield PaletteItem("Hosts", desk.action_hosts, "H", "machines over ssh, how each is", verbs=("hosts",))
    settings = PaletteItem("Settings", lambda: None, verbs=("repo", "config", "schedule", "status", "copy"))
    yield settings._replace(refusal="for a shell: snapstow help repo, config, schedule, status, copy")
    for verb, reason in _AT_A_SHELL.items():
        yield PaletteItem(verb.capitalize(), lambda: None, verbs=(verb,), refusal=reason)


def _verbs_of_jobs(desk: Desk, jobs: Sequence[JobView]) -> Iterator[PaletteItem]:
    """What is done with a running job, or an interrupted one: the newest."""
    running = [job for job in jobs if job.is_running]
    interrupted = [job for job in jobs if job.state is JobState.INTERRUPTED]
    for name, verb, wanted, effect, reason in (
        ("Attach", "attach", running, "follow the running job", "no job is running"),
        ("Stop a job", "stop", running, "go to the running job: x stops it", "no job is running"),
        ("Finish a job", "finish", interrupted, "go to it: t shows both ways", "no job was interrupted"),
        ("Roll back a job", "takeback", interrupted, "go to it: t shows both ways", "no job was interrupted"),
    ):
        act = partial(desk.show_job, wanted[0].name if wanted else "")
        yield PaletteItem(name, act, effect=effect, verbs=(verb,), refusal="" if wanted else reason)


def attention(desk: Desk, known: Known, now: float) -> Iterator[PaletteItem]:
    """What needs attention, by section, and everything that doctor found."""
    for section, listed in items_of(known.care, now).items():
        title = f"{section.value.lower()} ({listed.total})"
        yield PaletteItem(title, partial(desk.show_care, section), effect="list them")
    for finding in known.care.findings:
        name = f"doctor: {plain(finding.text)}"
        yield PaletteItem(name, partial(desk.show_care, Section.DOCTOR), effect=plain(finding.path))


def jobs(desk: Desk, known: Known) -> Iterator[PaletteItem]:
    """Every job, the newest first."""
    for job in known.care.jobs:
        state = "undone" if job.result.undone else job.state.value
        yield PaletteItem(
            f"job {job.name}: {plain(job.short)}", partial(desk.show_job, job.name), effect=state
        )


def choices(
    inventory: InventoryData | None, terms: Sequence[str], set_list: SetList, refusal_of: Callable[[str], str]
) -> Iterator[PaletteItem]:
    """All that matches every word, lazily: ten thousand sets are looked through, not listed."""
    for sort in Sort:
        choice = PaletteItem(f"sort by {sort.value}", partial(set_list.sort_by, sort), effect="sort the rows")
        if choice.matches(terms):
            yield choice
    for pivot in Pivot:
        choice = PaletteItem(
            f"group by {pivot.value}", partial(set_list.group_by, pivot), effect="one row each"
        )
        if choice.matches(terms):
            yield choice
    if inventory is not None:
        newest = reversed(inventory.sets if terms else inventory.sets[-SHOWN_UNASKED:])
        acts = [act._replace(refusal=refusal_of(act.action)) if act.action else act for act in _ACTS]
        for snapshot_set in newest:
            yield from _of_set(snapshot_set, terms, set_list, acts if terms else acts[:1])


def _of_set(
    snapshot_set: SnapshotSet, terms: Sequence[str], set_list: SetList, acts: Iterable[Act]
) -> Iterator[PaletteItem]:
    names = (*(snapshot.snap for snapshot in snapshot_set.snapshots), *_users(snapshot_set))
    text = f"#{snapshot_set.set_id} {' '.join(names)}".lower()
    for act in acts:
        if all(word in text or word in act.verb for word in terms):
            yield PaletteItem(
                f"{act.verb} #{snapshot_set.set_id} {_summary(snapshot_set)}",
                partial(set_list.go_to, snapshot_set.set_id, act.action),
                effect=act.effect,
                refusal=act.refusal,
            )


def _users(snapshot_set: SnapshotSet) -> list[str]:
    return list(dict.fromkeys(user for snapshot in snapshot_set.snapshots for user in snapshot.users))


def _summary(snapshot_set: SnapshotSet) -> str:
    """The snaps of a set and whose data it holds, the first of each by name."""
    groups = ([snapshot.snap or "(unreadable)" for snapshot in snapshot_set.snapshots], _users(snapshot_set))
    return "; ".join(_some(names) for names in groups if names)


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names[:_NAMES])) + (
        f" and {len(names) - _NAMES} more" if names[_NAMES:] else ""
    )
