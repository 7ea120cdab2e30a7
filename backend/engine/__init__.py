"""Who carries an operation out: `files` works on the files, `snapd` asks a running snapd.

`open_engine` chooses; both keep the same protocol and pass the same contract suite, and nobody asks which
one it is. Where snapd runs for a root, what changes data goes through it, and what only reads goes to the
files. `perform_recorded` carries an operation out as a job with a journal; `perform` does the same without
one; `runner_of` starts it in a process of its own, which `python -m backend.engine.worker` is.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.engine.availability import Availability
    from backend.engine.copies.cached import cached_export
    from backend.engine.copies.opening import opened_repository
    from backend.engine.copies.pruning import plan_copy_pruning
    from backend.engine.daemon import WAITING, Followed, Watch
    from backend.engine.files import FilesEngine
    from backend.engine.knowledge import known_copies
    from backend.engine.launch import runner_of, worker_command
    from backend.engine.offers import undo_offers
    from backend.engine.perform import perform_recorded
    from backend.engine.pruning import PrunePlan, plan_prune
    from backend.engine.select import reopen_engine
    from backend.engine.state_folder import user_state
    from backend.engine.status import MachineStatus, status_of
else:
    __getattr__ = lazy_names(__name__)
