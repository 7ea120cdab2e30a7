"""What a prune would let go and what stays, in rows and sentences, and as a document."""

from collections.abc import Iterator

from backend import Prune, PruneCopies
from backend.engine import PrunePlan
from backend.policy import Candidate, Decision
from backend.repository import ORPHANED_AFTER, parse_copy_name
from tui.phrases import count_phrase, span_phrase
from tui.text import age_text, amount_text, plain


def plan_rows(plan: PrunePlan, now: float) -> list[tuple[str, ...]]:
    """The table of a plan below its header, those that go first; `now` is in seconds since the epoch."""
    header = ("", "Name", "Age", "Size", "Snaps", "Why")
    return [header, *(_row(decision, now) for decision in plan.decisions)]


def _row(decision: Decision, now: float) -> tuple[str, ...]:
    candidate = decision.candidate
    return (
        verdict_text(decision),
        candidate_text(candidate.id),
        age_text(max(0.0, now - candidate.time)) if candidate.time > 0 else "-",
        f"{amount_text(candidate.size):>8}",
        snaps_text(candidate),
        reasons_text(decision),
    )


def candidate_text(name: str) -> str:
    """What a set, or a copy, is called: `#7`, `5049fdf5 (web1/7)`."""
    copy = parse_copy_name(name)
    return f"{copy.short} ({copy.host_name}/{copy.set_id})" if copy else f"#{name}"


def verdict_text(decision: Decision) -> str:
    """Whether it stays or goes, in a word."""
    return "stays" if decision.kept else "goes"


def snaps_text(candidate: Candidate) -> str:
    """The snaps of a set."""
    return plain(", ".join(candidate.snaps)) or "(unreadable)"


def reasons_text(decision: Decision) -> str:
    """Why it stays, or why not: `newest of nextcloud, keepass; pinned`."""
    folded: dict[str, list[str]] = {}
    for reason in decision.reasons:
        kind, of, snap = reason.partition(" of ")
        is_of_snap = bool(of) and snap in decision.candidate.snaps
        folded.setdefault(f"{kind} of " if is_of_snap else reason, []).extend([snap] if is_of_snap else [])
    return plain("; ".join(f"{kind}{', '.join(snaps)}" for kind, snaps in folded.items()))


def plan_sentences(plan: PrunePlan, operation: Prune | PruneCopies) -> Iterator[str]:
    """What it frees and when, what is the newest good one then, and what is in the way."""
    going = len(plan.going)
    kept = len(plan.decisions) - going
    if not going:
        yield "Nothing goes."
    else:
        goes = "goes" if going == 1 else "go"
        things = ("set", "sets") if isinstance(operation, Prune) else ("copy", "copies")
        yield f"{count_phrase(going, *things)} of {going + kept} {goes}: {freed_text(plan, operation)}."
    if plan.missing:
        yield f"That is {amount_text(plan.missing)} less than wanted: nothing else may go."
    for snap, number in plan.newest_good.items():
        name = candidate_text(number)
        newest = f"the newest verified one is {name} then" if number else "no verified one is left"
        yield f"{plain(snap)}: {newest}."


def freed_text(plan: PrunePlan, operation: Prune | PruneCopies) -> str:
    """What it frees, and when."""
    freed = amount_text(plan.freed)
    there = 0 if isinstance(operation, PruneCopies) and operation.now else ORPHANED_AFTER
    window = operation.undo_window if isinstance(operation, Prune) else there
    if not window:
        return f"{freed} are free at once, and nothing can be undone"
    return f"{freed} are free in {span_phrase(window)}, until then undo brings them back"


def plan_document(plan: PrunePlan) -> dict[str, object]:
    """A plan for programs: times in UTC, sizes in bytes."""
    return {
        "goes": [_document(each) for each in plan.decisions if not each.kept],
        "stays": [_document(each) for each in plan.decisions if each.kept],
        "freed": plan.freed,
        "missing": plan.missing,
        "newest-verified": {snap: number or None for snap, number in plan.newest_good.items()},
    }


def _document(decision: Decision) -> dict[str, object]:
    candidate = decision.candidate
    return {
        "id": candidate.id,
        "snaps": list(candidate.snaps),
        "saved": candidate.time,
        "size": candidate.size,
        "verified": sorted(candidate.verified),
        "pinned": candidate.pinned,
        "automatic": candidate.automatic,
        "reasons": list(decision.reasons),
    }
