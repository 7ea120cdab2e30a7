"""The operations of the files engine that make a new set: a save, an import."""

import os
from contextlib import ExitStack

from backend.archive.gzip.blocks import Level
from backend.engine.selection import installed_snaps, users_of
from backend.errors import DuplicateSetError, NotFoundError
from backend.operations import Import, Save
from backend.progress import Progress
from backend.results import Result
from backend.save.saver import SaveOptions, save_set
from backend.store.store import Store
from backend.transfer.importer import import_set, opened_import


def save(store: Store, operation: Save, progress: Progress) -> Result:
    """Save each snap as `Engine.save` does."""
    level = Level.FAST if operation.fast else Level.AUTO
    options = SaveOptions(
        exclude=operation.exclude or None,
        level=level,
        accept_changed=operation.accept_changed,
        ignore_space=operation.ignore_space,
        include_mounts=operation.include_mounts,
    )
    options.validate()
    snaps = installed_snaps(store.layout, operation.snaps)
    users, unsaved = users_of(store.layout, operation.users)
    if not snaps:
        raise NotFoundError("cannot save: no snaps are installed")
    if not store.layout.state.readable:
        progress.note(f"configuration and snap-ids are not recorded: {store.layout.state.why_not}")
    made = save_set(store, snaps, users=users, options=options, progress=progress)
    return Result(
        made.set_id,
        tuple(snapshot.snap for snapshot in made.snapshots),
        (*map(str, unsaved), *made.left_out),
    )


def take_in(store: Store, operation: Import, progress: Progress, stream: int | None = None) -> Result:
    """Import a set as `Engine.take_in` does."""
    with ExitStack() as stack:
        source = stack.enter_context(opened_import(operation.file)) if stream is None else stream
        stack.enter_context(progress.step("Importing", os.fstat(source).st_size or None))
        try:
            imported = import_set(
                store, source, progress, accept_hash=operation.accept_hash, snaps=operation.snaps
            )
        except DuplicateSetError as known:
            if known.expires:
                progress.note(
                    f"set #{known.set_id} is an automatic one: snapd will remove it on {known.expires}"
                )
            return Result(known.set_id, known.snaps, duplicate=True)
    return Result(imported.set_id, tuple(snapshot.snap for snapshot in imported.snapshots))
