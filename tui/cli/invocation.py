"""One run of the command: from its words to its exit code, with what is known of it when it fails."""

import gc
import io
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from tui.cli.arguments.reading import CommandLine, parse
from tui.cli.arguments.verbs import SCREENS, acting

if TYPE_CHECKING:
    from tui.cli.context import Context


_BEGUN_WITHOUT_GC = ("saved", SCREENS)


class Invocation:
    """One run of the command: what was understood of it, and what it works with, as soon as there is any."""

    verb = "saved"
    context: "Context | None" = None

    def run(self, argv: Sequence[str]) -> int:
        """Carry out a command line; returns the exit code."""
        line = parse(list(argv))
        self.verb = line.verb
        if line.options.json and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        if line.options.host:
            from tui.cli.there import run_there

            code = run_there(line, list(argv), self._carry_out)
        else:
            code = self._carry_out(line)
        from tui.cli.output import flush_results

        flush_results()
        return code

    def _carry_out(self, line: CommandLine) -> int:
        from tui.cli.context import Context

        self.context = Context(line.options)
        act = cast("Callable[[Context, Any], int]", acting(line.verb))
        if line.verb not in _BEGUN_WITHOUT_GC:
            gc.enable()
        return act(self.context, line.arguments)
