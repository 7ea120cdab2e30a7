"""A place outside this machine that keeps copies of sets.

Nothing in it is ever changed in place, and nothing is locked: the payload is written first and the manifest
last, and a copy is there when its manifest is. What is forgotten loses its manifest first.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.host.layout import Layout
from backend.progress import Progress
from backend.repository.copies import Copy, CopyTable, newest_first
from backend.repository.encryption import decrypt_bytes
from backend.repository.manifest import LARGEST
from backend.repository.names import (
    FORGOTTEN,
    MANIFEST,
    PAYLOAD,
    PREFIX,
    CopyName,
    ObjectKey,
    digest_of,
    host_name,
    host_of,
    parse_copy_name,
    parse_key,
)
from backend.repository.object_store import AlreadyStoredError, ObjectStore, StoredObject
from backend.repository.open_store import open_store

ORPHANED_AFTER = 48 * 3600  # an upload may still be on its way
_READERS = 8
_SHORTEST_DIGEST = 8


class _Listing(NamedTuple):
    """The objects of a repository, by what they are."""

    payloads: dict[CopyName, StoredObject]
    manifests: dict[CopyName, ObjectKey]
    forgotten: dict[CopyName, StoredObject]


class Repository:
    """The repository that a configuration names; `host` is what this machine is called in it.

    Methods raise StoreUnreachableError, StoreRefusedError or StoreError where the store does not do its part.
    """

    def __init__(self, config: RepositoryConfig, store: ObjectStore, table: CopyTable, host: str) -> None:
        self.config = config
        self.store = store
        self.host = host
        self._table = table

    @property
    def host_name(self) -> str:
        """The name of this machine, without what tells machines of one name apart."""
        return host_name(self.host)

    def as_machine(self, host: str) -> "Repository":
        """Return the same repository as another machine sees it."""
        return Repository(self.config, self.store, self._table, host)

    # -- looking

    def known(self) -> list[Copy]:
        """Return the copies as they were last listed from here, the newest first; asks nobody."""
        return self._table.read()

    def copies(self, progress: Progress) -> list[Copy]:
        """List the copies, the newest first; only the manifests of new ones are read.

        Raises:
            Cancelled: the job was stopped.
        """
        listing = self._listing()
        known = {copy.name: copy for copy in self.known()}
        some = []
        for name, key in listing.manifests.items():
            payload = listing.payloads.get(name)
            stored, modified = (payload.size, payload.modified) if payload else (-1, 0.0)
            before = known.get(name) or Copy(name, key.sealed, stored, modified)
            some.append(replace(before, sealed=key.sealed, stored=stored, modified=modified))
        return self._table.replace(self._described(some, progress))

    def find(self, text: str, copies: Sequence[Copy]) -> Copy:
        """Return the copy that a text names: `7` or `web1/7`, or the beginning of its content hash.

        Of several copies of one set number it is the newest; of this machine, unless another one is named.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: it names several, or cannot name any.
        """
        host, _, rest = text.rpartition("/")
        if name := parse_copy_name(text):
            matching = [copy for copy in copies if copy.name == name]
        elif rest.isascii() and rest.isdigit() and len(rest) < _SHORTEST_DIGEST:
            mine = [copy for copy in copies if self._is_of(copy, host)]
            matching = newest_first(copy for copy in mine if copy.name.set_id == int(rest))[:1]
        elif len(text) >= _SHORTEST_DIGEST and set(text) <= set("0123456789abcdef"):
            matching = [copy for copy in copies if copy.name.digest.startswith(digest_of(text))]
        else:
            raise InvalidInputError(
                f'"{text}" names no copy: expected the number of a set, HOST/NUMBER, or at least '
                f"{_SHORTEST_DIGEST} digits of a content hash"
            )
        if not matching:
            raise NotFoundError(f"there is no copy {text} in {self.config.name}")
        if len({copy.name.digest for copy in matching}) > 1:
            raise InvalidInputError(f"{text} names several copies: name more of the hash")
        return matching[0]

    def copy_of(self, content_hash: str, copies: Sequence[Copy]) -> Copy | None:
        """Return the copy of the set with that content hash that can be relied on, if there is one."""
        return next((c for c in copies if c.name.matches(content_hash) and not c.trouble), None)

    def read_manifest(self, name: CopyName, *, sealed: bool) -> bytes:
        """Read a manifest, decrypted; NotFoundError where it is not there."""
        raw = self.read_small(ObjectKey(name, MANIFEST, sealed))
        return decrypt_bytes(raw, self.config.identity) if sealed else raw

    def read_small(self, key: ObjectKey) -> bytes:
        """Read an object as it is stored, as far as a manifest may be long."""
        raw = bytearray()
        for piece in self.store.stream(str(key)):
            raw += piece
            if len(raw) > 2 * LARGEST:
                break
        return bytes(raw)

    def _is_of(self, copy: Copy, host: str) -> bool:
        return copy.name.host == self.host if not host else host in (copy.name.host, copy.name.host_name)

    def _listing(self) -> _Listing:
        listing = _Listing({}, {}, {})
        for stored in self.store.objects(PREFIX):
            match parse_key(stored.key):
                case ObjectKey(name, kind) if kind == PAYLOAD:
                    listing.payloads[name] = stored
                case ObjectKey(name, kind) as key if kind == MANIFEST:
                    listing.manifests[name] = key
                case ObjectKey(name, kind) if kind == FORGOTTEN:
                    listing.forgotten[name] = stored
        return listing

    def _described(self, copies: Sequence[Copy], progress: Progress) -> Iterator[Copy]:
        """The copies with what their manifests say, as far as they can be read here."""
        unread = [copy for copy in copies if self._is_to_be_read(copy)]
        read = {copy.name for copy in unread}
        yield from (copy for copy in copies if copy.name not in read)
        with (
            progress.step("Reading manifests", parts=len(unread)),
            ThreadPoolExecutor(min(_READERS, len(unread)) or 1, "manifests") as pool,
        ):
            for copy in pool.map(lambda copy: self._read(copy, progress), unread):
                if copy is not None:
                    yield copy

    def _is_to_be_read(self, copy: Copy) -> bool:
        return bool(copy.fault) or (not copy.raw and not (copy.sealed and not self.config.identity))

    def _read(self, copy: Copy, progress: Progress) -> Copy | None:
        """A copy with what its manifest says, or with what is wrong with that; None where it is gone."""
        progress.raise_if_cancelled()
        try:
            raw = self.read_manifest(copy.name, sealed=copy.sealed)
        except NotFoundError:
            return None
        except SnapshotError as trouble:
            return replace(copy, fault=f"its manifest cannot be read: {trouble}")
        return replace(copy, fault="").described(raw)

    # -- changing

    def add(self, copy: Copy) -> None:
        """Know a copy that was just made."""
        self._table.add(copy)

    def record(self, copy: Copy, verdict: str) -> Copy:
        """Remember that a copy was read back now, and what was wrong with it."""
        at = time.time()
        self._table.record(copy.name, at, verdict)
        return replace(copy, checked=at, verdict=verdict)

    def forget(self, copy: Copy, *, at_once: bool = False) -> int:
        """Let go of a copy; returns the bytes that this frees at once.

        Its payload stays for a while, so that `bring_back` can be had, unless it is to go `at_once`.
        """
        key = ObjectKey(copy.name, MANIFEST, copy.sealed)
        if not at_once:
            marker = ObjectKey(copy.name, FORGOTTEN, copy.sealed)
            self.store.delete(str(marker))
            self.store.create(str(marker), self.read_small(key))
        self.store.delete(str(key))
        self._table.drop(copy.name)
        if not at_once:
            return 0
        self._remove_payload(copy.name)
        return max(copy.stored, 0)

    def bring_back(self, name: CopyName) -> None:
        """Make a forgotten copy one again; NotFoundError where it was removed for good."""
        for sealed in (False, True):
            marker, manifest = ObjectKey(name, FORGOTTEN, sealed), ObjectKey(name, MANIFEST, sealed)
            if not self._has(ObjectKey(name, PAYLOAD, sealed)):
                continue
            if not self._has(manifest):
                with suppress(AlreadyStoredError):
                    self.store.create(str(manifest), self.read_small(marker))
            self.store.delete(str(marker))
            return
        raise NotFoundError(f"copy {name.short} cannot be had back: it was removed for good")

    def _has(self, key: ObjectKey) -> bool:
        try:
            self.store.size(str(key))
        except NotFoundError:
            return False
        return True

    def orphans(self, now: float) -> list[StoredObject]:
        """List payloads without a manifest that nobody can be writing, or bring back, any more.

        `now` is in seconds since the epoch.
        """
        listing = self._listing()
        latest = now - ORPHANED_AFTER

        def is_orphaned(name: CopyName, payload: StoredObject) -> bool:
            """Whether a payload belongs to no copy."""
            marker = listing.forgotten.get(name)
            is_old = payload.modified < latest and (marker is None or marker.modified < latest)
            return name not in listing.manifests and is_old

        return [payload for name, payload in listing.payloads.items() if is_orphaned(name, payload)]

    def remove_orphan(self, orphan: StoredObject) -> None:
        """Remove such a payload for good, and what could have brought it back."""
        self.store.delete(orphan.key)
        if key := parse_key(orphan.key):
            self._remove_payload(key.name)

    def sweep(self) -> None:
        """Remove what the store itself keeps of uploads that died, as far as it can list that."""
        self.store.sweep(ORPHANED_AFTER)

    def _remove_payload(self, name: CopyName) -> None:
        for kind in (PAYLOAD, FORGOTTEN):
            for sealed in (False, True):
                self.store.delete(str(ObjectKey(name, kind, sealed)))

    def close(self) -> None:
        """Let go of connections."""
        self.store.close()


def kept_copies(config: RepositoryConfig, state_dir: str) -> list[Copy]:
    """Return the copies in a repository as they were last listed from here, the newest first; asks nobody."""
    return CopyTable(state_dir, config.name, config.url).read()


def open_repository(config: RepositoryConfig, layout: Layout, state_dir: str) -> Repository:
    """Open a repository for the machine of a root, whose state is kept in `state_dir`.

    Raises:
        InvalidInputError: its URL or an option cannot be used, or an extra is missing.
    """
    table = CopyTable(state_dir, config.name, config.url)
    return Repository(config, open_store(config), table, host_of(layout, state_dir))
