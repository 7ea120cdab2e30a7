"""A real Ceph Object Gateway on loopback, of one test process; needs root and Debian's packages of it."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.buckets import Bucket
from tests.support.ports import free_port, wait_for_port

KEY, SECRET = "AKTEST", "SKTEST0123456789"
PACKAGES = "radosgw ceph-mon ceph-osd ceph-mgr"

_PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-mgr", "monmaptool")
_CONF = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
mon initial members = a
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {base}/keyring
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
run dir = {base}
admin socket = {base}/$cluster-$name.asok
log file = {base}/log/$name.log
pid file = {base}/$name.pid
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
crash dir = {base}
[mon]
mon data = {base}/mon
mon cluster log file = {base}/log/cluster.log
[osd]
osd data = {base}/osd
osd objectstore = bluestore
bluestore block size = 8589934592
bluestore block create = true
osd memory target = 939524096
osd max object name len = 256
osd max object namespace len = 64
[mgr]
mgr data = {base}/mgr
mgr initial modules =
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {base}/rgw
rgw run sync thread = false
rgw thread pool size = 32
"""
_CAPS = {
    "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    "client.rgw.a": ("mon", "allow rw", "osd", "allow rwx", "mgr", "allow rw"),
    "mgr.x": ("mon", "allow profile mgr", "osd", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd"),
}


def missing() -> str:
    """Why there can be no Ceph here, or nothing."""
    if not os.environ.get("SNAPSTOW_CEPH"):
        return "Ceph is tried only where SNAPSTOW_CEPH is set"
    if os.geteuid() != 0:
        return "Ceph needs root"
    absent = [program for program in _PROGRAMS if not shutil.which(program)]
    return f"Ceph is not installed: apt-get install --no-install-recommends {PACKAGES}" if absent else ""


class Ceph:
    """A Ceph that runs; its gateway can be killed and started again."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._port = free_port()
        self._environment = {**os.environ, "CEPH_CONF": str(base / "ceph.conf")}
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def bucket(self, name: str) -> Bucket:
        """A bucket there, made by whoever asks for it."""
        return Bucket(self.endpoint, name, KEY, SECRET, "us-east-1")

    def start(self) -> None:
        """Make it, and start all of it."""
        for name in ("mon", "osd", "mgr", "rgw", "log"):
            (self._base / name).mkdir()
        fsid, mon1, mon2 = str(uuid.uuid4()), free_port(), free_port()
        (self._base / "ceph.conf").write_text(
            _CONF.format(fsid=fsid, base=self._base, port=self._port, mon1=mon1, mon2=mon2)
        )
        self._make_keys()
        self._run(
            *("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]"),
            *("--fsid", fsid, str(self._base / "monmap")),
        )
        keyring = str(self._base / "keyring")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{self._base}/monmap", "--keyring", keyring)
        self._run("ceph-mon", "-i", "a")
        self._run("ceph", "auth", "import", "-i", keyring)
        self._run("ceph-mgr", "-i", "x")
        self._run("ceph", "osd", "create")
        self._run("ceph-osd", "-i", "0", "--mkfs")
        self._run("ceph-osd", "-i", "0")
        self.start_gateway()
        self._run(
            *("radosgw-admin", "-n", "client.rgw.a", "user", "create", "--uid=test", "--display-name=test"),
            *(f"--access-key={KEY}", f"--secret-key={SECRET}"),
        )

    def start_gateway(self) -> None:
        """Start the gateway, and wait until it answers."""
        self._run("radosgw", "-n", "client.rgw.a")
        wait_for_port(self._port)

    def kill_gateway(self) -> None:
        """End the gateway at once."""
        self._kill("client.rgw.a")

    def kill(self) -> None:
        """End all of it."""
        for name in ("client.rgw.a", "mgr.x", "osd.0", "mon.a"):
            self._kill(name)

    def _make_keys(self) -> None:
        keyring = str(self._base / "keyring")
        mon = ("--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._run("ceph-authtool", *mon)
        for name, caps in _CAPS.items():
            pairs = zip(caps[::2], caps[1::2], strict=True)
            options = [option for kind, rights in pairs for option in ("--cap", kind, rights)]
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *options)

    def _kill(self, name: str) -> None:
        with suppress(OSError, ValueError):
            pid = int((self._base / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGKILL)
            (self._base / f"{name}.pid").unlink()

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, env=self._environment, timeout=120)


@contextmanager
def running() -> Iterator[Ceph]:
    """A Ceph of one's own; it takes twenty seconds to start."""
    base = Path(tempfile.mkdtemp(prefix="snapstow-ceph-"))
    ceph = Ceph(base)
    try:
        ceph.start()
        yield ceph
    finally:
        ceph.kill()
        shutil.rmtree(base, ignore_errors=True)
