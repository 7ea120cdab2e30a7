"""A directory of files is an object store."""

from pathlib import Path

import pytest

from backend.config.values import RepositoryConfig
from backend.repository.object_store import ObjectStore
from backend.repository.open_store import open_store
from tests.contracts.object_store import ObjectStoreContract


class TestDirectoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return open_store(RepositoryConfig("disk", f"file://{tmp_path}"))


class TestDirectoryStoreWithoutLinks(ObjectStoreContract):
    """FAT, and some file systems of users' own, cannot link; they rename without replacing."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        import errno
        import os

        def refused(*_arguments: object, **_options: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refused)
        return open_store(RepositoryConfig("disk", f"file://{tmp_path}"))
