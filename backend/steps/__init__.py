"""The steps of a job: what it notes before it does it, so that a later start can complete or revert it.

One value for each kind, written as one line of JSON by its `to_json` and read by `parse_step`, the only
parser. Stores, restores and transfers write steps as well as jobs do, so they stand below all of these.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.steps.base import FileId, Step
    from backend.steps.data import (
        DataCommitted,
        DataMoved,
        DirectoryMade,
        FilesMoved,
        Moved,
        MovedSlot,
        RestoreBegun,
        SlotsDiscarded,
        SlotsMade,
        Stamp,
        UndoBegun,
        UndoPromised,
    )
    from backend.steps.files import (
        CopyForgotten,
        DoomedFile,
        ExportBegun,
        FileBegun,
        ForgetBegun,
        ForgettingBegun,
        ForgottenSet,
        PublicationBegun,
        Published,
        PublishedFile,
        StagingBegun,
    )
    from backend.steps.reading import parse_step
    from backend.steps.snapd import (
        SafetySnapshot,
        SafetySnapshotMade,
        ServicesStarted,
        ServicesStopped,
        SnapdAsked,
        SnapdAwaited,
        SnapdStarted,
        SnapdStep,
        SnapdUndoBegun,
    )
else:
    __getattr__ = lazy_names(__name__)
