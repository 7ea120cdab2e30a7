"""Why an export cannot be written where it should, in words."""

from backend.transfer import Destination, DestinationObstacle
from tui.text import amount_text


def destination_obstacle_text(where: Destination, size: int, *, checksum: bool) -> str:
    """Why an export of `size` bytes cannot be written there, or nothing."""
    match where.obstacle(size, checksum=checksum):
        case None:
            return ""
        case DestinationObstacle.UNWRITABLE:
            return where.trouble
        case DestinationObstacle.NO_CHECKSUM:
            return where.sums_trouble
        case DestinationObstacle.TOO_LARGE as obstacle:
            most = amount_text(where.largest)
            way_out = "select fewer snaps or another directory"
            return f"{obstacle.value}: {where.limit} a file can have at most {most}; {way_out}"
        case DestinationObstacle.NO_SPACE as obstacle:
            return f"{obstacle.value}: {amount_text(size - where.free)} more is needed"
