"""A fleet of machines: for each an sshd on a loopback address, below whose login Snapstow is found."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import TOP
from tests.support.builders import World
from tests.support.ports import free_port, wait_for_port

_SSHD = """Port {port}
ListenAddress {address}
HostKey {base}/{key}
PidFile none
AuthorizedKeysFile {authorized}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
AllowStreamLocalForwarding yes
MaxStartups 100:30:200
SetEnv PATH={path}:/usr/bin:/bin XDG_CACHE_HOME={base}/cache
"""
_CLIENT = """Host *
  IdentityFile {base}/id
  IdentitiesOnly yes
  UserKnownHostsFile {base}/known_hosts
  GlobalKnownHostsFile /dev/null
  LogLevel ERROR
"""


class Machine:
    """One of them: its root, and its sshd."""

    def __init__(self, name: str, world: World, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self.world = world
        self._process = process

    def freeze(self) -> None:
        """Let it answer nothing any more, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End its sshd and all logins at once."""
        self._process.send_signal(signal.SIGCONT)
        subprocess.run(["pkill", "-9", "-P", str(self._process.pid)], check=False)
        self._process.kill()
        self._process.wait()


class Fleet:
    """Machines that `ssh` reaches by name with the configuration `config`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.config = base / "ssh_config"
        self.machines: dict[str, Machine] = {}

    @property
    def ssh(self) -> str:
        """What SNAPSTOW_SSH is to be."""
        return f"ssh -F {self.config}"

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]


@contextmanager
def fleet_of(base: Path, names: Sequence[str], *, without: Sequence[str] = ()) -> Iterator[Fleet]:
    """Start one; on the machines `without` there is no Snapstow.

    Of these names three are special: `refused` has no sshd, `stranger` another key than is known, and
    `locked` lets nobody in.
    """
    fleet = Fleet(base)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    for key in ("host", "other", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / key)], check=True)
    shutil.copy(base / "id.pub", base / "authorized")
    (base / "nobody").touch()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    fleet.config.write_text(_CLIENT.format(base=base))
    known = base / "known_hosts"
    with ExitStack() as stack:
        for number, name in enumerate(names, 1):
            port, address = free_port(), f"127.0.2.{number}"
            with fleet.config.open("a") as config:
                config.write(f"Host {name}\n  HostName {address}\n  Port {port}\n  User {user}\n")
            with known.open("a") as keys:
                keys.write(f"[{address}]:{port} {(base / 'host.pub').read_text()}")
            if name != "refused":
                fleet.machines[name] = stack.enter_context(
                    _machine(base, name, (address, port), has_snapstow=name not in without)
                )
        yield fleet


@contextmanager
def _machine(base: Path, name: str, at: tuple[str, int], *, has_snapstow: bool) -> Iterator[Machine]:
    world = World(base / name / "root")
    world.root.mkdir(parents=True, exist_ok=True)
    path = base / name / "bin"
    path.mkdir()
    if has_snapstow:
        program = path / "snapstow"
        command = f'cd {TOP} && exec {sys.executable} -m tui.cli.main --root {world.root} "$@"'
        program.write_text(f"#!/bin/sh\n{command}\n")
        program.chmod(0o755)
    file = base / name / "sshd.conf"
    address, port = at
    file.write_text(
        _SSHD.format(
            base=base,
            address=address,
            port=port,
            path=path,
            key="other" if name == "stranger" else "host",
            authorized=base / ("nobody" if name == "locked" else "authorized"),
        )
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd"
    with (base / name / "sshd.log").open("wb") as log:
        line = [sshd, "-D", "-e", "-f", str(file)]
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=log)
    machine = Machine(name, world, process)
    try:
        wait_for_port(port, address)
        yield machine
    finally:
        machine.kill()
