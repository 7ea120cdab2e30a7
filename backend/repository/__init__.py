"""Places outside this machine that keep copies of sets: object stores, encryption, manifests."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.repository.object_store import (
        AlreadyStoredError,
        ObjectStore,
        StoredObject,
        StoreError,
        StoreUnreachableError,
    )
else:
    __getattr__ = lazy_names(__name__)
