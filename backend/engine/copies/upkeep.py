"""Copies in a repository looked after: read back, forgotten, had back."""

import time
from collections.abc import Sequence

from backend.engine.copies.opening import opened_repository
from backend.engine.protocol import Engine
from backend.errors import IntegrityError, NotAllowedError, NotFoundError
from backend.jobs.effects import forgotten_copies
from backend.jobs.record import JobRecord
from backend.model import CheckResult
from backend.operations import CheckCopies, ForgetCopies, PruneCopies
from backend.progress import Progress
from backend.repository import Copy, Repository, parse_copy_name, verify
from backend.results import Result
from backend.steps import CopyForgotten


def check(operation: CheckCopies, repository: Repository, progress: Progress) -> Result:
    """Read copies back; every one that is not what was stored is in the result.

    Raises:
        NotFoundError, InvalidInputError: there is no such copy, or its name is of several.
        Cancelled: the job was stopped.
    """
    copies = repository.copies(progress)
    if operation.copies:
        copies = _named(repository, operation.copies, copies)
    due = _due(copies, operation)
    verdicts = [_verdict(copy, copy.defect) for copy in due if copy.defect]
    whole = [copy for copy in due if not copy.defect]
    left_out = []
    if not operation.quick:
        with progress.step("Reading back", sum(copy.stored for copy in whole), parts=len(whole)):
            for copy in whole:
                try:
                    with progress.part(copy.name.short, copy.stored) as part:
                        verify(repository, copy, part)
                except (IntegrityError, NotFoundError) as fault:
                    verdicts.append(_verdict(copy, str(fault)))
                    continue
                except NotAllowedError as reason:
                    left_out.append(str(reason))
                    continue
                verdicts.append(_verdict(copy, ""))
    return Result(
        left_out=tuple(left_out),
        verdicts=tuple(verdicts),
        skipped=len(copies) - len(due),
        copies=tuple(str(copy.name) for copy in due),
    )


def _due(copies: Sequence[Copy], operation: CheckCopies) -> list[Copy]:
    """Those that are to be looked at: of a sample, the ones that were not read back for longest."""
    latest = time.time() - operation.older_than
    due = [copy for copy in copies if not operation.older_than or copy.checked < latest or copy.trouble]
    if not operation.sample:
        return due
    most = sum(max(copy.stored, 0) for copy in due) * operation.sample / 100
    sample, size = [], 0
    for copy in sorted(due, key=lambda copy: copy.checked):
        if size < most or copy.trouble:
            sample.append(copy)
            size += max(copy.stored, 0)
    return sample


def _verdict(copy: Copy, fault: str) -> CheckResult:
    return CheckResult(copy.name.set_id, ", ".join(copy.snaps), str(copy.name), max(copy.stored, 0), fault)


def forget(operation: ForgetCopies, repository: Repository, progress: Progress) -> Result:
    """Let go of copies.

    Raises:
        NotFoundError, InvalidInputError: there is no such copy, or its name is of several.
        Cancelled: the job was stopped; what was forgotten by then stays forgotten.
    """
    copies = _named(repository, operation.copies, repository.copies(progress))
    freed = let_go(repository, copies, progress, at_once=operation.now)
    return Result(
        freed=freed,
        copies=tuple(str(copy.name) for copy in copies),
        undo_job=0 if operation.now else int(progress.name),
    )


def let_go(repository: Repository, copies: Sequence[Copy], progress: Progress, *, at_once: bool) -> int:
    """Forget copies, each noted in the job before; returns the bytes that this frees at once."""
    freed = 0
    with progress.step("Forgetting", parts=len(copies)):
        for copy in copies:
            progress.raise_if_cancelled()
            progress.record_step(CopyForgotten(str(copy.name)))
            freed += repository.forget(copy, at_once=at_once)
            progress.note(f"copy {copy.name.short} is forgotten in {repository.config.name}")
    return freed


def bring_back(engine: Engine, record: JobRecord, progress: Progress) -> Result:
    """Have the copies back that a job let go, those that were not removed for good meanwhile.

    Raises:
        NotFoundError: all of them were, or the job let none go.
        StoreUnreachableError, StoreRefusedError, StoreError: the repository did not do its part.
    """
    names = [name for text in forgotten_copies(record) if (name := parse_copy_name(text))]
    operation = record.operation
    if not isinstance(operation, ForgetCopies | PruneCopies) or not names or record.result.undone:
        raise NotFoundError(f"job {record.id} cannot be undone: it let go of no copy that is not back")
    lost = []
    with (
        opened_repository(engine, operation.repository) as repository,
        progress.step("Bringing back", parts=len(names)),
    ):
        for name in names:
            try:
                repository.bring_back(name)
            except NotFoundError as loss:
                lost.append(str(loss))
    if len(lost) == len(names):
        raise NotFoundError(f"job {record.id} cannot be undone: {lost[0]}")
    engine.journal.note_undone(record, int(progress.name))
    return Result(left_out=tuple(lost), copies=tuple(map(str, names)))


def _named(repository: Repository, names: Sequence[str], copies: Sequence[Copy]) -> list[Copy]:
    """Those of the copies that have these names, each once; NotFoundError where one is missing."""
    return list({copy.name: copy for name in names for copy in [repository.find(name, copies)]}.values())
