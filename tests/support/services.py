"""Services of snaps where no systemd runs: a systemctl for a real snapd, which remembers what runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.realsnapd import RealSnapd

SERVICE: dict[str, Any] = {"command": "bin/x", "daemon": "simple"}
APPS: dict[str, Any] = {
    "web": SERVICE,
    "db": SERVICE,
    "off": SERVICE,
    "agent": SERVICE | {"daemon-scope": "user"},
    "tool": {"command": "bin/x"},
}

# A unit runs while its file is in `running`; one in `failing` does not start; `log` has what was asked.
_SYSTEMCTL = """#!/bin/sh
cd {base}/units
while case $1 in --user | --global) true ;; *) false ;; esac; do shift; done
verb=$1; shift
case $verb in start | stop) echo "$verb $*" >>log ;; esac
case $verb in
show)
    shift; gap=
    for unit; do
        state=inactive; [ -e running/$unit ] && state=active
        printf "${{gap}}Type=simple\\nId=$unit\\nNames=$unit\\nActiveState=$state\\n"
        printf "UnitFileState=enabled\\nNeedDaemonReload=no\\n"; gap='\\n'
    done ;;
is-enabled) for unit; do echo enabled; done ;;
stop) for unit; do rm -f running/$unit; done ;;
start)
    for unit; do
        [ -e failing/$unit ] && {{ echo "Job for $unit failed." >&2; exit 1; }}
        touch running/$unit
    done ;;
esac
exit 0
"""


class Services:
    """The services of a real snapd that is down; those of `names`, each `SNAP.APP`, run."""

    def __init__(self, snapd: RealSnapd, names: Iterable[str]) -> None:
        self._units = snapd.base / "units"
        for place in ("running", "failing"):
            (self._units / place).mkdir(parents=True)
        (self._units / "log").touch()
        script = snapd.base / "shim/systemctl"
        script.write_text(_SYSTEMCTL.format(base=snapd.base))
        script.chmod(0o755)
        for name in names:
            self._unit("running", name).touch()

    @property
    def running(self) -> set[str]:
        """Those that run."""
        return {path.name.removeprefix("snap.").removesuffix(".service") for path in self._in("running")}

    @property
    def log(self) -> list[str]:
        """What was asked of systemd, in order: `stop hello.web`."""
        lines = (self._units / "log").read_text().splitlines()
        return [line.replace("snap.", "").replace(".service", "") for line in lines]

    def stop(self, *names: str) -> None:
        """End some, as nobody asked for."""
        for name in names:
            self._unit("running", name).unlink()

    def let_fail(self, name: str) -> None:
        """Have one fail whenever it is started."""
        self._unit("failing", name).touch()

    def _in(self, place: str) -> list[Path]:
        return list((self._units / place).iterdir())

    def _unit(self, place: str, name: str) -> Path:
        return self._units / place / f"snap.{name}.service"
