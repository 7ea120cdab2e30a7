"""Scripts that make a shell complete verbs, flags, their values, and file names; made of the parsers."""

import argparse
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from tui.cli.arguments.parser import Parser
from tui.cli.arguments.verbs import SCREENS
from tui.cli.manual import SUMMARIES, described_parsers


class Kind(Enum):
    """What a value can be completed with."""

    NOTHING = auto()
    FILES = auto()
    DIRECTORIES = auto()


class Value(NamedTuple):
    """The value of a flag or an operand: how it is called, and what is offered for it."""

    name: str
    choices: tuple[str, ...]
    kind: Kind
    many: bool


class Flag(NamedTuple):
    """A flag: its spellings, its value if it takes one, and what it does."""

    names: tuple[str, ...]
    value: Value | None
    text: str


class Command(NamedTuple):
    """A verb as a shell has to know it."""

    verb: str
    summary: str
    flags: tuple[Flag, ...]
    operands: tuple[Value, ...]


def completion_script(shell: str) -> str:
    """The script for a shell, `bash`, `zsh` or `fish`."""
    commands = [_command(parser) for parser in described_parsers()]
    return "\n".join((*_WRITERS[shell](commands), ""))


def _command(parser: Parser) -> Command:
    flags = [
        Flag(
            tuple(action.option_strings),
            None if action.nargs == 0 else _value(parser, action),
            action.help or "",
        )
        for action in (*parser.verb_flags(), *parser.global_options())
    ]
    operands = tuple(_value(parser, action) for action in parser.operands)
    return Command(parser.verb, SUMMARIES[parser.verb], tuple(flags), operands)


def _value(parser: Parser, action: argparse.Action) -> Value:
    name = str(action.metavar)
    choices = tuple(SUMMARIES) if name == "VERB" else parser.offers.get(action.dest, ())
    kind = Kind.DIRECTORIES if name == "DIR" else Kind.FILES if "FILE" in name else Kind.NOTHING
    return Value(name, choices, kind, many=action.nargs == "*")


def _screens(commands: list[Command]) -> Command:
    return next(command for command in commands if command.verb == SCREENS)


# -- bash

_BASH = """\
_snapstow() {
    local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]} verb= skip= word
    [[ $cur == = ]] && cur=
    [[ $flag == = ]] && flag=${COMP_WORDS[COMP_CWORD-2]}
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $word == = ]]; then skip=1; continue; fi
        if [[ $skip ]]; then skip=; continue; fi
        case $word in
            VALUED) skip=1 ;;
            -*) ;;
            *) verb=$word; break ;;
        esac
    done
    case $verb:$flag in"""
_BASH_END = """\
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
    elif [[ -z $verb ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
    elif [[ $operands ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$operands" -- "$cur")
    elif [[ $files ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -o filenames -F _snapstow snapstow"""


def _bash(commands: list[Command]) -> Iterator[str]:
    screens = _screens(commands)
    valued = "|".join(name for flag in screens.flags if flag.value for name in flag.names)
    yield "# bash completion for snapstow"
    yield _BASH.replace("VALUED", valued)
    for command in (screens._replace(verb=""), *commands):
        for flag in command.flags:
            if flag.value:
                yield f"        {command.verb}:{'|'.join(flag.names)}) {_compgen(flag.value)}; return ;;"
    yield f"    esac\n    local flags= operands= files= verbs='{' '.join(SUMMARIES)}'\n    case $verb in"
    for command in (screens._replace(verb="''"), *commands):
        flags = " ".join(name for flag in command.flags for name in flag.names)
        operands = " ".join(word for value in command.operands for word in value.choices)
        files = "1" if any(value.kind is not Kind.NOTHING for value in command.operands) else ""
        yield f"        {command.verb}) flags='{flags}' operands='{operands}' files={files} ;;"
    yield _BASH_END


def _compgen(value: Value) -> str:
    how = {Kind.FILES: "-f", Kind.DIRECTORIES: "-d", Kind.NOTHING: f"-W '{' '.join(value.choices)}'"}[
        value.kind
    ]
    return f'mapfile -t COMPREPLY < <(compgen {how} -- "$cur")'


# -- zsh


def _zsh(commands: list[Command]) -> Iterator[str]:
    yield "#compdef snapstow"
    yield "_snapstow() {"
    yield "    local curcontext=$curcontext state line\n    typeset -A opt_args\n    local -a verbs=("
    yield from (f"        {_quoted(f'{command.verb}:{command.summary}')}" for command in commands)
    yield "    )"
    yield f"    _arguments -C{_zsh_flags(_screens(commands))} \\"
    yield "        '1:verb:->verb' '*::argument:->arguments'"
    yield "    case $state in"
    yield "        verb) _describe verb verbs ;;"
    yield "        arguments) case $words[1] in"
    for command in commands:
        operands = "".join(map(_zsh_operand, range(1, len(command.operands) + 1), command.operands))
        yield f"            {command.verb}) _arguments{_zsh_flags(command)}{operands} ;;"
    yield '        esac ;;\n    esac\n}\n_snapstow "$@"'


def _zsh_operand(place: int, value: Value) -> str:
    where = "*" if value.many else str(place)
    return f" \\\n            {_quoted(where + _zsh_value(value))}"


def _zsh_flags(command: Command) -> str:
    return "".join(
        f" \\\n            {_zsh_flag(name, flag)}" for flag in command.flags for name in flag.names
    )


def _zsh_flag(name: str, flag: Flag) -> str:
    again = "*" if "may be repeated" in flag.text else ""
    text = flag.text.replace("[", "\\[").replace("]", "\\]")
    return _quoted(f"{again}{name}=[{text}]{_zsh_value(flag.value)}" if flag.value else f"{name}[{text}]")


def _zsh_value(value: Value) -> str:
    actions = {
        Kind.FILES: "_files",
        Kind.DIRECTORIES: "_files -/",
        Kind.NOTHING: f"({' '.join(value.choices)})",
    }
    action = actions[value.kind] if value.choices or value.kind is not Kind.NOTHING else " "
    return f":{value.name.replace(':', chr(92) + ':')}:{action}"


# -- fish


def _fish(commands: list[Command]) -> Iterator[str]:
    yield "# fish completion for snapstow"
    yield "complete -c snapstow -f"
    no_verb = f"not __fish_seen_subcommand_from {' '.join(SUMMARIES)}"
    for command in commands:
        summary = _fish_quoted(command.summary)
        yield f"complete -c snapstow -n {_fish_quoted(no_verb)} -a {command.verb} -d {summary}"
    yield from (_fish_flag(no_verb, flag) for flag in _screens(commands).flags)
    for command in commands:
        condition = f"__fish_seen_subcommand_from {command.verb}"
        yield from (_fish_flag(condition, flag) for flag in command.flags)
        for value in command.operands:
            if offered := _fish_value(value):
                yield f"complete -c snapstow -n {_fish_quoted(condition)}{offered}"


def _fish_flag(condition: str, flag: Flag) -> str:
    names = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in flag.names)
    value = ""
    if flag.value:
        value = f" {'-x' if flag.value.kind is Kind.NOTHING else '-r'}{_fish_value(flag.value)}"
    return f"complete -c snapstow -n {_fish_quoted(condition)}{names}{value} -d {_fish_quoted(flag.text)}"


def _fish_value(value: Value) -> str:
    match value.kind:
        case Kind.FILES:
            return " -F"
        case Kind.DIRECTORIES:
            return " -a '(__fish_complete_directories)'"
        case Kind.NOTHING:
            return f" -a '{' '.join(value.choices)}'" if value.choices else ""


def _quoted(text: str) -> str:
    """A word for a POSIX shell, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_WRITERS: dict[str, Callable[[list[Command]], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
