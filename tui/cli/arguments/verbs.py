"""The table of verbs: where each is described, and where it is carried out. Read at every start."""

import sys

SCREENS = "browse"  # what no verb at all means

# The modules that hold the description of a verb's arguments, and the function that carries it out; in both,
# the function is called as the verb is, with underscores.
VERBS = {
    "saved": ("saved", "saved"),
    "save": ("changes", "change"),
    "check-snapshot": ("changes", "change"),
    "restore": ("changes", "change"),
    "extract": ("contents", "extract"),
    "undo": ("changes", "change"),
    "forget": ("changes", "change"),
    "export-snapshot": ("changes", "change"),
    "import-snapshot": ("changes", "change"),
    "prune": ("keeping", "keeping"),
    "pin": ("keeping", "keeping"),
    "unpin": ("keeping", "keeping"),
    "push": ("copies", "copies"),
    "pull": ("copies", "copies"),
    "copies": ("copies", "copies"),
    "repo": ("configuration", "configuration"),
    "config": ("configuration", "configuration"),
    "status": ("hosts", "hosts"),
    "hosts": ("hosts", "hosts"),
    "copy": ("hosts", "hosts"),
    "ls": ("contents", "inspect"),
    "cat": ("contents", "inspect"),
    "find": ("contents", "find"),
    "diff": ("contents", "diff"),
    "open": ("contents", "inspect"),
    "estimate": ("place", "estimate"),
    "jobs": ("jobs", "query"),
    "doctor": ("place", "query"),
    "schedule": ("schedule", "schedule"),
    "retention": ("place", "retention"),
    "attach": ("jobs", "jobs"),
    "stop": ("jobs", "jobs"),
    "finish": ("jobs", "jobs"),
    "takeback": ("jobs", "jobs"),
    "browse": ("screens", "browse"),
    "reset": ("place", "change"),
    "completion": ("manual", "generate"),
    "man": ("manual", "generate"),
    "version": ("manual", "generate"),
    "help": ("manual", "help"),
}


def describing(verb: str) -> object:
    """The function that describes the arguments of a verb."""
    return _function(f"tui.cli.arguments.{VERBS[verb][0]}", verb)


def acting(verb: str) -> object:
    """The function that carries a verb out."""
    return _function(f"tui.cli.commands.{VERBS[verb][1]}", verb)


def _function(name: str, verb: str) -> object:
    __import__(name)  # importlib itself would be one more module to load
    return getattr(sys.modules[name], verb.replace("-", "_"))
