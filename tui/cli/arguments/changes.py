"""The arguments of the verbs that save, verify, restore, remove and carry sets."""

from typing import NamedTuple

from tui.cli.arguments.parser import Parser, set_number
from tui.cli.arguments.saved import add_abs_time, add_repo, add_snaps
from tui.cli.arguments.values import absolute, file_or_copy, names, percent, seconds


class SetId(NamedTuple):
    """A set id: the number, and how it was typed, which `snap` repeats in its sentences."""

    number: int
    text: str


def set_id(text: str) -> SetId:
    """The id of the set that an operation is about; there is no set 0."""
    number = set_number(text)
    if not number:
        from backend import InvalidInputError

        raise InvalidInputError("snapshot operation requires snapshot set ID")
    return SetId(number, text)


class SaveArgs(NamedTuple):
    """What to save, and how."""

    snaps: tuple[str, ...]
    users: tuple[str, ...]
    exclude: tuple[str, ...]
    fast: bool
    accept_changed: bool
    ignore_space: bool
    include_mounts: bool
    stop_services: bool
    abs_time: bool
    wait: bool
    no_wait: bool


class CheckArgs(NamedTuple):
    """What to verify, and how thoroughly; with `file` or `all` the operand `set_id` is a snap."""

    set_id: str
    snaps: tuple[str, ...]
    all: bool
    quick: bool
    structure: bool
    older_than: int
    users: tuple[str, ...]
    file: str
    repo: str
    sample: int
    no_wait: bool


class RestoreArgs(NamedTuple):
    """What to restore, in place or into another directory; `undo_window` 0 stands for the default."""

    set_id: SetId
    snaps: tuple[str, ...]
    plan: bool
    users: tuple[str, ...]
    undo_window: int
    no_undo: bool
    devices: bool
    target_dir: str
    revision: str
    stop_services: bool
    wait: bool
    no_wait: bool


class UndoArgs(NamedTuple):
    """What to undo; no job is the last that can be."""

    job: str
    list: bool
    abs_time: bool
    wait: bool
    no_wait: bool


class ForgetArgs(NamedTuple):
    """What to remove; `undo_window` 0 stands for the default. With `repo` the operands are copies there."""

    set_id: str
    snaps: tuple[str, ...]
    undo_window: int
    now: bool
    pinned: bool
    repo: str
    wait: bool
    no_wait: bool


class ExportArgs(NamedTuple):
    """What to write where; `file` is as it was typed, `-` for standard output."""

    set_id: SetId
    file: str
    snaps: tuple[str, ...]
    skip_broken: bool
    checksum: bool
    force: bool
    no_wait: bool


class ImportArgs(NamedTuple):
    """What to read; `-` is standard input."""

    file: str
    snaps: tuple[str, ...]
    accept_hash: bool
    abs_time: bool
    no_wait: bool


def save(parser: Parser) -> type[SaveArgs]:
    """Describe `save`."""
    parser.describe(
        "Saves the named snaps, or all installed snaps, as one set.",
        "save nextcloud --exclude '$SNAP_DATA/cache/*'",
        "save --users alice,bob",
    )
    add_snaps(parser, "the snaps to save (default: all)")
    add_users(parser)
    parser.option(
        "exclude", "PATTERN", "leave out matching files; may be repeated", default=[], action="append"
    )
    parser.flag("fast", "compress faster, with larger archives")
    parser.flag("accept-changed", "accept files that change while being read")
    parser.flag("ignore-space", "start even if free space may not suffice")
    parser.flag("include-mounts", "save what is mounted below the data too")
    add_stop_services(parser)
    add_abs_time(parser)
    add_wait(parser)
    add_no_wait(parser)
    return SaveArgs


def check_snapshot(parser: Parser) -> type[CheckArgs]:
    """Describe `check-snapshot`."""
    parser.describe(
        "Reads every archive and compares it with its hash; reports every bad part.",
        "check-snapshot 3",
        "check-snapshot --all --older-than 30d",
        "check-snapshot --repo offsite --sample 5%",
    )
    parser.operand("set_id", "ID", "the set (not with --all or --file)")
    add_snaps(parser)
    parser.flag("all", "verify every set")
    parser.flag("quick", "only check that all parts exist; read no archive")
    parser.flag("structure", "also walk through every archive")
    older_than = seconds("verify what is older than")
    parser.option(
        "older-than", "TIME", "only if not verified this long: 12h, 30d", default=0, type=older_than
    )
    add_users(parser)
    add_file(parser)
    add_repo(parser, "the copies in this repository (ID: of these)")
    parser.option("sample", "N%", "with --repo: only so much of their bytes", default=0, type=percent)
    add_no_wait(parser)
    parser.exclude("quick", "structure")
    parser.exclude("repo", "structure")
    parser.exclude("repo", "file")
    return CheckArgs


def restore(parser: Parser) -> type[RestoreArgs]:
    """Describe `restore`."""
    parser.describe(
        "Replaces the current data with those of a set: all of them, or none. Replaced\n"
        "data are kept for a day; `undo` restores them. --plan only shows the plan.",
        "restore 3 nextcloud --plan",
        "restore 3 --users alice --undo-window 7d",
        "restore 3 --to ~/three",
    )
    add_set_id(parser)
    add_snaps(parser)
    add_plan(parser)
    add_users(parser)
    add_undo_window(parser)
    parser.flag("devices", "also restore device nodes")
    add_to(parser)
    parser.option("revision", "REV", "for this revision, not the installed one")
    parser.refuse_empty("revision")
    add_stop_services(parser)
    add_wait(parser)
    add_no_wait(parser)
    return RestoreArgs


def undo(parser: Parser) -> type[UndoArgs]:
    """Describe `undo`."""
    parser.describe(
        "Undoes the last restore, forget or prune, or the one of a job (see --list).",
        "undo",
        "undo --list",
        "undo 12",
    )
    parser.operand("job", "JOB", "the job to undo (default: the last one)")
    parser.flag("list", "list what can be undone")
    add_abs_time(parser)
    add_wait(parser)
    add_no_wait(parser)
    return UndoArgs


def forget(parser: Parser) -> type[ForgetArgs]:
    """Describe `forget`."""
    parser.describe(
        "Removes a set. Its files are kept for a day, `undo` brings them back; but not\n"
        "with --now, or where less than a tenth of the disk is free. Copies in a\n"
        "repository are kept for two days.",
        "forget 3",
        "forget 3 nextcloud --undo-window 7d",
        "forget --repo offsite 3",
    )
    parser.operand("set_id", "ID", "the set", missing="`<id>`")
    add_snaps(parser)
    add_forget_window(parser)
    parser.flag("pinned", "also a set that is pinned")
    add_repo(parser, "the copies in this repository (ID...: of these)")
    add_wait(parser)
    add_no_wait(parser)
    parser.exclude("repo", "undo-window")
    parser.exclude("repo", "pinned")
    return ForgetArgs


def export_snapshot(parser: Parser) -> type[ExportArgs]:
    """Describe `export-snapshot`."""
    parser.describe(
        "Writes a set to one file, as snap does; - is standard output.",
        "export-snapshot 3 three.snapshot",
        "export-snapshot 3 - | ssh other snapstow import-snapshot -",
    )
    add_set_id(parser)
    parser.operand("file", "FILE|-", "the file to write", missing="`<filename>`")
    add_snaps(parser)
    parser.flag("skip-broken", "leave out broken snapshots instead of refusing")
    parser.flag("checksum", "also write its SHA-256, as FILE.sha256")
    parser.flag("force", "also export snapshots whose last check failed")
    add_no_wait(parser)
    return ExportArgs


def import_snapshot(parser: Parser) -> type[ImportArgs]:
    """Describe `import-snapshot`."""
    parser.describe(
        "Imports what export-snapshot wrote as a new set; - is standard input.",
        "import-snapshot three.snapshot",
    )
    parser.operand("file", "FILE|-", "the file to read", missing="`<filename>`", type=absolute)
    add_snaps(parser)
    parser.flag("accept-hash", "accept intact files whose set hash is wrong")
    add_abs_time(parser)
    add_no_wait(parser)
    return ImportArgs


# -- what they share


def add_set_id(parser: Parser) -> None:
    """Describe the set that an operation is about."""
    parser.operand("set_id", "ID", "the set", missing="`<id>`", type=set_id)


def add_users(parser: Parser) -> None:
    """Describe the users that a verb can be limited to."""
    text = "only the data of these users (and the system's)"
    parser.option("users", "U,...", text, default=(), type=names)


def add_plan(parser: Parser) -> None:
    """Describe the flag that only shows the plan."""
    parser.flag("plan", "only show what would be done, and lost")


def add_undo_window(parser: Parser) -> None:
    """Describe how long replaced data are kept."""
    text = "keep replaced data this long: 90m, 24h, 7d (24h)"
    span = seconds("keep replaced data for")
    parser.option("undo-window", "TIME", text, default=0, type=span)
    parser.flag("no-undo", "do not keep replaced data")
    parser.exclude("undo-window", "no-undo")


def add_forget_window(parser: Parser) -> None:
    """Describe how long what is forgotten is kept."""
    text = "keep what is forgotten this long: 90m, 24h, 7d (24h)"
    parser.option("undo-window", "TIME", text, default=0, type=seconds("keep what is forgotten for"))
    parser.flag("now", "keep nothing: the room is free at once")
    parser.exclude("undo-window", "now")


def add_to(parser: Parser) -> None:
    """Describe the directory to restore into."""
    parser.option("to", "DIR", "into DIR instead of in place", dest="target_dir", type=absolute)
    parser.refuse_empty("to")


def add_file(parser: Parser) -> None:
    """Describe the file that stands for a set."""
    text = "an export, a snapshot file, or a copy (REPO:ID)"
    parser.option("file", "FILE", text, type=file_or_copy)
    parser.refuse_empty("file")


def add_stop_services(parser: Parser) -> None:
    """Describe the flag by which services rest meanwhile."""
    parser.flag("stop-services", "stop the snaps' services meanwhile; needs snapd")


def add_wait(parser: Parser) -> None:
    """Describe the flag that waits for what is in the way."""
    parser.flag("wait", "wait for the job, or the change of snapd, in the way")


def add_no_wait(parser: Parser) -> None:
    """Describe the flag that leaves the work to a job."""
    parser.flag("no-wait", "start it as a job, print its number, and return")
