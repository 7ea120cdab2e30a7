"""What stopping a job does, told before it is asked to."""

from tui.session.job_views import JobView
from tui.views.job_endings import verb_of

_EFFECTS = {
    "check": "No data are changed by a check; what was verified so far stays on record.",
    "export": "What was written so far is removed: no new file is made, an old one stays as it is.",
    "extract": "What was unpacked so far is removed: the data stay as they are.",
    "forget": "What is not removed yet stays; what is removed is gone.",
    "import": "What was read so far is removed: no set is added.",
    "repair": "What is not removed yet stays; what is removed is gone.",
    "restore": "What was unpacked so far is removed: the data stay as they are.",
    "save": "What was written so far is removed: no set is made.",
    "undo": "The data stay as they are, and can be undone again.",
}
_TOO_LATE = "Once {} it cannot be stopped: it is finished instead, within moments."
_POINTS = {
    "extract": "data are being put in place",
    "forget": "files are being removed",
    "import": "the set is being added",
    "restore": "data are being put in place",
    "save": "the set is being added",
    "undo": "data are being put back",
}


def stopping_lines(view: JobView) -> list[str]:
    """Return what stopping a job does: what is removed, what stays, and from when it is too late."""
    if view.change:
        return ["snapd stops it, undoes what it did, and reports that to whoever started it."]
    verb = verb_of(view)
    effect = _EFFECTS.get(verb, "What it has done so far is undone.")
    return [effect, *(_TOO_LATE.format(point) for point in filter(None, [_POINTS.get(verb)]))]
