"""Places outside this machine that keep copies of sets: object stores, encryption, manifests."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.repository.age_keys import demand_recipients
    from backend.repository.copies import Copy
    from backend.repository.manifest import Manifest, Payload, content_hash_of
    from backend.repository.names import CopyName, digest_of, parse_copy_name
    from backend.repository.object_store import (
        AlreadyStoredError,
        ObjectStore,
        StoredObject,
        StoreError,
        StoreUnreachableError,
    )
    from backend.repository.probing import ProbeReport, Trial, TrialResult, probe, try_config
    from backend.repository.receiving import receive, verify
    from backend.repository.repository import ORPHANED_AFTER, Repository, kept_copies, open_repository
    from backend.repository.sending import Source, send
else:
    __getattr__ = lazy_names(__name__)
