"""What may stand on the command line, as a table, and the reading of it.

The standard parser takes longer to load than a listing takes to print. Texts of what is wrong are those of
the `snap` command (spec §6.6) where it has one.
"""

from typing import NamedTuple, NoReturn


class UsageError(Exception):
    """The command line cannot be understood; `verb` is the one it is about, or empty."""

    exit_code = 2

    def __init__(self, text: str, verb: str = "") -> None:
        super().__init__(text)
        self.verb = verb


class Arguments(NamedTuple):
    """A command line that was understood: the verb, the place, and what any verb may be given."""

    verb: str = "saved"
    root: str = "/"
    engine: str = "auto"
    json: bool = False
    demo: bool = False
    help: bool = False
    version: bool = False
    set_id: str = ""
    snaps: tuple[str, ...] = ()
    file: str = ""
    job: str = ""
    topic: str = ""
    paths: tuple[str, ...] = ()
    one: str = ""
    other: str = ""
    what: str = ""
    id: str = ""
    users: str = ""
    exclude: tuple[str, ...] = ()
    undo_window: str = ""
    abs_time: bool = False
    all: bool = False
    structure: bool = False
    quick: bool = False
    older_than: str = ""
    to: str = ""
    revision: str = ""
    checksum: bool = False
    plain: bool = False
    ascii: bool = False
    theme: str = ""
    fast: bool = False
    accept_changed: bool = False
    accept_hash: bool = False
    ignore_space: bool = False
    plan: bool = False
    devices: bool = False
    no_undo: bool = False
    skip_broken: bool = False
    list: bool = False
    repair: bool = False
    read_only: bool = False
    low_bandwidth: bool = False
    no_mouse: bool = False
    no_preview: bool = False
    no_wait: bool = False
    wait: bool = False
    yes: bool = False
    time: str = ""
    policy: str = ""
    owner: str = ""
    strip: bool = False
    exact: bool = False
    same: bool = False
    exit_code: bool = False
    target: str = ""
    pattern: str = ""
    sort: str = ""


ENGINES = ("auto", "files", "snapd")
SCREENS = "browse"  # what no verb at all means
_NEVER_EMPTY = ("to", "revision", "file")
_MISSING = {"file": "`<filename>`", "job": "`<job>`", "what": "`<snap>`", "pattern": "`<pattern>`"}
GLOBAL = "root= demo json engine= version help"

# The module that carries a verb out, its operands (`?`: may be missing, `*`: any number), and its own flags
# (`=`: takes a value). Plain text: it is read at every start.
VERBS = {
    "saved": ("tui.cli.commands.saved", "snaps*", "id= abs-time"),
    "save": (
        "tui.cli.commands.change",
        "snaps*",
        "users= exclude= fast accept-changed ignore-space abs-time wait no-wait",
    ),
    "check-snapshot": (
        "tui.cli.commands.change",
        "set_id? snaps*",
        "all quick structure older-than= users= file= no-wait",
    ),
    "restore": (
        "tui.cli.commands.change",
        "set_id snaps*",
        "plan users= undo-window= no-undo devices to= revision= wait no-wait",
    ),
    "extract": (
        "tui.cli.commands.extract",
        "set_id? paths*",
        "to= plan policy= owner= strip file= undo-window= no-undo no-wait",
    ),
    "ls": ("tui.cli.commands.inspect", "set_id? target?", "file= sort= abs-time"),
    "cat": ("tui.cli.commands.inspect", "set_id? target?", "file="),
    "find": ("tui.cli.commands.inspect", "pattern snaps*", "id= file= abs-time"),
    "open": (
        "tui.cli.commands.inspect",
        "file",
        "read-only low-bandwidth no-mouse no-preview plain ascii theme=",
    ),
    "diff": ("tui.cli.commands.diff", "one other what", "exact same exit-code"),
    "undo": ("tui.cli.commands.change", "job?", "list abs-time wait no-wait"),
    "forget": ("tui.cli.commands.change", "set_id snaps*", "wait no-wait"),
    "export-snapshot": ("tui.cli.commands.change", "set_id file snaps*", "skip-broken checksum no-wait"),
    "import-snapshot": ("tui.cli.commands.change", "file snaps*", "accept-hash abs-time no-wait"),
    "estimate": ("tui.cli.commands.query", "snaps*", "users="),
    "jobs": ("tui.cli.commands.query", "", "abs-time"),
    "doctor": ("tui.cli.commands.query", "", "repair"),
    "retention": ("tui.cli.commands.retention", "time?", "yes"),
    "attach": ("tui.cli.commands.jobs", "job", ""),
    "stop": ("tui.cli.commands.jobs", "job", ""),
    "finish": ("tui.cli.commands.jobs", "job", "no-wait"),
    "takeback": ("tui.cli.commands.jobs", "job", "no-wait"),
    "browse": (
        "tui.cli.commands.browse",
        "",
        "read-only low-bandwidth no-mouse no-preview plain ascii theme=",
    ),
    "reset": ("tui.cli.commands.change", "", ""),
    "help": ("tui.cli.help", "topic?", ""),
}


def parse(words: list[str]) -> Arguments:
    """The arguments of a command line; flags may stand anywhere. UsageError for what cannot be understood."""
    reading = _Reading(words)
    while reading.words:
        reading.take(reading.words.pop(0))
    arguments = reading.result()
    if arguments.demo and arguments.root != "/":
        raise UsageError("--demo and --root exclude each other", arguments.verb)
    if arguments.engine not in ENGINES:
        raise UsageError(
            f"invalid value `{arguments.engine}' for flag `--engine': choose {', '.join(ENGINES)}"
        )
    return arguments


class _Reading:
    """A command line being read, word by word from the front of `words`."""

    def __init__(self, words: list[str]) -> None:
        self.words = list(words)
        self._verb = ""
        self._flags = set(f"{GLOBAL} {VERBS[SCREENS][2]}".split())
        self._operands: list[str] = []
        self._only_operands = False
        self._values: dict[str, str | bool | tuple[str, ...]] = {}

    def take(self, word: str) -> None:
        """Read one word, and the value after it."""
        if word.startswith("-") and word != "-" and not self._only_operands:
            if word == "--":
                self._only_operands = True
            else:
                self._flag(word)
        elif self._verb:
            self._operands.append(word)
        elif word in VERBS:
            self._choose(word)
        else:
            raise UsageError(f'unknown command "{word}"{_suggestion(word)}')

    def _choose(self, verb: str) -> None:
        """Take a verb; what stands before it must not be meant for the screens alone."""
        self._verb = verb
        self._flags = set(f"{GLOBAL} {VERBS[verb][2]}".split())
        known = {flag.rstrip("=").replace("-", "_") for flag in self._flags}
        for field in self._values:
            if field not in known:
                self._refuse(f"unknown flag `{field.replace('_', '-')}'")

    def _flag(self, word: str) -> None:
        if not word.startswith("--") and word != "-h":
            self._refuse(f"unknown flag `{word[1:]}'")
        name, equals, value = ("--help" if word == "-h" else word)[2:].partition("=")
        takes_value = f"{name}=" in self._flags
        if not takes_value and name not in self._flags:
            self._refuse(f"unknown flag `{name}'")
        field = name.replace("-", "_")
        if not takes_value:
            if equals:
                self._refuse(f"flag `--{name}' takes no value")
            self._values[field] = True
            return
        if not equals:
            if not self.words or self.words[0].startswith("--"):
                self._refuse(f"expected argument for flag `--{name}'")
            value = self.words.pop(0)
        if not value and name in _NEVER_EMPTY:  # or a variable without a value would mean: in place
            self._refuse(f"expected argument for flag `--{name}'")
        self._values[field] = (*self._several(field), value) if name == "exclude" else value

    def _several(self, field: str) -> tuple[str, ...]:
        known = self._values.get(field, ())
        return known if isinstance(known, tuple) else ()

    def _refuse(self, text: str) -> NoReturn:
        raise UsageError(text, self._verb)

    def result(self) -> Arguments:
        """What was read, its operands given their names."""
        asked = "help" in self._values or "version" in self._values
        if self._verb and not asked:
            self._name_operands(VERBS[self._verb][1].split())
        values = {"verb": self._verb or SCREENS, **self._values}
        if self._values.get("help"):
            values |= {"verb": "help", "topic": "" if self._verb == "help" else self._verb}
        return Arguments(**values)  # type: ignore[arg-type] # the table and the fields fit, as a test sees

    def _name_operands(self, names: list[str]) -> None:
        missing = []
        for name in names:
            if name.endswith("*"):
                self._values[name[:-1]] = tuple(self._operands)
                self._operands = []
            elif self._operands:
                self._values[name.rstrip("?")] = self._operands.pop(0)
            elif not name.endswith("?"):
                missing.append(_MISSING.get(name, "`<id>`"))
        if missing:
            several = "s" if missing[1:] else ""
            were = "were" if several else "was"
            self._refuse(f"the required argument{several} {' and '.join(missing)} {were} not provided")
        if self._operands:
            self._refuse(f'too many arguments for command: "{self._operands[0]}"')


def _suggestion(word: str) -> str:
    """`: did you mean …?` where a verb is near, else nothing."""
    known = {
        "list": "saved",
        "check": "check-snapshot",
        "export": "export-snapshot",
        "import": "import-snapshot",
    }
    near = known.get(word)
    if near is None:
        from difflib import get_close_matches

        near = next(iter(get_close_matches(word, VERBS, 1)), None)
    return f": did you mean {near}?" if near else ""
