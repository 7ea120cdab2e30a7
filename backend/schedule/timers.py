"""The units of schedules where systemd looks for them: checked before they are put there, removed whole."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from backend.engine.protocol import Engine
from backend.errors import InvalidInputError, NotFoundError, SnapshotError
from backend.fs import files
from backend.fs.directories import make_directories
from backend.host.user_directories import user_directory
from backend.schedule.calendar import ask_systemd, complaints
from backend.schedule.units import PREFIX, UnitFiles, demand_name

_SYSTEM = "/etc/systemd/system"
_RUNS = "/run/systemd/system"
_LARGEST = 1 << 20
_SUFFIX = ".timer"


class Manager(NamedTuple):
    """The systemd that is to know of units: `options` make systemctl speak to it.

    Where it does not run now, units are enabled for its next start. `is_of_user` is one of a user's session;
    where it is `absent`, no systemd looks where the units are.
    """

    options: Sequence[str] = ()
    runs: bool = True
    is_of_user: bool = False
    is_absent: bool = False


class Timers:
    """The units of schedules in one folder, and the systemd that looks there."""

    def __init__(self, folder: str, manager: Manager) -> None:
        self.folder = folder
        self.manager = manager

    def names(self) -> list[str]:
        """Return the schedules that have a timer, by name."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        timers = (name for name in names if name.startswith(PREFIX) and name.endswith(_SUFFIX))
        return [name.removeprefix(PREFIX).removesuffix(_SUFFIX) for name in timers]

    def is_like(self, units: UnitFiles) -> bool:
        """Whether the units in place are these very ones."""
        return all(self._read(name) == text for name, text in units.files.items())

    def verify(self, units: UnitFiles) -> None:
        """Have systemd look at units as they would be.

        Raises:
            InvalidInputError: it complains of them, or is not there.
        """
        is_of_user = self.manager.is_of_user
        user = ["--user"] if is_of_user else []
        with tempfile.TemporaryDirectory(prefix="snapstow-units-") as folder:
            for name, text in units.files.items():
                files.write_whole(f"{folder}/{name}", text.encode())
            paths = [f"{folder}/{name}" for name in units.files]
            runtime = folder if is_of_user else ""
            answer = ask_systemd("systemd-analyze", *user, "verify", *paths, runtime=runtime)
        lines = complaints(answer, list(units.files))
        if answer.code or lines:
            text = "; ".join(lines or answer.err.splitlines()).replace(f"{folder}/", "")
            raise InvalidInputError(f"systemd does not take the units of schedule {units.name}: {text}")

    def enable(self, units: UnitFiles) -> None:
        """Put units in place and have the timer started, now and with the machine; whole, or not at all.

        Raises:
            InvalidInputError: systemd does not take them.
            SnapshotError: they cannot be put in place, or not be started.
        """
        self.verify(units)
        before = {name: self._read(name) for name in units.files}
        was_wanted = self._is_wanted(units)
        try:
            with files.os_errors_as(f"cannot write the units of schedule {units.name}"):
                make_directories(self.folder)
                self._put(units.files)
            self._reload()
            self._control("enable", *(["--now"] if self.manager.runs else []), units.timer_name)
        except SnapshotError:
            if self._is_wanted(units) and not was_wanted:  # by systemctl, which then failed to start it
                with suppress(SnapshotError):
                    self._stop(units)
            with suppress(SnapshotError, OSError):
                self._put(before)
                self._reload()
            raise

    def disable(self, name: str) -> None:
        """Stop the timer of a schedule and remove its units; a run that is under way goes on.

        Raises:
            NotFoundError: it has none.
            SnapshotError: systemd does not do its part.
        """
        demand_name(name)
        units = UnitFiles(name, "", "")
        if not any(self._read(unit) for unit in units.files):
            raise NotFoundError(f"schedule {name} is not enabled")
        if self._read(units.timer_name):
            self._stop(units)
            if self.manager.runs:  # when it ran last, which it would make up for if it came back
                with suppress(SnapshotError):
                    self._control("clean", "--what=state", units.timer_name)
        with files.os_errors_as(f"cannot remove the units of schedule {name}"):
            self._put(dict.fromkeys(units.files, ""))
        self._reload()

    def _is_wanted(self, units: UnitFiles) -> bool:
        """Whether the timer starts with the machine, or with the user's session."""
        return os.path.lexists(f"{self.folder}/timers.target.wants/{units.timer_name}")

    def _stop(self, units: UnitFiles) -> None:
        self._control("disable", *(["--now"] if self.manager.runs else []), units.timer_name)

    def _put(self, texts: dict[str, str]) -> None:
        """Make units have these texts; one without a text is removed."""
        for name, text in texts.items():
            path = f"{self.folder}/{name}"
            if text:
                files.write_whole(path, text.encode(), 0o644)
                os.chmod(path, 0o644)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(path)
        files.sync_directory(self.folder)

    def _read(self, name: str) -> str:
        try:
            return files.read_whole(f"{self.folder}/{name}", _LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""

    def _reload(self) -> None:
        if self.manager.runs:
            self._control("daemon-reload")

    def _control(self, *arguments: str) -> None:
        if self.manager.is_absent:
            return
        answer = ask_systemd("systemctl", *self.manager.options, *arguments)
        if answer.code:
            text = "; ".join(answer.err.strip().splitlines()) or f"exit status {answer.code}"
            raise SnapshotError(f"systemctl cannot {' '.join(arguments)}: {text}")


def timers_of(engine: Engine) -> Timers:
    """Return the units for a place: the system's for root, the user's own for anybody else.

    Those for another root than the machine's own lie below that root, where no systemd looks.
    """
    root = engine.layout.root
    if os.path.realpath(root) != "/":
        return Timers(f"{root.rstrip('/')}{_SYSTEM}", Manager(runs=False, is_absent=True))
    if os.geteuid() == 0:
        runs = os.path.isdir(_RUNS)
        return Timers(_SYSTEM, Manager(() if runs else ("--root=/",), runs=runs))
    runs = os.path.isdir(f"{os.environ.get('XDG_RUNTIME_DIR', '/nowhere')}/systemd")
    folder = f"{user_directory('XDG_CONFIG_HOME', '.config')}/systemd/user"
    return Timers(folder, Manager(("--user",), runs=runs, is_of_user=True, is_absent=not runs))
