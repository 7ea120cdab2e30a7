"""Why a file cannot be imported, in words."""

from collections.abc import Callable

from backend.transfer import ImportChoice, ImportObstacle, ImportPlan
from tui.text import size_text


def obstacle_text(plan: ImportPlan, choice: ImportChoice, size: Callable[[int], str] = size_text) -> str:
    """Why the file cannot be imported as asked for, or nothing."""
    match plan.obstacle(choice):
        case None:
            return ""
        case ImportObstacle.UNREADABLE:
            return plan.trouble
        case ImportObstacle.FAULTY as obstacle:
            return f"{obstacle.value}: {plan.export.faults[0] if plan.export else ''}"
        case ImportObstacle.NOTHING_CHOSEN as obstacle:
            return f"{obstacle.value}: select a snap with Space"
        case ImportObstacle.WRONG_HASH as obstacle:
            return f"{obstacle.value}; accept it with Space"
        case ImportObstacle.NO_SPACE:
            return f"not enough free space: {size(plan.missing_space).strip()} more is needed"
