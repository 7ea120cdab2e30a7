"""What one command works with: made once, handed on."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from backend import open_engine
from tui.text import plain

if TYPE_CHECKING:
    from backend import Engine, Operation
    from tui.cli.arguments.parser import GlobalOptions


class Context:
    """The place of a command, its engine, and for whom to print; the engine is made when first asked for."""

    def __init__(self, options: "GlobalOptions") -> None:
        self.json = options.json
        self.demo = options.demo
        self.follows_snapd = options.engine == "auto"
        self.accomplished = ""  # the verb of what was carried out, once it was
        self._options = options
        self._config = os.path.abspath(options.config) if options.config else ""
        if options.no_lock:
            from backend.fs import go_without

            go_without()

    @cached_property
    def engine(self) -> "Engine":
        """The engine that the global options ask for."""
        root, config = self._options.root, self._config
        if self.demo:
            from backend import demo_config, demo_root

            root = demo_root()
            config = config or demo_config(root)
        engine = open_engine(root, self._options.engine, config, reads_files=not self._options.host)
        if waiting := engine.waiting():
            from tui.cli.output import print_status

            print_status(*(f"{plain(text)}." for text in waiting))
        return engine

    def location_options(self, *, absolute: bool = False) -> tuple[str, ...]:
        """The options that name the place, and the engine if one was asked for; `absolute`: from anywhere."""
        no_lock = self._options.no_lock
        where = ("--demo",) if self.demo else self._root_option(absolute)
        engine = "auto" if self._options.host else self._options.engine
        how = ("--engine", engine) if engine != "auto" else ()
        if self._config:
            how = (*how, "--config", self._config)
        return (*where, *how, *(("--no-lock",) if no_lock else ()))

    def _root_option(self, absolute: bool) -> tuple[str, ...]:
        root = self._options.root
        if self._options.host:
            return ("-H", self._options.host)
        if root == "/":
            return ()
        if absolute:
            root = os.path.abspath(root)
        return ("--root", root)

    def command(self, what: "Operation | str") -> str:
        """A command for a shell, with the options that name the place; `what` is an operation, or words."""
        from shlex import join

        from backend import command_line

        text = what if isinstance(what, str) else command_line(what).removeprefix("snapstow ")
        return plain(f"{join(['snapstow', *self.location_options(absolute=True)])} {text}")
