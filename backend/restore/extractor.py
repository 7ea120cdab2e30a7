"""Extractions as operations: what one would take out of which archives to where, and the doing of it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from backend.archive.gzip.blocks import inflate
from backend.archive.reader import Reader
from backend.archive.tar.selection import Selection, select_members
from backend.browse.selectors import Selector, parse_selectors
from backend.browse.snapshot_file import SnapshotFile
from backend.errors import BlockedError, IntegrityError, InvalidInputError, NoSpaceError, NotFoundError
from backend.format.names import is_user_name
from backend.fs import files
from backend.fs.lengths import shortened
from backend.fs.space import space_needs
from backend.host.clock import Clock
from backend.model import ARCHIVE, Revision, Snapshot, User, user_of
from backend.operations import Extract
from backend.progress import Progress
from backend.restore import into_directory as beside
from backend.restore import restorer as restoring
from backend.restore.extract_targets import ExtractAction, OverwritePolicy, PathMapping, extract_targets
from backend.restore.extraction import (
    Extraction,
    ExtractPart,
    ExtractPlan,
    MarkedArchive,
    key_of,
    skipped_texts,
)
from backend.restore.transaction import remove_replaced
from backend.results import Result
from backend.store.store import Store
from backend.store.verifications import VerificationLog

_NO_CONFIGURATION = (
    "cannot extract configuration: this engine does not write it; `diff` shows it key by key, "
    "`snap set` puts a key back, and a restore through snapd all of it"
)


class _Where(NamedTuple):
    """Where a part lands, or why it cannot."""

    parent: str = ""
    owner: str = ""
    user: User | None = None
    onto: Revision = Revision()
    blocked: str = ""


class Extractor:
    """Plans extractions from a store's snapshots or from a file, and does them.

    `folder` is where checks are recorded.
    """

    def __init__(self, store: Store, folder: str, clock: Clock) -> None:
        self._store = store
        self._layout = store.layout
        self._folder = folder
        self._clock = clock

    def plan(self, chosen: Sequence[Snapshot], operation: Extract, progress: Progress) -> ExtractPlan:
        """What an extraction would do with every path; the archives are read for it.

        InvalidInputError for an operation that makes no sense, NotFoundError for a mark that nothing has.
        """
        with _opened(chosen, operation, progress) as sources:
            return self._plan(sources, operation, progress)

    def carry_out(self, chosen: Sequence[Snapshot], operation: Extract, progress: Progress) -> Result:
        """Extract as one unit, by reading each archive once: all, or, after a failure or a stop, nothing."""
        with ExitStack() as stack:
            sources = stack.enter_context(_opened(chosen, operation, progress))
            snaps = {reader.snapshot.snap for reader in sources.values()}
            for name in sorted(snaps) if not operation.target_dir else ():
                stack.enter_context(self._store.snap_lock(name, "extract"))
            wanted = _Wanted(operation)
            archives = self._marked(sources, operation, wanted)
            plan = self._completed([archive.part for archive in archives], wanted.target_dir)
            _refuse(plan)
            for note in plan.notes:
                progress.note(note)
            extraction = Extraction(archives, self._layout, target_dir=wanted.target_dir)
            try:
                state = extraction.run(progress)
            except (BlockedError, NoSpaceError):  # the plan knows all of the reasons
                _refuse(self._plan(sources, operation, progress.quiet()))
                raise
        plan = replace(plan, parts=tuple(extraction.parts))
        replaced = any(move.before for move in state.moves)
        until = self._clock.wall() + operation.undo_window if operation.undo_window else 0.0
        if not state.moves or (plan.target_dir and not replaced):
            until = 0.0
        leftovers = () if until else remove_replaced(state, "extract")
        return Result(
            operation.set_id,
            tuple(sorted({part.snapshot.snap for part in plan.parts})),
            (*skipped_texts(plan.parts), *extraction.left_out, *map(str, leftovers)),
            leftovers=state.present if leftovers else (),
            undo_job=int(progress.name) if until and progress.name.isdigit() else 0,
            undo_until=until,
            beside=plan.target_dir,
            extracted=plan.count(ExtractAction.MAKE) + plan.count(ExtractAction.REPLACE),
            kept=plan.count(ExtractAction.SKIP),
        )

    def _plan(self, sources: Mapping[str, Reader], operation: Extract, progress: Progress) -> ExtractPlan:
        wanted = _Wanted(operation)
        archives = self._marked(sources, operation, wanted)
        with progress.step("Reading", sum(archive.part.stored for archive in archives)):
            parts = [_looked_into(archive, progress) for archive in archives]
        return self._completed(parts, wanted.target_dir)

    def _completed(self, parts: Sequence[ExtractPart], target_dir: str) -> ExtractPlan:
        plan = ExtractPlan(tuple(parts), target_dir)
        return replace(plan, blocked=self._refusals(plan), notes=tuple(self._notes(plan)))

    def _marked(
        self, sources: Mapping[str, Reader], operation: Extract, wanted: "_Wanted"
    ) -> list[MarkedArchive]:
        """What is marked in which archives, and where it lands."""
        marks = parse_selectors(operation.items, [reader.snapshot for reader in sources.values()])
        if any(mark.is_configuration for mark in marks):
            raise BlockedError(_NO_CONFIGURATION)
        by_archive: dict[tuple[str, str], list[Selector]] = {}
        for mark in marks:
            by_archive.setdefault((key_of(mark.snapshot), mark.entry), []).append(mark)
        taken: set[str] = set()
        return [self._archive(sources[key], some, wanted, taken) for (key, _), some in by_archive.items()]

    def _archive(
        self, reader: Reader, marks: Sequence[Selector], wanted: "_Wanted", taken: set[str]
    ) -> MarkedArchive:
        """What is marked in one archive; `taken` are the paths that what is marked in others lands on."""
        snapshot, entry = reader.snapshot, marks[0].entry
        where = self._where(snapshot, entry, wanted)
        part = ExtractPart(
            snapshot=snapshot,
            entry=entry,
            parent=where.parent,
            owner=where.owner,
            user=where.user,
            stored=reader.stored_size(entry),
            blocked=where.blocked,
        )
        inside = tuple(dict.fromkeys(mark.inside for mark in marks))
        way = PathMapping(
            parent=where.parent,
            revision=str(snapshot.revision).encode(),
            onto=str(where.onto).encode(),
            marks=inside,
            strip=wanted.strip,
        )

        def settled(selection: Selection) -> ExtractPart:
            """Say what becomes of what was selected; NotFoundError for a mark that the archive lacks."""
            _demand_present(selection, marks)
            return _without_doubles(
                replace(part, landings=extract_targets(selection, way, wanted.policy)), taken
            )

        return MarkedArchive(reader, part, inside, settled)

    def _where(self, snapshot: Snapshot, entry: str, wanted: "_Wanted") -> _Where:
        name = user_of(entry)
        owner = wanted.owners.get(name, name) if name is not None else ""
        if name is None and entry != ARCHIVE:
            return _Where(blocked=f'cannot extract from unknown entry "{entry}"')
        if wanted.target_dir:
            return self._beside(snapshot, owner, wanted)
        installed = self._layout.installed(snapshot.snap)
        onto = installed.revision if installed else snapshot.revision
        if not owner:
            return _Where(self._layout.system_parent(snapshot.snap), onto=onto)
        try:
            user = self._user(owner)
            parent = self._layout.user_parent(user, snapshot.snap)
        except (NotFoundError, InvalidInputError) as reason:
            return _Where(owner=owner, blocked=f'cannot extract for user "{owner}": {reason}')
        if not os.path.isdir(user.home):
            return _Where(owner=owner, blocked=f'cannot extract for user "{owner}": no home {user.home}')
        return _Where(parent, owner, user, onto)

    def _user(self, name: str) -> User:
        user = self._layout.find_users([name])[0]
        if user.name != name:
            raise NotFoundError(f"user: unknown user {name}")
        return user

    def _beside(self, snapshot: Snapshot, owner: str, wanted: "_Wanted") -> _Where:
        """Below a directory of its own; a user need not be known here, but one that is named must be."""
        parent, user = f"{wanted.target_dir.rstrip('/')}/{snapshot.snap}", None
        if owner:
            if not is_user_name(owner):
                return _Where(owner=owner, blocked=f'cannot extract for user "{owner}": no user\'s name')
            parent = f"{parent}/users/{owner}"
            try:
                user = self._user(owner)
            except NotFoundError as unknown:
                if owner in wanted.owners.values():
                    return _Where(owner=owner, blocked=f'cannot extract for user "{owner}": {unknown}')
        return _Where(wanted.target_dir if wanted.strip else parent, owner, user, snapshot.revision)

    def _refusals(self, plan: ExtractPlan) -> tuple[str, ...]:
        needs = space_needs((part.parent, part.size) for part in plan.parts if part.size)
        return (*self._misplaced(plan), *(need.text("cannot extract") for need in needs if need.missing))

    def _misplaced(self, plan: ExtractPlan) -> tuple[str, ...]:
        if plan.target_dir:
            fault = beside.fault(plan.target_dir, self._layout, occupied=True)
            return (fault.replace("cannot restore", "cannot extract", 1),) if fault else ()
        reasons: list[str] = []
        for snapshot in {key_of(part.snapshot): part.snapshot for part in plan.parts}.values():
            reasons += restoring.mismatches(snapshot, self._layout.installed(snapshot.snap))
        return tuple(reasons)

    def _notes(self, plan: ExtractPlan) -> Iterator[str]:
        snapshots = {key_of(part.snapshot): part.snapshot for part in plan.parts}
        if any(snapshot.conf for snapshot in snapshots.values()) and not plan.target_dir:
            yield "only data are extracted: the configuration stays as it is"
        statuses = VerificationLog(self._folder).statuses(list(snapshots.values()))
        for snapshot in snapshots.values():
            if snapshot.path in statuses and (doubt := statuses[snapshot.path].fault):
                yield f"#{snapshot.set_id} {snapshot.snap}: its last check failed: {doubt}"


class _Wanted:
    """What was asked for, understood; InvalidInputError for what cannot be."""

    def __init__(self, operation: Extract) -> None:
        try:
            self.policy = OverwritePolicy(operation.policy)
        except ValueError:
            known = ", ".join(policy.value for policy in OverwritePolicy)
            raise InvalidInputError(
                f"cannot extract: no policy {operation.policy!r:.40}; choose {known}"
            ) from None
        self.target_dir = beside.directory(operation.target_dir) if operation.target_dir else ""
        self.strip = operation.strip
        if self.strip and not self.target_dir:
            raise InvalidInputError("cannot extract by name alone in place: name a directory to extract to")
        self.owners = dict(_mapped(text) for text in operation.owners)
        if not operation.items:
            raise InvalidInputError("cannot extract: nothing is marked")


def _mapped(text: str) -> tuple[str, str]:
    whose, equals, other = text.partition("=")
    if not (equals and is_user_name(whose) and is_user_name(other)):
        raise InvalidInputError(f"cannot give data to another owner by {text!r:.60}: write alice=bob")
    return whose, other


def _inflated(reader: Reader, entry: str, progress: Progress) -> Iterator[bytes]:
    read = reader.stream(entry)

    def counted(size: int) -> bytes:
        """Read on, and count it in the job."""
        piece = read(size)
        progress.advance(len(piece))
        return piece

    return inflate(counted)


def _damage(reader: Reader, entry: str, progress: Progress) -> str:
    """In the words of a check, how an archive is not what was written, or nothing."""
    try:
        reader.verify(entry, progress.quiet())
    except IntegrityError as fault:
        return str(fault)
    return ""


def _looked_into(archive: MarkedArchive, progress: Progress) -> ExtractPart:
    """The part as it would be, by the headers of its archive."""
    part, reader = archive.part, archive.source
    if part.blocked:
        return part
    read = partial(_inflated, reader, part.entry, progress)
    try:
        selection = select_members(read, archive.marks, part.snapshot.revision, progress.quiet())
    except IntegrityError as fault:
        damage = _damage(reader, part.entry, progress)
        text = f'snapshot "{part.snapshot.path}" entry "{part.entry}": {damage or fault}'
        return replace(part, blocked=text, is_damaged=bool(damage))
    return archive.settled(selection)


def _refuse(plan: ExtractPlan) -> None:
    """Raise for what is blocked: IntegrityError where it is damaged, otherwise BlockedError."""
    if reasons := list(dict.fromkeys(plan.reasons)):
        more = f"\nand {len(reasons) - 1} more reasons: --plan names them all"
        is_damaged = any(part.is_damaged for part in plan.parts)
        raise (IntegrityError if is_damaged else BlockedError)(
            f"{reasons[0]}{more}" if len(reasons) > 2 else "\n".join(reasons)
        )


def _demand_present(selection: Selection, marks: Sequence[Selector]) -> None:
    missing = [mark.text for mark in marks if mark.inside in selection.missing]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise NotFoundError(f"cannot extract {shortened(missing[0])}{more}: the snapshot holds no such thing")


def _without_doubles(part: ExtractPart, taken: set[str]) -> ExtractPart:
    """The part, refused where it lands on a path that another one took before; its paths are taken then."""
    paths = {f"{part.parent}/{landing.name}" for landing in part.landings}
    twice = paths & taken
    taken |= paths
    if not twice:
        return part
    reason = f"cannot extract to {shortened(min(twice))}: more than one of what is marked lands there"
    return replace(part, blocked=part.blocked or reason)


@contextmanager
def _opened(
    chosen: Sequence[Snapshot], operation: Extract, progress: Progress
) -> Iterator[dict[str, Reader]]:
    """Open the snapshots of a set, or of a file, that are named; BlockedError for a broken one."""
    with ExitStack() as stack:
        if operation.file:
            named = {item.partition(":")[0] for item in operation.items}
            inside = stack.enter_context(SnapshotFile.of_file(operation.file, progress))
            readers = [reader for reader in inside.readers() if reader.snapshot.snap in named]
        else:
            with files.os_errors_as("cannot open the snapshot"):
                readers = [stack.enter_context(Reader.open(marked.path, marked.set_id)) for marked in chosen]
        for snapshot in (*chosen, *(reader.snapshot for reader in readers)):
            if snapshot.broken:
                raise BlockedError(f'snap "{snapshot.snap}": cannot open snapshot: {snapshot.broken}')
        yield {key_of(reader.snapshot): reader for reader in readers}
