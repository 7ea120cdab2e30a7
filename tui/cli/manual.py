"""The documentation of the verbs, made of their parsers: pages for `help`, manual pages for `man`."""

import argparse
from collections.abc import Iterator

from tui.cli.arguments.parser import Parser
from tui.cli.arguments.reading import parser_of
from tui.cli.arguments.verbs import VERBS

GROUPS = {
    "Snapshots": {
        "saved": "list the snapshots",
        "save": "save snaps' data",
        "check-snapshot": "verify a set, or all",
        "restore": "restore a set's data",
        "export-snapshot": "write a set to a file",
        "import-snapshot": "read a set of a file",
        "ls": "list a folder",
        "cat": "print a file",
        "find": "find files by name",
        "diff": "compare sets",
        "open": "browse an export",
        "extract": "restore single files",
    },
    "Maintenance, copies elsewhere, other machines": {
        "undo": "undo restores, forgets",
        "forget": "remove a set, or snaps",
        "prune": "forget what no rule keeps",
        "retention": "expiry of automatic ones",
        "pin": "keep a set from going",
        "unpin": "let a pinned set go",
        "estimate": "show what a save would read",
        "doctor": "find leftovers of crashes",
        "jobs": "list jobs",
        "attach": "follow a running job",
        "finish": "complete interrupted jobs",
        "stop": "stop a running job",
        "takeback": "roll back interrupted jobs",
        "status": "how this machine is",
        "push": "copy sets to a repository",
        "pull": "import a copy",
        "copies": "list the copies of sets",
        "repo": "add, list repositories",
        "schedule": "what runs by a timer",
        "config": "what is configured",
        "hosts": "how machines are, over ssh",
        "copy": "a set from one to another",
    },
}
_UNLISTED = {
    "browse": "open the screens",
    "reset": "recreate the demo",
    "completion": "print a completion script for a shell",
    "man": "write the manual pages",
    "version": "show the version",
    "help": "explain a verb, or list all of them",
}
SUMMARIES = {name: text for group in (*GROUPS.values(), _UNLISTED) for name, text in group.items()}
EXIT_CODES = (
    "0 done, 1 failed, 2 usage, 3 partly done, 4 verification failed,\n"
    "5 refused beforehand, 11 busy, 77 not allowed, 130 cancelled."
)
_ABOUT = "list, check, save, restore, export and import the snapshots of snaps"


def described_parsers() -> list[Parser]:
    """The parsers of all verbs that people type, in the order of the table."""
    return [parser_of(verb) for verb in VERBS]


def page(parser: Parser) -> str:
    """The page of a verb: its usage, what it does, its arguments and flags, examples, exit codes."""
    examples = "".join(f"\n  snapstow {example}" for example in parser.examples)
    parser.usage = _synopsis(parser)
    parser.description = parser.text
    parser.epilog = f"For example:{examples}\n\n" * bool(examples) + f"Exit codes: {EXIT_CODES}"
    return parser.format_help().rstrip("\n")


def _synopsis(parser: Parser) -> str:
    flags = " [FLAG...]" if parser.verb_flags() else ""
    return f"{parser.prog}{''.join(f' {_operand(action)}' for action in parser.operands)}{flags}"


def _operand(action: argparse.Action) -> str:
    match action.nargs:
        case "*":
            return f"[{action.metavar}...]"
        case "?":
            return f"[{action.metavar}]"
        case _:
            return str(action.metavar)


# -- pages for man


def man_pages(version: str) -> Iterator[tuple[str, str]]:
    """The manual pages: the name of each file, and its text."""
    parsers = described_parsers()
    yield "snapstow.1", _overview(parsers, version)
    for parser in parsers:
        yield f"snapstow-{parser.verb}.1", _verb_page(parser, version)


def _overview(parsers: list[Parser], version: str) -> str:
    screens = next(parser for parser in parsers if parser.verb == "browse")
    verbs = [(f"snapstow-{parser.verb}(1)", SUMMARIES[parser.verb]) for parser in parsers]
    return _document(
        "snapstow",
        version,
        {
            "NAME": _text(f"snapstow - {_ABOUT}"),
            "SYNOPSIS": _text("snapstow [--root DIR | --demo] [--json] [VERB] [ARGUMENT...]"),
            "DESCRIPTION": _text(f"Without a verb: {screens.text}"),
            "VERBS": _entries(verbs),
            "OPTIONS": _options(screens.global_options()),
            "OPTIONS OF THE SCREENS": _options(screens.verb_flags()),
            "EXIT STATUS": _text(EXIT_CODES),
        },
    )


def _verb_page(parser: Parser, version: str) -> str:
    examples = "".join(f".PP\n.nf\n{_text(f'snapstow {example}')}.fi\n" for example in parser.examples)
    operands = [(str(action.metavar), str(action.help)) for action in parser.operands]
    return _document(
        f"snapstow-{parser.verb}",
        version,
        {
            "NAME": _text(f"snapstow-{parser.verb} - {SUMMARIES[parser.verb]}"),
            "SYNOPSIS": _text(_synopsis(parser)),
            "DESCRIPTION": _text(parser.text),
            "ARGUMENTS": _entries(operands),
            "OPTIONS": _options(parser.verb_flags()),
            "OPTIONS OF ALL VERBS": _options(parser.global_options()),
            "EXAMPLES": examples,
            "EXIT STATUS": _text(EXIT_CODES),
            "SEE ALSO": _text("snapstow(1)"),
        },
    )


def _document(name: str, version: str, sections: dict[str, str]) -> str:
    head = f'.TH "{_escaped(name.upper())}" 1 "" "snapstow {_escaped(version)}"\n'
    return head + "".join(f".SH {title}\n{body}" for title, body in sections.items() if body)


def _options(actions: list[argparse.Action]) -> str:
    return _entries([(_invocation(action), str(action.help)) for action in actions])


def _invocation(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar}"
    return f"{', '.join(action.option_strings)}{value}"


def _entries(entries: list[tuple[str, str]]) -> str:
    return "".join(f".TP\n.B {_text(term)}{_text(text)}" for term, text in entries)


def _text(text: str) -> str:
    """Lines of prose; none begins with what would be a request."""
    lines = (_escaped(line) for line in text.splitlines())
    return "".join(f"\\&{line}\n" if line[:1] in (".", "'") else f"{line}\n" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
