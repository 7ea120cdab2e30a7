"""How long automatic snapshots are kept: as snapd spells it, and as people do."""

import re

from backend.errors import InvalidInputError
from backend.model import Json

SETTING = "snapshots.automatic.retention"
DEFAULT = "744h"
NEVER = "no"
RETENTION_SYNTAX = 'days or hours, such as 14d or 36h, 24h at least, or "no" for none'
RETENTION_NOTE = (
    "Automatic snapshots that are here already keep the date they were given when they were made; "
    "those made from now on are kept for the new time."
)

_LEAST, _MOST = 24, 100 * 365 * 24
_SPAN = re.compile(r"([0-9]{1,6})([hd])")
_SNAPDS = re.compile(r"(?:([0-9]{1,9})h)?(?:0m)?(?:0s)?")
_DAY = 24


def parse_retention(text: str) -> str:
    """Return a time as people write it in snapd's spelling: `14d` is `336h`.

    Raises:
        InvalidInputError: it is no time that snapd takes.
    """
    match = _SPAN.fullmatch(text)
    hours = int(match[1]) * (_DAY if match[2] == "d" else 1) if match else 0
    if text in ("", NEVER):
        return text
    if not _LEAST <= hours <= _MOST:
        raise InvalidInputError(f'cannot keep automatic snapshots for "{text}": write {RETENTION_SYNTAX}')
    return f"{hours}h"


def retention_words(text: str) -> str:
    """Write a time of snapd's spelling in days where it comes to whole ones: `744h` is `31d`."""
    match = _SNAPDS.fullmatch(text)
    hours = int(match[1] or 0) if match else 0
    if not hours:
        return text
    return f"{hours // _DAY}d" if hours % _DAY == 0 else f"{hours}h"


def retention_text(text: str) -> str:
    """Write the sentence on how long automatic snapshots are kept."""
    if text == NEVER:
        return "No automatic snapshots are made"
    return f"Automatic snapshots are kept for {retention_words(text)}"


def configured(config: dict[str, Json] | None) -> str:
    """What the configuration of the system says, in snapd's spelling; its default where that is nothing."""
    value: Json = config
    for key in SETTING.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else DEFAULT
