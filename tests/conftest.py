"""What all tests share: a real snapd where there can be one, and how hard hypothesis tries."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from backend.fs import space
from tests.support import swift as swift_servers
from tests.support.buckets import Bucket
from tests.support.fakes import Disk
from tests.support.realsnapd import RealSnapd, missing
from tests.support.sftp import SftpServer, sftp_server
from tests.support.swift import Swift

# No deadline and no word about slowness: a busy machine is no failure of the code.
settings.register_profile(
    "quick", deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow]
)
# The gate tries the same examples every time: whether it is green depends on the change alone.
settings.register_profile("ci", settings.get_profile("quick"), max_examples=300, derandomize=True)
# For hours of searching: other examples every time.
settings.register_profile("search", settings.get_profile("quick"), max_examples=5000, print_blob=True)
settings.load_profile("quick")  # --hypothesis-profile takes another one

# Programs that pip installs beside Python are tested as well, wherever it was started from.
_PROGRAMS = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent), "/usr/sbin"))

why_no_snapd = cache(missing)


@cache
def why_no_swift() -> str:
    """What is in the way of a Swift; where it must not be skipped it is installed."""
    return swift_servers.missing(install=bool(os.environ.get("REQUIRE_REAL_SERVERS")))


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is kept in the user's caches.

    Commands that tests start find modules compiled, even where nothing is written beside the sources.
    """
    os.environ.setdefault("SNAPSTOW_TEST_CACHE", os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    caches = tempfile.TemporaryDirectory(prefix="snapstow-caches-")
    config.add_cleanup(caches.cleanup)
    os.environ["XDG_CACHE_HOME"] = caches.name
    os.environ.setdefault("SNAPSTOW_TEST_RUN", caches.name)
    os.environ["PATH"] = _PROGRAMS
    if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
        compiled = tempfile.TemporaryDirectory(prefix="snapstow-compiled-")
        config.add_cleanup(compiled.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled.name
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")
    if item.get_closest_marker("snapd"):
        demand_snapd(why_no_snapd())
    if item.get_closest_marker("swift"):
        demand(why_no_swift())
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            demand("" if shutil.which(program) else f"needs the program {program}")


def demand_snapd(obstacle: str) -> None:
    """Skip where something is in the way; fail where REQUIRE_REAL_SNAPD is set, so that CI never skips."""
    demand(obstacle and f"a real snapd is required: {obstacle}", "REQUIRE_REAL_SNAPD")


def demand(obstacle: str, variable: str = "REQUIRE_REAL_SERVERS") -> None:
    """Skip where something is in the way; fail where a variable is set, so that CI never skips."""
    if obstacle and os.environ.get(variable):
        pytest.fail(obstacle)
    if obstacle:
        pytest.skip(obstacle)


@pytest.fixture
def new_snapd() -> Iterator[Callable[[], RealSnapd]]:
    """Makes real daemons, not started yet; all are gone after the test."""
    demand_snapd(why_no_snapd())
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RealSnapd.temporary())


@pytest.fixture
def snapd(new_snapd: Callable[[], RealSnapd]) -> RealSnapd:
    """A real daemon of the test's own: install snaps, then start it."""
    return new_snapd()


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    """A real Swift, which all processes of a run share."""
    with swift_servers.running(Path(os.environ["SNAPSTOW_TEST_RUN"], "swift")) as swift:
        yield swift


@pytest.fixture(scope="session")
def swift_bucket(swift: Swift) -> Bucket:
    """A bucket there, of this process alone: tests keep to a prefix of their own."""
    bucket = swift.proxy.bucket(f"bucket-{os.getpid()}")
    bucket.make()
    return bucket


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """A real sshd that serves files."""
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Decides what is free on every file system."""
    disk = Disk()
    monkeypatch.setattr(space, "free_space", disk.free_space)
    return disk
