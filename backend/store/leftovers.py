"""What interrupted saves and imports left in the directory of snapshots, told and removed."""

from backend.errors import MultiError, SnapshotError
from backend.fs import beneath
from backend.store import unfinished
from backend.store.store import Store


def markers(store: Store) -> list[str]:
    """Return the names of all markers of unfinished imports, and of files that look like one."""
    return sorted(filter(unfinished.is_like_a_marker, store.listing()))


def temporaries(store: Store) -> list[str]:
    """Return the paths of files and folders of interrupted saves and imports, ours and snapd's."""
    return sorted(filter(unfinished.is_temporary, _paths(store)))


def lookalikes(store: Store) -> list[str]:
    """Return the paths of what is named like an unfinished save, but is surely neither ours nor snapd's."""
    return sorted(filter(unfinished.is_lookalike, _paths(store)))


def _paths(store: Store) -> list[str]:
    return [f"{store.folder}/{name}" for name in store.listing()]


def clean_up_abandoned_imports(store: Store) -> int:
    """Remove every set that has a marker, and the marker; return how many sets.

    For the start of whoever alone owns the store: an import that is under way has a marker, too.

    Raises:
        MultiError: `cannot cleanup imports`, with all failures, after everything else was cleaned.
    """
    cleaned = 0
    failures: list[Exception] = []
    for name in markers(store):
        try:
            abandon_import(store, name)
            cleaned += 1
        except SnapshotError as failure:
            failures.append(failure)
    if failures:
        raise MultiError("cannot cleanup imports", failures)
    return cleaned


def abandon_import(store: Store, marker: str) -> None:
    """Remove the files of one set, then its marker file, whatever the number's spelling."""
    number = unfinished.marked_set(marker)
    if number is None:
        raise SnapshotError(f'cannot determine snapshot id from "{store.folder}/{marker}"')
    doomed = [name for owner, name in store.names() if owner == number]
    failures: list[Exception] = []
    for name in [*doomed, marker]:
        path = f"{store.folder}/{name}"
        try:
            beneath.unlink(path)
        except OSError as cause:
            failures.append(SnapshotError(f"remove {path}: {(cause.strerror or '').lower()}"))
    if failures:
        raise MultiError(f"cannot cancel import for set id {number}", failures)
