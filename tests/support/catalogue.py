"""What the rows of snapd's own test catalogue are told with."""

from pathlib import Path

from tests.support.builders import World


def make_world(tmp_path: Path) -> World:
    return World(tmp_path / "root")
