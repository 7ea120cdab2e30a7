"""What a cloud store tells and leaves when its server, its bucket, its keys or its client fail."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from obstore.store import from_url

from backend.config.values import RepositoryConfig
from backend.errors import NotFoundError, SnapshotError
from backend.repository.cloud_options import Patience, cloud_options
from backend.repository.cloud_store import CloudStore
from backend.repository.object_store import (
    ObjectStore,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
    Upload,
)
from backend.repository.open_store import open_store
from tests.contracts.object_store import KEY, PART, bytes_of, keys_in, put, read
from tests.support import TOP
from tests.support.buckets import Bucket

BACK_AFTER = 4.0

CLIENT = """
import sys, threading
from backend.config.values import RepositoryConfig
from backend.repository.open_store import open_store
url, endpoint, key, parts = sys.argv[1:]
store = open_store(RepositoryConfig("offsite", url, endpoint=endpoint, region="us-east-1"))
upload = store.upload(key, 1 << 30)
for part in range(int(parts)):
    upload.write(bytes(8 << 20))
    print(part, flush=True)
threading.Event().wait()
"""

MEMORY = """
import sys
from backend.config.values import RepositoryConfig
from backend.repository.encryption import decrypt, encrypt
from backend.repository.open_store import open_store
from tests.support.memory import peak_memory
url, endpoint, key, recipient, identity, size = sys.argv[1:]
store = open_store(RepositoryConfig("offsite", url, endpoint=endpoint, region="us-east-1"))
left, piece = int(size), bytes(range(256)) * 4096
def read(_size):
    global left
    left -= len(piece)
    return piece if left >= 0 else b""
upload = store.upload(key, int(size))
encrypt(read, upload.write, [recipient])
upload.finish()
sent = peak_memory()
pieces = store.stream(key)
decrypt(lambda _size: next(pieces, b""), lambda piece: None, identity)
print(sent, peak_memory())
"""


class Server(Protocol):
    """A server that can be killed and started again; what it stored stays."""

    @property
    def bucket(self) -> Bucket:
        """A bucket of it."""

    def kill(self) -> None:
        """End it at once."""

    def start(self) -> None:
        """Start it, and wait until it answers."""


def impatient_store(config: RepositoryConfig) -> CloudStore:
    """The store as it would be opened, but that it gives up within a second."""
    stores = {}
    for patience in Patience:
        options = cloud_options(config, patience)
        options["retry_config"] |= {"max_retries": 2}
        options["retry_config"]["backoff"] |= {"init_backoff": timedelta(seconds=0.1)}
        stores[patience] = from_url(config.url, **options)
    return CloudStore(stores, config.url)


def acts_on(store: ObjectStore) -> list[Callable[[], object]]:
    """All that is asked of a store, each by itself."""
    return [
        lambda: list(store.objects("snapstow/")),
        lambda: put(store, KEY, b"x"),
        lambda: put(store, KEY, bytes(PART + 1)),
        lambda: store.create(KEY, b"x"),
        lambda: read(store, KEY),
        lambda: store.read_range(KEY, 0, 5),
        lambda: store.size(KEY),
        lambda: store.delete(KEY),
    ]


class CloudInTroubleContract:
    """Inherit it and define the fixture `server`."""

    @pytest.fixture
    def config(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> RepositoryConfig:
        """A repository there, whose credentials are in the environment."""
        server.bucket.give_credentials(monkeypatch)
        return server.bucket.config(uuid4().hex)

    @pytest.fixture
    def store(self, config: RepositoryConfig) -> ObjectStore:
        return open_store(config)

    # -- the server

    def test_an_upload_outlives_the_death_of_a_server_that_comes_back(
        self, server: Server, store: ObjectStore
    ) -> None:
        data = bytes_of(5 * PART)
        upload = store.upload(KEY, len(data))
        upload.write(data[: 2 * PART])
        server.kill()
        starter = threading.Timer(BACK_AFTER, server.start)
        starter.start()
        try:
            upload.write(data[2 * PART :])
            upload.finish()
        finally:
            starter.join()
        assert read(store, KEY) == data

    def test_an_upload_to_a_server_that_is_gone_for_good_says_so_in_one_sentence(
        self, server: Server, config: RepositoryConfig, store: ObjectStore
    ) -> None:
        upload = impatient_store(config).upload(KEY, 5 * PART)
        upload.write(bytes(2 * PART))
        server.kill()
        try:
            with pytest.raises(StoreUnreachableError) as caught:
                finish(upload, bytes(3 * PART))
            upload.abort()
        finally:
            server.start()
        assert str(caught.value).startswith(f"cannot write {KEY} in {config.url}: the store does not answer")
        assert_sentence(caught.value, config, server.bucket)
        assert keys_in(store) == set()

    def test_every_question_to_a_dead_server_is_answered_with_one_sentence(
        self, server: Server, config: RepositoryConfig
    ) -> None:
        store = impatient_store(config)
        server.kill()
        try:
            for act in acts_on(store):
                with pytest.raises(StoreUnreachableError, match="the store does not answer") as caught:
                    act()
                assert_sentence(caught.value, config, server.bucket)
        finally:
            server.start()

    def test_a_download_cut_by_the_death_of_the_server_goes_on_where_it_was(
        self, server: Server, store: ObjectStore
    ) -> None:
        data = bytes_of(4 * PART)
        put(store, KEY, data)
        pieces = store.stream(KEY)
        received = bytearray(next(pieces))
        server.kill()
        server.start()
        for piece in pieces:
            received += piece
        assert bytes(received) == data

    # -- the client

    @pytest.mark.parametrize("parts", [0, 1, 3])
    def test_a_client_killed_in_mid_upload_leaves_nothing_listed(
        self, config: RepositoryConfig, store: ObjectStore, parts: int
    ) -> None:
        kill_client(config, parts)
        assert keys_in(store) == set()
        with pytest.raises(NotFoundError):
            store.size(KEY)
        put(store, KEY, b"again")
        assert read(store, KEY) == b"again"

    @pytest.mark.slow
    def test_a_hundred_clients_killed_leave_nothing_listed(
        self, config: RepositoryConfig, store: ObjectStore
    ) -> None:
        for number in range(100):
            kill_client(config, number % 5)
            assert keys_in(store) == set()

    def test_an_upload_given_up_on_leaves_nothing(self, store: ObjectStore) -> None:
        upload = store.upload(KEY, 4 * PART)
        upload.write(bytes(3 * PART))
        upload.abort()
        assert keys_in(store) == set()

    def test_memory_stays_small_whatever_is_encrypted_and_sent(
        self, config: RepositoryConfig, tmp_path: Path
    ) -> None:
        from tests.support.agekeys import age_key

        pair = age_key(tmp_path)
        order = [config.url, config.endpoint, KEY, pair.recipient, pair.identity, str(256 << 20)]
        ran = subprocess.run([sys.executable, "-c", MEMORY, *order], capture_output=True, cwd=TOP, check=True)
        sent, received = map(int, ran.stdout.split())
        assert max(sent, received) <= 96 << 20, (sent, received)

    # -- who asks, and for what

    @pytest.mark.parametrize("field", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
    def test_wrong_keys_are_refused_in_one_sentence(
        self, server: Server, config: RepositoryConfig, field: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(field, "wrong-0123456789")
        for act in acts_on(open_store(config)):
            with pytest.raises(StoreRefusedError, match="does not let these credentials do that") as caught:
                act()
            assert_sentence(caught.value, config, server.bucket)

    def test_a_missing_bucket_is_told_in_one_sentence(self, server: Server, config: RepositoryConfig) -> None:
        missing = server.bucket._replace(name="no-such-bucket").config("prefix")
        listing, *writing = acts_on(open_store(missing))[:4]
        for act in (listing, *writing):
            with pytest.raises(StoreError, match="there is no such bucket") as caught:
                act()
            assert_sentence(caught.value, missing, server.bucket)

    def test_a_name_that_no_machine_has_is_told(self, server: Server, config: RepositoryConfig) -> None:
        lost = RepositoryConfig("offsite", config.url, endpoint="http://no.such.host.invalid")
        with pytest.raises(StoreUnreachableError, match="there is no machine of that name") as caught:
            list(impatient_store(lost).objects(""))
        assert_sentence(caught.value, lost, server.bucket)

    def test_an_endpoint_that_does_not_speak_tls_is_told(
        self, server: Server, config: RepositoryConfig
    ) -> None:
        endpoint = config.endpoint.replace("http://", "https://")
        store = impatient_store(RepositoryConfig("offsite", config.url, endpoint=endpoint))
        with pytest.raises(StoreUnreachableError, match="the store does not answer") as caught:
            list(store.objects(""))
        assert_sentence(caught.value, config, server.bucket)

    @pytest.mark.needs("faketime")
    def test_a_clock_that_is_off_by_a_day_is_told(self, config: RepositoryConfig) -> None:
        script = (
            "import sys; from backend.config.values import RepositoryConfig\n"
            "from backend.repository.open_store import open_store\n"
            "url, endpoint = sys.argv[1:]\n"
            "try: list(open_store(RepositoryConfig('offsite', url, endpoint=endpoint)).objects(''))\n"
            "except Exception as failure: print(type(failure).__name__, failure)\n"
        )
        command = ["faketime", "-f", "-1d", sys.executable, "-c", script, config.url, config.endpoint]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=TOP, check=True)
        assert ran.stdout.startswith("StoreRefusedError cannot list objects")
        assert ran.stdout.endswith("the clock of this machine and that of the store differ\n")


def finish(upload: Upload, data: bytes) -> None:
    upload.write(data)
    upload.finish()


def kill_client(config: RepositoryConfig, parts: int) -> None:
    """Kill a process that uploads, once it gave so many parts away."""
    command = [sys.executable, "-c", CLIENT, config.url, config.endpoint, KEY, str(parts)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=TOP, env=dict(os.environ))
    assert client.stdout is not None
    for _ in range(parts):
        assert client.stdout.readline()
    client.kill()
    client.stdout.close()
    client.wait()


def assert_sentence(failure: SnapshotError, config: RepositoryConfig, bucket: Bucket) -> None:
    """It is short, on one line, names the place, and has nothing that must not be told."""
    text = str(failure)
    assert config.url in text
    assert len(text) < 300
    for secret in ("\n", "Debug", "uploadId", "Signature=", bucket.secret, "StringToSign"):
        assert secret not in text
