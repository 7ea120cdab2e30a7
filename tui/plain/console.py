"""Lines out, lines in: nothing is ever drawn over, so that it can be heard, felt, or written to a file."""

import errno
import sys
from typing import TextIO

from tui.terminal.streams import discard
from tui.text import plain

LONGEST = 16384
CANCEL = "cancel"
YES, NO = ("yes", "y"), ("no", "n")
_NOBODY = (errno.EPIPE, errno.EIO)  # of a pipe without a reader, and of a terminal that was hung up


class EndOfInput(Exception):  # noqa: N818 - not an error: nobody answers any more
    """There are no more answers."""


class Dropped(Exception):  # noqa: N818 - not an error: the user thought better of it
    """What was being asked about is not to be done."""


class Console:
    """Somebody who reads and answers line by line, at a terminal or through a pipe."""

    def __init__(self, reader: TextIO = sys.stdin, writer: TextIO = sys.stdout) -> None:
        self._reader = reader
        self._writer = writer
        self._echoes = reader.isatty()

    def say(self, *lines: str) -> None:
        """Tell, line by line; what would do something to a terminal is made visible.

        EndOfInput where nobody is there any more, OSError where it cannot be written down.
        """
        self._write("".join(f"{plain(line)}\n" for line in lines))

    def _write(self, text: str) -> None:
        try:
            self._writer.write(text)
            self._writer.flush()
        except OSError as failure:
            if failure.errno not in _NOBODY:
                raise
            discard(self._writer)
            raise EndOfInput from failure

    def ask(self, question: str, default: str = "") -> str:
        """The answer to a question, the default where nothing is answered.

        Dropped when that is `cancel`, EndOfInput when nobody answers any more.
        """
        shown = f"{question} [{default}]" if default else question
        self._write(f"{plain(shown)}: ")
        line = self._line()
        if not line or not self._echoes:  # a terminal shows the line end that is typed
            self._write("\n")
        if not line:
            raise EndOfInput
        if len(line) == LONGEST and not line.endswith("\n"):
            self._skip_line()
            self.say("That line is too long.")
            return self.ask(question, default)
        answer = line.strip() or default
        if answer.lower() == CANCEL:
            raise Dropped
        return answer

    def _line(self) -> str:
        try:
            return self._reader.readline(LONGEST)
        except OSError:  # the terminal is gone
            return ""

    def _skip_line(self) -> None:
        while (rest := self._line()) and not rest.endswith("\n"):
            pass

    def demands(self, question: str, proof: str) -> None:
        """Continue only when `proof` is typed; anything else drops it."""
        if self.ask(f"{question} Type {proof} to continue", CANCEL) != proof:
            raise Dropped

    def agrees(self, question: str) -> bool:
        """Whether the answer is yes, which Enter alone is not; asked again while it is neither yes nor no."""
        while True:
            answer = self.ask(f"{question} Yes or no", "no").lower()
            if answer in YES + NO:
                return answer in YES
            self.say("Please type yes or no, or cancel.")
