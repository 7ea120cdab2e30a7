"""Services that a real snapd stops for a save or a restore, and starts again whatever happens."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backend.engine.select import files_engine
from backend.engine.snapd import services as resting
from backend.errors import (
    Cancelled,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OpenEndedError,
    SnapshotError,
)
from backend.jobs.record import JobState
from backend.operations import Check, Operation, Restore, Save
from backend.progress import Event, Noted, Progress, Started
from backend.results import Result
from backend.steps import ServicesStarted, ServicesStopped
from tests.support.builders import tree_of
from tests.support.realsnapd import RealSnapd
from tests.support.services import APPS, Services
from tests.support.snapdworld import NEW, OLD, change, dead_job, do, engine, install, sets

pytestmark = pytest.mark.snapd

RUNNING = {"hello.web", "hello.db"}
OTHERS = {"other.web"}
STOPPED = {"services_stopped": sorted(RUNNING)}
RESTED = ["stop hello.db", "stop hello.web", "start hello.db", "start hello.web"]


@pytest.fixture
def services(snapd: RealSnapd) -> Services:
    """A snapd that runs, with two snaps that have services, not all of which run."""
    install(snapd, "hello", apps=APPS)
    install(snapd, "other", apps=APPS)
    services = Services(snapd, RUNNING | OTHERS)
    snapd.start()
    return services


def watched(snapd: RealSnapd, services: Services, operation: Operation) -> tuple[Result, dict[str, set[str]]]:
    """Carry it out; which services ran as each step began."""
    seen: dict[str, set[str]] = {}

    def hear(_progress: Progress, event: Event) -> None:
        if isinstance(event, Started):
            seen[event.title] = services.running

    return do(snapd, operation, hear), seen


def last_job_of(snapd: RealSnapd) -> tuple[JobState, tuple[str, ...]]:
    record = engine(snapd).journal.records()[-1]
    return record.state, record.services_down


def test_a_save_stops_the_running_services_of_its_snaps_and_starts_just_those(
    snapd: RealSnapd, services: Services
) -> None:
    result, seen = watched(snapd, services, Save(("hello",), stop_services=True))
    assert seen["Measuring"] == RUNNING | OTHERS
    assert seen["Saving"] == OTHERS
    assert services.running == RUNNING | OTHERS
    assert services.log == RESTED
    assert (result.left_out, result.exit_code, sets(snapd)) == ((), 0, [1])
    assert last_job_of(snapd) == (JobState.DONE, ())


def test_a_save_of_all_snaps_stops_those_of_all(snapd: RealSnapd, services: Services) -> None:
    _, seen = watched(snapd, services, Save(stop_services=True))
    assert (seen["Saving"], services.running) == (set(), RUNNING | OTHERS)


def test_services_go_on_without_the_option(snapd: RealSnapd, services: Services) -> None:
    do(snapd, Save())
    do(snapd, Restore(1))
    assert services.log == []


def test_a_restore_verifies_first_and_has_services_stopped_for_its_safety_snapshot_too(
    snapd: RealSnapd, services: Services
) -> None:
    do(snapd, Save(("hello",)))
    change(snapd.data("hello"), NEW)
    _, seen = watched(snapd, services, Restore(1, stop_services=True))
    assert seen["Checking"] == RUNNING | OTHERS
    assert seen["Saving the present data"] == seen["Restoring"] == OTHERS
    assert services.running == RUNNING | OTHERS
    assert tree_of(snapd.data("hello")) == OLD


def test_services_are_noted_before_they_are_stopped(snapd: RealSnapd, services: Services) -> None:
    noted_while_running: list[bool] = []

    def hear(_progress: Progress, event: Event) -> None:
        if isinstance(event, Started) and event.title == resting.STOPPING:
            steps = engine(snapd).journal.records()[-1].steps
            noted_while_running.append(ServicesStopped(tuple(sorted(RUNNING))) in steps and not services.log)

    do(snapd, Save(("hello",), stop_services=True), hear)
    assert noted_while_running == [True]
    assert engine(snapd).journal.records()[-1].steps[-1] == ServicesStarted(tuple(sorted(RUNNING)))


def test_services_in_sessions_of_users_are_left_and_told(snapd: RealSnapd, services: Services) -> None:
    site = engine(snapd).site
    agents = [service.name for service in site.client.services() if service.is_of_sessions]
    assert agents == ["hello.agent", "other.agent"]
    assert not {"hello.agent", "other.agent"} & set(engine(snapd).daemon.running_services(()))
    assert engine(snapd).daemon.running_services(["other"]) == ["other.web"]


def test_snaps_without_running_services_are_saved_at_once(snapd: RealSnapd, services: Services) -> None:
    services.stop(*RUNNING)
    notes: list[str] = []
    do(
        snapd,
        Save(("hello",), stop_services=True),
        lambda _, event: notes.append(event.text) if isinstance(event, Noted) else None,
    )
    assert (services.log, sets(snapd)) == ([], [1])
    assert "no service has to be stopped" in notes


# -- whatever happens meanwhile


def test_services_run_after_a_save_that_failed(snapd: RealSnapd, services: Services) -> None:
    (snapd.base / "shim/tar").write_text("#!/bin/sh\necho 'tar: broken' >&2\nexit 2\n")
    (snapd.base / "shim/tar").chmod(0o755)
    with pytest.raises(SnapshotError):
        do(snapd, Save(("hello",), stop_services=True))
    assert (services.running, services.log) == (RUNNING | OTHERS, RESTED)
    assert last_job_of(snapd) == (JobState.FAILED, ())


@pytest.mark.parametrize("title", [resting.STOPPING, "Saving"])
def test_services_run_after_a_stop_of_the_job(snapd: RealSnapd, services: Services, title: str) -> None:
    def hear(progress: Progress, event: Event) -> None:
        if isinstance(event, Started) and event.title == title:
            progress.stop()

    with pytest.raises(Cancelled):
        do(snapd, Save(("hello",), stop_services=True), hear)
    assert (services.running, sets(snapd)) == (RUNNING | OTHERS, [])
    assert last_job_of(snapd) == (JobState.CANCELLED, ())


def test_a_refused_save_stops_nothing(snapd: RealSnapd, services: Services) -> None:
    with pytest.raises(NotFoundError):
        do(snapd, Save(("ghost",), stop_services=True))
    assert services.log == []


def test_a_service_that_does_not_start_keeps_no_other_down_and_is_told(
    snapd: RealSnapd, services: Services
) -> None:
    services.let_fail("hello.db")
    result, _ = watched(snapd, services, Save(("hello",), stop_services=True))
    (trouble,) = result.left_out
    assert trouble.startswith("service hello.db could not be started again: ")
    assert services.running == {"hello.web"} | OTHERS
    assert result.exit_code == 3
    assert last_job_of(snapd) == (JobState.PARTIAL, ())


def test_a_job_at_whose_end_snapd_is_gone_stays_open_for_the_next_start(
    snapd: RealSnapd, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "PATIENCE", 0.0)

    def hear(_progress: Progress, event: Event) -> None:
        if isinstance(event, Started) and event.title == resting.STARTING:
            snapd.kill()

    with pytest.raises(OpenEndedError, match=r"save is done, but hello\.db, hello\.web could not"):
        do(snapd, Save(("hello",), stop_services=True), hear)
    assert services.running == OTHERS
    snapd.start()
    assert last_job_of(snapd) == (JobState.INTERRUPTED, tuple(sorted(RUNNING)))
    (message,) = engine(snapd).tidy(Progress())
    assert message == (
        "job 1 (save) had been interrupted; snapd completed it; "
        "services that it had stopped were started again: hello.db, hello.web"
    )
    assert services.running == RUNNING | OTHERS
    assert last_job_of(snapd) == (JobState.DONE, ())
    assert engine(snapd).tidy(Progress()) == []


# -- dead amid it


def dead(snapd: RealSnapd, services: Services, *steps: dict[str, object]) -> int:
    """A save that died while it had services stopped."""
    services.stop(*RUNNING)
    return dead_job(snapd, Save(("hello",), stop_services=True), STOPPED, *steps)


def next_change(snapd: RealSnapd) -> None:
    do(snapd, Check())


def by_hand(snapd: RealSnapd) -> None:
    engine(snapd).resolve(1, finish=True)


@pytest.mark.parametrize("start", [next_change, by_hand])
def test_a_job_that_died_before_it_asked_snapd_leaves_its_services_running(
    snapd: RealSnapd, services: Services, start: Callable[[RealSnapd], None]
) -> None:
    number = dead(snapd, services)
    start(snapd)
    record = engine(snapd).journal.record(number)
    assert (record.state, record.services_down) == (JobState.ROLLED_BACK, ())
    assert services.running == RUNNING | OTHERS


def test_a_job_that_died_after_snapd_had_saved_leaves_its_services_running(
    snapd: RealSnapd, services: Services
) -> None:
    snapd.save("hello")
    number = dead(snapd, services, {"asked": "save"}, {"change": "1", "action": "save", "set_id": 1})
    next_change(snapd)
    assert engine(snapd).journal.record(number).state is JobState.DONE
    assert services.running == RUNNING | OTHERS


def test_a_job_that_had_started_them_before_it_died_starts_nothing_again(
    snapd: RealSnapd, services: Services
) -> None:
    dead(snapd, services, {"services_started": sorted(RUNNING)})
    next_change(snapd)
    assert services.running == OTHERS  # somebody stopped them since


def test_doctor_tells_of_services_that_are_down(snapd: RealSnapd, services: Services) -> None:
    dead(snapd, services)
    (finding,) = [finding for finding in engine(snapd).findings() if finding.kind == "services"]
    assert finding.text == (
        "stopped by job 1 (save), which was interrupted: hello.db, hello.web; "
        "the next change through snapd starts them"
    )
    next_change(snapd)
    assert "services" not in {finding.kind for finding in engine(snapd).findings()}


def test_services_that_are_down_are_not_forgotten_without_snapd(snapd: RealSnapd, services: Services) -> None:
    number = dead(snapd, services)
    snapd.stop()
    files = files_engine(str(snapd.base))
    assert files.tidy(Progress()) == []
    assert files.journal.record(number).state is JobState.INTERRUPTED
    assert "services" in {finding.kind for finding in files.findings()}
    snapd.start()
    next_change(snapd)
    assert services.running == RUNNING | OTHERS


@contextmanager
def saving(
    snapd: RealSnapd, running: Collection[str]
) -> Iterator[tuple[Services, dict[str, Any], Callable[[], None]]]:
    """The services that run, the answer of a save of snapd's own, and what waits until that has begun."""
    install(snapd, "hello", apps=APPS)
    (snapd.data("hello") / "x1/big").write_bytes(os.urandom(1 << 20))
    services = Services(snapd, running)
    with snapd.gate() as await_gzip:
        snapd.start()
        answer = snapd.api("POST", "/v2/snaps", {"action": "snapshot", "snaps": ["hello"]})
        yield services, answer, await_gzip


def test_services_stay_down_while_snapd_goes_on_with_the_save(snapd: RealSnapd) -> None:
    with saving(snapd, RUNNING) as (services, answer, await_gzip):
        dead(snapd, services, {"asked": "save"}, {"change": answer["change"], "action": "save", "set_id": 1})
        await_gzip()
        (message,) = engine(snapd).tidy(Progress())
        assert message == (
            "snapd goes on with job 1 (save), for which these are stopped until then: hello.db, hello.web"
        )
        assert services.running == set()
    snapd.wait(answer)
    engine(snapd).tidy(Progress())
    assert services.running == RUNNING


def test_a_start_that_meets_another_change_waits_for_it(snapd: RealSnapd) -> None:
    with saving(snapd, ()) as (services, answer, await_gzip):
        await_gzip()
        with pytest.raises(SnapshotError, match="change in progress"):
            resting.start_again(engine(snapd).site, sorted(RUNNING), 0.0)
    assert resting.start_again(engine(snapd).site, sorted(RUNNING), 60.0) == []
    assert services.running == RUNNING
    assert snapd.wait(answer)["status"] == "Done"


def test_a_save_that_meets_another_change_is_refused_at_once_and_stops_nothing(snapd: RealSnapd) -> None:
    with saving(snapd, RUNNING) as (services, answer, await_gzip):
        await_gzip()
        with pytest.raises(ConflictError, match="change in progress"):
            do(snapd, Save(("hello",), stop_services=True))
        assert (services.running, services.log) == (RUNNING, [])
        assert last_job_of(snapd)[0] is JobState.FAILED
    assert snapd.wait(answer)["status"] == "Done"


def test_services_that_are_gone_by_then_keep_no_other_down(snapd: RealSnapd, services: Services) -> None:
    services.stop(*RUNNING)
    troubles = resting.start_again(engine(snapd).site, ["ghost.web", "hello.web"], 1.0)
    assert troubles == ["service ghost.web is not there any more"]
    assert services.running == {"hello.web"} | OTHERS


# -- where it cannot be had


def test_a_restore_beside_needs_no_services_stopped(snapd: RealSnapd, services: Services) -> None:
    snapd.save("hello")
    operation = Restore(1, target_dir=str(snapd.base / "beside"), stop_services=True)
    assert "nothing is replaced with --to" in engine(snapd).refusal_of(operation)
    with pytest.raises(InvalidInputError, match="nothing is replaced with --to"):
        do(snapd, operation)
    assert services.log == []
