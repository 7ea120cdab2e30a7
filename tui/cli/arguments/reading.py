"""From the words of a command line to a verb and its arguments."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from tui.cli.arguments.parser import HELP, GlobalOptions, Parser, UsageError
from tui.cli.arguments.verbs import SCREENS, VERBS, describing

_OTHER_NAMES = {
    "list": "saved",
    "check": "check-snapshot",
    "export": "export-snapshot",
    "import": "import-snapshot",
}


class CommandLine(NamedTuple):
    """A command line that was understood: the verb, what goes with every verb, and what this one is given."""

    verb: str
    options: GlobalOptions
    arguments: Any


def parser_of(verb: str) -> Parser:
    """The parser of a verb."""
    parser = Parser()
    _describe(verb, parser)
    return parser


def _describe(verb: str, parser: Parser) -> Callable[..., Any]:
    """Make a new parser that of a verb; returns what makes the verb's arguments of the values read."""
    parser.begin(verb)
    return cast("Callable[[Parser], Callable[..., Any]]", describing(verb))(parser)


def parse(argv: list[str]) -> CommandLine:
    """Read a command line; flags may stand anywhere, those of the screens without a verb only.

    Raises:
        UsageError: it cannot be understood.
        InvalidInputError: it asks for the set 0.
    """
    parser = Parser()
    before, verb, after = _around_the_verb(argv, parser)
    if verb and verb not in VERBS:
        raise UsageError(f'unknown command "{verb}"{_suggestion(verb)}')
    try:
        return _read(verb, [*before, *after], parser)
    except UsageError as failure:
        failure.verb = failure.verb or verb
        raise


def _around_the_verb(argv: list[str], parser: Parser) -> tuple[list[str], str, list[str]]:
    """The options before the verb, the verb or nothing, and all that follows it."""
    if argv and argv[0] in VERBS:
        return [], argv[0], argv[1:]
    try:
        following = iter(argv)
        before, operands = parser.split(following, first=True)
    except UsageError:  # not of every verb, so perhaps of the screens
        following = iter(argv)
        before, operands = parser_of(SCREENS).split(following, first=True)
    verb, *after = operands or [""]
    return before, verb, ["--", *after] if after else list(following)


def _read(verb: str, argv: list[str], parser: Parser) -> CommandLine:
    arguments_from = _describe(verb or SCREENS, parser)
    options, operands = parser.split(iter(argv))
    if not HELP.isdisjoint(options):
        return parse(["help", verb] if verb not in ("", "help") else ["help"])
    if "--version" in options:
        return parse(["version"])
    values = parser.read(options, operands)
    del values["help"], values["version"]
    shared = GlobalOptions(**{name: values.pop(name) for name in GlobalOptions._fields})
    return CommandLine(parser.verb, shared, arguments_from(**values))


def _suggestion(word: str) -> str:
    """`: did you mean …?` where a verb is near, else nothing."""
    near = _OTHER_NAMES.get(word)
    if near is None:
        from difflib import get_close_matches

        near = next(iter(get_close_matches(word, VERBS, 1)), None)
    return f": did you mean {near}?" if near else ""
