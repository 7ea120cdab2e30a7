"""Stores of obstore's are object stores: those that need no server, and real ones."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from backend.repository.cloud_options import Patience
from backend.repository.cloud_store import CloudStore
from backend.repository.object_store import ObjectStore
from backend.repository.open_store import open_store
from tests.contracts.object_store import PART, ObjectStoreContract
from tests.support.buckets import Bucket


class TestMemoryStore(ObjectStoreContract):
    largest_piece = 2 * PART

    @pytest.fixture
    def store(self) -> ObjectStore:
        from obstore.store import MemoryStore

        return CloudStore(dict.fromkeys(Patience, MemoryStore()), "memory:")


class TestLocalStoreOfTheLibrary(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        from obstore.store import LocalStore

        return CloudStore(dict.fromkeys(Patience, LocalStore(tmp_path)), f"file://{tmp_path}")


@pytest.mark.swift
class TestSwift(ObjectStoreContract):
    @pytest.fixture
    def store(self, swift_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
        swift_bucket.give_credentials(monkeypatch)
        store = open_store(swift_bucket.config(uuid4().hex))
        yield store
        store.close()
