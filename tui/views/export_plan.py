"""Why an export cannot be written where it should, in words."""

from collections.abc import Callable

from backend.transfer import Destination, DestinationObstacle
from tui.text import size_text


def destination_obstacle_text(
    where: Destination, size: int, *, checksum: bool, spelled: Callable[[int], str] = size_text
) -> str:
    """Why an export of `size` bytes cannot be written there, or nothing."""
    match where.obstacle(size, checksum=checksum):
        case None:
            return ""
        case DestinationObstacle.UNWRITABLE:
            return where.trouble
        case DestinationObstacle.NO_CHECKSUM:
            return where.sums_trouble
        case DestinationObstacle.TOO_LARGE as obstacle:
            most = spelled(where.largest).strip()
            way_out = "select fewer snaps or another directory"
            return f"{obstacle.value}: {where.limit} a file can have at most {most}; {way_out}"
        case DestinationObstacle.NO_SPACE as obstacle:
            return f"{obstacle.value}: {spelled(size - where.free).strip()} more is needed"
