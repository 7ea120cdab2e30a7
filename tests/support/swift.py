"""A real OpenStack Swift that speaks S3, on loopback: one for all processes of a test run.

`python -m tests.support.swift` installs it (79 MB) where it is kept between runs. While it runs, a keeper
watches over it: it ends everything once nobody uses it, however they ended.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from tests.support import TOP
from tests.support.buckets import Bucket
from tests.support.ports import free_port, wait_for_port

VERSION = "2.38.3"
KEY, SECRET = "test:tester", "SKTEST0123456789"
REGION = "us-east-1"

_PARTS = ("account", "container", "object")
_PATIENCE = 60
_SWIFT_CONF = """[swift-hash]
swift_hash_path_suffix = test
swift_hash_path_prefix = test
[storage-policy:0]
name = gold
default = yes
"""
_PART_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
devices = {base}/srv
mount_check = false
swift_dir = {base}
user = {user}
workers = 0
fallocate_reserve = 0
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY_CONF = f"""[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {{port}}
user = {{user}}
workers = 0
swift_dir = {{base}}
[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth slo dlo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET} .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class Proxy:
    """One way in to a Swift, a process on a port of its own that can be killed and started again."""

    def __init__(self, base: Path, port: int) -> None:
        self._base = base
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        conf = self._base / f"proxy-{self.port}.conf"
        conf.write_text(_PROXY_CONF.format(port=self.port, base=self._base, user=_user()))
        self._process = _server(self._base, "proxy", conf)
        wait_for_port(self.port)

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def bucket(self, name: str) -> "Bucket":
        """A bucket as it is reached through here."""
        return Bucket(self.endpoint, name, KEY, SECRET, REGION)


class Swift:
    """A Swift that runs; `proxy` is the way in that all share, which nobody kills."""

    def __init__(self, base: Path, port: int) -> None:
        self.base = base
        self.proxy = Proxy(base, port)

    @contextmanager
    def new_proxy(self) -> Iterator[Proxy]:
        """One more way in, to be killed at will."""
        proxy = Proxy(self.base, free_port())
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.kill()


# -- installing


def cache_folder() -> Path:
    """Where what tests install is kept between runs: outside of the tree, in the user's cache."""
    kept = os.environ.get("SNAPSTOW_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(kept).expanduser() / "snapstow-tests"


def _installation() -> Path:
    return cache_folder() / f"swift-{VERSION}-python{sys.version_info[0]}.{sys.version_info[1]}"


def missing(*, install: bool = False) -> str:
    """Why there can be no Swift here, or nothing; with `install` it is installed where it is not."""
    place = _installation()
    with suppress(OSError), tempfile.NamedTemporaryFile() as probe:
        os.setxattr(probe.name, "user.snapstow", b"1")
        if (place / "complete").exists():
            return ""
        return _install(place) if install else "Swift is not installed: python -m tests.support.swift"
    return f"Swift needs a file system with extended attributes at {tempfile.gettempdir()}"


def _install(place: Path) -> str:
    with _locked(place.parent / f"{place.name}.lock"):
        if (place / "complete").exists():
            return ""
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        pip = [
            str(place / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            f"swift=={VERSION}",
            "setuptools<81",
        ]
        ran = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ran.returncode:
            return f"Swift cannot be installed: {ran.stdout.strip().splitlines()[-1]}"
        (place / "complete").touch()
    return ""


# -- running


@contextmanager
def running(place: Path) -> Iterator[Swift]:
    """The Swift of whoever names the folder `place`: started by the first, ended once nobody uses it."""
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(place / "start.lock"):
            users = stack.enter_context(open(place / "users.lock", "w"))
            fcntl.flock(users, fcntl.LOCK_SH)
            state = place / "state.json"
            if not state.exists():
                _start_keeper(place)
            base, port = json.loads(state.read_text())
        yield Swift(Path(base), port)


def _start_keeper(place: Path) -> None:
    log = (place / "keeper.log").open("wb")
    with log:
        subprocess.run(
            [sys.executable, "-m", "tests.support.swift", "keep", str(place)],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    until = time.monotonic() + _PATIENCE
    while not (place / "state.json").exists():
        assert time.monotonic() < until, (place / "keeper.log").read_text()
        time.sleep(0.05)


def _keep(place: Path) -> None:
    """Run everything until nobody uses it any more."""
    base = Path(tempfile.mkdtemp(prefix="snapstow-swift-"))
    swift = Swift(base, free_port())
    parts: list[subprocess.Popen[bytes]] = []
    try:
        parts += _start_parts(base)
        swift.proxy.start()
        state = place / "state.new"
        state.write_text(json.dumps([str(base), swift.proxy.port]))
        state.rename(place / "state.json")
        with (place / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            (place / "state.json").unlink(missing_ok=True)
    finally:
        swift.proxy.kill()
        for process in parts:
            process.kill()
            process.wait()
        shutil.rmtree(base)


def _start_parts(base: Path) -> list["subprocess.Popen[bytes]"]:
    (base / "srv/d1").mkdir(parents=True)
    (base / "swift.conf").write_text(_SWIFT_CONF)
    processes, ports = [], []
    for name in _PARTS:
        port = free_port()
        for order in (("create", "4", "1", "0"), ("add", f"r1z1-127.0.0.1:{port}/d1", "1"), ("rebalance",)):
            builder = f"{base}/{name}.builder"
            subprocess.run(
                [*_program("swift-ring-builder"), builder, *order], check=True, capture_output=True
            )
        conf = base / f"{name}.conf"
        conf.write_text(_PART_CONF.format(name=name, port=port, base=base, user=_user()))
        processes.append(_server(base, name, conf))
        ports.append(port)
    for port in ports:
        wait_for_port(port)
    return processes


def _server(base: Path, name: str, conf: Path) -> "subprocess.Popen[bytes]":
    with (base / f"{conf.stem}.log").open("ab") as log:
        return subprocess.Popen(
            [*_program(f"swift-{name}-server"), conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _program(name: str) -> list[str]:
    programs = _installation() / "bin"
    return [str(programs / "python"), "-W", "ignore", str(programs / name)]


def _user() -> str:
    return subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def main(arguments: list[str]) -> int:
    """Install Swift, or keep one running as `running` has it."""
    if arguments:
        if os.fork():
            os._exit(0)
        os.setsid()
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
        _keep(Path(arguments[1]))
        return 0
    obstacle = missing(install=True)
    print(obstacle or f"Swift {VERSION} is in {_installation()}")
    return 1 if obstacle else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
