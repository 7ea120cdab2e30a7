"""The demo's repository, in a directory: copies of two machines, one of them damaged, one old."""

import os

from backend.config import RepositoryConfig
from backend.engine.copies.pushing import push
from backend.engine.files import FilesEngine
from backend.fs import files
from backend.fs.directories import make_directories
from backend.operations import Push
from backend.progress import Progress
from backend.repository import Copy, Repository, open_repository, verify
from backend.repository.names import PAYLOAD, ObjectKey

_NAME = "offsite"
_CONFIG = """\
# What the demo is configured to do.

[repositories.offsite]
url = "file://{folder}"

[retention]
keep_last = 3
keep_weekly = 4
"""
_OTHER_MACHINE = "web1-6a0c37de"
_READ_BACK, _OLD = 1, 3  # the sets of this machine that have copies
_ON_THE_OTHER, _DAMAGED = 5, 2  # those that are said to be of the other


def demo_config(root: str) -> str:
    """Return the file that configures the demo: a repository in a directory of it, and rules."""
    return f"{root}/etc/snapstow/config.toml"


def make_repository(engine: FilesEngine) -> None:
    """Make the repository of a demo with copies of the sets that are there, and the file that names it."""
    root = engine.layout.root.rstrip("/")
    folder = f"{root}/media/offsite"
    make_directories(folder)
    config = RepositoryConfig(_NAME, f"file://{folder}")
    here = open_repository(config, engine.layout, engine.state_dir)
    try:
        _copy(engine, here, _READ_BACK, _OLD)
        _copy(engine, here.as_machine(_OTHER_MACHINE), _ON_THE_OTHER, _DAMAGED)
        for copy in here.known():
            if copy.name.set_id == _READ_BACK:
                verify(here, copy, Progress())
            elif copy.name.set_id == _DAMAGED:
                _damage(folder, copy)
    finally:
        here.close()
    make_directories(os.path.dirname(demo_config(root)))
    files.write_whole(demo_config(root), _CONFIG.format(folder=folder).encode(), 0o644)


def _copy(engine: FilesEngine, repository: Repository, *sets: int) -> None:
    present = {group.set_id for group in engine.sets()}
    if wanted := tuple(number for number in sets if number in present):
        push(engine, Push(_NAME, wanted), repository, Progress())


def _damage(folder: str, copy: Copy) -> None:
    """Flip a bit in the middle of a payload, as a bad disk does."""
    path = f"{folder}/{ObjectKey(copy.name, PAYLOAD, copy.sealed)}"
    raw = bytearray(files.read_whole(path, 64 << 20))
    raw[len(raw) // 2] ^= 0x40
    files.write_whole(path, bytes(raw))
