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
from tests.support.azurite import Container, azurite_running
from tests.support.buckets import Bucket
from tests.support.serving import serving_s3


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
    def store(self, swift_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        swift_bucket.give_credentials(monkeypatch)
        return open_store(swift_bucket.config(uuid4().hex))


@pytest.mark.ceph
class TestCeph(ObjectStoreContract):
    @pytest.fixture
    def store(self, ceph_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        ceph_bucket.give_credentials(monkeypatch)
        return open_store(ceph_bucket.config(uuid4().hex))


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with azurite_running(tmp_path_factory.mktemp("azurite")) as container:
        yield container


@pytest.mark.azurite
class TestAzurite(ObjectStoreContract):
    @pytest.fixture
    def store(self, container: Container, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        container.give_credentials(monkeypatch)
        return open_store(container.config(uuid4().hex))


@pytest.fixture(scope="module")
def served_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving_s3(tmp_path_factory.mktemp("served")) as bucket:
        yield bucket


@pytest.mark.needs("rclone")
class TestServerThatIgnoresMuch(ObjectStoreContract):
    """`rclone serve s3` has no ranges, and overwrites what `create` must not."""

    reads_ranges = False
    refuses_create = False

    @pytest.fixture
    def store(self, served_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        served_bucket.give_credentials(monkeypatch)
        return open_store(served_bucket.config(uuid4().hex))
