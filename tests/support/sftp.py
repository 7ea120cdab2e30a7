"""A real sshd on loopback that serves files, and rclone's configuration for it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import free_port, wait_for_port

_SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey {base}/host
PidFile none
AuthorizedKeysFile {base}/authorized
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
Subsystem sftp internal-sftp
MaxStartups 100:30:200
"""
_RCLONE = """[web]
type = sftp
host = 127.0.0.1
port = {port}
user = {user}
key_file = {base}/id
known_hosts_file = {base}/known_hosts
shell_type = unix

[stranger]
type = sftp
host = 127.0.0.1
port = {port}
user = {user}
key_file = {base}/host
known_hosts_file = {base}/known_hosts
shell_type = unix
"""
_PRIVILEGE_SEPARATION = Path("/run/sshd")


class SftpServer(NamedTuple):
    """Files as rclone reaches them by its remote `web`; by `stranger`, with another key, nobody is let in."""

    rclone_config: Path
    process: "subprocess.Popen[bytes]"


@contextmanager
def sftp_server(base: Path) -> Iterator[SftpServer]:
    """Run one, with its keys in `base`."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / name)], check=True)
    shutil.copy(base / "id.pub", base / "authorized")
    port = free_port()
    (base / "known_hosts").write_text(f"[127.0.0.1]:{port} {(base / 'host.pub').read_text()}")
    (base / "sshd.conf").write_text(_SSHD.format(port=port, base=base))
    config = base / "rclone.conf"
    config.write_text(_RCLONE.format(port=port, base=base, user=user))
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd"
    command = [program, "-D", "-e", "-f", str(base / "sshd.conf")]
    with (base / "sshd.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(port)
        yield SftpServer(config, process)
    finally:
        process.kill()
        process.wait()
