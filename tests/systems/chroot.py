"""A minimal Debian in a folder, made once and entered as often as one likes.

What is mounted for it is mounted for the processes inside alone, and is gone with them, killed or not.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ORDINARY, ORDINARY_ID = "ordinary", 1000
HOMES = {"root": "/root", ORDINARY: f"/home/{ORDINARY}"}

# A root of its own and not a chroot: in a chroot nobody may make the user namespaces that tests want.
ENTER = r"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"; cd "$1"; shift
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm
while [ "$1" != -- ]; do
    mount --bind "$1" ".$2"; shift 2
done
shift
pivot_root . mnt
cd /
umount --lazy mnt
exec "$@"
"""
PRIVATELY = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
PROGRAMS = ("debootstrap", "git", "mount", "pivot_root", "setpriv", "unshare")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DOWNLOADING = ("Acquire::http", "Acquire::Check-")

Log = IO[bytes] | int


def make(suite: str, folder: Path, mirror: str, packages: Sequence[str], log: Log) -> None:
    """Make a minimal system with some packages and an ordinary user in `folder`, unless it is there already.

    CalledProcessError where that cannot be done; nothing is left then that would be taken for a system.
    """
    if folder.exists():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    bootstrap = ["debootstrap", "--variant=minbase", suite, str(part), *filter(None, [mirror])]
    subprocess.run([*PRIVATELY, "--mount-proc", *bootstrap], stdout=log, stderr=log, check=True)
    (part / "etc/apt/apt.conf.d/90machine").write_text(_apt_settings())
    install = f"apt-get install -q -y --no-install-recommends {' '.join(packages)}"
    user = f"useradd --uid {ORDINARY_ID} --user-group --create-home {ORDINARY}"
    enter(part, ["sh", "-ec", f"apt-get update -q; {install}; {user}"], log, check=True)
    part.rename(folder)


def enter(
    folder: Path,
    command: Sequence[str],
    output: Log,
    *,
    env: Mapping[str, str] | None = None,
    mounts: Mapping[str, Path] | None = None,
    check: bool = False,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command as root in a system, with `mounts` (a path inside to one outside) in place.

    Its environment is `env` alone, besides what every command needs.
    """
    placed = {"/etc/resolv.conf": Path("/etc/resolv.conf").resolve(), **(mounts or {})}
    for inside, outside in placed.items():
        _make_place(folder, inside, is_directory=outside.is_dir())
    pairs = [word for inside, outside in placed.items() for word in (str(outside), inside)]
    return subprocess.run(
        [*PRIVATELY, "/bin/sh", "-c", ENTER, "sh", str(folder), *pairs, "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={"PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(env or {})},
        check=check,
    )


def as_user(account: str, command: str) -> list[str]:
    """The words by which an account runs a command of the shell, in the checkout in its home."""
    script = f"cd {HOMES[account]}/snapstow; {command}"
    return ["runuser", "-u", account, "--", "bash", "-euo", "pipefail", "-c", script]


def machine_mirror() -> str:
    """The archive of Debian that this machine's apt uses; empty where it uses none."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return next(iter(done.stdout.split()), "")


def _apt_settings() -> str:
    """How this machine's apt downloads: proxies, and what it forgives a mirror."""
    try:
        dump = ["apt-config", "dump", "--no-empty", "--format", '%f "%v";%n', "Acquire"]
        lines = subprocess.run(dump, capture_output=True, text=True, check=True).stdout.splitlines(
            keepends=True
        )
    except FileNotFoundError:
        return ""
    return "".join(line for line in lines if line.startswith(_DOWNLOADING))


def _make_place(folder: Path, inside: str, *, is_directory: bool) -> None:
    place = folder / inside.lstrip("/")
    if is_directory:
        place.mkdir(parents=True, exist_ok=True)
    elif not os.path.lexists(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
