"""The verb `help`: everything on one screen, and a page for each verb."""

from collections.abc import Iterator
from itertools import zip_longest

from tui.cli.arguments import ENGINES, GLOBAL, VERBS, Arguments, UsageError
from tui.cli.output import print_result

_GROUPS = {
    "Snapshots": {
        "saved": "list the snapshots",
        "save": "save the data of snaps as a new set",
        "check-snapshot": "verify a set, or all of them",
        "restore": "put the data of a set in place",
        "extract": "put marked files and folders in place, or beside",
        "undo": "take a restore back",
        "forget": "remove a set, or snaps of it",
        "export-snapshot": "write a set to a file",
        "import-snapshot": "read a set from a file",
    },
}
_MORE_GROUPS = {
    "Inside of them": {
        "ls": "list a folder",
        "cat": "write out a file",
        "find": "find files by name",
        "diff": "compare two snapshots",
        "open": "tell what a file holds",
    },
    "Looking after them": {
        "estimate": "tell what a save would read",
        "jobs": "list jobs and their ends",
        "doctor": "tell what a crash left",
        "retention": "keep automatic ones longer",
        "attach": "follow a running job",
        "stop": "stop a job, and undo it",
        "finish": "end an interrupted job",
        "takeback": "undo an interrupted job",
    },
}
_OPERANDS = {
    "set_id": "ID",
    "snaps": "SNAP",
    "file": "FILE|-",
    "job": "JOB",
    "topic": "VERB",
    "paths": "SNAP:PATH",
    "one": "ID|FILE",
    "other": "ID|FILE|live",
    "what": "SNAP[:PATH]",
    "target": "SNAP[:PATH]",
    "pattern": "PATTERN",
    "time": "TIME|no",
}
_FLAGS = {
    "root=": ("DIR", "work below this directory instead of /"),
    "demo": ("", "work in a small world made for trying things out"),
    "json": ("", "for programs: one document, or one object a line"),
    "engine=": ("|".join(ENGINES), "who does the work (auto)"),
    "version": ("", "tell the version"),
    "help": ("", "tell about a verb, or about all of them"),
    "id=": ("N", "only this set"),
    "abs-time": ("", "tell times as dates, not as ages"),
    "users=": ("U,...", "only the data of these users (and the system's)"),
    "exclude=": ("PATTERN", "leave out; may be repeated"),
    "fast": ("", "compress faster and a little less"),
    "accept-changed": ("", "keep files that change while being read"),
    "ignore-space": ("", "start even if the space may not suffice"),
    "all": ("", "verify every set"),
    "structure": ("", "walk through every archive as well"),
    "quick": ("", "only look whether all is there; read no archive"),
    "older-than=": ("TIME", "only what was not verified for: 12h, 30d"),
    "to=": ("DIR", "beside, into DIR, instead of in place"),
    "revision=": ("REV", "onto this revision, not the installed one"),
    "checksum": ("", "write the SHA-256 beside the file, as FILE.sha256"),
    "plain": ("", "no screens: prompts and lines, for screen readers"),
    "ascii": ("", "draw with ASCII characters only"),
    "theme=": ("NAME", "terminal, dark, light or contrast"),
    "plan": ("", "only tell what would be done, and lost"),
    "policy=": ("WHEN", "what to replace: always, changed, newer, never"),
    "owner=": ("U=V,...", "make user U's data user V's"),
    "strip": ("", "with --to: each by its name, no folders above"),
    "file=": ("FILE", "an export or a snapshot file instead of a set"),
    "sort=": ("ORDER", "by name, size or time (name)"),
    "exact": ("", "read files that could be the same"),
    "same": ("", "tell what is the same as well"),
    "exit-code": ("", "return 1 where something differs"),
    "undo-window=": ("TIME", "keep what is replaced so long: 90m, 24h, 7d (24h)"),
    "no-undo": ("", "do not keep what is replaced"),
    "devices": ("", "restore device nodes as well"),
    "list": ("", "only tell what can be taken back"),
    "skip-broken": ("", "leave broken snapshots out instead of refusing"),
    "accept-hash": ("", "take a set of sound files whose own hash is wrong"),
    "repair": ("", "clean up what is offered"),
    "read-only": ("", "refuse every change"),
    "low-bandwidth": ("", "draw at most twice a second"),
    "wait": ("", "first wait for what snapd is doing already"),
    "yes": ("", "change it without a question"),
    "no-wait": ("", "start it as a job, print its number, and return"),
    "no-mouse": ("", "leave the mouse to the terminal"),
    "no-preview": ("", "never show what is in files"),
}
_TEXTS = {
    "saved": "Lists what `snap saved` lists, and after it, marked in Notes, what snapd hides.",
    "save": "Saves the named snaps, or all that are installed, as one set.",
    "check-snapshot": "Reads every archive and compares it with its hash; tells every bad part.",
    "restore": (
        "Replaces the present data by those of a set: all of them, or none. What is\n"
        "replaced is kept for a day, and `undo` brings it back. --plan only tells."
    ),
    "extract": (
        "Puts marked files and folders in place, merged into what is there: all of them,\n"
        "or none; with --to, below a directory of your own. PATH is as for `ls`. What is\n"
        "replaced is kept for a day, and `undo` brings it back. --plan only tells."
    ),
    "diff": (
        "Compares two snapshots of a snap, or one with the data in place (live), or with\n"
        "that in a file: sizes and times first, contents with --exact. The data of two\n"
        "revisions meet as rev/. With the path of a text, tells its lines."
    ),
    "ls": (
        "Lists a folder of a snapshot, with sizes. PATH begins with common\n"
        "or rev (the data of the revision), or with a user's name before that, as in\n"
        "nextcloud:alice/common/notes; user/NAME/... is the same for any name, and\n"
        "system/... lists whatever else there is. The first time, the whole archive is\n"
        "read; its hash is verified on the way."
    ),
    "cat": "Writes a file of a snapshot to standard output; harmless text on a terminal.",
    "find": (
        "Finds files in all snapshots by a pattern of the shell (*, ?, [...]): the whole\n"
        "name, or with slashes the end of the path. Tells the versions of each, oldest\n"
        "first. What was never looked into is read first."
    ),
    "open": "Looks into an export, or a single snapshot, where it lies; imports nothing.",
    "undo": "Puts back what a restore replaced: the last one, or that of a job (see --list).",
    "forget": "Removes the files of a set. This cannot be undone.",
    "export-snapshot": "Writes a set as one file, as snap does; - is standard output.",
    "import-snapshot": "Reads what export-snapshot wrote as a new set; - is standard input.",
    "estimate": "Tells what a save would read, by snap and owner, and what would fail.",
    "jobs": "Lists what was done in this place, what is running, and what was interrupted.",
    "attach": (
        "Shows a job's progress until it ends; Ctrl-C leaves the job running.\n"
        "Root can follow the jobs of others as well: attach alice/3.\n"
        "A change of snapd is followed as well: attach snapd/7."
    ),
    "stop": (
        "Asks a job to stop, and waits until it has undone what it did.\n"
        "A change of snapd is aborted: stop snapd/7."
    ),
    "retention": (
        "Tells how long snapd keeps the snapshots that it makes by itself when a snap is\n"
        "removed; or changes that for those to come, after a question. At least 24h; no\n"
        "stands for none. Those that are here already keep their date."
    ),
    "finish": (
        "Completes an interrupted job where all but its end was done; else takes it back\n"
        "and does the same again. `jobs` lists them; the next operation ends them too."
    ),
    "takeback": (
        "Takes an interrupted job back: the data become what they were, and what it had\n"
        "not finished is removed. A restore that was complete is undone."
    ),
    "browse": (
        "Opens the screens, as snapstow does without a verb; there ? explains the keys.\n"
        "Where there is no terminal, lists as `saved` does."
    ),
    "doctor": (
        "Tells by what changes are made here, and why, and what compresses; looks for\n"
        "what a crash left and for what snapd hides. Looking changes nothing."
    ),
    "reset": "Throws the demo's world away and makes a new one.",
    "help": "Tells about all verbs, or about one.",
}
_EXAMPLES = {
    "saved": ("saved --id 3", "saved nextcloud --abs-time"),
    "save": ("save nextcloud --exclude '$SNAP_DATA/cache/*'", "save --users alice,bob"),
    "check-snapshot": ("check-snapshot 3", "check-snapshot --all --older-than 30d"),
    "restore": (
        "restore 3 nextcloud --plan",
        "restore 3 --users alice --undo-window 7d",
        "restore 3 --to ~/three",
    ),
    "extract": (
        "extract 3 nextcloud:common/config.php --plan",
        "extract 3 nextcloud:alice/common/notes --to ~/rescued --strip",
    ),
    "diff": ("diff 3 5 nextcloud", "diff 3 live nextcloud:common/config.php"),
    "ls": ("ls 3", "ls 3 nextcloud:common/etc --sort size", "ls --file three.snapshot nextcloud"),
    "cat": ("cat 3 nextcloud:rev/config.php", "cat 3 nextcloud:alice/common/log | tail"),
    "find": ("find config.php", "find 'etc/*.conf' nextcloud"),
    "open": ("open three.snapshot",),
    "undo": ("undo", "undo --list", "undo 12"),
    "forget": ("forget 3", "forget 3 nextcloud"),
    "export-snapshot": (
        "export-snapshot 3 three.snapshot",
        "export-snapshot 3 - | ssh other snapstow import-snapshot -",
    ),
    "import-snapshot": ("import-snapshot three.snapshot",),
    "doctor": ("doctor", "doctor --repair"),
    "retention": ("retention", "retention 14d", "retention no --yes"),
    "stop": ("stop 12", "stop snapd/7"),
    "reset": ("--demo reset",),
}
_CODES = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 verification failed,\n"
    "5 refused beforehand, 11 busy, 77 not allowed, 130 cancelled."
)


def help(arguments: Arguments) -> int:
    """Print the page of a verb, or the overview."""
    if not arguments.topic:
        print_result(*_overview())
        return 0
    if arguments.topic not in _TEXTS:
        raise UsageError(f'unknown command "{arguments.topic}"')
    print_result(*_page(arguments.topic))
    return 0


def _overview() -> Iterator[str]:
    yield "Snapstow keeps the snapshots of snaps. Without a verb it opens its screens."
    yield "Usage: snapstow [--root DIR | --demo] [--json] [VERB] [ARGUMENT...]"
    for title, verbs in _GROUPS.items():
        yield f"{title}:"
        for name, summary in verbs.items():
            yield f"  {name:16} {summary}"
    for title, verbs in _MORE_GROUPS.items():
        yield f"{title}:"
        cells = [f"  {name:9} {summary:27}" for name, summary in verbs.items()]
        pairs = zip_longest(cells[::2], cells[1::2], fillvalue="")
        yield from (f"{left}{right}".rstrip() for left, right in pairs)
    yield f"Everywhere: --root DIR, --demo, --json, --engine {'|'.join(ENGINES)}"
    yield "More: 'snapstow help VERB', 'help browse' for the screens. Safe to try: --demo."


def _page(name: str) -> Iterator[str]:
    _, operands, flags = VERBS[name]
    shown = "".join(f" {_operand(operand)}" for operand in operands.split())
    yield f"Usage: snapstow {name}{shown}{' [FLAG...]' if flags else ''}"
    yield from ("", _TEXTS[name])
    if flags:
        yield from ("", "Flags:", *map(_flag_line, flags.split()))
    yield from ("", "Everywhere:", *map(_flag_line, GLOBAL.split()))
    if name in _EXAMPLES:
        yield from ("", "For example:", *(f"  snapstow {example}" for example in _EXAMPLES[name]))
    yield from ("", _CODES)


def _operand(name: str) -> str:
    shown = _OPERANDS[name.rstrip("?*")]
    if name.endswith("*"):
        return f"[{shown}...]"
    return f"[{shown}]" if name.endswith("?") else shown


def _flag_line(flag: str) -> str:
    metavar, text = _FLAGS[flag]
    return "  {:26} {}".format(f"--{flag.rstrip('=')} {metavar}", text)
