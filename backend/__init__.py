"""Everything snapd's snapshot backend does, on the files below a root: safely, and without a terminal.

These are the public names, each loaded when first used, so that a listing starts at once. Their types
stand in `__init__.pyi`.
"""

from importlib import import_module

_HOMES = {
    "compare.differences": "Absent Change CompareOptions Difference KeyChange Tally TextDiff",
    "compare.comparison": "Comparison Facet",
    "archive.tar.vetting_contents": "Contents",
    "engine.daemon": "WAITING Followed Watch",
    "demo": "demo_root make_demo",
    "engine.files": "DirectEngine",
    "jobs.resolution": "Ended Ending Endings",
    "engine.protocol": "Engine Estimate Finding UndoOffer",
    "errors": (
        "AlreadyFinishedError BlockedError BugError Cancelled CommandError ConflictError DuplicateSetError "
        "IntegrityError InvalidInputError MultiError NoSpaceError NotAllowedError NotFoundError "
        "SnapshotError UnreachableError"
    ),
    "fs.space_estimate": "estimate_size measure",
    "format.excludes": "pattern_of validate_excludes",
    "transfer.exporter": "SnapshotExport",
    "restore.extraction": "ExtractPart ExtractPlan",
    "browse.search": "History Hit Missed Version content_digest histories search",
    "jobs.other_users": "ForeignJournal",
    "jobs.safety_snapshots": "Guarded",
    "transfer.importer": "IncomingSet import_set",
    "browse.snapshot_file": "Held Inside reading_recorded",
    "job": "Advanced Entered Event Job Noted PartAdvanced Started",
    "jobs.journal": "JobRecord JobState Journal",
    "host.layout": "Accounts InstalledSnap Layout",
    "restore.extract_targets": "Action Landing Policy",
    "store.verifications": "CheckState Checked Ledger",
    "restore.impact_looking": "Looker",
    "host.logind": "logout_warning",
    "restore.impact": "Losses",
    "browse.selectors": "Mark located marks_in written",
    "model": "Epoch Number Revision Snapshot SnapshotSet User",
    "browse.nodes": "Flag Kind Node Order",
    "operations": (
        "Check Export Extract Forget Import Operation Restore Result Save Undo "
        "command_line operation_from_json"
    ),
    "archive.export_file": "Peek look_into",
    "engine.perform": "event_from_json event_json perform perform_recorded",
    "engine.select": "PlaceEngine engine_for engine_now user_state",
    "restore.plan": "EntryPlan RestorePlan Verdict",
    "browse.preview": "Look Preview harmless hex_lines preview_of",
    "format.retention": "ACCEPTED STANDING in_words kept_text spelled",
    "jobs.runner": "Follower Runner",
    "archive.reader": "EntryVerdict Reader",
    "fs.space": "SPARE_ROOM Room free_space rooms_for",
    "save.saver": "SaveOptions save",
    "store.store": "Store",
    "save.survey": "Aim Concern Outlook Survey aims compared concern look_again survey_of",
    "save.survey_walk": "Glimpse LargeFolder",
    "restore.swap": "RestoreState",
    "browse.tree": "Archive Content Tree",
    "format.metadata": "content_hash filename set_content_hash set_time snapshot_json unix_time",
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'backend' has no attribute {name!r}")
    return getattr(import_module(f"backend.{_MODULE_OF[name]}"), name)
