"""Putting data back: plan, unpack beside the live data, verify, then trade places by renames.

`plan` says what would be replaced and lost, changing nothing. `Restoration` unpacks every archive into a
private slot, and only when all agree with their hashes exchanges the directories (`swap`), noting each move
first. After a crash `RestoreState` goes back or forward from what was noted; what was replaced waits in its
slot for an undo.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.restore.extract_targets import ExtractAction, ExtractTarget, OverwritePolicy
    from backend.restore.extraction import ExtractPart, ExtractPlan
    from backend.restore.impact import ImpactScanner
    from backend.restore.loss_list import LossList, LostFile
    from backend.restore.plan import EntryPlan, Losses, RestorePlan, Verdict, worst_verdict
    from backend.restore.planner import RestorePlanner, RestorePreview, RevisionChoice
    from backend.restore.restorer import restore_snapshot
    from backend.restore.swap import RestoreState
else:
    __getattr__ = lazy_names(__name__)
