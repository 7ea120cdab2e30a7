"""A repository that the configuration of a place names."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.engine.protocol import Engine
from backend.errors import InvalidInputError
from backend.repository import Repository, open_repository


@contextmanager
def opened_repository(engine: Engine, name: str) -> Iterator[Repository]:
    """A repository that the configuration of a place names; InvalidInputError where it names none such."""
    repositories = engine.config.repositories
    if name not in repositories:
        known = ", ".join(sorted(repositories)) or "none"
        raise InvalidInputError(f'no repository "{name}" is configured (there are: {known}); see repo add')
    repository = open_repository(repositories[name], engine.layout, engine.state_dir)
    try:
        yield repository
    finally:
        repository.close()
