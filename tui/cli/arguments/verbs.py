"""The table of verbs: where each is described, and where it is carried out. Read at every start."""

from typing import NamedTuple


class Verb(NamedTuple):
    """The modules that hold the description of a verb's arguments, and the function that carries it out.

    In both, the function is called as the verb is, with underscores.
    """

    arguments: str
    commands: str


SCREENS = "browse"  # what no verb at all means
HIDDEN = ("run-job",)  # what programs of ours start, and nobody types

VERBS = {
    "saved": Verb("saved", "saved"),
    "save": Verb("changes", "change"),
    "check-snapshot": Verb("changes", "change"),
    "restore": Verb("changes", "change"),
    "extract": Verb("contents", "extract"),
    "undo": Verb("changes", "change"),
    "forget": Verb("changes", "change"),
    "export-snapshot": Verb("changes", "change"),
    "import-snapshot": Verb("changes", "change"),
    "ls": Verb("contents", "inspect"),
    "cat": Verb("contents", "inspect"),
    "find": Verb("contents", "inspect"),
    "diff": Verb("contents", "diff"),
    "open": Verb("contents", "inspect"),
    "estimate": Verb("place", "query"),
    "jobs": Verb("jobs", "query"),
    "doctor": Verb("place", "query"),
    "retention": Verb("place", "retention"),
    "attach": Verb("jobs", "jobs"),
    "stop": Verb("jobs", "jobs"),
    "finish": Verb("jobs", "jobs"),
    "takeback": Verb("jobs", "jobs"),
    "browse": Verb("screens", "browse"),
    "reset": Verb("place", "change"),
    "completion": Verb("manual", "generate"),
    "man": Verb("manual", "generate"),
    "version": Verb("manual", "generate"),
    "help": Verb("manual", "help"),
    "run-job": Verb("jobs", "jobs"),
}


def function_of(verb: str, package: str, module: str) -> object:
    """The function of a verb in a module of a package, which is loaded for it."""
    from importlib import import_module

    return getattr(import_module(f"tui.cli.{package}.{module}"), verb.replace("-", "_"))
