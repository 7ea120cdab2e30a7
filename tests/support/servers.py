"""Real servers for tests, and what is done where one cannot be had; a plugin of pytest's."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import azurite
from tests.support import ceph as ceph_servers
from tests.support import swift as swift_servers
from tests.support.buckets import Bucket
from tests.support.ceph import Ceph
from tests.support.sftp import SftpServer, sftp_server
from tests.support.swift import Swift

# Where programs are besides the user's: those that pip installs beside Python, and those of servers.
_PROGRAMS = (str(Path(sys.executable).parent), "/usr/sbin")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remember where the user's cache is, and give the processes of a run a folder that they share."""
    os.environ.setdefault("SNAPSTOW_TEST_CACHE", os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    os.environ["PATH"] = os.pathsep.join((os.environ["PATH"], *_PROGRAMS))
    if "SNAPSTOW_TEST_RUN" not in os.environ:
        run = tempfile.TemporaryDirectory(prefix="snapstow-run-", ignore_cleanup_errors=True)
        config.add_cleanup(run.cleanup)
        os.environ["SNAPSTOW_TEST_RUN"] = run.name


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("swift"):
        _demand(_why_no_swift())
    if item.get_closest_marker("ceph") and (obstacle := ceph_servers.missing()):
        pytest.skip(obstacle)
    if item.get_closest_marker("azurite") and (obstacle := azurite.missing()):
        pytest.skip(obstacle)
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            _demand("" if shutil.which(program) else f"needs the program {program}")


@cache
def _why_no_swift() -> str:
    """What is in the way of a Swift; where tests must not be skipped it is installed."""
    return swift_servers.missing(install=bool(os.environ.get("REQUIRE_REAL_SERVERS")))


def _demand(obstacle: str) -> None:
    """Skip where something is in the way; fail where REQUIRE_REAL_SERVERS is set, so that CI never skips."""
    if obstacle and os.environ.get("REQUIRE_REAL_SERVERS"):
        pytest.fail(obstacle)
    if obstacle:
        pytest.skip(obstacle)


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    """A real Swift, which all processes of a run share."""
    with swift_servers.running(Path(os.environ["SNAPSTOW_TEST_RUN"], "swift")) as server:
        yield server


@pytest.fixture(scope="session")
def swift_bucket(swift: Swift) -> Bucket:
    """A bucket there, of this process alone: tests keep to a prefix of their own."""
    return swift.proxy.bucket(f"bucket-{os.getpid()}").made()


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    """A real Ceph of this process."""
    with ceph_servers.running() as server:
        yield server


@pytest.fixture(scope="session")
def ceph_bucket(ceph: Ceph) -> Bucket:
    """A bucket there."""
    return ceph.bucket("bucket").made()


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """A real sshd that serves files."""
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server
