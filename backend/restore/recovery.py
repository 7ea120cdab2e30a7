"""What a job that changed the data of snaps had done, from the steps that it noted."""

from collections.abc import Iterable

from backend.errors import IntegrityError
from backend.restore.slots import HOLDER, Slot, find_slot
from backend.restore.swap import RestoreState
from backend.steps import (
    DataCommitted,
    DataMoved,
    DirectoryMade,
    FilesMoved,
    SlotsDiscarded,
    SlotsMade,
    Step,
)


def recovered(steps: Iterable[Step]) -> tuple[RestoreState, bool]:
    """What a restore that died had done, from the steps it noted, and whether it was complete.

    IntegrityError when the steps cannot be understood.
    """
    steps = list(steps)
    files_moved = [step for step in steps if isinstance(step, FilesMoved)]
    state = RestoreState(made=[step.path for step in steps if isinstance(step, DirectoryMade)])
    for step in steps:
        if isinstance(step, DataMoved):
            state = RestoreState.from_steps(step, files_moved)
    if SlotsDiscarded() in steps:
        state.moves = []
    if not state.slots:
        state.slots = [slot for step in steps if isinstance(step, SlotsMade) for slot in _slots_made(step)]
    return state, DataCommitted() in steps and SlotsDiscarded() not in steps


def _slots_made(step: SlotsMade) -> list[Slot]:
    """Those of the slots that are there."""
    try:
        present = [find_slot(parent, step.tag, step.holder or HOLDER) for parent in step.parents]
    except ValueError as damage:
        raise IntegrityError("cannot understand what a restore did: the record is damaged") from damage
    return [slot for slot in present if slot]
