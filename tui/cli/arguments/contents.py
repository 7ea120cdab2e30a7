"""The arguments of the verbs that look into snapshots, and take single files out of them."""

from collections.abc import Callable
from typing import NamedTuple

from tui.cli.arguments.changes import add_file, add_no_wait, add_plan, add_to, add_undo_window
from tui.cli.arguments.parser import Parser, UsageError, choice, set_number
from tui.cli.arguments.saved import add_abs_time, add_id, add_snaps
from tui.cli.arguments.screens import add_screen_flags
from tui.cli.arguments.values import file_or_copy, names

ORDERS = ("name", "size", "time")
POLICIES = ("always", "changed", "newer", "never")
_NO_ID = "the required argument `<id>` was not provided"
_NO_PATH = "the required argument `<snap>:<path>` was not provided"


class ExtractArgs(NamedTuple):
    """Which paths of a set, or of a file, to restore; `undo_window` 0 stands for the usual time."""

    set_id: int
    paths: tuple[str, ...]
    target_dir: str
    plan: bool
    policy: str
    owner: tuple[str, ...]
    strip: bool
    file: str
    undo_window: int
    no_undo: bool
    no_wait: bool


class LsArgs(NamedTuple):
    """What to list: a set, or a file, and where in it; the target may be a snap alone, or nothing."""

    set_id: int
    target: str
    file: str
    sort: str
    abs_time: bool


class CatArgs(NamedTuple):
    """Which file to write out, of a set or of a file of snapshots."""

    set_id: int
    target: str
    file: str


class FindArgs(NamedTuple):
    """What to search for, and where."""

    pattern: str
    snaps: tuple[str, ...]
    set_id: int
    file: str
    abs_time: bool


class OpenArgs(NamedTuple):
    """Which file to look into, and the same as for `browse`."""

    file: str
    read_only: bool
    low_bandwidth: bool
    no_mouse: bool
    no_preview: bool
    plain: bool
    ascii: bool
    theme: str


class DiffArgs(NamedTuple):
    """What to compare: two sides, and a snap with or without a path in it."""

    first: str
    second: str
    what: str
    exact: bool
    same: bool
    exit_code: bool


def _set_or_file(first: str, second: str, file: str) -> tuple[int, str]:
    """The set and the target that two operands mean: with a file there is no set, and one operand less."""
    if not file:
        if not first:
            raise UsageError(_NO_ID)
        return set_number(first), second
    if second:
        raise UsageError("a set and --file cannot be combined")
    return 0, first


def ls(parser: Parser) -> Callable[..., LsArgs]:
    """Describe `ls`."""
    parser.describe(
        "Lists a folder of a snapshot, with sizes. PATH begins with common\n"
        "or rev (the data of the revision), or with a user's name before that, as in\n"
        "nextcloud:alice/common/notes; user/NAME/... is the same for any name, and\n"
        "system/... lists everything else. The first time, the whole archive is read\n"
        "and its hash verified.",
        "ls 3",
        "ls 3 nextcloud:common/etc --sort size",
        "ls --file three.snapshot nextcloud",
    )
    _add_set_and_target(parser)
    add_file(parser)
    order = choice("flag `--sort'", ORDERS)
    parser.option("sort", "ORDER", "by name, size or time (name)", default="name", type=order)
    parser.offer("sort", ORDERS)
    add_abs_time(parser)

    def arguments(*, set_id: str, target: str, file: str, sort: str, abs_time: bool) -> LsArgs:
        """Make the arguments of what was typed."""
        number, where = _set_or_file(set_id, target, file)
        return LsArgs(set_id=number, target=where, file=file, sort=sort, abs_time=abs_time)

    return arguments


def cat(parser: Parser) -> Callable[..., CatArgs]:
    """Describe `cat`."""
    parser.describe(
        "Writes a file of a snapshot to standard output; on a terminal, escaped.",
        "cat 3 nextcloud:rev/config.php",
        "cat 3 nextcloud:alice/common/log | tail",
    )
    _add_set_and_target(parser)
    add_file(parser)

    def arguments(*, set_id: str, target: str, file: str) -> CatArgs:
        """Make the arguments of what was typed."""
        number, where = _set_or_file(set_id, target, file)
        if not where.partition(":")[2]:
            raise UsageError(_NO_PATH)
        return CatArgs(number, where, file)

    return arguments


def find(parser: Parser) -> type[FindArgs]:
    """Describe `find`."""
    parser.describe(
        "Finds files in all snapshots: words that match anywhere in the path, all of\n"
        "them; lower case matches any case. With * or ?, a word matches the whole name\n"
        "or, with slashes, the names at the end of the path; rev/ is the data of the\n"
        "revision. Shows each version once, with its sets. Archives that were never read\n"
        "are read first. Exits with 1 if nothing is found, as grep does, whatever could\n"
        "not be searched: that is told on standard error.",
        "find config.php",
        "find 'photos 2024' nextcloud",
        "find 'etc/*.conf' --id 3",
    )
    parser.operand("pattern", "WORDS", "what the path must match, as one argument", missing="`<words>`")
    add_snaps(parser)
    add_id(parser)
    add_file(parser)
    add_abs_time(parser)
    parser.exclude("id", "file")
    return FindArgs


def diff(parser: Parser) -> type[DiffArgs]:
    """Describe `diff`."""
    parser.describe(
        "Compares two snapshots of a snap, or one with the live data (live) or with a\n"
        "file: by size and time, or with --exact by content. The data of different\n"
        "revisions are compared as rev/. With the path of a text file, shows its lines.\n"
        "Without a snap, compares all snaps of both, and shows how much differs in each.",
        "diff 3 5",
        "diff 3 5 nextcloud",
        "diff 3 live nextcloud:common/config.php",
    )
    parser.operand("first", "ID|FILE", "a set, or a file or a copy (REPO:ID)", missing="`<id>`")
    parser.operand("second", "ID|FILE|live", "what to compare it with", missing="`<id>`")
    parser.operand("what", "SNAP[:PATH]", "the snap, or a path in its data")
    parser.flag("exact", "compare by content")
    parser.flag("same", "also show what is unchanged")
    parser.flag("exit-code", "exit with 1 if anything differs")
    return DiffArgs


def open(parser: Parser) -> type[OpenArgs]:
    """Describe `open`."""
    parser.describe(
        "Browses an export, a single snapshot file or a copy without importing it.",
        "open three.snapshot",
        "open offsite:3",
    )
    text = "an export, a snapshot file, or a copy (REPO:ID)"
    parser.operand("file", "FILE", text, missing="`<filename>`", type=file_or_copy)
    add_screen_flags(parser)
    return OpenArgs


def extract(parser: Parser) -> Callable[..., ExtractArgs]:
    """Describe `extract`."""
    parser.describe(
        "Restores single files and folders in place, merged into the live data: all of\n"
        "them, or none; with --to, into another directory. PATH is as for `ls`. Replaced\n"
        "files are kept for a day; `undo` restores them. --plan only shows the plan.",
        "extract 3 nextcloud:common/config.php --plan",
        "extract 3 nextcloud:alice/common/notes --to ~/rescued --strip",
    )
    parser.operand("set_id", "ID", "the set (not with --file)")
    parser.operand("paths", "SNAP:PATH", "the files and folders", many=True)
    add_to(parser)
    add_plan(parser)
    parser.option("policy", "WHEN", "when to replace: always, changed, newer, never", default="always")
    parser.offer("policy", POLICIES)
    parser.option("owner", "U=V,...", "restore user U's data as user V's", default=(), type=names)
    parser.flag("strip", "with --to: without parent folders")
    add_file(parser)
    add_undo_window(parser)
    add_no_wait(parser)

    def arguments(*, set_id: str, paths: tuple[str, ...], file: str, **more: object) -> ExtractArgs:
        """Make the arguments of what was typed."""
        if file:
            first = (set_id,) if set_id else ()
            number, paths = 0, (*first, *paths)
        elif set_id:
            number = set_number(set_id)
        else:
            raise UsageError(_NO_ID)
        if not paths:
            raise UsageError(_NO_PATH)
        return ExtractArgs(set_id=number, paths=paths, file=file, **more)  # type: ignore[arg-type] # of the flags, each of its own type

    return arguments


def _add_set_and_target(parser: Parser) -> None:
    parser.operand("set_id", "ID", "the set (not with --file)")
    parser.operand("target", "SNAP[:PATH]", "the snap, and a path in its data")
