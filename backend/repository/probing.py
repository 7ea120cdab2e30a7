"""What a store and keys can do, found by trying them; `repo test` and `config check` show it."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from backend.config.values import RepositoryConfig
from backend.errors import SnapshotError
from backend.repository.age_keys import identity_text
from backend.repository.encryption import decrypt_bytes, encrypt_bytes
from backend.repository.object_store import (
    AlreadyStoredError,
    ObjectStore,
    StoreError,
    StoreUnreachableError,
    write_whole,
)
from backend.repository.open_store import open_store

LEFTOVERS = "snapstow/probe/"
_ABANDONED_AFTER = 3600
_CONTENT = b"snapstow tries what this store can do, and removes this at once.\n" * 64
_PART = slice(100, 150)


class Trial(Enum):
    """Something that is tried; the value says it in a list of what was tried."""

    UPLOAD = "write an object and read it back"
    CREATE = "create an object"
    CREATE_AGAIN = "refuse to create it again"
    RANGE = "read part of an object"
    LIST = "list objects"
    DELETE = "remove objects"


_NEEDED = (Trial.UPLOAD, Trial.CREATE, Trial.LIST)
_CONSEQUENCES = {
    Trial.CREATE_AGAIN: "it overwrites objects that are there; only their random names prevent that",
    Trial.RANGE: "looking into a copy downloads all of it",
    Trial.DELETE: "copies can be neither forgotten nor pruned with these rights",
}
_LOOKS_FIRST = "it looks before it creates an object: two machines at once could both create it"


class TrialResult(NamedTuple):
    """How a trial went: `trouble` says why it failed, and is empty where it did not."""

    trial: Trial
    trouble: str
    seconds: float


class ProbeReport(NamedTuple):
    """What a store did; `looks_before_create` as it says itself."""

    url: str
    results: tuple[TrialResult, ...]
    looks_before_create: bool

    @property
    def is_usable(self) -> bool:
        """Whether copies can be kept there."""
        return not any(result.trouble for result in self.results if result.trial in _NEEDED)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What follows from what it cannot do, in sentences; not what makes it unusable."""
        failed = {result.trial for result in self.results if result.trouble}
        sentences = [text for trial, text in _CONSEQUENCES.items() if trial in failed]
        return (*sentences, *([_LOOKS_FIRST] if self.looks_before_create else []))


def try_config(config: RepositoryConfig) -> None:
    """Open the store of a repository, and try its keys on a few bytes; asks no server.

    Raises:
        InvalidInputError: its URL, an option or a recipient cannot be used, or an extra is missing.
        NotFoundError, NotAllowedError: the identity cannot be read, or opens nothing that is encrypted here.
    """
    open_store(config).close()
    if config.identity:
        identity_text(config.identity)
    if config.recipients:
        sealed = encrypt_bytes(_CONTENT, config.recipients)
        if config.identity:
            decrypt_bytes(sealed, config.identity)


def probe(store: ObjectStore, *, keep: float = _ABANDONED_AFTER) -> ProbeReport:
    """Try what a repository needs of a store; makes its directory, if it is one.

    Leaves nothing behind. What earlier probes left that were killed is removed, if it is older than `keep`
    seconds.

    Raises:
        StoreUnreachableError: the store does not answer.
        StoreRefusedError, StoreError: it cannot even be listed.
    """
    store.prepare()
    for stored in list(store.objects(LEFTOVERS)):
        if stored.modified <= time.time() - keep:
            with suppress(SnapshotError):
                store.delete(stored.key)
    trials = _Trials(store)
    try:
        results = tuple(_tried(trial, act) for trial, act in trials.in_order)
    finally:
        trials.clean_up()
    return ProbeReport(store.url, results, store.looks_before_create)


class _Trials:
    """What is tried, with two objects below a prefix that nobody else has."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._room = f"{LEFTOVERS}{os.urandom(8).hex()}/"
        self._uploaded = f"{self._room}upload"
        self._created = f"{self._room}create"

    @property
    def in_order(self) -> Sequence[tuple[Trial, Callable[[], None]]]:
        """The trials, each of which raises what is in its way."""
        return (
            (Trial.UPLOAD, self._upload),
            (Trial.CREATE, lambda: self._store.create(self._created, _CONTENT)),
            (Trial.CREATE_AGAIN, self._create_again),
            (Trial.RANGE, self._read_part),
            (Trial.LIST, self._list),
            (Trial.DELETE, self._delete),
        )

    def clean_up(self) -> None:
        """Leave nothing, as far as that can be done."""
        for key in (self._uploaded, self._created):
            with suppress(SnapshotError):
                self._store.delete(key)

    def _upload(self) -> None:
        write_whole(self._store.upload(self._uploaded, len(_CONTENT)), _CONTENT)
        if b"".join(self._store.stream(self._uploaded)) != _CONTENT:
            raise StoreError("other bytes came back than were written")

    def _create_again(self) -> None:
        try:
            self._store.create(self._created, b"again")
        except AlreadyStoredError:
            return
        raise StoreError("it overwrote the object that was there")

    def _read_part(self) -> None:
        part = self._store.read_range(self._uploaded, _PART.start, _PART.stop - _PART.start)
        if part != _CONTENT[_PART]:
            raise StoreError("other bytes came back than were asked for")

    def _list(self) -> None:
        if not self._listed() >= {self._uploaded, self._created}:
            raise StoreError("an object that was written is not listed")

    def _delete(self) -> None:
        for key in (self._uploaded, self._created):
            self._store.delete(key)
        if self._listed():
            raise StoreError("an object that was removed is still listed")

    def _listed(self) -> set[str]:
        return {stored.key for stored in self._store.objects(self._room)}


def _tried(trial: Trial, act: Callable[[], None]) -> TrialResult:
    start = time.monotonic()
    trouble = ""
    try:
        act()
    except StoreUnreachableError:
        raise
    except SnapshotError as failure:
        trouble = str(failure)
    return TrialResult(trial, trouble, time.monotonic() - start)
