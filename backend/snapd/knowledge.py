"""What snapd knows and its command line does not show: running changes, expiry, retention."""

from backend.change import Change
from backend.engine import Finding
from backend.errors import SnapshotError
from backend.job import Job
from backend.retention import DEFAULT, SETTING, kept_text, spelled
from backend.snapd.answers import SNAPSHOT_KINDS
from backend.snapd.changes import follow
from backend.snapd.site import Site

UNKNOWN = "unknown without root"
UNREAD = (
    "the snapshot files may not be read, so snapd lists them: it hides damaged files, and tells no sizes of "
    "archives (try with sudo)"
)
_AT_WORK = ("leftover", "temporary", "unknown", "import")  # what lies about while snapd works is no leftover


def running(site: Site) -> list[Change]:
    """The changes about snapshots that snapd has not ended, whoever asked for them."""
    return [change for change in site.client.changes() if change.kind in SNAPSHOT_KINDS]


def retention(site: Site) -> str:
    """How long automatic snapshots are kept, such as `744h`, or `no`; NotAllowedError without the right."""
    return site.client.setting(SETTING) or DEFAULT


def set_retention(site: Site, text: str, job: Job) -> None:
    """Change it; empty for snapd's own default. InvalidInputError for what it would not take."""
    wanted = spelled(text)
    job.check()
    asked = site.client.configure({SETTING: wanted or None})
    with job.step("Changing how long automatic snapshots are kept"):
        follow(site.client, asked.change, job)


def expiry(site: Site, set_id: int) -> str:
    """When an automatic set will be removed, as RFC 3339 text, or in words; empty for one that stays."""
    if when := site.layout.state.expiry(set_id):
        return when
    automatic = any(one.auto for group in site.sets(set_id) for one in group.snapshots)
    return UNKNOWN if automatic and not site.layout.state.readable else ""


def findings(site: Site) -> list[Finding]:
    """What a crash left, what is hidden, what undo holds, what snapd is doing, when automatic sets go."""
    from backend.snapd import guards

    changes = running(site)
    found = site.files.findings() if site.reads_files else []
    if changes:
        found = [one for one in found if one.kind not in _AT_WORK]
    found += [
        Finding("change", "", f"{change.summary}: {change.status}; attach snapd/{change.id} follows it")
        for change in changes
    ]
    for offer in guards.offers(site):
        text = f"job {offer.job} can be taken back; its guard holds {offer.held} bytes"
        found.append(Finding("undo", "", text))
    for one in site.sets():
        if when := expiry(site, one.set_id):
            found.append(
                Finding("automatic", "", f"snapshot set #{one.set_id} is automatic; expires: {when}")
            )
    return found


def about(site: Site) -> list[str]:
    """Why snapd is asked here, who reads, and how long automatic snapshots are kept."""
    reads = "snapshots are read from their files" if site.reads_files else UNREAD
    try:
        kept = kept_text(retention(site))
    except SnapshotError:
        kept = f"How long automatic snapshots are kept is {UNKNOWN}"
    answers = f"snapd {site.version} answers at {site.client.path}, so it is asked for every change"
    return [f"{answers}; {reads}", kept]
