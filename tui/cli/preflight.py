"""What an export or an import cannot come to, refused before anything is read or written.

Judged by the library's plans, as the dialogs do; everything else is refused by the operation itself.
"""

import os

from backend import Export, Import, IntegrityError, InvalidInputError, Progress, SnapshotError
from backend.transfer import (
    DestinationObstacle,
    ImportChoice,
    ImportObstacle,
    export_destination,
    plan_import,
)
from tui.cli.context import Context
from tui.text import plain
from tui.views.export_plan import destination_obstacle_text
from tui.views.import_plan import obstacle_text

_FATAL = (DestinationObstacle.TOO_LARGE, DestinationObstacle.NO_SPACE)
_WAYS_OUT = {ImportObstacle.WRONG_HASH: "; --accept-hash accepts it"}


def demand_room_for_export(context: Context, export: Export) -> None:
    """InvalidInputError where the file would be too large for its file system."""
    where = export_destination(export.file, os.path.basename(export.file))
    try:
        size = context.engine.export_size(export)
    except SnapshotError:
        return  # the export itself gives the reason
    if where.obstacle(size, checksum=export.checksum) in _FATAL:
        reason = destination_obstacle_text(where, size, checksum=export.checksum)
        raise InvalidInputError(f"cannot export to {plain(export.file)}: {reason}")


def demand_matching_hash(context: Context, operation: Import) -> None:
    """IntegrityError where the content hash of the set does not match."""
    if not os.path.isfile(operation.file):
        return
    plan = plan_import(context.engine, operation.file, Progress())
    choice = ImportChoice(frozenset(operation.snaps) or plan.snaps)
    if plan.obstacle(choice) is ImportObstacle.WRONG_HASH:
        reason = obstacle_text(plan, choice, ways_out=_WAYS_OUT)
        raise IntegrityError(f"cannot import {plain(operation.file)}: {reason}")
