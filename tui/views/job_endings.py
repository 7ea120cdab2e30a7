"""What became of a job, in one sentence, with what can be done next."""

from collections.abc import Iterable, Iterator

from backend.jobs import JobState
from tui.phrases import count_phrase
from tui.session.job_views import ENDED, JobView
from tui.text import amount_text, moment_text, plain
from tui.views.progress_text import clock_text

_PAST = {
    "check": "Checked",
    "export": "Exported",
    "extract": "Extracted",
    "finish": "Finished",
    "forget": "Forgot",
    "import": "Imported",
    "repair": "Repaired",
    "restore": "Restored",
    "roll": "Rolled",
    "save": "Saved",
}
_OTHERWISE = {
    JobState.RUNNING: "is running",
    JobState.FAILED: "failed",
    JobState.REFUSED: "was refused",
    JobState.CANCELLED: "was stopped, and undone",
    JobState.INTERRUPTED: "was interrupted: its process is gone",
    JobState.ROLLED_BACK: "was interrupted, and rolled back",
}


def ending_text(view: JobView, now: float, *, undo: str = "u", more: str = "J shows more") -> str:
    """Return what became of a job: `Restored #86 in 1:40 · undo until Tue 14:04 (u)`.

    `undo` is what undoes it, as the reader would do it, `more` how to see what is not in the sentence.
    """
    clauses = [_sentence(view, now)]
    if view.state in (JobState.DONE, JobState.PARTIAL):
        clauses += _facts(view, more)
        if undo and view.result.may_be_undone and view.result.undo_until > now:
            again = "that can be undone" if verb_of(view) == "undo" else "undo"
            clauses.append(f"{again} until {moment_text(view.result.undo_until)} ({undo})")
    return " · ".join(clauses)


def title_text(view: JobView) -> str:
    """Return what a job is, as a heading: `Restore #86 nextcloud`."""
    title = plain(view.title or view.short)
    return title[:1].upper() + title[1:]


def verb_of(view: JobView) -> str:
    """Return the verb of a job, in the words of the screens."""
    return view.title.partition(" ")[0]


def _sentence(view: JobView, now: float) -> str:
    if view.state in (JobState.DONE, JobState.PARTIAL) and not _has_failed(view):
        return f"{_achieved(view)} in {clock_text(view.elapsed(now))}"
    text = f"{title_text(view)} {_OTHERWISE.get(view.state, 'failed')}"
    return f"{text}: {plain(view.error)}" if view.error else text


def _has_failed(view: JobView) -> bool:
    """Whether it came to its end and still did not do what it was to do."""
    return view.is_bad and not view.result.bad_verdicts


def _achieved(view: JobView) -> str:
    """What was done, without how long it took."""
    verb, _, rest = plain(view.title or view.short).partition(" ")
    number = view.result.set_id
    if view.result.duplicate:
        return f"Nothing was added: {rest} is identical to #{number}; read"
    if verb in ("save", "import") and number:
        return (
            f"{_PAST[verb]} as #{number}: {rest}" if verb == "save" else f"{_PAST[verb]} {rest} as #{number}"
        )
    if verb == "undo":
        data = " ".join([f"#{number}", *map(plain, view.result.snaps)]) if number else ""
        return f"Undone: {rest}{f' ({data})' if data else ''}"
    return f"{_PAST[verb]} {rest}" if verb in _PAST else f"{title_text(view)}: done"


def _facts(view: JobView, more: str) -> Iterator[str]:
    result = view.result
    if (count := result.check_count).snapshots:
        bad = f"{count.bad} of {count_phrase(count.snapshots, 'snapshot')} bad"
        yield f"{bad}: {more}" if count.bad else f"{_all(count.snapshots)} sound"
    if result.outcome:
        yield plain(result.outcome)
    if result.again:
        yield "a job of its own does the rest"
    if result.left_out:
        yield f"{len(result.left_out)} skipped: {more}"
    if result.freed:
        yield f"freed {amount_text(result.freed)}"
    if result.beside:
        yield "nothing was replaced"


def _all(count: int) -> str:
    return "it is" if count == 1 else f"all {count_phrase(count, 'snapshot')} are"


class EndedJobs:
    """Notices jobs that ended since it last looked; what had ended before the first look is old."""

    def __init__(self) -> None:
        self._known: set[int] | None = None

    def news(self, views: Iterable[JobView]) -> list[JobView]:
        """The jobs that ended meanwhile, the oldest first."""
        ended = {view.id: view for view in views if view.state in ENDED}
        fresh = sorted(ended.keys() - self._known) if self._known is not None else []
        self._known = ended.keys() | (self._known or set())
        return [ended[number] for number in fresh]
