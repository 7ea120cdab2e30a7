"""Figures as node-exporter reads them: after each run, whole, readable, of all that share a file."""

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.config import Config, RepositoryConfig, ScheduleConfig
from backend.engine.files import FilesEngine
from backend.operations import Check, Push
from backend.schedule import metrics
from tests.support.builders import World
from tests.support.schedules import FAILS, SAVES, run, schedule


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello", data={"f": "now"})
    (tmp_path / "repo").mkdir()
    return world


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "snapstow.prom")


def configured(world: World, monkeypatch: pytest.MonkeyPatch, *schedules: ScheduleConfig) -> FilesEngine:
    """The engine of a world with a repository and schedules."""
    repository = RepositoryConfig("offsite", f"file://{world.root.parent}/repo")
    config = Config("", {"offsite": repository}, schedules={each.name: each for each in schedules})
    monkeypatch.setattr(FilesEngine, "config", config)
    return world.engine


def read(file: str) -> dict[str, float]:
    """The figures, each by its name and label."""
    families = text_string_to_metric_families(Path(file).read_text())
    return {
        f"{sample.name.removeprefix('snapstow_')} {' '.join(sample.labels.values())}": sample.value
        for family in families
        for sample in family.samples
    }


def test_a_run_leaves_figures_of_itself_of_the_sets_and_of_the_copies(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    engine = configured(world, monkeypatch)
    push = Push("offsite", new=True)
    plan = schedule(("save", SAVES), ("check-snapshot --all", Check()), ("push", push), metrics=file)
    record = run(engine, plan)
    figures = read(file)
    (snapshot,) = engine.sets()[0].snapshots
    assert figures.pop("newest_verified_timestamp_seconds hello") == pytest.approx(record.started, abs=60)
    assert figures.pop("copies_bytes offsite") > snapshot.size
    assert figures == {
        "schedule_last_run_timestamp_seconds nightly": record.started,
        "schedule_last_success_timestamp_seconds nightly": record.ended,
        "schedule_last_run_exit_code nightly": 0,
        "schedule_last_run_duration_seconds nightly": pytest.approx(record.seconds),
        "sets hello": 1,
        "bytes hello": snapshot.size,
        "copies offsite": 1,
        "copies_read_back_timestamp_seconds offsite": 0,
    }


def test_a_set_that_was_never_verified_counts_as_none_that_was(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    world.add(1, "hello")
    run(configured(world, monkeypatch), schedule(("save", FAILS), metrics=file))
    assert read(file)["newest_verified_timestamp_seconds hello"] == 0


def test_a_failure_is_a_figure_and_keeps_the_last_success(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    engine = configured(world, monkeypatch)
    good = run(engine, schedule(("save", SAVES), metrics=file))
    run(engine, schedule(("save", FAILS), metrics=file))
    figures = read(file)
    assert figures["schedule_last_run_exit_code nightly"] == 1
    assert figures["schedule_last_success_timestamp_seconds nightly"] == good.succeeded


def test_schedules_that_share_a_file_do_not_take_each_others_figures_away(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    plans = [schedule(("save", SAVES), name=name, metrics=file) for name in ("nightly", "weekly")]
    engine = configured(world, monkeypatch, *(plan.config for plan in plans))
    for plan in (*plans, plans[0]):
        run(engine, plan)
    names = {name for name in read(file) if name.startswith("schedule_last_run_exit_code")}
    assert names == {f"schedule_last_run_exit_code {name}" for name in ("nightly", "weekly")}


def test_others_can_read_the_file_whatever_the_mask_and_nothing_lies_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    half = Path(f"{file}.AAAAAAAAAAAA~")
    half.write_text("left by a run that was killed")
    umask = os.umask(0o077)
    try:
        run(configured(world, monkeypatch), schedule(("save", SAVES), metrics=file))
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(umask)
    assert os.stat(file).st_mode & 0o777 == 0o644
    assert [path.name for path in Path(file).parent.glob("snapstow.prom*")] == ["snapstow.prom"]


def test_a_folder_that_is_missing_is_told_and_spoils_the_exit_code(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = f"{tmp_path}/missing/snapstow.prom"
    record = run(configured(world, monkeypatch), schedule(("save", SAVES), metrics=place))
    assert record.exit == 3
    assert record.troubles[0].startswith("cannot write the metrics: ")


def test_a_missing_prometheus_client_is_said_in_one_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda _name: None)
    record = run(configured(world, monkeypatch), schedule(("save", SAVES), metrics=file))
    assert record.troubles == (
        "schedule nightly: metrics need prometheus-client: pip install 'snapstow[metrics]'",
    )
    assert not Path(file).exists()


def test_device_in_the_place_of_the_file_is_not_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    os.mkfifo(file)
    record = run(configured(world, monkeypatch), schedule(("save", SAVES), metrics=file))
    assert record.troubles == (f"cannot write the metrics: {file} is no file",)
    assert (record.exit, Path(file).is_fifo()) == (3, True)
