"""Run both of the README's commands on suites of Debian, as root and as an ordinary user; print a table."""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systems import chroot
from tests.systems.outcome import Commands, Outcome, commands_in, counts_in, table

HERE = Path(__file__).resolve().parent.parent.parent
REPORT = "tests.xml"
FACTS = r"""
. /etc/os-release; echo "$PRETTY_NAME"
dpkg-query --show --showformat '${Version}\n' snapd
python3 -c 'import platform; print(platform.python_version())'
"""


def main() -> int:
    """0 where both commands ended well everywhere."""
    options = _options()
    if os.geteuid() != 0:
        sys.exit("cannot make systems: that needs root")
    if absent := [program for program in chroot.PROGRAMS if shutil.which(program) is None]:
        sys.exit(f"cannot make systems: not installed: {', '.join(absent)}")
    options.cache.mkdir(parents=True, exist_ok=True)
    commands = commands_in((HERE / "README.md").read_text())
    if options.quick:
        commands = commands._replace(tests=f"{commands.tests} -m snapd")
    accounts = ("root",) if options.quick else tuple(chroot.HOMES)
    outcomes: list[Outcome] = []
    for name in options.names:
        with _own(options.cache, name) as run:
            folder = _system(name, options)
            outcomes += (_try(name, folder, run, account, commands) for account in accounts)
    for outcome in outcomes:
        _tell_failures(outcome)
    print(table(outcomes))
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/systems/run", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a suite: bookworm, trixie, sid")
    parser.add_argument(
        "--quick", action="store_true", help="only the demo and the tests with snapd, as root"
    )
    parser.add_argument("--fresh", action="store_true", help="make the systems anew")
    parser.add_argument(
        "--mirror", help="where from; else as this machine's apt, else debootstrap's own choice"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("/var/cache/snapstow-systems"), help="keeps systems and logs"
    )
    return parser.parse_args()


@contextmanager
def _own(cache: Path, name: str) -> Iterator[Path]:
    """An empty folder for a run on a system that nobody else uses meanwhile; gone in the end."""
    run = cache / f"{name}.run"
    with open(cache / f"{name}.lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"cannot use {name} in {cache}: another run does")
        shutil.rmtree(run, ignore_errors=True)  # of a run that was killed
        try:
            yield run
        finally:
            shutil.rmtree(run, ignore_errors=True)


def _system(name: str, options: argparse.Namespace) -> Path:
    """The system of a suite, made where there is none yet."""
    folder: Path = options.cache / name
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    log = folder.with_name(f"{name}.log")
    _say(f"{name}: making the system where there is none yet; {log}")
    packages = (HERE / ".ci/packages").read_text().split()
    mirror = chroot.machine_mirror() if options.mirror is None else options.mirror
    with open(log, "wb") as output:
        try:
            chroot.make(name, folder, mirror, packages, output.fileno())
        except subprocess.CalledProcessError as failure:
            sys.exit(f"cannot make {name}: exit code {failure.returncode}; {log} tells why")
    return folder


def _try(name: str, folder: Path, run: Path, account: str, commands: Commands) -> Outcome:
    """Both commands as one user, in a fresh checkout of a fresh home."""
    home, temporary = _furnish(run / account, account)
    mounts = {chroot.HOMES[account]: home, "/tmp": temporary, **_pip_places()}
    env = _environment(account)
    log = folder.with_name(f"{name}-{account}.log")
    with open(log, "wb") as output:

        def code_of(command: str) -> int:
            _say(f"{name}, as {account}: {command}; {log}")
            arguments = chroot.as_user(account, command)
            return chroot.enter(folder, arguments, output.fileno(), env=env, mounts=mounts).returncode

        demo, tests = code_of(commands.demo), code_of(commands.tests)
    facts = chroot.enter(folder, ["sh", "-ec", FACTS], subprocess.PIPE, check=True).stdout.decode()
    system, snapd, python = facts.splitlines()
    return Outcome(system, account, snapd, python, demo, tests, counts_in(temporary / REPORT))


def _furnish(place: Path, account: str) -> tuple[Path, Path]:
    """A home with the tracked files of this checkout, and a folder for temporary files."""
    home, temporary = place / "home", place / "tmp"
    listing = ["git", "-c", f"safe.directory={HERE}", "ls-files", "-z"]
    tracked = subprocess.run(listing, cwd=HERE, capture_output=True, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        copy = home / "snapstow" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HERE / name, copy, follow_symlinks=False)
    temporary.mkdir()
    temporary.chmod(0o1777)
    owner = 0 if account == "root" else chroot.ORDINARY_ID
    for path in (home, *home.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)
    return home, temporary


def _environment(account: str) -> dict[str, str]:
    """What the commands are told: where they are, whether tests may be skipped, and how pip is set here."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key == "CI"}
    required = {"REQUIRE_REAL_SNAPD": "1"} if account == "root" else {}
    report = {"PYTEST_ADDOPTS": f"--junitxml=/tmp/{REPORT}"}
    return {**kept, **required, **report, "HOME": chroot.HOMES[account], "USER": account}


def _pip_places() -> dict[str, Path]:
    """The files and folders of this machine that pip's settings in the environment name."""
    settings = (word for key, value in os.environ.items() if key.startswith("PIP_") for word in value.split())
    return {word: Path(word) for word in settings if word.startswith("/") and Path(word).exists()}


def _tell_failures(outcome: Outcome) -> None:
    if outcome.is_good:
        return
    _say(f"{outcome.system}, as {outcome.account}: exit codes {outcome.demo} and {outcome.tests}")
    for name in outcome.counts.failures if outcome.counts else ():
        _say(f"  {name}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
