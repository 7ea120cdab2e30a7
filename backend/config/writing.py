"""Changes to the configuration file: what people wrote in it, comments and order included, stays as it is."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

from backend.config.reading import LARGEST, default_path, parse_config
from backend.config.values import Config, RepositoryConfig
from backend.errors import InvalidInputError, NotFoundError
from backend.fs import files
from backend.fs.directories import make_directories

_PRIVATE = 0o600
_SECTION = "repositories"


def add_repository(path: str, repository: RepositoryConfig) -> Config:
    """Write a repository into a configuration, which is made if it is not there; returns what holds then.

    Without a `path` it is the usual file.

    Raises:
        InvalidInputError: there is one of that name, a value cannot be used, or an extra is missing.
        SnapshotError: it cannot be written; nothing was changed.
    """
    table = {
        field.name: list(value) if isinstance(value, tuple) else value
        for field in fields(repository)
        if field.name != "name" and (value := getattr(repository, field.name))
    }

    def add(document: Any) -> None:
        """Put its table behind those of the others."""
        tomlkit = _tomlkit()
        if _SECTION not in document:
            document[_SECTION] = tomlkit.table(is_super_table=True)
        if repository.name in document[_SECTION]:
            raise InvalidInputError(
                f"there is a repository {repository.name} already: repo remove {repository.name} removes it"
            )
        document[_SECTION][repository.name] = table

    return _changed(path, add)


def remove_repository(path: str, name: str) -> Config:
    """Remove a repository from a configuration, and touch none of its copies; returns what holds then.

    Raises:
        NotFoundError: there is none of that name.
        InvalidInputError: the configuration cannot be understood, or an extra is missing.
        SnapshotError: it cannot be written; nothing was changed.
    """

    def remove(document: Any) -> None:
        """Take its table out."""
        if name not in document.get(_SECTION, {}):
            raise NotFoundError(f"there is no repository {name} in the configuration")
        del document[_SECTION][name]

    return _changed(path, remove)


def _changed(path: str, change: Callable[[Any], None]) -> Config:
    """Change a document and put it in place, if it can still be understood."""
    place = os.path.realpath(path or default_path())
    tomlkit = _tomlkit()
    with files.os_errors_as(f"cannot change the configuration {place}"):
        raw, mode = b"", _PRIVATE
        with suppress(FileNotFoundError):
            raw = files.read_whole(place, LARGEST)
            mode = stat.S_IMODE(os.stat(place).st_mode)
        parse_config(raw, place)
        document = tomlkit.parse(raw.decode())
        change(document)
        text = tomlkit.dumps(document).encode()
        config = parse_config(text, place)
        make_directories(os.path.dirname(place))
        files.write_whole(place, text, mode)
    return config


def _tomlkit() -> Any:
    try:
        import tomlkit
    except ImportError:
        raise InvalidInputError(
            "to write the configuration needs tomlkit (pip install 'snapstow[repo]'), or an editor"
        ) from None
    return tomlkit
