"""Everything snapd's snapshot backend does, on the files below a root: safely, and without a terminal.

These are the public names, each loaded when first used, so that a listing starts at once. Their types
stand in `__init__.pyi`.
"""

from importlib import import_module

_HOMES = {
    "archive.export_file": "ExportFile read_export_file",
    "archive.reader": "Reader",
    "archive.tar.vetting": "Contents",
    "browse.nodes": "Flag Kind Node Order",
    "browse.preview": "Look Preview harmless hex_lines preview_of",
    "browse.search": "History Hit Missed Version content_digest histories search_files",
    "browse.selectors": "Selector locate_path parse_selectors format_selector",
    "browse.snapshot_file": "HeldSnapshot SnapshotFile reading_recorded",
    "browse.tree": "Archive Content Tree",
    "compare.comparison": "Comparison ComparedSide",
    "compare.differences": "Absent Change CompareOptions Difference KeyChange Tally TextDiff",
    "demo": "demo_root make_demo",
    "engine.daemon": "Followed WAITING Watch",
    "engine.files": "FilesEngine",
    "engine.perform": "perform perform_recorded",
    "engine.protocol": "Engine",
    "engine.select": "PlaceEngine open_engine current_engine user_state",
    "errors": "AlreadyFinishedError BlockedError BugError Cancelled CommandError ConflictError DuplicateSetError IntegrityError InvalidInputError MultiError NoSpaceError NotAllowedError NotFoundError SnapshotError UnreachableError",
    "format.excludes": "pattern_of validate_excludes",
    "format.metadata": "content_hash set_content_hash set_time snapshot_json",
    "format.names": "filename",
    "format.retention": "RETENTION_SYNTAX RETENTION_NOTE in_words kept_text spelled",
    "format.timestamps": "unix_time",
    "fs.space": "SpaceNeed RESERVED_SPACE free_space measure space_needs",
    "host.accounts": "Accounts",
    "host.layout": "InstalledSnap Layout",
    "host.logind": "logout_warning",
    "jobs.journal": "JobRecord JobState Journal",
    "jobs.other_users": "ForeignJournal",
    "jobs.resolution": "Resolved Resolution Resolutions",
    "jobs.runner": "Follower Runner",
    "jobs.safety_snapshots": "SafeguardedRestore",
    "model": "CheckResult Epoch Number Revision Snapshot SnapshotSet User",
    "operations": "Check Estimate Export Extract Finding Forget Import Operation Restore Result Save Undo UndoOffer command_line operation_from_json",
    "progress": "Advanced Entered Event Progress Noted PartAdvanced Started event_from_json event_json",
    "restore.extract_targets": "ExtractAction ExtractTarget OverwritePolicy",
    "restore.extraction": "ExtractPart ExtractPlan",
    "restore.impact": "ImpactScanner",
    "restore.restorer": "restore_snapshot",
    "restore.plan": "EntryPlan Losses RestorePlan Verdict",
    "restore.swap": "RestoreState",
    "save.saver": "SaveOptions estimate_size save_snap",
    "save.survey": "Aim Concern Outlook Survey aims compared concern look_again survey_of",
    "save.survey_walk": "Glimpse LargeFolder",
    "store.store": "Store",
    "store.verifications": "CheckState CheckStatus VerificationLog",
    "transfer.exporter": "SnapshotExport",
    "transfer.importer": "IncomingSet import_set",
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'backend' has no attribute {name!r}")
    return getattr(import_module(f"backend.{_MODULE_OF[name]}"), name)
