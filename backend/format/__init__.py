"""How snapd spells things: names, metadata, JSON, times, patterns, the manifest of an export.

Pure: bytes and text in, checked values out. IntegrityError for what is damaged, InvalidInputError for what
a user typed and cannot be. What depends on a hash is spelled byte for byte as Go does; the README beside
this file has the facts.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.format.excludes import pattern_of, validate_excludes
    from backend.format.metadata import content_hash, set_content_hash, set_time, snapshot_json
    from backend.format.names import filename
    from backend.format.retention import (
        RETENTION_NOTE,
        RETENTION_SYNTAX,
        parse_retention,
        retention_text,
        retention_words,
    )
    from backend.format.timestamps import minute_text, unix_time
else:
    __getattr__ = lazy_names(__name__)
