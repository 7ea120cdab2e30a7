"""What snapd's snapshot backend does, on the files below a root or through a snapd that runs there.

An operation is a value (`Save`, `Restore`, …); an engine carries it out and returns a `Result`:

    engine = open_engine("/")
    result = perform(Restore(86, ("nextcloud",)), engine, Progress(print))

A `Progress` says what is under way and can be stopped. Failures are `SnapshotError`s, each with its exit
code. More names stand in the packages; their docstrings and the README beside this file say what is where.
Nothing here knows of a terminal. Names are loaded when they are first used, so that a listing starts at
once.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names
from backend.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from backend.commands import command_line
    from backend.demo import demo_config, demo_root
    from backend.engine.perform import perform
    from backend.engine.protocol import Engine
    from backend.engine.select import open_engine
    from backend.errors import (
        AlreadyFinishedError,
        BlockedError,
        BugError,
        Cancelled,
        CommandError,
        ConflictError,
        DuplicateSetError,
        IntegrityError,
        InvalidInputError,
        MultiError,
        NoSpaceError,
        NotAllowedError,
        NotFoundError,
        SnapshotError,
        UnreachableError,
        shortage,
    )
    from backend.model import (
        Action,
        CheckCount,
        CheckResult,
        Epoch,
        Number,
        Revision,
        Snapshot,
        SnapshotSet,
        User,
    )
    from backend.operations import (
        Check,
        CheckCopies,
        Copying,
        Export,
        Extract,
        Finish,
        Forget,
        ForgetCopies,
        Import,
        Operation,
        Prune,
        PruneCopies,
        Pruning,
        Pull,
        Push,
        Repair,
        Restore,
        RetentionRules,
        Save,
        TakeBack,
        Undo,
        UnknownOperation,
        operation_from_json,
    )
    from backend.progress import (
        Advanced,
        Entered,
        Event,
        Noted,
        PartAdvanced,
        Planned,
        Progress,
        Started,
        event_from_json,
        event_json,
    )
    from backend.results import Estimate, Finding, Result, UndoOffer
else:
    __getattr__ = lazy_names(__name__)
