"""Stories in front of a real snapd: how it is told of, asked, waited for, followed, and what it cannot do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend import Check, Engine, Import, Operation, Progress, Restore, Save, open_engine
from backend.engine.select import files_engine
from backend.engine.snapd.engine import SnapdEngine
from backend.host import version_of
from backend.jobs import JobState
from backend.operations import Export
from tests.contracts.test_files_engine import damage_file
from tests.support.builders import Tree, plant
from tests.support.realsnapd import RealSnapd
from tests.tui.support.dialogs import goes_to, line_list, stands_at
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.places import reads, wording
from tui.dialogs.check import AskCheck
from tui.dialogs.export import AskExport
from tui.dialogs.import_set import AskImport
from tui.dialogs.retention import AskRetention
from tui.dialogs.save import AskSave
from tui.screens.jobs.screen import JobsScreen
from tui.session.inventory import InventoryData
from tui.session.place import Place

pytestmark = pytest.mark.snapd

WITH_FILES = " · files"  # in the header
DATA: Tree = {"x1": {"settings": "1"}, "common": {"db": "2"}}


@pytest.fixture
def hello(snapd: RealSnapd, monkeypatch: pytest.MonkeyPatch) -> RealSnapd:
    """A snapd with one snap, not started yet."""
    monkeypatch.delenv("COLORTERM", raising=False)
    plant(snapd.install("hello"), DATA)
    return snapd


def engine(snapd: RealSnapd) -> SnapdEngine:
    snapd_engine = open_engine(str(snapd.base))
    assert isinstance(snapd_engine, SnapdEngine)
    return snapd_engine


async def until(user: Patient, is_so: Callable[[], bool]) -> None:
    """Wait for something that a job or snapd does."""
    for _ in range(2000):
        if is_so():
            return
        await user.pilot.pause(0.01)
    raise AssertionError(f"it never came to that:\n{user.screen()}")


def test_the_header_and_the_help_tell_of_snapd(hello: RealSnapd) -> None:
    hello.start().save()
    version = engine(hello).daemon.version

    async def tell(user: Patient) -> None:
        await user.sees("through snapd ")
        header = user.screen().splitlines()[0]
        assert header.split("through snapd ")[1].split()[0] == version.partition("-")[0].partition("+")[0]
        await user.presses("question_mark", *"engine")
        await reads(user, f"snapd {version} answers at {hello.base}/run/snapd.socket")

    patiently(str(hello.base), tell)


def test_the_session_follows_snapd(hello: RealSnapd) -> None:
    async def tell(user: Patient) -> None:
        assert WITH_FILES in user.screen()
        hello.start()
        await user.sees("snapd answers now: it is asked for every change")
        await user.sees("through snapd 2.")
        assert user.app.place.engine.name == "snapd"
        assert "snapd" in user.app.place.runner.command
        hello.stop()
        await user.sees("snapd does not answer any more: changes are made to the files themselves")
        await user.sees(WITH_FILES)
        await user.presses("s")
        await user.sees("Save 1 snap")
        await user.presses("enter")
        await until(user, lambda: bool(user.app.place.engine.sets()))

    patiently(str(hello.base), tell)


@pytest.mark.parametrize("begins", [True, False])
def test_save_asked_of_another_engine_is_not_done(hello: RealSnapd, begins: bool) -> None:
    if not begins:
        hello.start()

    async def tell(user: Patient) -> None:
        await user.presses("s")
        await user.sees("Save 1 snap")
        if begins:
            hello.start()
        else:
            hello.stop()
        await user.presses("enter")
        await user.sees("through snapd" if begins else WITH_FILES)
        refused = "cannot save: snapd is running for" if begins else "cannot start save: cannot use the snapd"
        await reads(user, refused)
        assert user.app.place.engine.sets() == []

    patiently(str(hello.base), tell)


def test_an_engine_that_was_chosen_stays(hello: RealSnapd) -> None:
    place = Place(open_engine(str(hello.base), "files"), (), follows=False)
    hello.start()
    assert place.successor(place.availability()) is None
    follower = Place(open_engine(str(hello.base), "files"), ())
    successor = follower.successor(follower.availability())
    assert successor is not None
    assert successor.name == "snapd"


def test_guards_are_told_apart(hello: RealSnapd) -> None:
    hello.start()
    for operation in (Save(), Restore(1)):
        _do(hello, operation)

    async def tell(user: Patient) -> None:
        await user.sees("undo of job 2")
        await user.presses("slash", *"undo", "enter")
        assert "▸ #2" in user.screen()
        assert "▸ #1" not in user.screen()

    patiently(str(hello.base), tell)


def _do(snapd: RealSnapd, operation: Save | Restore | Export) -> None:
    _perform(engine(snapd), operation)


def _perform(by: Engine, operation: Operation) -> None:
    from backend.engine import perform_recorded

    perform_recorded(operation, by, lambda _job: lambda _event: None)


# -- what snapd cannot do


def test_patterns_are_refused_where_an_old_snapd_does_not_take_them(hello: RealSnapd) -> None:
    hello.start()
    takes_patterns = version_of(hello.version) >= (2, 60)

    async def tell(user: Patient) -> None:
        await user.is_asked(AskSave(user.app.place))
        await user.sees("Save 1 snap")
        assert not user.answer.waits
        await user.types("$SNAP_COMMON/cache", "#pattern")
        await user.presses("up")
        if takes_patterns:
            await reads(user, "$SNAP_COMMON/cache")
        else:
            await reads(user, "takes no patterns to exclude, 2.60 does")
        assert bool(user.answer.waits) != takes_patterns
        await user.types("", "#pattern")
        lines = line_list(user).shown
        await stands_at(
            user, next(n for n, line in enumerate(lines) if "$SNAP_COMMON/cache" in line.text.plain)
        )
        await user.presses("space")
        await until(user, lambda: not user.answer.waits)
        assert "takes no patterns" not in wording(user)
        await user.presses("escape")

    assert patiently(str(hello.base), tell) == [None]


def test_a_part_of_a_file_is_not_for_snapd(hello: RealSnapd) -> None:
    plant(hello.install("other"), DATA)
    hello.start()
    _do(hello, Save())
    path = str(hello.base / "two.snapshot")
    _do(hello, Export(1, path))
    hello.act("forget", 1)

    async def tell(user: Patient) -> None:
        await user.is_asked(AskImport(user.app.place))
        await user.types(path, "#path")
        await reads(user, "exported as set #1")
        assert not user.answer.waits
        lines = line_list(user).shown
        await stands_at(user, next(n for n, line in enumerate(lines) if line.marked is not None))
        await user.presses("space")
        await reads(user, "snapd takes a file as a whole")
        assert user.answer.waits
        await user.presses("space")
        await until(user, lambda: not user.answer.waits)
        await user.presses("enter")
        await user.waits()

    assert patiently(str(hello.base), tell) == [Import(path)]


def test_without_rights_snapd_only_looks_at_hashes(hello: RealSnapd) -> None:
    hello.start().save()

    async def tell(user: Patient) -> None:
        place = user.app.place
        place.engine = SnapdEngine(files_engine(str(hello.base)), reads_files=False)
        place.follows = False
        await user.is_asked(AskCheck([], InventoryData(tuple(place.engine.sets())), (), place))
        assert not user.answer.waits
        await goes_to(user, "Level")
        await user.presses("space")
        await user.sees("(•) structure")
        await reads(user, "snapd verifies hashes only")
        assert user.answer.waits
        await user.presses("escape")

    patiently(str(hello.base), tell)


def test_without_rights_a_failed_check_is_told_before_an_export(
    hello: RealSnapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hello.start().save()
    (file,) = hello.snapshots.glob("1_hello_*")
    damage_file(file)

    async def tell(user: Patient) -> None:
        place = user.app.place
        place.engine = SnapdEngine(files_engine(str(hello.base)), reads_files=False)
        place.follows = False
        _perform(place.engine, Check(1))
        await user.is_asked(AskExport(place, place.engine.sets(1)[0]))
        await reads(user, "✗ failed")
        await reads(user, "its last check failed: ")
        await until(user, lambda: not user.answer.waits)
        assert user.answer.text == "Export anyway"
        await user.presses("enter")

    (export,) = patiently(str(hello.base), tell)
    assert export.force


# -- how long automatic snapshots are kept


def test_retention_is_shown_and_changed(hello: RealSnapd) -> None:
    hello.start()

    async def tell(user: Patient) -> None:
        await user.presses("colon")
        await user.types("retention", "#search")
        await user.presses("enter")
        await reads(user, "Automatic snapshots are kept for 31d")
        await user.sees("Leave as is")
        await user.presses(*"4h")
        await reads(user, "24h at least")
        assert user.answer.waits
        await user.types("14d", "#time")
        await user.sees("Keep for 14d")
        await user.sees("retention 14d")
        assert engine(hello).daemon.retention() == "744h"
        await user.presses("enter")
        await user.sees("Automatic snapshots are kept for 14d from now on")
        assert engine(hello).daemon.retention() == "336h"

    patiently(str(hello.base), tell)


def test_retention_is_left_as_it_is(hello: RealSnapd) -> None:
    hello.start()

    async def tell(user: Patient) -> None:
        await user.is_asked(AskRetention(user.app.place))
        await user.presses("enter")
        await reads(user, "Esc leaves it as it is")
        await user.presses("escape")
        user.app.place.read_only = True
        await user.is_asked(AskRetention(user.app.place))
        await reads(user, "this session is read-only")
        assert not user.app.screen.query_one("#time-field").display
        await user.presses("enter")

    assert patiently(str(hello.base), tell) == [None, None]
    assert engine(hello).daemon.retention() == "744h"


def test_without_snapd_retention_is_only_shown(hello: RealSnapd) -> None:
    hello.start()
    engine(hello).daemon.set_retention("48h", Progress())
    hello.stop()

    async def tell(user: Patient) -> None:
        await user.is_asked(AskRetention(user.app.place))
        await user.sees("Automatic snapshots are kept for 2d")
        await reads(user, "only snapd can; start snapd first")
        assert user.edge.main is None
        await user.presses("enter")

    patiently(str(hello.base), tell)


# -- what snapd does already


def test_a_save_waits_for_another_change(hello: RealSnapd) -> None:
    with hello.gate("tar", "--extract") as await_tar:
        hello.start().save()
        hello.api("POST", "/v2/snapshots", {"action": "restore", "set": 1})
        await_tar()

        async def tell(user: Patient) -> None:
            place = user.app.place
            for answer in ("escape", "enter"):
                await user.presses("s")
                await user.sees("Save 1 snap")
                await user.presses("enter")
                await user.sees("snapd is busy with change 2")
                await user.sees("--wait")
                assert place.engine.journal.records() == []
                await user.presses(answer)
            await user.sees("Waiting for change 2")
            await_tar.open()
            await until(user, lambda: place.engine.journal.records()[-1].state is JobState.DONE)

        patiently(str(hello.base), tell)
    assert [group.set_id for group in engine(hello).sets()] == [1, 2]


def test_changes_of_others_are_listed_followed_and_stopped(hello: RealSnapd) -> None:
    (hello.data("hello") / "x1/big").write_bytes(bytes(1 << 20))
    with hello.gate() as await_gzip:
        hello.start()
        number = hello.cli("save", "--no-wait").stdout.strip()
        await_gzip()

        async def tell(user: Patient) -> None:
            await user.sees(f"snapd/{number} Snapshot all snaps")
            await user.presses("J")
            assert isinstance(user.app.screen, JobsScreen)
            await user.sees("Snapshot all snaps  ▶ running")
            await user.sees("1 in snapd")
            await user.presses("u")
            await reads(user, "can only be stopped, by x, while it runs")
            await user.presses("y")
            await user.sees(f"attach snapd/{number}")
            await user.presses("enter")
            await user.sees("= Snapshot all snaps")
            await user.presses("escape", "x")
            await user.sees(f"Abort change {number}")
            await user.presses("enter")
            assert "asked snapd" not in user.screen()
            await user.presses(*"yes", "enter")
            await user.sees("asked snapd to abort change")
            await_gzip.open()
            await user.sees("- cancelled")
            await user.presses("x")
            await reads(user, "can only be stopped, by x, while it runs")

        patiently(str(hello.base), tell)
    assert engine(hello).sets() == []


def test_our_own_changes_are_our_jobs(hello: RealSnapd) -> None:
    with hello.gate() as await_gzip:
        hello.start()

        async def tell(user: Patient) -> None:
            await user.presses("s")
            await user.sees("Save 1 snap")
            await user.presses("enter")
            await until(user, lambda: bool(engine(hello).daemon.changes()))
            await user.presses("J")
            await user.sees("Save all snaps  ▶ running")
            await user.sees("Saving")
            assert "snapd/" not in user.screen()
            await_gzip.open()
            await user.sees("✓ done")

        patiently(str(hello.base), tell)
