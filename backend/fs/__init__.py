"""Files, handled so that nothing is half written, followed through a link, or left behind.

`beneath` reaches what lies below a root from its one descriptor; `files` writes, syncs, renames and locks;
`directories` makes directories, `removal` removes trees; `walk` walks trees by descriptor; `safe_open` opens
a user's directories with that user's rights in mind; `space` measures. An OSError becomes one of our errors
here.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.fs.directories import make_directories, write_private
    from backend.fs.files import write_whole
    from backend.fs.lengths import shortened, too_long_text
    from backend.fs.locks import go_without
    from backend.fs.mounts import list_mounts, media_points
    from backend.fs.space import RESERVED_SPACE, SpaceNeed, free_space, measure, space_needs
else:
    __getattr__ = lazy_names(__name__)
