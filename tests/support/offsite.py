"""Worlds with a repository: in a directory beside their root, unless a URL says where."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backend.engine.copies.opening import opened_repository
from backend.progress import Progress
from backend.repository import Copy, Repository
from backend.repository.names import ObjectKey
from tests.support.builders import World

REPO = "offsite"


def configure(world: World, **keys: str | Sequence[str]) -> Path:
    """Let a world have the repository `offsite`, with these keys; returns where it is by default."""
    folder = world.root.parent / "offsite"
    if "url" not in keys:
        folder.mkdir(exist_ok=True)
        keys["url"] = f"file://{folder}"
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    world.config.parent.mkdir(parents=True, exist_ok=True)
    world.config.write_text("\n".join([f"[repositories.{REPO}]", *lines, ""]))
    return folder


@contextmanager
def repository_of(world: World) -> Iterator[Repository]:
    with opened_repository(world.engine, REPO) as repository:
        yield repository


def copies_of(world: World) -> list[Copy]:
    """The copies that are in its repository, the newest first."""
    with repository_of(world) as repository:
        return repository.copies(Progress())


def object_file(folder: Path, copy: Copy, kind: str) -> Path:
    """The file that an object of a copy is in a directory."""
    return folder / str(ObjectKey(copy.name, kind, copy.sealed))
