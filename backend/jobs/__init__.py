"""What was done, is being done, or was interrupted: one folder per job in the journal of a root.

A job notes each step before it takes it (`Journal`), so that the next start can complete or revert what
died (`cleanup`, `resolution`), an ended one can be undone while its data are kept (`undo`), and anybody can
follow it (`Follower`). `Runner` starts jobs as processes of their own. `doctor` finds what no journal knows
of.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.jobs.journal import Journal
    from backend.jobs.other_users import ForeignJournal
    from backend.jobs.record import JobRecord, JobState
    from backend.jobs.resolution import Resolution, Resolutions, Resolved
    from backend.jobs.result import JobResult
    from backend.jobs.runner import Follower, Runner
    from backend.jobs.safety_snapshots import SafeguardedRestore
else:
    __getattr__ = lazy_names(__name__)
