"""Why a file cannot be imported, in words."""

from collections.abc import Mapping

from backend.transfer import ImportChoice, ImportObstacle, ImportPlan
from tui.text import amount_text

_WITH_KEYS = {
    ImportObstacle.NOTHING_CHOSEN: ": select a snap with Space",
    ImportObstacle.WRONG_HASH: "; accept it with Space",
}


def obstacle_text(
    plan: ImportPlan,
    choice: ImportChoice,
    ways_out: Mapping[ImportObstacle, str] = _WITH_KEYS,
) -> str:
    """Why the file cannot be imported as asked for, or nothing; `ways_out` say how to go on."""
    match plan.obstacle(choice):
        case None:
            return ""
        case ImportObstacle.UNREADABLE:
            return plan.trouble
        case ImportObstacle.FAULTY as obstacle:
            return f"{obstacle.value}: {plan.export.faults[0] if plan.export else ''}"
        case ImportObstacle.NOTHING_CHOSEN | ImportObstacle.WRONG_HASH as obstacle:
            return f"{obstacle.value}{ways_out.get(obstacle, '')}"
        case ImportObstacle.NO_SPACE as obstacle:
            return f"{obstacle.value}: {amount_text(plan.missing_space)} more is needed"
