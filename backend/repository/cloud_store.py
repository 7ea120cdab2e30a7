"""Objects in S3, Google Cloud Storage and Azure, by the library obstore."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError, NotFoundError
from backend.repository.cloud_errors import cloud_refusal
from backend.repository.cloud_options import Patience, cloud_options
from backend.repository.object_store import PIECE, StoredObject, StoreError, demand_key

_PART = 8 << 20
_MOST_PARTS = 9000  # S3 takes 10,000
_IN_FLIGHT = 32 << 20  # the bytes of all parts that are sent at once
_PAGE = 1000


class CloudStore:
    """The objects below a prefix of a bucket, as more and less patient stores of obstore have them."""

    looks_before_create = False

    def __init__(self, stores: Mapping[Patience, Any], url: str) -> None:
        self._stores = stores
        self.url = url

    def prepare(self) -> None:
        """Buckets are made by other means: it depends on the cloud who may, where, and for how much."""

    # -- writing

    def upload(self, key: str, size: int) -> "PartsUpload":
        """Begin to write an object in parts."""
        import obstore

        part = max(_PART, -(-size // _MOST_PARTS))
        at_once = max(1, _IN_FLIGHT // part)
        errors = partial(self._errors, f"write {demand_key(key)}")
        with errors():
            store = self._stores[Patience.SENDING]
            return PartsUpload(
                obstore.open_writer(store, key, buffer_size=part, max_concurrency=at_once), errors
            )

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet.

        Raises:
            AlreadyStoredError: it is there; a store that cannot tell replaces it.
        """
        import obstore

        with self._errors(f"write {demand_key(key)}"):
            obstore.put(self._stores[Patience.SENDING], key, data, mode="create")

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        import obstore

        with suppress(NotFoundError), self._errors(f"remove {demand_key(key)}"):
            obstore.delete(self._stores[Patience.ASKING], key)

    def sweep(self, older_than: float) -> None:
        """Parts of uploads that died cannot be listed: a rule of the bucket's has to remove them."""

    # -- reading

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        import obstore

        with self._errors(f"read {demand_key(key)}"):
            for chunk in obstore.get(self._stores[Patience.READING], key).stream(min_chunk_size=PIECE):
                yield bytes(chunk)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        import obstore

        if length <= 0:
            return b""
        try:
            with self._errors(f"read {demand_key(key)}"):
                store = self._stores[Patience.ASKING]
                return bytes(obstore.get_range(store, key, start=start, length=length))
        except StoreError:
            if start >= self.size(key):
                return b""
            raise

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        import obstore

        with self._errors(f"look at {demand_key(key)}"):
            return int(obstore.head(self._stores[Patience.ASKING], key)["size"])

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        import obstore

        # A listing goes by folders; what the last of them begins with is looked at here.
        folder = prefix.rpartition("/")[0] or None
        with self._errors("list objects"):
            for page in obstore.list(self._stores[Patience.ASKING], prefix=folder, chunk_size=_PAGE):
                for meta in page:
                    if meta["path"].startswith(prefix):
                        yield StoredObject(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def close(self) -> None:
        """Connections go with the store."""

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """Turn what the library raises into one sentence."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as cause:
            raise cloud_refusal(f"cannot {action} in {self.url}", cause) from cause


class PartsUpload:
    """An upload in parts, several of them on their way at once."""

    def __init__(self, writer: Any, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._writer = writer
        self._errors = errors
        self._is_open = True

    def write(self, data: bytes) -> int:
        """Send some bytes, as soon as they are enough for a part."""
        with self._errors():
            self._writer.write(data)
        return len(data)

    def finish(self) -> None:
        """Let the object appear."""
        self._is_open = False
        with self._errors():
            self._writer.close()

    def abort(self) -> None:
        """Let the store throw the parts away; one that does not answer keeps them."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._writer.__exit__(Exception, Exception("stopped"), None)
        except Exception:  # noqa: BLE001 - what is to be told is why the upload was given up
            return


def open_cloud_store(config: RepositoryConfig) -> CloudStore:
    """Open the bucket of an s3://, gs:// or az:// URL; asks nobody yet.

    Raises:
        InvalidInputError: obstore is missing, there are no credentials, or an option cannot be used.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise InvalidInputError(
            f"repository {config.name}: {config.url} needs obstore (pip install 'snapstow[repo]')"
        ) from None

    try:
        stores = {patience: from_url(config.url, **cloud_options(config, patience)) for patience in Patience}
    except (BaseError, ValueError, TypeError) as cause:
        reason = str(cause).split("\n", 1)[0]
        raise InvalidInputError(
            f"repository {config.name}: cannot use {config.url}: {reason:.200}"
        ) from cause
    return CloudStore(stores, config.url)
