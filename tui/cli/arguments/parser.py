"""A parser for one verb: argparse, which speaks as `snap` does and takes options anywhere."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

ENGINES = ("auto", "files", "snapd")
HELP = frozenset(("-h", "--help"))

_WIDTH = 79
_HELP_COLUMN = 29

# Nothing is translated, and to ask gettext for each heading would take a twentieth of a listing.
vars(argparse)["_"] = str


class UsageError(Exception):
    """The command line cannot be understood; `verb` is the one it is about, or empty."""

    exit_code = 2

    def __init__(self, text: str, verb: str = "") -> None:
        super().__init__(text)
        self.verb = verb


class GlobalOptions(NamedTuple):
    """What goes with every verb: the place to work in, by what, and for whom to print."""

    root: str = "/"
    demo: bool = False
    engine: str = "auto"
    json: bool = False
    no_lock: bool = False
    config: str = ""
    host: str = ""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Pages of one width, whatever the terminal: they are compared, and printed into files."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN, width=_WIDTH)

    def add_usage(self, usage: Any, actions: Any, groups: Any, _prefix: str | None = None) -> None:
        """Begin with a capital."""
        super().add_usage(usage, actions, groups, "Usage: ")


class Parser(argparse.ArgumentParser):
    """Describes the arguments of a verb, and reads them; before `begin`, only those of every verb.

    Every failure to read is a UsageError, in the words of `snap` where it has them.
    """

    def __init__(self) -> None:
        super().__init__(prog="snapstow", add_help=False, allow_abbrev=False, formatter_class=_Formatter)
        self.verb = ""
        self.text = ""
        self.examples: tuple[str, ...] = ()
        self.operands: list[argparse.Action] = []
        self.offers: dict[str, tuple[str, ...]] = {}
        self._required: list[str] = []
        self._never_empty: set[str] = set()
        self._exclusive: list[tuple[str, str]] = [("--demo", "--root"), ("--demo", "-H")]
        self._operand_group = self.add_argument_group("Arguments")
        self._flag_group = self.add_argument_group("Flags")
        self._global_group = self.add_argument_group("Everywhere")
        self._add_global_options()

    # -- describing

    def begin(self, verb: str) -> None:
        """Become the parser of a verb, whose arguments are described from now on."""
        self.verb = verb
        self.prog = f"snapstow {verb}"

    def describe(self, text: str, *examples: str) -> None:
        """Say what the verb does, and give lines that use it."""
        self.text, self.examples = text, examples

    def operand(
        self, name: str, metavar: str, text: str, *, missing: str = "", many: bool = False, **more: Any
    ) -> None:
        """Describe an operand: `many`, or one that may be left out unless `missing` names it when it is."""
        if many:
            more |= {"nargs": "*", "default": ()}
        elif missing:
            self._required.append(missing)
        else:
            more |= {"nargs": "?", "default": more.get("default", "")}
        action = self._operand_group.add_argument(name, metavar=metavar, help=text, **more)
        self.operands.append(action)

    def flag(self, name: str, text: str) -> None:
        """Describe a flag without a value."""
        self._flag_group.add_argument(f"--{name}", action="store_true", help=text)

    def option(self, name: str, metavar: str, text: str, *, default: Any = "", **more: Any) -> None:
        """Describe a flag with a value."""
        self._flag_group.add_argument(f"--{name}", metavar=metavar, help=text, default=default, **more)

    def offer(self, name: str, values: tuple[str, ...]) -> None:
        """Name the values that a shell is to offer for an argument."""
        self.offers[name] = values

    def refuse_empty(self, flag: str) -> None:
        """Take no empty value, as an unset variable of a shell leaves it, for one that was left out."""
        self._never_empty.add(f"--{flag}")

    def exclude(self, flag: str, other: str) -> None:
        """Refuse two flags together."""
        self._exclusive.append((f"--{flag}", f"--{other}"))

    def _add_global_options(self) -> None:
        add = self._global_group.add_argument
        default = GlobalOptions()
        add("--root", metavar="DIR", default=default.root, help="work below this directory instead of /")
        add("--demo", action="store_true", help="work in a small demo system")
        add("--json", action="store_true", help="for programs: one document, or one object per line")
        engine = choice("flag `--engine'", ENGINES)
        about = "the engine to use (auto)"
        add("--engine", metavar="|".join(ENGINES), default=default.engine, type=engine, help=about)
        self.offer("engine", ENGINES)
        add("--config", metavar="FILE", default=default.config, help="the configuration to use")
        self.refuse_empty("config")
        add("-H", metavar="HOST", dest="host", default=default.host, help="on another machine, over ssh")
        self._never_empty.add("-H")
        unlocked = "make changes where files cannot be locked; nothing else may run"
        add("--no-lock", action="store_true", help=unlocked)
        add("--version", action="store_true", help="show the version")
        add("-h", "--help", action="store_true", help="explain a verb, or list all of them")

    def verb_flags(self) -> list[argparse.Action]:
        """The flags that are the verb's alone."""
        return self._flag_group._group_actions

    def global_options(self) -> list[argparse.Action]:
        """The flags that go with every verb."""
        return self._global_group._group_actions

    # -- reading

    def split(self, arguments: Iterator[str], *, first: bool = False) -> tuple[list[str], list[str]]:
        """Tell options, each with its value as one word, from operands; `first`: up to the first operand."""
        options: list[str] = []
        operands: list[str] = []
        for word in arguments:
            if word == "--":
                operands.extend(arguments)
            elif word == "-" or not word.startswith("-"):
                operands.append(word)
                if first:
                    break
            else:
                options.append(self._with_value(word, arguments))
        return options, operands

    def read(self, options: list[str], operands: list[str]) -> dict[str, Any]:
        """The values of a split command line, by the names they were described with."""
        self._check_exclusive(options)
        self._check_operands(operands)
        values = vars(self.parse_args([*options, *(["--", *operands] if operands else ())]))
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

    def error(self, message: str) -> NoReturn:
        """Refuse, without a word from argparse itself."""
        raise UsageError(message)

    def _with_value(self, word: str, following: Iterator[str]) -> str:
        name, equals, value = word.partition("=")
        action = self._option_string_actions.get(name)
        if action is None:
            self.error(f"unknown flag `{name.removeprefix('-').removeprefix('-')}'{self._nearest(name)}")
        if action.nargs == 0:
            if equals:
                self.error(f"flag `{name}' takes no value")
            return name
        if not equals:
            value = next(following, "--")
        if (not equals and value.startswith("--")) or (not value and name in self._never_empty):
            self.error(f"expected argument for flag `{name}'")
        return f"{name}={value}"

    def _nearest(self, name: str) -> str:
        """`: did you mean …?` where a flag is near, else nothing."""
        from difflib import get_close_matches

        known = [flag[2:] for flag in self._option_string_actions]
        near = get_close_matches(name.lstrip("-"), known, 1)
        return f": did you mean --{near[0]}?" if near else ""

    def _check_exclusive(self, options: list[str]) -> None:
        typed = {option.partition("=")[0] for option in options if not option.endswith("=")}
        for first, second in self._exclusive:
            if first in typed and second in typed:
                self.error(f"{first} and {second} cannot be combined")

    def _check_operands(self, operands: list[str]) -> None:
        if missing := self._required[len(operands) :]:
            if not missing[1:]:
                self.error(f"the required argument {missing[0]} was not provided")
            from tui.phrases import list_phrase

            self.error(f"the required arguments {list_phrase(missing)} were not provided")
        any_number = any(action.nargs == "*" for action in self.operands)
        if not any_number and len(operands) > len(self.operands):
            self.error(f'too many arguments for command: "{operands[len(self.operands)]}"')


def choice(what: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Reads a value that is one of a few words; `what` it is for is told where it is none."""

    def read(text: str) -> str:
        """Accept one of the choices."""
        if text not in choices:
            raise UsageError(f"invalid value `{text}' for {what}: choose {', '.join(choices)}")
        return text

    return read


def is_number(text: str) -> bool:
    """Whether a text is a number of a set or of a job."""
    return text.isascii() and text.isdigit() and len(text) < 20


def set_number(text: str) -> int:
    """A set id, or 0 for none; UsageError for what is no number."""
    if text and not is_number(text):
        raise UsageError("invalid argument for snapshot set id: expected a non-negative integer argument")
    return int(text or "0")
