"""Everything snapd's snapshot backend does, on the files below a root: safely, and without a terminal.

These are the public names, each loaded when first used, so that a listing starts at once. Their types
stand in `__init__.pyi`.
"""

from importlib import import_module

_HOMES = {
    "codec": "compression_text",
    "compare": "Absent Change CompareOptions Difference KeyChange Tally TextDiff",
    "comparing": "Comparison Facet",
    "contents": "Contents",
    "daemon": "WAITING Followed Watch",
    "demo": "demo_root make_demo",
    "direct": "DirectEngine",
    "endings": "Ended Ending Endings",
    "engine": "Engine Estimate Finding UndoOffer",
    "errors": (
        "AlreadyFinishedError BlockedError BugError Cancelled CommandError ConflictError DuplicateSetError "
        "IntegrityError InvalidInputError MultiError NoSpaceError NotAllowedError NotFoundError "
        "SnapshotError UnreachableError"
    ),
    "estimate": "estimate_size measure",
    "excludes": "pattern_of validate_excludes",
    "export": "SnapshotExport",
    "extract": "ExtractPart ExtractPlan",
    "finding": "History Hit Missed Version content_digest histories search",
    "foreign": "ForeignJournal",
    "guards": "Guarded",
    "imports": "IncomingSet import_set",
    "inside": "Held Inside reading_recorded",
    "job": "Advanced Entered Event Job Noted PartAdvanced Started",
    "journal": "JobRecord JobState Journal",
    "layout": "Accounts InstalledSnap Layout",
    "landings": "Action Landing Policy",
    "ledger": "CheckState Checked Ledger",
    "looking": "Looker",
    "logout": "logout_warning",
    "losses": "Losses",
    "marks": "Mark located marks_in written",
    "model": "Epoch Number Revision Snapshot SnapshotSet User",
    "nodes": "Flag Kind Node Order",
    "operation": (
        "Check Export Extract Forget Import Operation Restore Result Save Undo "
        "command_line operation_from_json"
    ),
    "peek": "Peek look_into",
    "performing": "event_from_json event_json perform perform_recorded",
    "places": "PlaceEngine engine_for engine_now snap_version user_state",
    "plan": "EntryPlan RestorePlan Verdict",
    "preview": "Look Preview harmless hex_lines preview_of",
    "retention": "ACCEPTED STANDING in_words kept_text spelled",
    "runner": "Follower Runner",
    "reader": "EntryVerdict Reader",
    "room": "SPARE_ROOM Room free_space rooms_for",
    "saving": "SaveOptions save",
    "snapdstate": "version_of",
    "store": "Store",
    "survey": "Aim Concern Outlook Survey aims compared concern look_again survey_of",
    "surveying": "Glimpse LargeFolder",
    "swap": "RestoreState",
    "tree": "Archive Content Tree",
    "wire": "content_hash filename set_content_hash set_time snapshot_json unix_time",
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'backend' has no attribute {name!r}")
    return getattr(import_module(f"backend.{_MODULE_OF[name]}"), name)
