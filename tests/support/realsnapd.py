"""A private, throw-away, real snapd: the judge of what this project reads and writes.

Runs without systemd, in its own mount and network namespace (with root, or else in a user namespace in
which there is only root). From outside everything lies below `base`, inside at snapd's own paths.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import TOP
from tests.support.snapdrest import Rest

SNAPD = "/usr/lib/snapd/snapd"
PROGRAMS = ("snap", "unshare", "nsenter", "setpriv", "runuser", "tar", "gzip", "mount")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = {"alice": 1000, "bob": 1001}
NOBODY = 65534


ENTER = r"""
set -e
base=$1; shift
for kept in $KEEP; do
    mkdir -p "$base$kept"; /bin/mount --rbind "$kept" "$base$kept"
done
for place in var/lib/snapd snap var/snap run etc/passwd etc/group; do
    /bin/mount --bind "$base/$place" "/$place"
done
/bin/mount --rbind "$base/home" /home
exec setpriv --pdeathsig KILL -- "$@"
"""

# At its start snapd mounts a tiny squashfs image. Where that is forbidden it starts, but refuses every
# change; so this stands in for mount and umount, for just that image.
SHIM = """#!/bin/sh
for last; do :; done
case ${0##*/}:$last in
mount:*/syscheck-mountpoint-*)
    echo "This file is used to check that snapd can read a squashfs image." >"$last/canary.txt" ;;
umount:*/syscheck-mountpoint-*) ;;
*) exec "/bin/${0##*/}" "$@" ;;
esac
"""

# A restore by snapd 2.77 asks systemd for its mounts, where no systemd runs.
SYSTEMCTL = "#!/bin/sh\n"

# What snapd 2.68 and later want a seeded system to have: who its device is, said by an assertion.
DEVICE = {"brand": "generic", "model": "generic-classic"}
MODEL = "var/lib/snapd/assertions/asserts-v0/model/16/generic/generic-classic/active"

Completed = subprocess.CompletedProcess[str]


def missing() -> str:
    """Why no real snapd can run here, or an empty text."""
    if not os.path.exists(SNAPD):
        return "snapd is not installed"
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"not installed: {', '.join(absent)}"
    tried = subprocess.run(["unshare", *_namespaces(), "true"], capture_output=True, text=True, check=False)
    return f"cannot make namespaces: {tried.stderr.strip()}" if tried.returncode else ""


def _as_root() -> bool:
    return os.geteuid() == 0


def _namespaces() -> list[str]:
    return ["--mount", "--net"] + ([] if _as_root() else ["--user", "--map-root-user"])


def _kept() -> list[str]:
    """What must stay visible although /home is covered: the checkout and the interpreter."""
    wanted = {str(TOP), sys.prefix, sys.base_prefix}
    return sorted(path for path in wanted if path.startswith("/home/"))


class Gate:
    """Where programs of a daemon wait; a call returns once one of them does."""

    def __init__(self, ready: int, opened: int) -> None:
        self._ready = ready
        self._opened = opened

    def __call__(self) -> None:
        if not select.select([self._ready], [], [], 30)[0]:
            raise TimeoutError("the program was not started")
        os.read(self._ready, 1)

    def open(self) -> None:
        """Let all of them, and those that come later, go on."""
        os.write(self._opened, b"\n" * 100)


class RealSnapd(Rest):
    """A snapd whose world is the directory `base`, which must be short: a socket's path ends at 107 bytes.

    As root there are the users alice (1000) and bob (1001) besides root, otherwise root alone. Install
    snaps while it is down, then `start`. It dies with the thread that started it.
    """

    def __init__(self, base: str) -> None:
        self.base = Path(base)
        super().__init__(self.base / "run/snapd.socket")
        self.users = {"root": 0, **(USERS if _as_root() else {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._furnish()

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["RealSnapd"]:
        """A daemon, not started yet, that is killed and whose files are removed at the end."""
        base = tempfile.mkdtemp(prefix="rs-", dir="/tmp")
        snapd = cls(base)
        try:
            yield snapd
        finally:
            snapd.kill()
            shutil.rmtree(base, ignore_errors=True)

    @property
    def snapshots(self) -> Path:
        """The directory of its snapshot files; missing until the first save or import."""
        return self.base / "var/lib/snapd/snapshots"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.base / "snapd.log"

    @property
    def pid(self) -> int:
        """Its process id; RuntimeError where it is down."""
        return self._running().pid

    @property
    def version(self) -> str:
        """The version of the snapd that runs."""
        return str(self.api("GET", "/v2/system-info")["result"]["version"])

    def data(self, name: str, user: str | None = None) -> Path:
        """The directory above a snap's `<rev>` and `common`: the system's or a user's."""
        return self.base / "var/snap" / name if user is None else self.base / "home" / user / "snap" / name

    def install(
        self,
        name: str,
        version: str = "1.0",
        rev: str = "x1",
        *,
        epoch: str | dict[str, list[int]] | None = None,
        exclude: Sequence[str] = (),
        conf: dict[str, Any] | None = None,
        snap_id: str = "",
        apps: dict[str, Any] | None = None,
    ) -> Path:
        """Make snapd believe that this revision is installed and current; returns its `data`.

        Only while it is down. `exclude` are the snap's static exclusions, `conf` is its configuration, `apps`
        are its programs as a snap.yaml has them.
        """
        self._register(name, {"name": name, "snap-id": snap_id, "revision": rev}, conf)
        meta = self.base / "snap" / name / rev / "meta"
        meta.mkdir(parents=True)
        about: dict[str, Any] = {
            "name": name,
            "version": version,
            "summary": "s",
            "description": "d",
            "architectures": ["all"],
        }
        about |= {"apps": apps} if apps else {}
        if apps:  # snapd looks at the services of snaps with this link only
            (meta.parent.parent / "current").symlink_to(rev)
        (meta / "snap.yaml").write_text(json.dumps(about | ({"epoch": epoch} if epoch else {})))
        if exclude:
            (meta / "snapshots.yaml").write_text(json.dumps({"exclude": list(exclude)}))
        (self.base / "var/lib/snapd/snaps" / f"{name}_{rev}.snap").touch()
        return _make_data(self.data(name), rev)

    def furnish_user(self, user: str, name: str, rev: str = "x1") -> Path:
        """Make a user's data directories of a snap, owned by that user; returns the user's `data`."""
        made = _make_data(self.data(name, user), rev)
        self.give(made.parent, user)
        return made

    def give(self, path: Path, user: str) -> None:
        """Make a user the owner of a file, or of a directory and all below it."""
        uid = self.users[user] if _as_root() else os.geteuid()
        for place in (path, *path.rglob("*")):
            os.chown(place, uid, uid, follow_symlinks=False)

    def start(self, timeout: float = 20) -> "RealSnapd":
        """Start it and return when it answers; RuntimeError with the end of its log where it does not."""
        if self._process is not None:
            raise RuntimeError("snapd is running already")
        self.socket.unlink(missing_ok=True)
        if self._state_file.exists():
            self._write_model()
        command = ["unshare", *_namespaces(), "--", "/bin/sh", "-c", ENTER, "sh", str(self.base), SNAPD]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command,
                env=_environment(self.base),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_answer(time.monotonic() + timeout)
        return self

    def stop(self) -> int:
        """End it cleanly and return its exit code; close half-read streams first, it waits for them."""
        process = self._running()
        process.terminate()
        code = process.wait(90)
        self._process = None
        return code

    def kill(self) -> None:
        """End it at once, as a power failure would; nothing happens where it is down."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def gate(self, program: str = "gzip", word: str = "") -> Iterator["Gate"]:
        """Every `program` that the daemon starts with `word` waits in front of its work until it is opened.

        Enter it before `start`; leaving it opens it.
        """
        for pipe in ("ready", "gate"):
            os.mkfifo(self.base / pipe, 0o666)
        script = self.base / "shim" / program
        waits = f"echo >{self.base}/ready; read -r _ <{self.base}/gate"
        script.write_text(
            f'#!/bin/sh\ncase " $* " in *" {word}"*) {waits} ;; esac\nexec /bin/{program} "$@"\n'
        )
        script.chmod(0o755)
        ready, opened = (os.open(self.base / pipe, os.O_RDWR) for pipe in ("ready", "gate"))

        gate = Gate(ready, opened)
        try:
            yield gate
        finally:
            script.unlink()
            gate.open()
            os.close(ready)
            os.close(opened)
            for pipe in ("ready", "gate"):
                os.unlink(self.base / pipe)

    def cli(self, *args: str) -> Completed:
        """Run the real `snap` command against it, from outside; its times are in UTC."""
        self._running()  # the command would try for two minutes to reach a daemon that is down
        env = {"PATH": PATH, "LANG": "C.UTF-8", "TZ": "UTC", "SNAPPY_GLOBAL_ROOT": str(self.base)}
        return _run(["snap", *args], env)

    def inside(self, *command: str, user: str = "root", env: dict[str, str] | None = None) -> Completed:
        """Run a command as a user where snapd's own paths lead into `base`."""
        become = ["runuser", "-u", user, "--"] if user != "root" else []
        spaces = ["-m"] if _as_root() else ["-m", "-U", "--preserve-credentials"]
        around = {
            "PATH": f"{sys.prefix}/bin:{PATH}",
            "LANG": "C.UTF-8",
            "HOME": f"/home/{user}",
            "USER": user,
        }
        return _run(["nsenter", *spaces, "-t", str(self.pid), "--", *become, *command], around | (env or {}))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("snapd is not running")
        return self._process

    def _furnish(self) -> None:
        self.base.chmod(0o711)  # other users must get through to the socket
        for place in ("var/lib/snapd/snaps", "snap", "var/snap", "run/snapd", "home/root", "etc", "shim"):
            (self.base / place).mkdir(parents=True, exist_ok=True)
        (self.base / "run/snapd/noregister").touch()
        for program, script in (("mount", SHIM), ("umount", SHIM), ("systemctl", SYSTEMCTL)):
            (self.base / "shim" / program).write_text(script)
            (self.base / "shim" / program).chmod(0o755)
        self._write_accounts()
        self._write_state(_first_state())

    def _write_accounts(self) -> None:
        """Only our users: snapd looks up the owners of homes by uid, and would find the machine's."""
        accounts = [f"nobody:x:{NOBODY}:{NOBODY}::/nonexistent:/bin/false"]
        groups = [f"nogroup:x:{NOBODY}:"]
        for name, uid in self.users.items():
            accounts.append(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh")
            groups.append(f"{name}:x:{uid}:")
            home = self.base / "home" / name
            home.mkdir(exist_ok=True)
            self.give(home, name)
        (self.base / "etc/passwd").write_text("\n".join(accounts) + "\n")
        (self.base / "etc/group").write_text("\n".join(groups) + "\n")

    @property
    def _state_file(self) -> Path:
        return self.base / "var/lib/snapd/state.json"

    def _write_state(self, state: dict[str, Any]) -> None:
        self._state_file.touch(0o600)
        self._state_file.write_text(json.dumps(state))

    def _write_model(self) -> None:
        model = self.base / MODEL
        if not model.exists():
            content = model_assertion()
            model.parent.mkdir(parents=True)
            model.write_bytes(content)

    def _register(self, name: str, side: dict[str, str], conf: dict[str, Any] | None) -> None:
        if self._process is not None:
            raise RuntimeError("snaps are installed while snapd is down: it holds its state in memory")
        state = json.loads(self._state_file.read_text())
        entry = {"type": "app", "sequence": [side], "active": True, "current": side["revision"]}
        state["data"]["snaps"][name] = entry
        if conf is not None:
            state["data"]["config"][name] = conf
        self._write_state(state)

    def _await_answer(self, deadline: float) -> None:
        while True:
            try:
                self.api("GET", "/v2/system-info")
                return
            except OSError:
                if self._running().poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError("snapd did not start:\n" + self.log.read_text()[-3000:]) from None
                time.sleep(0.01)


@cache
def model_assertion() -> bytes:
    """The assertion about a generic device, as snapd writes it where it starts without any state."""
    with RealSnapd.temporary() as unseeded:
        (unseeded.base / "var/lib/snapd/state.json").unlink()
        unseeded.start()
        deadline = time.monotonic() + 20
        while not (unseeded.base / MODEL).exists():
            if time.monotonic() > deadline:
                raise RuntimeError("snapd wrote no model:\n" + unseeded.log.read_text()[-3000:])
            time.sleep(0.01)
        return (unseeded.base / MODEL).read_bytes()


def _make_data(above: Path, rev: str) -> Path:
    for part in (rev, "common"):
        (above / part).mkdir(parents=True, exist_ok=True)
    return above


def _environment(base: Path) -> dict[str, str]:
    return {
        "PATH": f"{base}/shim:{PATH}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/home/root",
        "KEEP": " ".join(_kept()),
        "SNAPPY_TESTING": "1",  # else its first change can hang for half a minute
        "SNAPD_STANDBY_WAIT": "10h",  # else it ends after 5 s without snaps
        "SNAP_REEXEC": "0",
        "SNAPD_DEBUG": "1",
    }


def _first_state() -> dict[str, Any]:
    """The least that makes snapd 2.57 and later start without a seed; it patches lower levels upwards."""
    snapd = {"seeded": True, "patch-level": 6, "patch-sublevel": 3, "auth": {"device": DEVICE}}
    config = {"core": {"refresh": {"hold": "2100-01-01T00:00:00Z"}}}
    counters = {"last-change-id": 0, "last-task-id": 0, "last-lane-id": 0}
    return {"data": snapd | {"snaps": {}, "config": config}, "changes": {}, "tasks": {}, **counters}


def _run(command: list[str], env: dict[str, str]) -> Completed:
    text: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "capture_output": True}
    return subprocess.run(
        command, env=env, cwd="/", stdin=subprocess.DEVNULL, timeout=120, check=False, **text
    )
