"""Units as the real systemd reads them where none runs: its test mode loads them and prints what it read."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

SYSTEMD = "/lib/systemd/systemd"
_NOBODY = "65534"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@cache
def why_no_systemd() -> str:
    """Why no unit can be looked at here, or an empty text."""
    missing = [name for name in ("systemd-analyze", "systemctl", "setpriv") if shutil.which(name) is None]
    missing += [] if os.path.exists(SYSTEMD) else [SYSTEMD]
    return f"not installed: {', '.join(missing)}" if missing else ""


def exposure(service: Path) -> float:
    """How exposed systemd finds a service: 0 is best, 10 is worst."""
    done = _run("systemd-analyze", "security", "--offline=true", str(service))
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert match, done.stdout + done.stderr
    return float(match[1])


def verified(*units: Path) -> str:
    """What systemd has against units, or nothing."""
    done = _run("systemd-analyze", "verify", *map(str, units))
    return done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def started_words(service: Path, scratch: Path) -> list[str]:
    """The words by which systemd would start a service, as the program would get them."""
    scratch.mkdir(parents=True)
    copy = scratch / service.name
    shutil.copy(service, copy)
    for place in (*scratch.parents[:-2], scratch, copy):  # its test mode is not for root
        if place.stat().st_uid == os.geteuid():
            place.chmod(place.stat().st_mode | 0o555)
    runtime = scratch / "run"
    runtime.mkdir(mode=0o700)
    become = []
    if os.geteuid() == 0:
        os.chown(runtime, int(_NOBODY), int(_NOBODY))
        become = ["setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(runtime),
        "XDG_RUNTIME_DIR": str(runtime),
        "SYSTEMD_UNIT_PATH": f"{scratch}:",
        "LC_ALL": "C",
    }
    line = [*become, SYSTEMD, "--test", "--user", f"--unit={service.name}"]
    done = _run(*line, environment=environment)
    _, start, about = done.stdout.partition(f"-> Unit {service.name}:")
    assert start, done.stdout[-500:] + done.stderr[-500:]
    match = re.search(r"\n\t\t\tCommand Line: (.*)\n", about)
    assert match, about[:3000]
    return [word.replace("$$", "$") for word in _words(match[1])]


def _words(line: str) -> list[str]:
    """The words of a line as systemd quotes them."""
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line, re.ASCII)
    return [_bare(word) for word in quoted]


def _bare(word: str) -> str:
    if not word.startswith('"'):
        return word
    octal_read = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word[1:-1])
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), octal_read)


def _run(*line: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        line,
        env=environment or {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
