"""What snapd knows and its command line does not show: running changes, expiry, retention."""

from backend.engine.daemon import SnapdChange
from backend.engine.snapd.context import SnapdContext
from backend.engine.snapd.follow import follow
from backend.engine.snapd.responses import SNAPSHOT_KINDS
from backend.errors import SnapshotError
from backend.format.retention import DEFAULT, SETTING, parse_retention, retention_text
from backend.progress import Progress
from backend.results import Finding

UNKNOWN = "unknown without root"
UNREAD = (
    "the snapshot files may not be read, so snapd lists them: it hides damaged files, and tells no sizes of "
    "archives (try with sudo)"
)
_AT_WORK = ("leftover", "temporary", "unknown", "import")  # what lies about while snapd works is no leftover


def running(site: SnapdContext) -> list[SnapdChange]:
    """The changes about snapshots that snapd has not ended, whoever asked for them."""
    return [change for change in site.client.changes() if change.kind in SNAPSHOT_KINDS]


def retention(site: SnapdContext) -> str:
    """How long automatic snapshots are kept, such as `744h`, or `no`; NotAllowedError without the right."""
    return site.client.setting(SETTING) or DEFAULT


def set_retention(site: SnapdContext, text: str, progress: Progress) -> None:
    """Change it; empty for snapd's own default. InvalidInputError for what it would not take."""
    wanted = parse_retention(text)
    progress.raise_if_cancelled()
    asked = site.client.configure({SETTING: wanted or None})
    with progress.step("Changing how long automatic snapshots are kept"):
        follow(site.client, asked.change, progress)


def expiry(site: SnapdContext, set_id: int) -> str:
    """When an automatic set will be removed, as RFC 3339 text, or in words; empty for one that stays."""
    if when := site.layout.state.expiry(set_id):
        return when
    automatic = any(snapshot.auto for group in site.sets(set_id) for snapshot in group.snapshots)
    return UNKNOWN if automatic and not site.layout.state.readable else ""


def findings(site: SnapdContext) -> list[Finding]:
    """What a crash left, what is hidden, what undo holds, what snapd is doing, when automatic sets go."""
    from backend.engine.snapd import undo as guards

    changes = running(site)
    findings = site.files.findings() if site.reads_files else []
    if changes:
        findings = [finding for finding in findings if finding.kind not in _AT_WORK]
    findings += [
        Finding("change", "", f"{change.summary}: {change.status}; attach snapd/{change.id} follows it")
        for change in changes
    ]
    for offer in guards.offers(site):
        text = f"job {offer.job} can be undone by its safety snapshot"
        findings.append(Finding("undo", "", text, size=offer.held))
    for number in (group.set_id for group in site.sets()):
        if when := expiry(site, number):
            findings.append(Finding("automatic", "", f"snapshot set #{number} is automatic; expires: {when}"))
    return findings


def about(site: SnapdContext) -> list[str]:
    """Why snapd is asked here, who reads, and how long automatic snapshots are kept."""
    reads = "snapshots are read from their files" if site.reads_files else UNREAD
    try:
        kept = retention_text(retention(site))
    except SnapshotError:
        kept = f"How long automatic snapshots are kept is {UNKNOWN}"
    answers = f"snapd {site.version} answers at {site.client.path}, so it is asked for every change"
    return [f"{answers}; {reads}", kept]
