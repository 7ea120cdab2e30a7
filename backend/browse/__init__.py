"""Looking inside snapshots without unpacking them.

`SnapshotFile` opens a file of any kind; `Tree` shows the archives of a snapshot as directories, from a
table of contents that is built once and cached until the file changes; `search_files` finds names in many
snapshots; `preview_of` says what a file looks like. Names are bytes as they are on disk; they never reach
a terminal raw.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.browse.nodes import Flag, Kind, Node, Order
    from backend.browse.patterns import PathPattern
    from backend.browse.preview import Look, Preview, harmless, hex_lines, preview_of
    from backend.browse.search import History, Hit, Missed, Version, histories, search_files
    from backend.browse.selectors import format_selector
    from backend.browse.snapshot_file import SnapshotFile, reading_recorded
    from backend.browse.tree import Archive, Content, Tree
else:
    __getattr__ = lazy_names(__name__)
