"""What all tests share: a real snapd where there can be one, and how hard hypothesis tries."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

from backend.fs import space
from tests.support.fakes import Disk
from tests.support.realsnapd import RealSnapd, missing

pytest_plugins = ("tests.support.servers",)

# No deadline and no word about slowness: a busy machine is no failure of the code.
settings.register_profile(
    "quick", deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow]
)
# The gate tries the same examples every time: whether it is green depends on the change alone.
settings.register_profile("ci", settings.get_profile("quick"), max_examples=300, derandomize=True)
# For hours of searching: other examples every time.
settings.register_profile("search", settings.get_profile("quick"), max_examples=5000, print_blob=True)
settings.load_profile("quick")  # --hypothesis-profile takes another one

why_no_snapd = cache(missing)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is kept in the user's caches.

    Commands that tests start find modules compiled, even where nothing is written beside the sources.
    """
    caches = tempfile.TemporaryDirectory(prefix="snapstow-caches-")
    config.add_cleanup(caches.cleanup)
    os.environ["XDG_CACHE_HOME"] = caches.name
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


def demand_snapd(obstacle: str) -> None:
    """Skip where something is in the way; fail where REQUIRE_REAL_SNAPD is set, so that CI never skips."""
    if obstacle and os.environ.get("REQUIRE_REAL_SNAPD"):
        pytest.fail(f"a real snapd is required: {obstacle}")
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


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Decides what is free on every file system."""
    disk = Disk()
    monkeypatch.setattr(space, "free_space", disk.free_space)
    return disk
