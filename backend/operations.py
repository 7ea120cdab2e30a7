"""What can be asked for, as plain values: carried out, shown, recorded and repeated as they are.

An operation holds absolute paths. `-` as a file stands for a standard stream, in the foreground only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, TypeAlias

from backend.errors import InvalidInputError
from backend.model import Action, CheckLevel

DAY = 24 * 3600


@dataclass(frozen=True)
class Save:
    """Save snaps (all without any named) as a new set; `exclude` are patterns in snapd's syntax.

    What is mounted below the data is left out, unless `include_mounts`. With `wait`, here and elsewhere, a
    job, or a change of snapd's, that is in the way is waited for. With `stop_services`, here and elsewhere,
    the services of the snaps that run are stopped meanwhile, and exactly those are started again.
    """

    verb: ClassVar[str] = "save"
    action: ClassVar[Action] = Action.SAVE
    snaps: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fast: bool = False
    accept_changed: bool = False
    ignore_space: bool = False
    include_mounts: bool = False
    wait: bool = False
    stop_services: bool = False


@dataclass(frozen=True)
class Check:
    """Verify a set (every set with `set_id` 0): its archives by their hashes.

    `quick` looks at the metadata and at whether every archive is there, and reads none; `structure` walks
    each archive as well. With `older_than` (seconds), what was verified since is left out.
    """

    verb: ClassVar[str] = "check-snapshot"
    action: ClassVar[Action] = Action.CHECK
    set_id: int = 0
    snaps: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    structure: bool = False
    quick: bool = False
    older_than: int = 0

    @property
    def level(self) -> CheckLevel:
        """How thorough it is; InvalidInputError where it asks for both."""
        if self.quick and self.structure:
            raise InvalidInputError("cannot check: a quick check does not walk the archives")
        if self.quick:
            return CheckLevel.QUICK
        return CheckLevel.STRUCTURE if self.structure else CheckLevel.HASH


@dataclass(frozen=True)
class Restore:
    """Put a set's data in place; what they replace is kept for `undo_window` seconds (0: not at all).

    With a `target_dir`, the data go there, and nothing is replaced. `revision` names
    another revision to restore onto than the installed one; empty: that one. `confirmed` is what its plan
    showed when somebody agreed to it (`backend.restore.confirmation`); it makes no other operation of it.
    """

    verb: ClassVar[str] = "restore"
    set_id: int
    snaps: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    devices: bool = False
    undo_window: int = DAY
    target_dir: str = ""
    revision: str = ""
    wait: bool = False
    stop_services: bool = False
    confirmed: tuple[str, ...] = field(default=(), compare=False)

    @property
    def action(self) -> Action:
        """To restore in place, or into a directory."""
        return Action.RESTORE_TO_DIRECTORY if self.target_dir else Action.RESTORE


@dataclass(frozen=True)
class Extract:
    """Put marked files and folders of a set, or of a snapshot `file`, in place, or below `target_dir`.

    `items` are written `SNAP:PATH` (`backend.browse.selectors`). What is there is replaced as the `policy`
    says: `always`, `changed`, `newer` or `never`; it is kept for `undo_window` seconds (0: not at all).
    `owners` are written `alice=bob`: alice's data become bob's. With `strip`, each lands in `target_dir` by
    its own name.
    """

    verb: ClassVar[str] = "extract"
    set_id: int = 0
    items: tuple[str, ...] = ()
    file: str = ""
    target_dir: str = ""
    policy: str = "always"
    owners: tuple[str, ...] = ()
    strip: bool = False
    undo_window: int = DAY

    @property
    def action(self) -> Action:
        """To extract in place, or into a directory."""
        return Action.EXTRACT_TO_DIRECTORY if self.target_dir else Action.EXTRACT


@dataclass(frozen=True)
class Undo:
    """Take a restore or a forget, or with its number an undo, back; `job` 0 is the last that can be."""

    verb: ClassVar[str] = "undo"
    action: ClassVar[Action] = Action.UNDO
    job: int = 0
    wait: bool = False


@dataclass(frozen=True)
class Forget:
    """Remove a set, or some snaps of it; its files are kept for `undo_window` seconds (0: not at all).

    One that is `pinned` goes only where that is said.
    """

    verb: ClassVar[str] = "forget"
    action: ClassVar[Action] = Action.FORGET
    set_id: int
    snaps: tuple[str, ...] = ()
    wait: bool = False
    undo_window: int = DAY
    pinned: bool = False


@dataclass(frozen=True, kw_only=True)
class RetentionRules:
    """How many sets are kept, by rule; 0 is a rule that nobody made. `keep_within` is in seconds."""

    keep_last: int = 0
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule at all."""
        return not any(getattr(self, rule.name) for rule in fields(RetentionRules))


@dataclass(frozen=True)
class Pruning(RetentionRules):
    """What rules do not keep, or what frees `free` bytes; of `snaps` only, where any are named.

    Without rules of its own it goes by those configured. `confirmed` are the ids of what a plan showed as
    going: nothing else goes then.
    """

    snaps: tuple[str, ...] = ()
    free: int = 0
    confirmed: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Prune(Pruning):
    """Forget sets; what goes is kept for `undo_window` seconds (0: not at all)."""

    verb: ClassVar[str] = "prune"
    action: ClassVar[Action] = Action.FORGET
    undo_window: int = DAY


@dataclass(frozen=True)
class Export:
    """Write a set, or some snaps of it, to a file.

    `skip_broken` leaves broken snapshots out instead of refusing; `checksum` writes the file's SHA-256 beside
    it, for `sha256sum --check`. With `force`, snapshots whose last check failed are exported all the same.
    """

    verb: ClassVar[str] = "export-snapshot"
    action: ClassVar[Action] = Action.EXPORT
    set_id: int
    file: str
    skip_broken: bool = False
    snaps: tuple[str, ...] = ()
    checksum: bool = False
    force: bool = False


@dataclass(frozen=True)
class Import:
    """Read a set, or some snaps of it, from a file.

    `accept_hash` takes one whose content hash does not match its sound files.
    """

    verb: ClassVar[str] = "import-snapshot"
    action: ClassVar[Action] = Action.IMPORT
    file: str
    accept_hash: bool = False
    snaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Push:
    """Copy sets into a repository: those named, or with `new` those that people made and that lack a copy.

    Without either it is every set. What is there already is not sent again. With `force`, snapshots whose
    last check failed are copied all the same.
    """

    verb: ClassVar[str] = "push"
    action: ClassVar[Action] = Action.PUSH
    repository: str
    sets: tuple[int, ...] = ()
    new: bool = False
    force: bool = False


@dataclass(frozen=True)
class Pull:
    """Import a copy from a repository, or write it to a file as an export.

    `copy` names it as `Repository.find` takes it.
    """

    verb: ClassVar[str] = "pull"
    repository: str
    copy: str
    file: str = ""

    @property
    def action(self) -> Action:
        """To pull into the snapshots here, or into a file."""
        return Action.PULL_TO_FILE if self.file else Action.PULL


@dataclass(frozen=True)
class CheckCopies:
    """Read copies in a repository back and compare them with their manifests; all without any named.

    `sample` reads only so many percent of their bytes, those that were not read back for longest. `quick`
    looks only whether every payload is there with its size. With `older_than` (seconds), what was read back
    since is left out.
    """

    verb: ClassVar[str] = "check-copies"
    action: ClassVar[Action] = Action.CHECK_COPIES
    repository: str
    copies: tuple[str, ...] = ()
    quick: bool = False
    sample: int = 0
    older_than: int = 0


@dataclass(frozen=True)
class ForgetCopies:
    """Let go of copies in a repository; their payloads stay for two days, unless they are to go `now`."""

    verb: ClassVar[str] = "forget-copies"
    action: ClassVar[Action] = Action.FORGET_COPIES
    repository: str
    copies: tuple[str, ...]
    now: bool = False


@dataclass(frozen=True)
class PruneCopies(Pruning):
    """Let go of copies in a repository, and of what uploads left there that died.

    It is about those of this machine, or of `all_hosts`, each by itself; payloads stay for two days, unless
    they are to go `now`.
    """

    verb: ClassVar[str] = "prune-copies"
    action: ClassVar[Action] = Action.FORGET_COPIES
    repository: str = ""
    all_hosts: bool = False
    now: bool = False


@dataclass(frozen=True)
class Repair:
    """Remove what crashes left: everything that `Engine.findings` offers to repair."""

    verb: ClassVar[str] = "repair"
    action: ClassVar[Action] = Action.REPAIR


@dataclass(frozen=True)
class Finish:
    """Complete an interrupted job; what has to be begun anew for that is a job of its own then."""

    verb: ClassVar[str] = "finish"
    action: ClassVar[Action] = Action.FINISH
    job: int


@dataclass(frozen=True)
class TakeBack:
    """Roll an interrupted job back; what was complete is undone as a job of its own then."""

    verb: ClassVar[str] = "takeback"
    action: ClassVar[Action] = Action.TAKE_BACK
    job: int


Ending: TypeAlias = Finish | TakeBack
Copying: TypeAlias = Push | Pull | CheckCopies | ForgetCopies | PruneCopies
Operation: TypeAlias = (
    Save | Check | Restore | Extract | Undo | Forget | Prune | Export | Import | Copying | Repair | Ending
)
MAKING_ROOM = (Forget, Prune, Undo, Repair, Finish, TakeBack)  # what may have to be done where a disk is full
# In journals and as a flag, this one is spelled otherwise than its field.
_SPELLINGS = {"target_dir": "to"}
_FIELDS = {spelling: name for name, spelling in _SPELLINGS.items()}
_OPERATIONS: tuple[type[Operation], ...] = (
    *(Save, Check, Restore, Extract, Undo),
    *(Forget, Prune, Export, Import, Push, Pull, CheckCopies, ForgetCopies, PruneCopies),
    *(Repair, Finish, TakeBack),
)


def to_json(operation: Operation) -> dict[str, Any]:
    """Return a plain mapping that `operation_from_json` takes."""
    spelled = {spelling(name): value for name, value in asdict(operation).items()}
    return {"verb": operation.verb, **spelled}


def spelling(name: str) -> str:
    """Return how a field is spelled in journals and as a flag."""
    return _SPELLINGS.get(name, name)


def operation_from_json(document: Mapping[str, Any]) -> Operation:
    """Return the operation that a mapping describes.

    Raises:
        InvalidInputError: it describes none.
    """
    for kind in _OPERATIONS:
        if document.get("verb") == kind.verb:
            values = {
                _FIELDS.get(key, key): _frozen(value) for key, value in document.items() if key != "verb"
            }
            try:
                operation = kind(**values)
            except TypeError as cause:
                raise InvalidInputError(f"cannot understand the operation: {cause}") from cause
            _demand_types(operation)
            return operation
    raise InvalidInputError(f"there is no operation {document.get('verb')!r}")


@dataclass(frozen=True)
class UnknownOperation:
    """What a journal says of an operation that cannot be understood, in all, and why it cannot."""

    verb: str
    document: Mapping[str, Any]
    reason: str = field(default="", compare=False)


def recorded_operation(document: Mapping[str, Any]) -> Operation | UnknownOperation:
    """Return the operation that a journal records, also where it is none that this version knows."""
    try:
        return operation_from_json(document)
    except InvalidInputError as reason:
        return UnknownOperation(str(document.get("verb")), document, str(reason))


def _demand_types(operation: Operation) -> None:
    for option in fields(operation):
        value = getattr(operation, option.name)
        if option.type in (bool, int, str):
            sound = type(value) is option.type
        else:
            kind = int if option.type == tuple[int, ...] else str
            sound = isinstance(value, tuple) and all(type(entry) is kind for entry in value)
        if not sound:
            raise InvalidInputError(
                f"cannot understand the operation: {spelling(option.name)} cannot be {value!r:.60}"
            )


def _frozen(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value
