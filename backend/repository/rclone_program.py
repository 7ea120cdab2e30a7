"""The program `rclone` at work, and what its last words mean."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Self

from backend.background import pipe_of
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.fs import files
from backend.repository.object_store import StoreError, StoreRefusedError, StoreUnreachableError

_OPTIONS = (
    *("--retries=3", "--low-level-retries=5", "--contimeout=15s", "--timeout=5m"),
    *("--ask-password=false", "--stats=0", "--log-level=NOTICE"),
)
_LONGEST_REASON = 200
_ABSENT_CODES = (3, 4)  # of a directory, and of a file
_ABSENT = ("object not found", "directory not found", "is a directory or doesn't exist")
_LAST_WORDS = 64 << 10
_DATED = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:[A-Z]+ *: *)?")
_FAILED = re.compile(r'^Failed to (?:create file system for "[^"]*"|[^:]*): (?:NewFs: )?')
_USER_IN_URL = re.compile(r"(//)[^/@\s]*@")
_NO_REMOTE = "didn't find section in config file"
_LOCKED_CONFIG = ("unable to decrypt configuration", "password")
_FULL = ("no space left", "quota exceeded", "insufficient storage", "disk full")
_REFUSED = (
    *(
        "permission denied",
        "access denied",
        "unable to authenticate",
        "accessdenied",
        "signaturedoesnotmatch",
    ),
    *("invalidaccesskeyid", "401 ", "403 ", "unauthorized", "forbidden"),
)
_SILENT = (
    *("connection refused", "no such host", "i/o timeout", "connection reset", "couldn't connect", "eof"),
    *("no route to host", "network is unreachable", "broken pipe", "connection lost", "deadline exceeded"),
    *("kex_exchange_identification", "connection closed", "connection timed out", "handshake failed"),
)


class Rclone:
    """Runs the program; `ca_file` has the certificates of an authority of one's own, or is empty."""

    def __init__(self, ca_file: str = "") -> None:
        self._options = (*_OPTIONS, *([f"--ca-cert={ca_file}"] if ca_file else []))

    def run(self, action: str, arguments: Sequence[str], *, feeds: bool = False) -> "Run":
        """Start it; with `feeds` its standard input is to be written.

        Raises:
            InvalidInputError: it is not installed.
        """
        program = shutil.which("rclone")
        if program is None:
            raise InvalidInputError(f"{action}: the program rclone is missing (apt install rclone)")
        verb, *others = arguments
        *options, path = others
        return Run(action, [program, verb, *self._options, *options, "--", path], feeds=feeds)


class Run:
    """The program at work on one thing, which `action` says as what could not be done."""

    def __init__(self, action: str, command: Sequence[str], *, feeds: bool) -> None:
        self._action = action
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_end`
        # An old rclone starts not at all with that variable.
        environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feeds else subprocess.PIPE,
            stderr=self._words,
            env=environment,
            start_new_session=True,  # it asks no terminal for anything
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def write(self, data: bytes) -> None:
        """Feed it."""
        try:
            files.write_all(pipe_of(self._process.stdin).fileno(), data)
        except BrokenPipeError:
            self.finish()
            raise StoreError(f"{self._action}: rclone ended early") from None

    def read(self, size: int) -> bytes:
        """Take what it yields."""
        return pipe_of(self._process.stdout).read(size)

    def output(self) -> bytes:
        """Take all that it yields, to its good end."""
        with self:
            output = pipe_of(self._process.stdout).read()
            self.finish()
            return output

    def finish(self) -> None:
        """Wait for its end; an error where that is not a good one."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        code = self._process.wait()
        self._words.seek(0)
        text = self._words.read(_LAST_WORDS).decode(errors="replace")
        self.kill()
        if code:
            raise rclone_refusal(self._action, code, text)

    def kill(self) -> None:
        """End it at once, if it runs, and let go of what belongs to it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()
        self._words.close()


def rclone_refusal(action: str, code: int, text: str) -> SnapshotError:
    """Return what to raise for an end with `code` and these last words; `action` is what failed."""
    lower = text.lower()
    if _NO_REMOTE in lower:
        return InvalidInputError(f"{action}: rclone knows no remote of that name (see: rclone config)")
    if all(mark in lower for mark in _LOCKED_CONFIG):
        return StoreRefusedError(f"{action}: rclone's configuration has a password; set RCLONE_CONFIG_PASS")
    if any(mark in lower for mark in _FULL):
        return StoreError(f"{action}: no space is left there")
    if code in _ABSENT_CODES or any(mark in lower for mark in _ABSENT):
        return NotFoundError(f"{action}: it is not there")
    reason = _reason(text) or f"rclone ended with {code}"
    if any(mark in lower for mark in _REFUSED):
        return StoreRefusedError(f"{action}: {reason}")
    if any(mark in lower for mark in _SILENT):
        return StoreUnreachableError(f"{action}: {reason}")
    return StoreError(f"{action}: {reason}")


def _reason(text: str) -> str:
    """The last line that says something, without its time and without what could be a secret."""
    lines = [_DATED.sub("", line).strip() for line in text.splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    return _USER_IN_URL.sub(r"\1", _FAILED.sub("", last))[-_LONGEST_REASON:]
