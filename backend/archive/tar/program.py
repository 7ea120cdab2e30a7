"""Archives: the system's own tar, run as the owner of the data, out and in.

tar always gets its directory as an open working directory, so that a closed parent does not stop it. On the
way in, a member reaches tar only once its header has been vetted.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import IO

from backend.archive.tar.stream import TarFilter, TarMember
from backend.errors import ChangedError, CommandError, NotAllowedError
from backend.fs import files
from backend.model import Revision, User
from backend.progress import Progress

_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
RECORD = 256 << 10  # an archive is a multiple of it
_MOST_AT_ONCE = 1000  # Linux takes 1,024
_SHOWN = 5
_KEPT = 100


class TarMessage(Enum):
    """What a line that tar printed means for the archive."""

    HARMLESS = "harmless"
    CHANGED = "changed"
    FATAL = "fatal"


_NOISE = (
    (
        re.compile(r": (socket ignored|door ignored|file is on a different filesystem; not dumped)$"),
        TarMessage.HARMLESS,
    ),
    (
        re.compile(r"^tar: (Removing leading|Record size = )|: time stamp .* in the future$"),
        TarMessage.HARMLESS,
    ),
    (re.compile(r": (file changed as we read it|File removed before we read it)$"), TarMessage.CHANGED),
    (re.compile(r": File shrank by \d+ bytes; padding with zeros$"), TarMessage.CHANGED),
    (re.compile(r"^tar: (Exiting with failure status|Error is not recoverable)"), TarMessage.HARMLESS),
)


def noise_of(line: str) -> TarMessage:
    """What a line of tar's standard error says about the archive."""
    return next((noise for pattern, noise in _NOISE if pattern.search(line)), TarMessage.FATAL)


class _Messages:
    """Drains a program's standard error, keeping a bounded part of it by meaning."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.lines: deque[str] = deque(maxlen=_SHOWN)
        self.count = 0
        self.first = ""
        self.kept: dict[TarMessage, list[str]] = {noise: [] for noise in TarMessage}
        self._stream = stream
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while raw := self._stream.readline(4096):
            line = raw.decode("utf-8", "surrogateescape").rstrip("\n")
            if not line:
                continue
            noise = noise_of(line)
            if len(self.kept[noise]) < _KEPT:
                self.kept[noise].append(line)
            if not line.endswith(": socket ignored"):
                self.first = self.first or line
                self.count += 1
                self.lines.append(line)

    def finish(self) -> None:
        """Wait for the last message."""
        self._thread.join()
        self._stream.close()


class Tar:
    """How tar is run for the data of `user` (None: the system's).

    On the machine's own root users are switched by name and owners kept by name; below another root
    (`machine` False) everything goes by number, as in that root's own accounts. Without `owners`, what is
    unpacked belongs to whoever unpacks it, and nothing of it can be run as its owner by others.
    """

    def __init__(
        self,
        user: User | None,
        *,
        machine: bool = True,
        owners: bool = True,
        effective_uid: int | None = None,
        find: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._keeps_owners = owners
        self._owners = [] if machine else ["--numeric-owner"]
        uid = os.geteuid() if effective_uid is None else effective_uid
        switching = uid == 0 and user is not None and user.uid != 0
        self._prefix = _switch(user, machine, find) if switching and user is not None else []

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [*self._prefix, "tar", *arguments, *self._owners]

    @contextmanager
    def pack(
        self, directory: int, names: Sequence[str], excludes: Sequence[str], progress: Progress
    ) -> Iterator[Callable[[memoryview], int]]:
        """Make an archive of `names` in an open directory: yields a call that fills a buffer with its bytes.

        ChangedError when a file changed while it was read (everything else is in the archive), CommandError
        when tar gave up, Cancelled when the job was stopped; raised when the block is left.
        """
        arguments = ["--create", "--sparse", "--format", "gnu", "--anchored", "--no-wildcards-match-slash"]
        arguments += [f"--blocking-factor={RECORD // 512}", *(f"--exclude={pattern}" for pattern in excludes)]
        command = [*self.command(*arguments), "--", *names]
        with _running(command, directory, progress, stdout=subprocess.PIPE) as (process, messages):
            assert process.stdout is not None
            pipe = process.stdout.fileno()
            files.widen_pipe(pipe)

            def fill(view: memoryview) -> int:
                """Read on in what tar writes, and count it in the job."""
                count = os.readv(pipe, [view])
                progress.advance(count)
                return count

            yield fill
            _end(process, messages, progress)
            if process.returncode:
                raise _pack_failure(process.returncode, messages)
        if harmless := messages.kept[TarMessage.HARMLESS]:
            more = "+" if len(harmless) == _KEPT else ""
            progress.note(f"{len(harmless)}{more} harmless notices of tar, e.g. {harmless[0]}")

    def unpack(
        self, directory: int, chunks: Iterable[bytes], vetter: Callable[[TarMember], bool], progress: Progress
    ) -> None:
        """Unpack a tar stream into an open directory; a member reaches tar once `vetter` accepts it.

        IntegrityError when the stream or a member is refused, CommandError when tar gave up.
        """
        whose = [] if self._keeps_owners else ["--no-same-owner"]
        command = self.command("--extract", "--preserve-permissions", "--preserve-order", "--file=-", *whose)
        with _running(command, directory, progress, stdin=subprocess.PIPE) as (process, messages):
            assert process.stdin is not None
            pipe = process.stdin.fileno()
            files.widen_pipe(pipe)

            passed: list[memoryview] = []
            stream = TarFilter(vetter, passed.append, set_ids=self._keeps_owners)
            try:
                for chunk in chunks:
                    stream.feed(chunk)
                    _write_all(pipe, passed)
                    progress.advance(len(chunk))
                stream.close()
                process.stdin.close()
            except BrokenPipeError:
                progress.raise_if_cancelled()
            _end(process, messages, progress)
            if process.returncode:
                raise _unpack_failure(process.returncode, messages)


def _write_all(pipe: int, pieces: list[memoryview]) -> None:
    """Write pieces in order, many at once, and forget them."""
    for at in range(0, len(pieces), _MOST_AT_ONCE):
        some = pieces[at : at + _MOST_AT_ONCE]
        count = os.writev(pipe, some)
        for piece in some:
            rest, count = piece[count:], max(0, count - len(piece))
            while rest:
                rest = rest[os.write(pipe, rest) :]
    pieces.clear()


def _switch(user: User, machine: bool, find: Callable[[str], str | None]) -> list[str]:
    if machine:
        for wrapper in ("runuser", "sudo"):
            if path := find(wrapper):
                return [path, "-u", user.name, "--"]
    if path := find("setpriv"):
        return [path, f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", "--"]
    raise NotAllowedError(f"cannot act as user {user.name}: none of runuser, sudo and setpriv was found")


@contextmanager
def _running(
    command: list[str],
    directory: int,
    progress: Progress,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[tuple["subprocess.Popen[bytes]", _Messages]]:
    """A program in a process group of its own, ended when the job is stopped or the block is left."""
    progress.raise_if_cancelled()
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=f"/proc/self/fd/{directory}",
        pass_fds=(directory,),
        env=_ENVIRONMENT,
        process_group=0,
        bufsize=0,
    )
    assert process.stderr is not None
    messages = _Messages(process.stderr)

    def end() -> None:
        """Kill the program and its children, if it still runs."""
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    try:
        with progress.on_cancel(end):
            yield process, messages
    finally:
        end()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()
        messages.finish()


def _end(process: "subprocess.Popen[bytes]", messages: _Messages, progress: Progress) -> None:
    process.wait()
    messages.finish()
    progress.raise_if_cancelled()


def _pack_failure(status: int, messages: _Messages) -> CommandError:
    fatal, changed = messages.kept[TarMessage.FATAL], messages.kept[TarMessage.CHANGED]
    harmless = messages.kept[TarMessage.HARMLESS]
    if not messages.count:
        return CommandError(f"tar failed: {_status(status)}", harmless=harmless)
    shown = "\n".join(messages.lines)
    header = "cannot create archive"
    if messages.count > _SHOWN:
        header += f" (showing last {_SHOWN} lines out of {messages.count})"
    if status == 1 and changed and not fatal:
        return ChangedError(f"{header}:\n{shown}", changed, harmless)
    return CommandError(f"{header}:\n{shown}", fatal or changed, harmless)


def _unpack_failure(status: int, messages: _Messages) -> CommandError:
    if not messages.count:
        return CommandError(f"tar failed: {_status(status)}")
    more = f" (and {messages.count - 1} more)" if messages.count > 1 else ""
    return CommandError(f"cannot unpack archive: {messages.first}{more}", messages.kept[TarMessage.FATAL])


def _status(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"


def empty_archive(revision: Revision) -> bytes:
    """A tar of nothing but an empty revision directory: what a snap without data is stored as."""
    import tarfile
    import time

    member = tarfile.TarInfo(str(revision))
    member.type = tarfile.DIRTYPE
    member.mode = 0o755
    member.mtime = int(time.time())
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(tarfile.RECORDSIZE - tarfile.BLOCKSIZE)
