"""Objects in S3, Google Cloud Storage and Azure, by the library obstore."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.fs import files
from backend.repository.object_store import (
    AlreadyStoredError,
    StoredObject,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
)

_PART = 8 << 20
_MOST_PARTS = 9000  # S3 takes 10,000
_PARTS_AT_ONCE = 4
_PIECE = 1 << 20
_LONGEST_REASON = 200
_REFUSED = ("403", "401", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "Unauthenticated")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
_SILENT = ("error sending request", "Connect", "timed out", "timeout", "after 10 retries", "dns error")
_RETRIES = {
    "max_retries": 10,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=15), "base": 2},
}


class CloudStore:
    """The objects below a prefix of a bucket, as a store of obstore's has them."""

    def __init__(self, store: Any, url: str) -> None:
        self._store = store
        self.url = url

    def upload(self, key: str, size: int) -> "_PartsUpload":
        """Begin to write an object in parts."""
        import obstore

        part = max(_PART, size // _MOST_PARTS)
        with self._errors(f"write {key}"):
            writer = obstore.open_writer(self._store, key, buffer_size=part, max_concurrency=_PARTS_AT_ONCE)
        return _PartsUpload(writer, partial(self._errors, f"write {key}"))

    def create(self, key: str, data: bytes) -> None:
        """Write a small object that must not be there yet.

        Raises:
            AlreadyStoredError: it is there; a store that cannot tell replaces it.
        """
        import obstore

        with self._errors(f"write {key}"):
            obstore.put(self._store, key, data, mode="create")

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; NotFoundError where it is not there."""
        import obstore

        with self._errors(f"read {key}"):
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=_PIECE):
                yield bytes(chunk)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object; NotFoundError where it is not there."""
        import obstore

        with self._errors(f"read {key}"):
            length = min(length, self._size(key) - start)
            return (
                bytes(obstore.get_range(self._store, key, start=start, length=length)) if length > 0 else b""
            )

    def size(self, key: str) -> int:
        """Return an object's size in bytes; NotFoundError where it is not there."""
        with self._errors(f"look at {key}"):
            return self._size(key)

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        import obstore

        # A listing goes by folders; what the last of them begins with is looked at here.
        folder, _, _rest = prefix.rpartition("/")
        with self._errors("list objects"):
            for batch in obstore.list(self._store, prefix=folder or None):
                for meta in batch:
                    if meta["path"].startswith(prefix):
                        yield StoredObject(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        import obstore

        with self._errors(f"remove {key}"):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def close(self) -> None:
        """Connections go with the store."""

    def _size(self, key: str) -> int:
        import obstore

        return int(obstore.head(self._store, key)["size"])

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """Turn what the library raises into one sentence."""
        from obstore import exceptions

        try:
            yield
        except exceptions.AlreadyExistsError as cause:
            raise AlreadyStoredError(f"cannot {action} in {self.url}: it is there already") from cause
        except (FileNotFoundError, exceptions.BaseError, OSError, ValueError) as cause:
            raise _refusal(f"cannot {action} in {self.url}", cause) from cause


class _PartsUpload:
    """An upload in parts."""

    def __init__(self, writer: Any, errors: Callable[[], Any]) -> None:
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
        with self._errors():
            self._is_open = False
            self._writer.close()

    def abort(self) -> None:
        """Let the store throw the parts away; one that does not answer keeps them until it cleans up."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._writer.__exit__(Exception, Exception("stopped"), None)
        except Exception:  # noqa: BLE001 - what is to be told is why the upload failed
            return


def open_cloud_store(config: RepositoryConfig) -> CloudStore:
    """Open the bucket of an s3://, gs:// or az:// URL; asks nobody yet.

    Raises:
        InvalidInputError: obstore is missing, there are no credentials, or an option cannot be used.
    """
    try:
        from obstore import exceptions
        from obstore.store import from_url
    except ImportError:
        raise InvalidInputError(
            f"repository {config.name}: {config.url} needs obstore (pip install 'snapstow[repo]')"
        ) from None
    options: dict[str, Any] = {"client_options": _client_options(config), "retry_config": _RETRIES}
    if config.url.startswith("s3://"):
        options |= _s3_options(config)
    elif config.endpoint:
        options["endpoint"] = config.endpoint
    try:
        return CloudStore(from_url(config.url, **options), config.url)
    except (exceptions.BaseError, ValueError, TypeError) as cause:
        raise InvalidInputError(
            f"repository {config.name}: cannot use {config.url}: {_reason(cause)}"
        ) from cause


def _client_options(config: RepositoryConfig) -> dict[str, Any]:
    options: dict[str, Any] = {"timeout": "60s", "connect_timeout": "10s"}
    if config.endpoint.startswith("http://"):
        options["allow_http"] = True
    if path := config.ca_file or os.environ.get("AWS_CA_BUNDLE", ""):
        with files.os_errors_as(f"repository {config.name}: cannot read the certificates"):
            options["root_certificate"] = files.read_whole(path, 16 << 20)
    return options


def _s3_options(config: RepositoryConfig) -> dict[str, Any]:
    """What S3 needs: a place, and who we are; the machine's own role only where it is asked for."""
    options: dict[str, Any] = {"region": config.region or os.environ.get("AWS_REGION") or "us-east-1"}
    if config.endpoint:
        options["endpoint"] = config.endpoint
    if config.credentials == "instance" or os.environ.get("AWS_ACCESS_KEY_ID"):
        return options
    return {**options, "credential_provider": _profile(config)}


def _profile(config: RepositoryConfig) -> Any:
    """The credentials that the programs of AWS keep for a user."""
    places = (os.environ.get("AWS_PROFILE"), *map(_is_there, ("~/.aws/credentials", "~/.aws/config")))
    if not any(places):
        raise InvalidInputError(
            f"repository {config.name}: no credentials for {config.url}: set AWS_ACCESS_KEY_ID and "
            'AWS_SECRET_ACCESS_KEY, or credentials = "instance" for the role of the machine'
        )
    try:
        from boto3 import Session  # type: ignore[import-not-found] # optional
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise InvalidInputError(
            f"repository {config.name}: profiles of AWS need boto3 (pip install boto3); or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    return Boto3CredentialProvider(Session(profile_name=os.environ.get("AWS_PROFILE")))


def _is_there(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))


def _refusal(action: str, cause: Exception) -> SnapshotError:
    """What a failure of the library means, in one sentence."""
    reason, text = _reason(cause), str(cause)
    if any(mark in text for mark in _NO_BUCKET):
        return StoreError(f"{action}: there is no such bucket")
    if isinstance(cause, FileNotFoundError):
        return NotFoundError(f"{action}: it is not there")
    if isinstance(cause, PermissionError) or any(mark in text for mark in _REFUSED):
        return StoreRefusedError(f"{action}: the store does not accept the credentials for that{_code(text)}")
    if "No space left" in text:
        return StoreError(f"{action}: no space left there")
    if "Error performing DELETE" in text or any(mark in text for mark in _SILENT):
        return StoreUnreachableError(f"{action}: the store does not answer")
    return StoreError(f"{action}: {reason}")


def _code(text: str) -> str:
    match = re.search(r"<Code>(\w{1,60})</Code>", text)
    return f" ({match[1]})" if match else ""


def _reason(cause: Exception) -> str:
    """What the library says, without its dump, and without what could be a secret in an address."""
    text = str(cause).split("\n\nDebug source:")[0].split("\n")[0]
    return re.sub(r"(//)[^/@\s]*@", r"\1", text)[:_LONGEST_REASON]
